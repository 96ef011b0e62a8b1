"""Collating: writes the examples of a batch's rows into its arrays, each feature within its length.

Shapes: N examples, in ascending rows; R rows; L positions of a row; each array of a batch is int32 [R, L].
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.internal.ragged import Ragged


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Gives rows that are empty an example of a row that has several, as far as there are any.

    A row without a token costs as much as a full one and teaches nothing; free space is no worse in
    many rows than in one.

    Args:
        rows: int [N], the row of each.
        count: number of rows.

    Returns:
        The rows, changed for as few examples as possible: the last ones of rows with the most.
    """
    empty = np.setdiff1d(np.arange(count), rows)
    by_row = np.argsort(rows, kind="stable")
    in_order = rows[by_row]
    rank = np.arange(len(rows)) - np.searchsorted(in_order, in_order)  # [N], 0 for a row's first
    givers = np.argsort(-rank, kind="stable")[: np.count_nonzero(rank)]
    moved = by_row[givers[: len(empty)]]
    spread_rows = rows.copy()
    spread_rows[moved] = empty[: len(moved)]
    return spread_rows


def fill(
    tokens: Mapping[str, Ragged],
    limits: Mapping[str, int],
    rows: np.ndarray,
    tasks: np.ndarray,
    height: int,
) -> dict[str, np.ndarray]:
    """Writes examples into the arrays of a batch.

    Args:
        tokens: for each feature, the examples' token ids, in the order of `rows`; in the order of `limits`.
        limits: for each feature, the length of a row.
        rows: int [N], ascending: the row that each example lies in.
        tasks: int [N]: the number of each example's task.
        height: number of rows.

    Returns:
        int32 arrays [R, L]: for each feature its ids under its own name (padding 0),
        `<feature>_segment_ids` (1, 2, ...; padding 0), `<feature>_positions` (from 0 in each segment),
        and `targets_task`, the task's number at each target token (padding -1), if there are targets.
    """
    assert (np.diff(rows) >= 0).all()
    # Number of an example within its row, from 1, for all features, also where it has no token of one.
    segments = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left") + 1
    batch: dict[str, np.ndarray] = {}
    for name, length in limits.items():
        runs = _Runs.of(tokens[name].lengths, rows, height, length)
        numbers = runs.spread(segments, 0)
        is_token = numbers > 0
        ids = np.zeros((height, length), dtype=np.int32)
        ids[is_token] = tokens[name].values
        batch[name] = ids
        batch[f"{name}_segment_ids"] = numbers
        batch[f"{name}_positions"] = runs.positions() * is_token
        if name == "targets":
            batch["targets_task"] = runs.spread(tasks, -1)
    return batch


@dataclasses.dataclass(frozen=True)
class _Runs:
    """What rows consist of: the examples of each, and its padding behind them.

    Attributes:
        examples: int64 [N], which of the runs are examples.
        sizes: int64 [N + R], positions of each run.
        height, length: number of rows and of positions in each.
    """

    examples: np.ndarray
    sizes: np.ndarray
    height: int
    length: int

    @classmethod
    def of(cls, lengths: np.ndarray, rows: np.ndarray, height: int, length: int) -> "_Runs":
        """Returns the runs of rows with examples of these lengths, in ascending rows."""
        examples = np.arange(len(rows)) + rows  # before each one lie as many paddings as rows
        sizes = np.empty(len(rows) + height, dtype=np.int64)
        sizes[examples] = lengths
        paddings = np.searchsorted(rows, np.arange(height), side="right") + np.arange(height)
        used = np.append(0, np.cumsum(lengths))
        stops = np.searchsorted(rows, np.arange(height + 1))
        sizes[paddings] = length - np.diff(used[stops])
        return cls(examples, sizes, height, length)

    def spread(self, values: np.ndarray, padding: int) -> np.ndarray:
        """Returns each example's value at all of its positions, int32 [R, L]."""
        of_run = np.full(len(self.sizes), padding, dtype=np.int32)
        of_run[self.examples] = values
        return np.repeat(of_run, self.sizes).reshape(self.height, self.length)

    def positions(self) -> np.ndarray:
        """Returns the positions from the beginning of their run, int32 [R, L]."""
        starts = (np.cumsum(self.sizes) - self.sizes).astype(np.int32)
        positions = np.arange(self.height * self.length, dtype=np.int32)
        return (positions - np.repeat(starts, self.sizes)).reshape(self.height, self.length)


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
