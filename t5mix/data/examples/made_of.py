"""Which examples of a stream are made of given tokens, as a task's steps before its cache leave them.

A cache has its rows in an order of its own, file by file, and an objective cuts documents into segments; so examples of
a source are found again by what they hold.

Shapes: N rows that are looked at together, F columns.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from t5mix.data.cache import columns
from t5mix.data.examples.base import CachedExamples, Examples
from t5mix.data.examples.objective_examples import ObjectiveExamples

# Rows whose lengths are looked at together.
_AT_ONCE = 1 << 16


def made_of(
    examples: Examples, names: Sequence[str], tokens: Sequence[Mapping[str, np.ndarray]]
) -> list[list[int]] | None:
    """Returns the numbers of the examples that are made of these tokens, wholly or in part.

    Args:
        examples: a task's examples.
        names: of its features, in their order.
        tokens: for each thing to find, ids by feature, before trimming and EOS.

    Returns:
        For each of them the numbers, ascending; several where equal rows are, or a document has several segments. None
        where that cannot be told, for steps behind the cache that `tf.data` runs.
    """
    found: list[list[int]] = [[] for _ in tokens]
    if isinstance(examples, CachedExamples):
        for row, which in _equal_rows(dict(zip(names, examples.features, strict=True)), tokens):
            for number in which:
                found[number].append(row)
        return found
    if not isinstance(examples, ObjectiveExamples):
        return None
    column = examples.text.column if isinstance(examples.text, columns.EndedColumn) else examples.text
    equal = list(_equal_rows({"targets": column}, tokens))
    rows = np.array([row for row, _ in equal], np.int64)
    for (_, which), segments in zip(equal, examples.segments_of(rows), strict=True):
        for number in which:
            found[number].extend(segments)
    return [sorted(each) for each in found]


def _equal_rows(
    by_name: Mapping[str, columns.TokenColumn], tokens: Sequence[Mapping[str, np.ndarray]]
) -> Iterator[tuple[int, list[int]]]:
    """Yields each row that holds some of these tokens, with the numbers of these."""
    nothing = np.empty(0, np.int32)
    wanted: dict[tuple[bytes, ...], list[int]] = {}
    sizes: set[tuple[int, ...]] = set()
    for number, one in enumerate(tokens):
        ids = [np.asarray(one.get(name, nothing), np.int32) for name in by_name]
        wanted.setdefault(tuple(each.tobytes() for each in ids), []).append(number)
        sizes.add(tuple(map(len, ids)))
    keys = _keys(np.array(sorted(sizes), np.int64).reshape(len(sizes), len(by_name)))
    count = next(iter(by_name.values())).count
    for start in range(0, count if wanted else 0, _AT_ONCE):
        some = np.arange(start, min(start + _AT_ONCE, count))
        lengths = np.stack([column.lengths_of(some) for column in by_name.values()], axis=1)  # [N, F]
        rows = some[np.isin(_keys(lengths), keys)]  # only these can be equal
        parts = []
        for column in by_name.values():
            values, each = column.gather(rows)
            stops = np.cumsum(each)
            parts.append([values[stop - size : stop] for stop, size in zip(stops.tolist(), each.tolist(), strict=True)])
        for row, ids in zip(rows.tolist(), zip(*parts, strict=True), strict=True):
            if which := wanted.get(tuple(np.ascontiguousarray(each, np.int32).tobytes() for each in ids)):
                yield row, which


def _keys(lengths: np.ndarray) -> np.ndarray:
    """Returns a number for each row of lengths, int64 [N]; equal rows have equal ones."""
    keys = np.zeros(len(lengths), np.int64)
    for column in lengths.T:
        keys = keys * 1_000_003 + column
    return keys
