"""Batches of token ids, made several at a time.

Shapes: S steps made at once, B rows of a batch that are asked for, L the length of a feature, N examples in these rows.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from t5mix.data.examples.base import Examples, Ragged
from t5mix.data.examples.in_memory import Lengths, SmallTasks, runs
from t5mix.data.mixing.mixer import Draws
from t5mix.data.packing import collate
from t5mix.data.packing.scheduled_rows import ScheduledRows
from t5mix.data.packing.windows import PackedRows, PlainRows, Rows
from t5mix.internal.ragged import ranges

# Token slots of the batches that are made at once, at most, if one batch has fewer: what the processor's cache holds,
# and for each task that is read from files as many again, so that reading a few examples is worth its trouble.
_SLOTS, _MOST_SLOTS = 1 << 16, 1 << 20


@dataclasses.dataclass(frozen=True)
class _Group:
    """Batches of the steps `start` to before `stop`, of some of their rows; arrays are int32 [S * B, L]."""

    start: int
    stop: int
    rows: tuple[int, int]
    arrays: Mapping[str, np.ndarray]


class Batches:
    """Makes batches; the longer they are asked for one after the other, the more are made at once.

    Args:
        examples: each task's examples.
        known: their lengths.
        rows: which examples stand in which rows.
        lengths: for each feature the most tokens of an example.
        batch_size: rows of a batch.
        fill: writes examples into arrays: `collate.fill`, or another with its arguments.
    """

    def __init__(
        self,
        examples: tuple[Examples, ...],
        known: Lengths,
        rows: PackedRows | PlainRows | ScheduledRows,
        lengths: Mapping[str, int],
        batch_size: int,
        fill: Callable[..., dict[str, np.ndarray]] = collate.fill,
    ) -> None:
        self._fill = fill
        self._examples, self._rows, self._lengths, self._batch_size = examples, rows, lengths, batch_size
        self._small = SmallTasks(examples, known)
        slots = min(_SLOTS * max(1, int((~self._small.holds).sum())), _MOST_SLOTS)
        self._most = max(1, slots // (batch_size * sum(lengths.values())))
        self._group: _Group | None = None

    def batch(self, step: int, start: int, stop: int) -> dict[str, np.ndarray]:
        """Returns rows `start` to before `stop` of the batch of a step."""
        group = self._group
        if group is None or group.rows != (start, stop) or not group.start <= step < group.stop:
            group = self._group = self._make(step, self._count(step, (start, stop), group), start, stop)
        height = stop - start
        first = (step - group.start) * height
        return {name: array[first : first + height].copy() for name, array in group.arrays.items()}

    def rows(self, step: int) -> Rows:
        """Returns which examples stand in the rows of a batch."""
        window, step_in_window, _ = self._rows.place(step)
        return self._rows.window(window).between(
            step_in_window * self._batch_size, (step_in_window + 1) * self._batch_size
        )

    def _count(self, step: int, rows: tuple[int, int], last: _Group | None) -> int:
        """Returns how many batches to make from `step` on: twice as many as last time, where it goes on."""
        follows = last is not None and last.rows == rows and last.stop == step
        count = 2 * (last.stop - last.start) if last is not None and follows else 1
        _, step_in_window, steps = self._rows.place(step)
        return min(count, self._most, steps - step_in_window)

    def _make(self, step: int, count: int, start: int, stop: int) -> _Group:
        window, step_in_window, _ = self._rows.place(step)
        rows = self._rows.window(window)
        if (start, stop) == (0, self._batch_size):
            chosen = rows.between(step_in_window * self._batch_size, (step_in_window + count) * self._batch_size)
        else:
            parts = [
                rows.between(
                    (step_in_window + one) * self._batch_size + start, (step_in_window + one) * self._batch_size + stop
                )
                for one in range(count)
            ]
            draws = Draws.joined([part.draws for part in parts])
            numbers = [part.row + one * (stop - start) for one, part in enumerate(parts)]
            chosen = Rows(draws, np.concatenate(numbers))
        arrays = self._filled(chosen, count * (stop - start))
        return _Group(step, step + count, (start, stop), arrays)

    def _filled(self, chosen: Rows, height: int) -> dict[str, np.ndarray]:
        tokens = dict(zip(self._lengths, self._tokens(chosen.draws), strict=True))
        return self._fill(tokens, self._lengths, chosen.row, chosen.draws.task, height)

    def _tokens(self, draws: Draws) -> list[Ragged]:
        """Returns the tokens of each feature of these examples."""
        # The first batch reads its own examples alone, and does not wait until those of all small tasks are read.
        is_small = self._small.holds[draws.task] & (self._group is not None)
        if not len(is_small):
            return [Ragged.of([])] * len(self._lengths)
        if is_small.all():
            return self._small.gather(draws.task, draws.index)
        if len(one := runs(self._examples, draws.task, draws.epoch)) == 1:
            task, epoch, _ = one[0]
            return self._examples[task].gather(epoch, draws.index)
        small, by_task = np.flatnonzero(is_small), np.flatnonzero(~is_small)
        by_task = by_task[np.lexsort((draws.index[by_task], draws.epoch[by_task], draws.task[by_task]))]
        parts = [
            self._examples[task].gather(epoch, draws.index[by_task[run]])
            for task, epoch, run in runs(self._examples, draws.task[by_task], draws.epoch[by_task])
        ]
        if len(small):
            parts.append(self._small.gather(draws.task[small], draws.index[small]))
        positions = np.concatenate([by_task, small])
        return [_reordered(Ragged.joined(feature), positions) for feature in zip(*parts, strict=True)]


def _reordered(tokens: Ragged, positions: np.ndarray) -> Ragged:
    """Puts the first of these examples at the first of these positions, and so on."""
    starts, sizes = np.empty((2, len(positions)), np.int64)
    starts[positions] = np.cumsum(tokens.lengths) - tokens.lengths
    sizes[positions] = tokens.lengths
    return Ragged(tokens.values[ranges(starts, sizes)], sizes)
