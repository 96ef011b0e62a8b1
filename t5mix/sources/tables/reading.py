"""What is said of a table, and its rows as texts."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

from t5mix.internal.suggestions import suggestion
from t5mix.sources import files
from t5mix.sources.tables import delimited, records

# Formats of tables; each but Parquet may be compressed by gzip, bzip2 or xz.
FORMATS = ("tsv", "csv", "jsonl", "json", "parquet")
Row = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a table is read.

    Attributes:
        format: one of FORMATS.
        columns: names of the columns; None where the file names them.
        defaults: of optional columns the text that stands for a value that is not there: a key that is missing or
            null, an empty cell, a column that the file has not.
        quotes: whether cells of TSV may stand in quotes; None is to see whether they do.
    """

    format: str
    columns: tuple[str, ...] | None = None
    defaults: tuple[tuple[str, str], ...] = ()
    quotes: bool | None = None

    @property
    def is_delimited(self) -> bool:
        """Whether a row is a line of cells, and the first line may name the columns."""
        return self.format in delimited.DELIMITERS


def columns_of(path: str, reading: Reading) -> tuple[str, ...]:
    """Returns the columns that the file names, then those with a default that it does not name.

    Raises:
        ValueError: when it is empty, or names one twice.
    """
    named = _named(path, *files.state(path), reading)
    return (*named, *(column for column, _ in reading.defaults if column not in named))


@functools.lru_cache(maxsize=1024)
def _named(path: str, size: int, changed: int, reading: Reading) -> tuple[str, ...]:
    """Returns what the first line names; remembered for as long as the file's size and time stay."""
    if not reading.is_delimited:
        for _, held in records.objects(path, reading.format):
            return _different(f"{path}:1", tuple(held))
    else:
        for number, cells in delimited.records(path, reading.format, _quotes(path, reading)):
            return _different(f"{path}:{number}", tuple(cells))
    raise ValueError(f"{path} is empty; its first line says which columns it has")


def _different(where: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(columns)) < len(columns) or not all(columns):
        fix = "name each column once, or declare columns where the file does not name them"
        raise ValueError(f"{where}: the columns are {', '.join(map(repr, columns))}; {fix}")
    return columns


def _quotes(path: str, reading: Reading) -> bool:
    return delimited.quotes_cells(path, reading.format) if reading.quotes is None else reading.quotes


def rows(path: str, reading: Reading) -> Iterator[tuple[str, Row]]:
    """Yields where a row stands, "file:line", and its columns.

    Raises:
        ValueError: "file:line: what is wrong; the fix".
    """
    defaults = dict(reading.defaults)
    if not reading.is_delimited:
        keys = reading.columns or columns_of(path, reading)
        for where, held in records.objects(path, reading.format, keys, defaults):
            yield where, {column: _value(where, column, held, defaults) for column in keys}
        return
    columns = reading.columns
    for number, cells in delimited.records(path, reading.format, _quotes(path, reading)):
        where = f"{path}:{number}"
        if columns is None:
            columns = _different(where, tuple(cells))
            continue
        if number == 1 and _folded(cells) == _folded(columns):
            fix = "leave columns out, or delete the line"
            raise ValueError(f"{where}: is a header line, and columns are declared besides; {fix}")
        yield where, _row(where, cells, columns, defaults)


def _folded(names: Sequence[str]) -> list[str]:
    return sorted(name.strip().casefold() for name in names)


def _row(where: str, cells: list[str], columns: tuple[str, ...], defaults: Mapping[str, str]) -> Row:
    missing = columns[len(cells) :]
    if len(cells) > len(columns) or any(column not in defaults for column in missing):
        hint = "; where cells in quotes hold such, declare quotes" if any('"' in cell for cell in cells) else ""
        fix = f"each line needs {len(columns)}: {', '.join(columns)}"
        raise ValueError(f"{where}: has {len(cells)} columns; {fix}{hint}")
    row = dict(zip(columns, cells, strict=False))
    return {**row, **{column: text for column, text in defaults.items() if not row.get(column)}}


def _value(where: str, column: str, held: Mapping[str, object], defaults: Mapping[str, str]) -> str:
    value = held.get(column)
    if value is None and column in defaults:
        return defaults[column]
    if column not in held:
        hint = suggestion(column, held)
        raise ValueError(f"{where}: has no {column!r}, only {', '.join(map(repr, held))}{hint}")
    return records.as_text(where, column, value)
