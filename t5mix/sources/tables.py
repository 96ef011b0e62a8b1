"""Rows of TSV and JSONL files, by the names of their columns."""

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.suggestions import suggestion
from t5mix.sources import files
from t5mix.sources.base import ShardInfo
from t5mix.sources.files import FileDataSource

FORMATS = ("tsv", "jsonl")
Row = dict[str, str]


class TableDataSource(FileDataSource):
    """Rows of files: each example is a dict of texts, a column each.

    Every row is looked at before the first is given: one that does not fit is refused by file and line.

    Args:
        split_to_filepattern: for each split a pattern with wildcards, or several.
        format: "tsv": a row a line, columns divided by tabs, quotes mean nothing; or "jsonl": a JSON object a line.
        columns: of tsv the names of the columns, where the first line of each file does not name them; of jsonl the
            keys to read, None is those of the first line.
        values: for a column the values that it may have; others are refused.
        num_input_examples: number of rows of splits; None counts them when asked.
        caching_permitted: whether the examples may be kept.

    Raises:
        ValueError: for an unknown format, or a column named twice.
    """

    def __init__(
        self,
        split_to_filepattern: Mapping[str, str | Iterable[str]],
        format: str = "tsv",
        columns: Sequence[str] | None = None,
        values: Mapping[str, Sequence[str]] | None = None,
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
    ) -> None:
        if format not in FORMATS:
            hint = suggestion(str(format), FORMATS)
            raise ValueError(f"TableDataSource: format is {format!r}; give {' or '.join(map(repr, FORMATS))}{hint}")
        if columns is not None and (isinstance(columns, str) or len(set(columns)) < len(columns) or not columns):
            raise ValueError(f"TableDataSource: columns is {columns!r}; give a list of different names")
        self._format = format
        self._columns = None if columns is None else tuple(columns)
        self._values = {column: tuple(allowed) for column, allowed in (values or {}).items()}
        super().__init__(self._read, split_to_filepattern, num_input_examples, caching_permitted)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, as declared or as the first file names them."""
        return self._columns or _named_columns(self.list_shards(self.splits[0])[0], self._format)

    def num_input_examples(self, split: str) -> int:
        """Returns the number of rows of `split`, as declared or counted."""
        self._check_split(split)
        stated = self._num_input_examples.get(split)
        return self._check_rows(split) if stated is None else stated

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the rows of `split`; a shard is every `num_shards`-th file.

        Raises:
            ValueError: naming file and line, for a row that does not fit.
        """
        self._check_rows(split)
        return super().get_dataset(split, shuffle, seed, shard_info)

    def _check_rows(self, split: str) -> int:
        columns, values = self.columns, tuple(sorted(self._values.items()))
        unknown = [column for column in self._values if column not in columns]
        if unknown:
            hint = suggestion(unknown[0], columns)
            raise ValueError(f"{self._kind}: values names column {unknown[0]!r}; there are {', '.join(columns)}{hint}")
        return sum(
            _count(path, *files.state(path), self._format, self._stated, columns, values)
            for path in self.list_shards(split)
        )

    @property
    def _stated(self) -> tuple[str, ...] | None:
        """The columns that a file's first line does not name: None where it is a header."""
        return self.columns if self._format == "jsonl" else self._columns

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        columns, stated = self.columns, self._stated
        signature = {column: tf.TensorSpec([], tf.string) for column in columns}
        # No generator function stands here: AutoGraph would warn that it cannot transform one.
        rows = functools.partial(_encoded_path_rows, format=self._format, columns=stated)
        return tf.data.Dataset.from_generator(rows, args=(path,), output_signature=signature)

    def _reading(self) -> object:
        return self._format, self._columns

    def __repr__(self) -> str:
        return f"TableDataSource({self._patterns}, {self._format!r})"


