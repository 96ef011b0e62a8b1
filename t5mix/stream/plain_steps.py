"""Steps that need no TensorFlow: lines of text files through t5mix's own simple preprocessors.

Loading TensorFlow takes seconds, and many small tasks of text files wait for nothing else.  The examples are those
that `tf.data` gives.
"""

import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5mix.sources import TextLineDataSource
from t5mix.stream.batch_tokenizers import plain_call

# Texts by name, as many of each.
Columns = dict[str, list[bytes]]
# Makes examples of (place of a line, line).
_OfLine = Callable[[str, bytes], dict[str, bytes]]
_OfColumns = Callable[[Columns], Columns]

# Lines that are made at once.
_AT_ONCE = 1 << 14


def batches(source: Any, split: str, shard: int, steps: Sequence[Any]) -> Iterator[Columns] | None:
    """Returns a shard's examples as `steps` leave them, many at once; None when that needs `tf.data`.

    Args:
      source: the source of a task.
      split: its split.
      shard: the number of its file.
      steps: the steps before `tokenize`.
    """
    if type(source) is not TextLineDataSource or not steps:
        return None
    skipped = source._reading()
    if not isinstance(skipped, int):
        return None
    of_line, *of_columns = (_made(step, kinds) for step, kinds in zip(steps, _kinds(), strict=False))
    if of_line is None or None in of_columns:
        return None
    path = source.list_shards(split)[shard]
    return None if "://" in path else _run(path, skipped, of_line, of_columns)


def _kinds() -> Iterator[Mapping[Any, Any]]:
    """Yields what the first step may be, and then what the others may be."""
    from t5mix import preprocessors

    yield {preprocessors.parse_tsv: _parse_tsv, preprocessors.preprocess_tsv: _preprocess_tsv}
    yield from itertools.repeat({preprocessors.rekey: _rekey})


def _made(step: Any, kinds: Mapping[Any, Any]) -> Any:
    """Returns a step's plain form, or None."""
    function, arguments = plain_call(step)
    try:
        make = kinds.get(function)
        return None if make is None or arguments is None else make(**arguments)
    except TypeError:  # not hashable, or an argument that the plain form does not know
        return None


def _run(path: str, skipped: int, of_line: _OfLine, of_columns: Sequence[_OfColumns]) -> Iterator[Columns]:
    with open(path, "rb") as file:
        lines = itertools.islice(enumerate(file, 1), skipped, None)
        while chunk := list(itertools.islice(lines, _AT_ONCE)):
            # As TensorFlow reads lines: without any carriage return.
            made = [of_line(f"{path}:{number}", line.removesuffix(b"\n").replace(b"\r", b"")) for number, line in chunk]
            columns = {name: [example[name] for example in made] for name in made[0]}
            for step in of_columns:
                columns = step(columns)
            yield columns


def _fields(place: str, line: bytes, delimiter: bytes, least: int, most: int | None) -> list[bytes]:
    fields = line.split(delimiter)
    if len(fields) < least or (most is not None and len(fields) > most):
        wanted = f"{least}" if most == least else f"at least {least}"
        raise ValueError(f"{place}: the line has {len(fields)} fields instead of {wanted}: {line[:200]!r}")
    return fields


def _parse_tsv(
    field_names: Sequence[str] | None = None, field_delim: str = "\t", field_columns: Sequence[int] | None = None
) -> _OfLine | None:
    labels = list(field_names or ("inputs", "targets"))
    columns = list(range(len(labels))) if field_columns is None else list(field_columns)
    if not field_delim or len(labels) != len(columns) or min(columns) < 0:
        return None
    delimiter, least = field_delim.encode(), max(columns) + 1
    most = least if field_columns is None else None

    def parse(place: str, line: bytes) -> dict[str, bytes]:
        fields = _fields(place, line, delimiter, least, most)
        return {label: fields[column] for label, column in zip(labels, columns, strict=True)}

    return parse


def _preprocess_tsv(
    field_delim: str = "\t",
    num_fields: int = 2,
    inputs_format: str = "{0}",
    targets_format: str = "{1}",
    field_names: Sequence[str] | None = None,
    use_quote_delim: bool = False,
) -> _OfLine | None:
    labels = list(field_names) if field_names else [str(i) for i in range(num_fields)]
    delimiter, count = field_delim.encode(), len(labels)
    inputs, targets = _formatting(inputs_format, labels), _formatting(targets_format, labels)
    if use_quote_delim or len(delimiter) != 1 or inputs is None or targets is None:
        return None

    def parse(place: str, line: bytes) -> dict[str, bytes]:
        # TensorFlow's decode_csv takes an empty line for no record at all.
        if not line:
            raise ValueError(f"{place}: the line is empty instead of having {count} fields")
        fields = _fields(place, line, delimiter, count, count)
        return {"inputs": inputs(fields), "targets": targets(fields)}

    return parse


def _formatting(template: str, labels: Sequence[str]) -> Callable[[Sequence[bytes]], bytes] | None:
    """Returns what puts fields into a format; None when it names a field that there is not."""
    pieces = re.split(r"\{([^{}]+)\}", template)  # text, name, text, name, ..., text
    numbers = {label: number for number, label in enumerate(labels)}
    if not numbers.keys() >= set(pieces[1::2]):
        return None
    places = [numbers[name] for name in pieces[1::2]]
    text = b"%b".join(piece.encode().replace(b"%", b"%%") for piece in pieces[::2])
    if text == b"%b":
        return operator.itemgetter(*places)
    return lambda fields: text % tuple([fields[place] for place in places])


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
