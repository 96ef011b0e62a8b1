"""Placing a window's examples epoch by epoch: at a batch's end none of a task has been fed twice more than another.

Where a task begins an epoch within a window, the draws from there on are placed after those before it: a stretch of
draws from one such place to the next is packed into rows as full as can be, and the next stretch begins in what is
left of the last batch. Several short stretches that surely find room in one batch are packed as one: the order
within a batch is no order. Rows of a stretch are shuffled, but for those that still have room, which come last.

Source: ours.

Shapes: N examples, F features, R rows, B rows of a batch.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.data.mixing.mixer import Draws
from t5mix.data.packing.bin_packing import Unplaced

# A task with fewer of a window's draws is one of so many that their epochs are kept apart by windows alone.
_PART = 64
# Of a row that is this full, the rest is hardly worth filling up.
_ROOM = 16
# Part of the rows that are still to be filled that is not given away before; where that was too little, the next.
_CARE = (0.02, 0.1)
# Examples that a row takes, and what is left of its room.
_Filling = tuple[list[int], list[int]]

# So many rows tell how full the others will be.
_TELLING = 128


def begins(draws: Draws) -> np.ndarray:
    """Returns where tasks begin an epoch that is not the first in a window, int64, ascending.

    Args:
        draws: the window's examples, in their order.
    """
    by_task = np.argsort(draws.task, kind="stable")
    task, epoch = draws.task[by_task], draws.epoch[by_task]
    counts = np.bincount(draws.task) if len(task) else np.zeros(1, np.int64)
    is_new = np.append(False, (np.diff(task) == 0) & (np.diff(epoch) != 0))[: len(task)]
    return np.sort(by_task[is_new & (counts[task] * _PART >= len(task))])


class _Stretches:
    """How far draws are packed at once, and the room that they take.

    Args:
        lengths: int64 [N, F].
        limits: tokens that a row holds of each feature.
        cuts: where stretches begin; see `InOrder`.
    """

    def __init__(self, lengths: np.ndarray, limits: Sequence[int], cuts: np.ndarray) -> None:
        shares = np.cumsum(lengths, axis=0) / np.asarray(limits, dtype=np.float64)
        self._used = np.concatenate([np.zeros((1, len(limits))), shares])  # [N + 1, F], rows of the draws before
        self._sums = self._used.sum(axis=1)
        self._ends = np.append(cuts, len(lengths))

    def stop(self, start: int, rows: int) -> int:
        """Returns where to end: the next stretch's end, or the last one's that surely fits so many empty rows.

        Rows of which any two hold more than one has room for are at least half full; so what fills half of them fits.
        """
        following = int(np.searchsorted(self._ends, start, side="right"))
        sure = np.searchsorted(self._sums, self._sums[start] + rows / 2, side="right") - 1
        fitting = int(np.searchsorted(self._ends, sure, side="right")) - 1
        return int(self._ends[max(following, fitting)])

    def rows_from(self, start: int) -> float:
        """Returns the rows that the draws from `start` on take at least."""
        return float((self._used[-1] - self._used[start]).max())

    def rows_before(self, stop: int) -> float:
        """Returns the rows that the draws before `stop` take at least."""
        return float(self._used[stop].max())

    def part_before(self, stop: int) -> float:
        """Returns which part of the window's tokens the draws before `stop` have."""
        return float(self._sums[stop] / max(self._sums[-1], 1e-9))


