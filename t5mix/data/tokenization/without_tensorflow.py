"""Steps that need no TensorFlow: lines of text files through t5mix's own simple preprocessors.

Loading TensorFlow takes seconds, and many small tasks of text files wait for nothing else. The examples are those
that `tf.data` gives.
"""

import itertools
import operator
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.data.tokenization import arrow
from t5mix.data.tokenization.task_shard import Chunk, ShardId, TaskShard
from t5mix.data.tokenization.tokenizers import TokenizeStep, plain_call
from t5mix.internal import text_files
from t5mix.preprocessors.pipeline import Step
from t5mix.sources import TextLineDataSource

if TYPE_CHECKING:
    import pyarrow as pa

# Texts by name, as many of each.
Columns = dict[str, list[bytes]]
# Makes examples of the lines of a file: its path, the number of the first line, the lines.
_OfLines = Callable[[str, int, list[bytes]], Columns]
_OfColumns = Callable[[Columns], Columns]

# Bytes of lines that are made at once, and a line more.
_AT_ONCE = 1 << 18


def chunks(shard: TaskShard, shard_id: ShardId = (0, 0)) -> Iterator[Chunk] | None:
    """Returns the examples of a shard as its steps leave them, in source order; None when that needs `tf.data`.

    There is one chunk at least, and it has no column where the shard has no example.
    """
    source = shard.task.source
    if type(source) is not TextLineDataSource:
        return None
    step = TokenizeStep.of(shard.steps, shard.task.output_features)
    if step is None or len(files := shard.files) != 1:
        return None
    found = batches(source, files[0], shard.steps[:-1])
    return None if found is None else _chunks(shard, shard_id, step, found)


def _chunks(shard: TaskShard, shard_id: ShardId, step: TokenizeStep, found: Iterator[Columns]) -> Iterator[Chunk]:
    features = shard.task.output_features
    empty = True
    for columns in found:
        shard.check_features(columns)
        empty = False
        texts = {name: columns[name] for name in columns if name in features}
        yield Chunk(shard_id, texts, step, _others(columns, texts, step) if shard.keep_all else {})
    if empty:
        yield Chunk(shard_id, {}, None)


def _others(columns: Columns, texts: Columns, step: TokenizeStep) -> "dict[str, pa.Array]":
    """Returns the columns that are no features: what the steps made, and the texts that are tokenized."""
    kept = {name: column for name, column in columns.items() if name not in texts}
    if step.copy_pretokenized:
        kept |= {f"{name}_pretokenized": column for name, column in texts.items()}
    return {name: arrow.texts_column(column) for name, column in kept.items()}


def batches(source: TextLineDataSource, path: str, steps: Sequence[Step]) -> Iterator[Columns] | None:
    """Returns a shard's examples as `steps` leave them, many at once; None when that needs `tf.data`.

    Args:
        source: the source of a task.
        path: the shard's file.
        steps: the steps before `tokenize`.
    """
    if not steps or "://" in path:
        return None
    of_lines, *of_columns = (_made(step, kinds) for step, kinds in zip(steps, _kinds(), strict=False))
    if of_lines is None or None in of_columns:
        return None
    return _run(path, source.skip_header_lines, of_lines, of_columns)


def _kinds() -> Iterator[Mapping[Any, Any]]:
    """Yields what the first step may be, and then what the others may be."""
    from t5mix import preprocessors

    yield {preprocessors.parse_tsv: _parse_tsv, preprocessors.preprocess_tsv: _preprocess_tsv}
    yield from itertools.repeat({preprocessors.rekey: _rekey})


def _made(step: Step, kinds: Mapping[Any, Any]) -> Any:
    """Returns a step's plain form, or None."""
    function, arguments = plain_call(step)
    try:
        make = kinds.get(function)
        return None if make is None or arguments is None else make(**arguments)
    except TypeError:  # not hashable, or an argument that the plain form does not know
        return None


