"""Packing: several examples in one row, each feature within its length."""

from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.stream import columns
from t5mix.stream.examples import Tokens


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Gives rows that are empty an example of a row that has several, as far as there are any.

    A row without a token costs as much as a full one and teaches nothing; free space is no worse in
    many rows than in one.

    Args:
      rows: int [examples], the row of each.
      count: number of rows.

    Returns:
      The rows, changed for as few examples as possible: the last ones of rows with the most.
    """
    empty = np.setdiff1d(np.arange(count), rows)
    by_row = np.argsort(rows, kind="stable")
    in_order = rows[by_row]
    place = np.arange(len(rows)) - np.searchsorted(in_order, in_order)  # 0 for a row's first
    givers = np.argsort(-place, kind="stable")[: np.count_nonzero(place)]
    moved = by_row[givers[: len(empty)]]
    spread_rows = rows.copy()
    spread_rows[moved] = empty[: len(moved)]
    return spread_rows


def lay_out(lengths: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the examples of each row and places them one behind the other.

    Args:
      lengths: int [examples, features].
      rows: int [examples], in ascending order; the order within a row is kept.

    Returns:
      segments, int32 [examples]: 1 for the first example of its row, then 2, 3, ...: one number for
      all features, also where an example has no token of one; and starts, int64 [examples, features].
    """
    assert (np.diff(rows) >= 0).all()
    first = np.searchsorted(rows, rows, side="left")  # each row's first example
    segments = (np.arange(len(rows)) - first + 1).astype(np.int32)
    before = np.cumsum(lengths, axis=0, dtype=np.int64) - lengths
    return segments, before - before[first]


def fill(
    tokens: Mapping[str, Tokens],
    limits: Mapping[str, int],
    rows: np.ndarray,
    tasks: np.ndarray,
    height: int,
) -> dict[str, np.ndarray]:
    """Writes examples into the arrays of a batch.

    Args:
      tokens: for each feature, the examples' token ids, in the order of `rows`; in the order of `limits`.
      limits: for each feature, the length of a row.
      rows: int [examples], ascending: the row that each example lies in.
      tasks: int [examples]: the number of each example's task.
      height: number of rows.

    Returns:
      int32 arrays [height, length]: for each feature its ids under its own name (padding 0),
      `<feature>_segment_ids` (1, 2, ...; padding 0), `<feature>_positions` (from 0 in each segment),
      and `targets_task`, the task's number at each target token (padding -1), if there are targets.
    """
    lengths = np.stack([ids.lengths for ids in tokens.values()], axis=1)
    segments, starts = lay_out(lengths, rows)
    batch: dict[str, np.ndarray] = {}
    for column, (name, length) in enumerate(limits.items()):
        sizes = lengths[:, column]
        positions = columns.places(np.zeros(len(sizes), np.int64), sizes)
        places = np.repeat(rows * length + starts[:, column], sizes) + positions
        batch[name] = _scatter(tokens[name].values, places, height, length)
        batch[f"{name}_segment_ids"] = _scatter(np.repeat(segments, sizes), places, height, length)
        batch[f"{name}_positions"] = _scatter(positions, places, height, length)
        if name == "targets":
            batch["targets_task"] = _scatter(np.repeat(tasks, sizes), places, height, length, -1)
    return batch


def unpack(batch: Mapping[str, np.ndarray], features: Sequence[str]) -> list[list[dict[str, np.ndarray]]]:
    """Returns the examples of each row, in order: what `fill` was given.

    Example, one row: inputs [5, 6, 7] with segment ids [1, 1, 2] and targets [8, 9, 0] with segment
    ids [1, 2, 0] give [{"inputs": [5, 6], "targets": [8]}, {"inputs": [7], "targets": [9]}].
    """
    segments = {name: batch[f"{name}_segment_ids"] for name in features}
    height = len(next(iter(segments.values())))
    counts = np.max([ids.max(axis=1, initial=0) for ids in segments.values()], axis=0)
    return [
        [
            {name: batch[name][row][segments[name][row] == number] for name in features}
            for number in range(1, int(counts[row]) + 1)
        ]
        for row in range(height)
    ]


def _scatter(values: np.ndarray, places: np.ndarray, height: int, length: int, padding: int = 0) -> np.ndarray:
    array = np.full((height, length), padding, dtype=np.int32)
    array.reshape(-1)[places] = values
    return array
