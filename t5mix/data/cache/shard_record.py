"""What a manifest says of a shard: where its numbers lie, and its checksums."""

import dataclasses
import functools
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Bytes that have a checksum of their own: what one example's first use costs to verify.
BLOCK = 1 << 16


class DamagedError(ValueError):
    """A token cache is not what its manifest says."""


@dataclasses.dataclass(frozen=True)
class ColumnRecord:
    """Where a column of lists of int32 lies in a file, for each record batch.

    Attributes:
        tokens: int64 [batches], how many token ids.
        values: int64 [batches], the byte that the token ids begin at.
        offsets: int64 [batches], the byte that the int64 boundaries of examples begin at.
    """

    tokens: np.ndarray
    values: np.ndarray
    offsets: np.ndarray


@dataclasses.dataclass(frozen=True)
class ShardRecord:
    """What a manifest says of a shard.

    Attributes:
        name: file name.
        size: bytes of the file.
        rows: int64 [batches], examples of each record batch.
        columns: the columns of token ids.
        checksums: uint32, zlib's CRC-32 of each `BLOCK` bytes of the file.
        content: hash of its examples; see `contents.digest`.
        skipped: bad records of the source that were left out, "file: place", as the source permits.
        given: examples that the source gave for it; None where they were not counted.
    """

    name: str
    size: int
    rows: np.ndarray
    columns: Mapping[str, ColumnRecord]
    checksums: np.ndarray
    content: str
    skipped: tuple[str, ...] = ()
    given: int | None = None

    @functools.cached_property
    def examples(self) -> int:
        """Number of examples."""
        return int(self.rows.sum())

    def as_json(self) -> dict[str, Any]:
        """Returns the record as JSON; `from_json` reads it."""
        return {
            "name": self.name,
            "bytes": self.size,
            "rows": self.rows.tolist(),
            "columns": {
                name: {part: array.tolist() for part, array in vars(column).items()}
                for name, column in self.columns.items()
            },
            "content": self.content,
            "crc32": self.checksums.astype(">u4").tobytes().hex(),
            "skipped": list(self.skipped),
            "given": self.given,
        }

    @classmethod
    def from_json(cls, found: Any) -> "ShardRecord":
        """Reads a record.

        Raises:
            DamagedError: when it does not describe a file.
        """
        try:
            name, size, rows = str(found["name"]), int(found["bytes"]), list(found["rows"])
            listed = {column: [list(parts[part]) for part in _PARTS] for column, parts in found["columns"].items()}
            checksums = np.frombuffer(bytes.fromhex(found["crc32"]), ">u4").astype(np.uint32)
            content = str(found["content"])
            skipped = tuple(map(str, found["skipped"]))
            given = None if found.get("given") is None else int(found["given"])
            inside = os.path.basename(name) == name and len(checksums) == -(-size // BLOCK)
            if not (inside and min(rows, default=0) >= 0 and all(_is_inside(size, rows, c) for c in listed.values())):
                raise DamagedError(f"its manifest names places outside {name!r}")
            # One array for all, and views of it.
            table = np.array([rows, *(part for parts in listed.values() for part in parts)], np.int64)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            if isinstance(error, DamagedError):
                raise
            raise DamagedError(f"its manifest describes a shard by {error!r}") from None
        columns = {column: ColumnRecord(*table[3 * at + 1 : 3 * at + 4]) for at, column in enumerate(listed)}
        return cls(name, size, table[0], columns, checksums, content, skipped, given)


def _is_inside(size: int, rows: list[int], column: list[list[int]]) -> bool:
    """Tells whether a column lies in a file of so many bytes: a reader follows these places."""
    return all(
        0 <= tokens
        and 0 <= values <= size - 4 * tokens
        and 0 <= offsets <= size - 8 * (count + 1)
        and values % 4 == 0
        and offsets % 8 == 0
        for count, tokens, values, offsets in zip(rows, *column, strict=True)
    )


_PARTS = tuple(field.name for field in dataclasses.fields(ColumnRecord))


def read(path: str | Path, size: int) -> Any:
    """Returns the bytes of a file, a `pyarrow.Buffer`: of a file larger than a block a map of it."""
    import pyarrow as pa

    if size <= BLOCK:
        return pa.py_buffer(Path(path).read_bytes())
    with pa.memory_map(str(path)) as source:  # the map outlives the file's descriptor
        return source.read_buffer()


def checksums_of(content: Any) -> list[int]:
    """Returns the checksum of each block of a file's bytes."""
    with memoryview(content) as held:
        return [zlib.crc32(held[start : start + BLOCK]) for start in range(0, len(held), BLOCK)]