def _run(path: str, skipped: int, of_lines: _OfLines, of_columns: Sequence[_OfColumns]) -> Iterator[Columns]:
    with open(path, "rb") as opened, text_files.plain_bytes(opened, path) as file:
        first = 1 + sum(1 for _ in itertools.islice(file, skipped))
        while lines := file.readlines(_AT_ONCE):
            # As TensorFlow reads lines: without any carriage return.
            chunk = b"".join(lines).removesuffix(b"\n").replace(b"\r", b"")
            columns = of_lines(path, first, chunk.split(b"\n"))
            for step in of_columns:
                columns = step(columns)
            yield columns
            first += len(lines)


def _rows(path: str, first: int, lines: list[bytes], delimiter: bytes, least: int, most: int) -> list[list[bytes]]:
    """Returns the fields of each line.

    Raises:
        ValueError: naming the first line that has fewer or more fields than it may have; an empty one has none.
    """
    empty = lines.index(b"") if b"" in lines else None
    rows = [line.split(delimiter) for line in lines[:empty]]
    expected = f"{least}" if most == least else f"at least {least}"
    if rows and not least <= min(map(len, rows)) <= max(map(len, rows)) <= most:
        number = next(number for number, row in enumerate(rows) if not least <= len(row) <= most)
        raise ValueError(
            f"{path}:{first + number}: the line has {len(rows[number])} fields instead of {expected}: "
            f"{lines[number][:200]!r}"
        )
    if empty is not None:
        raise ValueError(f"{path}:{first + empty}: the line is empty instead of having {expected} fields")
    return rows


def _parse_tsv(
    field_names: Sequence[str] | None = None, field_delim: str = "\t", field_columns: Sequence[int] | None = None
) -> _OfLines | None:
    labels = list(field_names or ("inputs", "targets"))
    columns = list(range(len(labels))) if field_columns is None else list(field_columns)
    if not field_delim or len(labels) != len(columns) or min(columns) < 0:
        return None
    delimiter, least = field_delim.encode(), max(columns) + 1
    most = least if field_columns is None else sys.maxsize

    def parse(path: str, first: int, lines: list[bytes]) -> Columns:
        rows = _rows(path, first, lines, delimiter, least, most)
        return {label: [row[column] for row in rows] for label, column in zip(labels, columns, strict=True)}

    return parse


def _preprocess_tsv(
    field_delim: str = "\t",
    num_fields: int = 2,
    inputs_format: str = "{0}",
    targets_format: str = "{1}",
    field_names: Sequence[str] | None = None,
    use_quote_delim: bool = False,
) -> _OfLines | None:
    labels = list(field_names) if field_names else [str(i) for i in range(num_fields)]
    delimiter, count = field_delim.encode(), len(labels)
    inputs, targets = _formatting(inputs_format, labels), _formatting(targets_format, labels)
    if use_quote_delim or len(delimiter) != 1 or inputs is None or targets is None:
        return None

    def parse(path: str, first: int, lines: list[bytes]) -> Columns:
        rows = _rows(path, first, lines, delimiter, count, count)
        return {"inputs": inputs(rows), "targets": targets(rows)}

    return parse


def _formatting(template: str, labels: Sequence[str]) -> Callable[[list[list[bytes]]], list[bytes]] | None:
    """Returns what puts fields of rows into a format; None when it names a field that there is not."""
    parsed = re.split(r"\{([^{}]+)\}", template)  # text, name, text, name, ..., text
    numbers = {label: number for number, label in enumerate(labels)}
    if not numbers.keys() >= set(parsed[1::2]):
        return None
    columns = [numbers[name] for name in parsed[1::2]]
    text = b"%b".join(literal.encode().replace(b"%", b"%%") for literal in parsed[::2])
    if not columns:
        return lambda rows: [text % ()] * len(rows)
    fields = operator.itemgetter(*columns)  # one field, or a tuple of several
    if text == b"%b":
        return lambda rows: list(map(fields, rows))
    return lambda rows: [text % fields(row) for row in rows]


def _rekey(key_map: Mapping[str, str | None] | None = None) -> _OfColumns:
    def rekey(columns: Columns) -> Columns:
        if not key_map:
            return columns
        for old in key_map.values():
            if old and old not in columns:
                raise ValueError(f"rekey: no feature {old!r}; the example has {', '.join(columns)}")
        count = len(next(iter(columns.values())))
        return {new: columns[old] if old else [b""] * count for new, old in key_map.items()}

    return rekey