class InOrder:
    """Places the examples of a window in their order.

    Args:
        lengths: int64 [N, F], in the order in which they shall be fed.
        limits: tokens that a row holds of each feature.
        cuts: where stretches begin; see `begins`.
        batch_size: rows of a batch.
        rank: int64 [R], a random order of rows.
        fill: how full rows are expected to get: rows beyond what is needed then get one example of others, all along
            the window. None is to leave them empty at its end.
        care: part of the rows still to be filled that is not given away so.

    Attributes:
        row: int32 [N], the row of each example, -1 where none has room: the last ones.
        early: the row before which all batches have examples of the first stretch.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        limits: Sequence[int],
        cuts: np.ndarray,
        batch_size: int,
        rank: np.ndarray,
        fill: float | None = None,
        care: float = _CARE[0],
    ) -> None:
        self._limits, self._batch_size, self._rank, self._fill = list(limits), batch_size, rank, fill
        self._care = care
        self._unplaced = Unplaced.of(lengths, np.asarray(limits, dtype=np.int64))
        self._lengths, self._least = lengths, lengths.min(axis=0).tolist()
        self._stretches = _Stretches(lengths, limits, cuts)
        # The first row that is empty; the others of its batch that have room, and how much; rows given as a surplus.
        self._begun, self._open, self._given = 0, dict[int, list[int]](), 0
        self.row, self.early = np.full(len(lengths), -1, dtype=np.int32), len(rank)
        start, left = 0, 0
        while start < len(lengths) and not left:
            if 0 < start and self.early == len(rank):
                self.early = -(-self._begun // batch_size) * batch_size
            stop = self._stretches.stop(start, self._empty_rows())
            left = self._place(start, stop)
            start = stop
        if fill is not None:
            self._fill_end()

    @classmethod
    def with_care(cls, *arguments: Any) -> "InOrder":
        """Places examples; where rows given away are missed in the end, anew with fewer of them."""
        placed = [cls(*arguments)]
        for care in _CARE[1:]:
            if (placed[-1].row < 0).any():
                placed.append(cls(*arguments, care=care))  # type: ignore[misc]
        return min(placed, key=lambda one: int((one.row < 0).sum()))

    def _empty_rows(self) -> int:
        """Returns how many empty rows the batch has that is being filled, and 0 if only others are left."""
        here = -self._begun % self._batch_size
        return here if here or self._open else self._batch_size

    def _place(self, start: int, stop: int) -> int:
        """Places a stretch; returns how many of it find no room."""
        self._unplaced.admit(start, stop)
        left = stop - start
        joining: list[_Filling] = []
        for row in sorted(self._open, key=lambda row: self._share(self._open[row])) if left else ():
            free = self._open[row]
            taken = self._unplaced.fill(free)
            self.row[taken] = row
            left -= len(taken)
            joining.append((taken, free))
            if not left:
                break
        made: list[_Filling] = []
        while left and self._begun + len(made) < len(self._rank):
            free = list(self._limits)
            taken = self._unplaced.fill(free)
            left -= len(taken)
            made.append((taken, free))
        alone = []
        if self._fill is not None and not left:
            givers = [one for one in made if len(one[0]) > 1] + [one for one in joining if one[0]]
            alone = self._moved(givers[: self._surplus(self._begun + len(made), stop)])
        if made or alone:
            self._settle(made + alone, len(made))
        return left

    def _surplus(self, begun: int, stop: int) -> int:
        """Returns how many rows are due to be given away, for the draws before `stop` to have their part of them."""
        needed, following = self._stretches.rows_before(stop), self._stretches.rows_from(stop)
        # As full as rows got so far, when there are enough to tell.
        fill = needed / (begun - self._given) if begun - self._given >= _TELLING else self._fill or 1.0
        # What follows may pack less well.
        rest = max(0, len(self._rank) - begun - math.ceil(following / fill * (1 + self._care)))
        return max(0, int((self._given + rest) * self._stretches.part_before(stop) + 1e-9) - self._given)

    def _moved(self, givers: list[_Filling]) -> list[_Filling]:
        """Moves an example of each of these rows to a row of its own."""
        self._given += len(givers)
        alone = []
        for taken, free in givers:
            moved, room = taken.pop(), list(self._limits)
            for feature, size in enumerate(self._lengths[moved].tolist()):
                free[feature] += size
                room[feature] -= size
            alone.append(([moved], room))
        return alone

    def _fill_end(self) -> None:
        """Gives rows that are left empty at the window's end examples: of their batch, else the last ones."""
        for row in range(len(self._rank) - 1, self._begun - 1, -1):
            several = np.flatnonzero(np.bincount(self.row[self.row >= 0]) > 1)
            here = several[several >= row // self._batch_size * self._batch_size]
            givers = here if len(here) else several
            if len(givers):
                self.row[np.flatnonzero(self.row == givers[-1])[-1]] = row

    def _settle(self, made: list[_Filling], filled: int) -> None:
        """Gives filled rows their places: in a random order, those with much room last; the first ones take more."""
        rows = np.arange(self._begun, self._begun + len(made))
        self._begun += len(made)
        by_chance = np.argsort(self._rank[rows], kind="stable").tolist()
        in_order = sorted(by_chance, key=lambda number: number < filled and self._has_much_room(made[number][1]))
        for row, number in zip(rows.tolist(), in_order, strict=True):
            taken, free = made[number]
            self.row[taken] = row
            if number < filled:
                self._open[row] = free
        batch = (self._begun - 1) // self._batch_size
        self._open = {
            row: free for row, free in self._open.items() if row // self._batch_size == batch and self._has_room(free)
        }

    def _share(self, free: list[int]) -> float:
        return sum(room / limit for room, limit in zip(free, self._limits, strict=True))

    def _has_room(self, free: list[int]) -> bool:
        return all(room >= least for room, least in zip(free, self._least, strict=True))

    def _has_much_room(self, free: list[int]) -> bool:
        return all(room * _ROOM >= limit for room, limit in zip(free, self._limits, strict=True))
