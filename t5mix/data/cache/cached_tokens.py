"""The tokens of a task, in the files of a cache or in memory."""

import abc
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.data.cache import manifest
from t5mix.data.cache.columns import ArrayColumn, EmptyColumn, TokenColumn
from t5mix.data.cache.identity import contents
from t5mix.data.cache.shard_record import ShardRecord
from t5mix.data.cache.shards import ShardedColumn, ShardFile
from t5mix.internal.code import fingerprints

if TYPE_CHECKING:
    import pyarrow as pa


class CachedTokens(abc.ABC):
    """The examples of a task as its steps before the cache leave them.

    Attributes:
        key: hash of everything that decided the tokens.
        eos: by name the EOS of features' vocabularies, None where one has none; of some features, as far as known.
    """

    key: str
    eos: Mapping[str, int | None]

    @property
    @abc.abstractmethod
    def examples(self) -> int:
        """Number of examples."""

    @property
    @abc.abstractmethod
    def content(self) -> str:
        """A hash of the examples: another when an id is another."""

    @abc.abstractmethod
    def column(self, name: str) -> TokenColumn:
        """Returns the tokens of a feature; of one that no example has, empty lists."""

    def columns(self, names: Sequence[str]) -> tuple[TokenColumn, ...]:
        """Returns the tokens of several features; see `column`."""
        return tuple(map(self.column, names))

    @property
    @abc.abstractmethod
    def table(self) -> "pa.Table":
        """All columns, a `pyarrow.Table`, verified."""

    @abc.abstractmethod
    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yields the examples, many at once, verified: the columns of these names, where there are such.

        Of files no more is held in memory than what was yielded last.
        """

    @abc.abstractmethod
    def verify_all(self) -> None:
        """Reads every byte that is on disk; see `ShardFile.verify`."""


@dataclasses.dataclass(frozen=True)
class FileTokens(CachedTokens):
    """Tokens in files, read and verified as they are used."""

    key: str
    files: tuple[ShardFile, ...]
    eos: Mapping[str, int | None]

    @classmethod
    def open(cls, path: str | Path, key: str) -> "FileTokens":
        """Opens a cache: compares its manifest, and the sizes and the ends of its files; the rest as it is used.

        Raises:
            FileNotFoundError: when there is none.
            DamagedError: when it is not what its manifest says.
        """
        return cls.described(path, key, manifest.read_of(path, key))

    @classmethod
    def described(cls, path: str | Path, key: str, content: Mapping[str, Any]) -> "FileTokens":
        """Opens a cache whose manifest is read.

        Raises:
            DamagedError: see `open`.
        """
        return cls.of(path, key, manifest.shard_records(content), manifest.eos_ids(content))

    @classmethod
    def of(
        cls, path: str | Path, key: str, records: Sequence[ShardRecord], eos: Mapping[str, int | None] | None = None
    ) -> "FileTokens":
        """Opens a cache whose manifest is known.

        Raises:
            DamagedError: see `open`.
        """
        return cls(key, tuple(ShardFile(f"{path}/{record.name}", record) for record in records), eos or {})

    @property
    def examples(self) -> int:
        """Number of examples; see `CachedTokens`."""
        return sum(file.record.examples for file in self.files)

    @property
    def content(self) -> str:
        """What the tokens are identified by; see `CachedTokens`."""
        return fingerprints.digest([file.record.content for file in self.files if file.record.examples])

    def column(self, name: str) -> TokenColumn:
        """Returns the tokens of a feature; see `CachedTokens`."""
        if not any(name in file.record.columns for file in self.files if file.record.examples):
            return EmptyColumn(self.examples)
        return ShardedColumn(self.files, name)

    def verify_all(self) -> None:
        """Reads every byte; see `CachedTokens`."""
        for file in self.files:
            file.verify_all()

    @property
    def table(self) -> "pa.Table":
        """All columns; see `CachedTokens`."""
        import pyarrow as pa

        self.verify_all()
        tables = []
        for file in self.files:
            if file.record.examples:
                with pa.memory_map(str(file.path)) as source:
                    tables.append(pa.ipc.open_file(source).read_all())
        return pa.concat_tables(tables)

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yields the examples, many at once; see `CachedTokens`."""
        import pyarrow as pa

        for file in self.files:
            if not file.record.examples:
                continue
            file.verify_all()
            with pa.OSFile(str(file.path)) as source:
                held = pa.ipc.open_file(source).schema.names
                asked = [name for name in names if name in held]
                fields = pa.ipc.IpcReadOptions(included_fields=[held.index(name) for name in asked])
                reader = pa.ipc.open_file(source, options=fields)
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number).select(asked)  # no field is all of them, to pyarrow


@dataclasses.dataclass(frozen=True)
class MemoryTokens(CachedTokens):
    """Tokens of a source that does not permit caching."""

    key: str
    held: "pa.Table"
    eos: Mapping[str, int | None] = dataclasses.field(default_factory=dict)

    @property
    def table(self) -> "pa.Table":
        """All columns; see `CachedTokens`."""
        return self.held

    @property
    def examples(self) -> int:
        """Number of examples; see `CachedTokens`."""
        return self.table.num_rows

    @property
    def content(self) -> str:
        """What the tokens are identified by; see `CachedTokens`."""
        return fingerprints.digest([contents.digest(self.table.to_batches())])

    def column(self, name: str) -> TokenColumn:
        """Returns the tokens of a feature; see `CachedTokens`."""
        if name not in self.table.column_names:
            return EmptyColumn(self.examples)
        chunks = [chunk for chunk in self.table.column(name).chunks if len(chunk)]
        values: tuple[np.ndarray, ...] = tuple(chunk.values.to_numpy(zero_copy_only=True) for chunk in chunks)
        return ArrayColumn(values, tuple(chunk.offsets.to_numpy(zero_copy_only=True) for chunk in chunks))

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yields the examples, many at once; see `CachedTokens`."""
        yield from self.held.select([name for name in names if name in self.held.column_names]).to_batches()

    def verify_all(self) -> None:
        """Does nothing: no byte is on disk."""
