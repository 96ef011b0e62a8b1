"""Rows of files as a source of examples."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from t5mix.internal.lazy import tensorflow as tf
from t5mix.internal.suggestions import suggestion
from t5mix.sources import files
from t5mix.sources.base import ShardInfo
from t5mix.sources.files import FileDataSource
from t5mix.sources.tables import reading as reading_lib
from t5mix.sources.tables.reading import FORMATS, Reading, Row


class TableDataSource(FileDataSource):
    """Rows of files: each example is a dict of texts, a column each.

    Every row is looked at before the first is given: one that does not fit is refused by file and line. Files of text
    may be compressed by gzip, bzip2 or xz, whatever their name.

    Args:
        split_to_filepattern: for each split a pattern with wildcards, or several.
        format: "tsv" or "csv": a row a line, columns divided by tabs or commas; "jsonl": a JSON object a line; "json":
            a list of objects; "parquet".
        columns: of tsv and csv the names of the columns, where the first line of each file does not name them; of the
            others the keys to read, None is those of the first row.
        values: for a column the values that it may have; others are refused.
        num_input_examples: number of rows of splits; None counts them when asked.
        caching_permitted: whether the examples may be kept.
        defaults: for a column that may be missing, or have no value in a row, the text that stands for it.
        quotes: whether cells of tsv may stand in quotes, and then hold tabs and lines; None is to see whether they do:
            see `delimited.quotes_cells`. Cells of csv may.

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
        defaults: Mapping[str, str] | None = None,
        quotes: bool | None = None,
    ) -> None:
        if format not in FORMATS:
            hint = suggestion(str(format), FORMATS)
            raise ValueError(f"TableDataSource: format is {format!r}; give {' or '.join(map(repr, FORMATS))}{hint}")
        if columns is not None and (isinstance(columns, str) or len(set(columns)) < len(columns) or not columns):
            raise ValueError(f"TableDataSource: columns is {columns!r}; give a list of different names")
        for column, text in (defaults or {}).items():
            if not isinstance(text, str):
                raise ValueError(f"TableDataSource: the default of {column!r} is {text!r}; give a text")
        if quotes is not None and format != "tsv":
            raise ValueError(f"TableDataSource: quotes are of tsv, and format is {format!r}; leave it out")
        self._declared = Reading(
            format, None if columns is None else tuple(columns), tuple((defaults or {}).items()), quotes
        )
        self._values = {column: tuple(allowed) for column, allowed in (values or {}).items()}
        super().__init__(self._read, split_to_filepattern, num_input_examples, caching_permitted)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, as declared or as the first file names them."""
        return self._declared.columns or reading_lib.columns_of(self.list_shards(self.splits[0])[0], self._declared)

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
        for what, named in (("values", self._values), ("defaults", dict(self._declared.defaults))):
            unknown = [column for column in named if column not in columns]
            if unknown:
                hint = f"there are {', '.join(columns)}{suggestion(unknown[0], columns)}"
                raise ValueError(f"{self._kind}: {what} names column {unknown[0]!r}; {hint}")
        return sum(_count(path, *files.state(path), self._stated, columns, values) for path in self.list_shards(split))

    @property
    def _stated(self) -> Reading:
        """How a file is read: one that does not name its columns has those of the first."""
        columns = self._declared.columns if self._declared.is_delimited else self.columns
        return Reading(self._declared.format, columns, self._declared.defaults, self._declared.quotes)

    def _read(self, path: "tf.Tensor") -> "tf.data.Dataset":
        columns = self.columns
        signature = {column: tf.TensorSpec([], tf.string) for column in columns}
        # No generator function stands here: AutoGraph would warn that it cannot transform one.
        rows = functools.partial(_rows_of_path, reading=self._stated, columns=columns)
        return tf.data.Dataset.from_generator(rows, args=(path,), output_signature=signature)

    def _reading(self) -> object:
        declared = self._declared
        more = (declared.defaults, declared.quotes)
        return (declared.format, declared.columns, *(more if more != ((), None) else ()))

    def __repr__(self) -> str:
        return f"TableDataSource({self._patterns}, {self._declared.format!r})"


def _rows_of_path(path: bytes, reading: Reading, columns: Sequence[str]) -> Iterator[Row]:
    for _, row in reading_lib.rows(path.decode(), reading):
        yield {column: row[column] for column in columns}


@functools.lru_cache(maxsize=1024)
def _count(
    path: str,
    size: int,
    changed: int,
    reading: Reading,
    columns: tuple[str, ...],
    values: tuple[tuple[str, tuple[str, ...]], ...],
) -> int:
    """Returns how many rows a file has, all of which fit; remembered for as long as its size and time stay."""
    found = reading.columns or reading_lib.columns_of(path, reading)
    if reading.columns is None and set(found) != set(columns):
        named = ", ".join(found)
        raise ValueError(f"{path}:1: the columns are {named}; those of the first file are {', '.join(columns)}")
    count = 0
    for where, row in reading_lib.rows(path, reading):
        count += 1
        for column, allowed in values:
            if row[column] not in allowed:
                raise ValueError(
                    f"{where}: {column!r} is {row[column]!r}, which is none of {', '.join(map(repr, allowed))}"
                )
    return count