def read_rows(path: str, format: str, columns: Sequence[str] | None) -> Iterator[Row]:
    """Yields the rows of a file; without `columns` the first line names them.

    Raises:
        ValueError: "file:line: what is wrong; the fix".
    """
    parse = _tsv if format == "tsv" else _json
    for number, line in enumerate(_lines(path), start=1):
        where = f"{path}:{number}"
        if columns is None:
            columns = _header(where, line, format)
        else:
            yield parse(where, line, columns)


def _encoded_path_rows(path: bytes, format: str, columns: Sequence[str] | None) -> Iterator[Row]:
    return read_rows(path.decode(), format, columns)


def _lines(path: str) -> Iterator[str]:
    with files.open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}:{number}: is not UTF-8 ({error.reason}); save the file as UTF-8") from None


def _header(where: str, line: str, format: str) -> tuple[str, ...]:
    found = tuple(line.split("\t")) if format == "tsv" else tuple(_object(where, line))
    if len(set(found)) < len(found) or not all(found):
        fix = "name each column once, or declare columns where the file does not name them"
        raise ValueError(f"{where}: the columns are {', '.join(map(repr, found))}; {fix}")
    return found


def _named_columns(path: str, format: str) -> tuple[str, ...]:
    return _first_columns(path, *files.state(path), format)


@functools.lru_cache(maxsize=1024)
def _first_columns(path: str, size: int, changed: int, format: str) -> tuple[str, ...]:
    """Returns what the first line names; remembered for as long as the file's size and time stay."""
    for line in _lines(path):
        return _header(f"{path}:1", line, format)
    raise ValueError(f"{path} is empty; its first line says which columns it has")


def _tsv(where: str, line: str, columns: Sequence[str]) -> Row:
    cells = line.split("\t")
    if len(cells) != len(columns):
        fix = f"each line needs {len(columns)}: {', '.join(columns)}"
        raise ValueError(f"{where}: has {len(cells)} columns; {fix}")
    return dict(zip(columns, cells, strict=True))


def _json(where: str, line: str, columns: Sequence[str]) -> Row:
    held = _object(where, line)
    row: Row = {}
    for column in columns:
        if column not in held:
            hint = suggestion(column, held)
            raise ValueError(f"{where}: has no {column!r}, only {', '.join(map(repr, held))}{hint}")
        value = held[column]
        if isinstance(value, bool):
            value = str(value).lower()  # as JSON writes it
        if not isinstance(value, str):
            kind = "null" if value is None else f"a {type(value).__name__}"
            raise ValueError(f"{where}: {column!r} is {kind}; give text or a number, or declare the task in Python")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{where}: {column!r} is no Unicode ({error.reason}); write whole characters") from None
        row[column] = value
    return row


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        # Numbers stay as they are written: 1.50 is not 1.5.
        held = json.loads(line, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: is no JSON ({error.msg}); write one object a line") from None
    except RecursionError:
        raise ValueError(f"{where}: nests too deep; give text or numbers") from None
    if not isinstance(held, dict):
        raise ValueError(f'{where}: is no JSON object; write one a line, such as {{"text": "..."}}')
    return held


@functools.lru_cache(maxsize=1024)
def _count(
    path: str,
    size: int,
    changed: int,
    format: str,
    declared: tuple[str, ...] | None,
    columns: tuple[str, ...],
    values: tuple[tuple[str, tuple[str, ...]], ...],
) -> int:
    """Returns how many rows a file has, all of which fit; remembered for as long as its size and time stay."""
    if declared is None and _named_columns(path, format) != columns:
        found = ", ".join(_named_columns(path, format))
        raise ValueError(f"{path}:1: the columns are {found}; those of the first file are {', '.join(columns)}")
    number = 0
    for number, row in enumerate(read_rows(path, format, declared), start=1):
        for column, allowed in values:
            if row[column] not in allowed:
                line = number + (declared is None)
                raise ValueError(
                    f"{path}:{line}: {column!r} is {row[column]!r}, which is none of {', '.join(map(repr, allowed))}"
                )
    return number
