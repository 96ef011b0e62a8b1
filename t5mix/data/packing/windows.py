"""Rows: which examples stand in which row of which step.

Packed, a window is a fixed number of steps, and several windows make a block.  A block holds a fixed number of draws;
each of its windows gets its part of every task's, long and short ones alike, so that windows are equally full.  The
batch at a step depends on its window and a few before it, and on their blocks and the one before: on nothing else, so
any step can be computed without those before it.
"""

import dataclasses
import functools
import math
import warnings

import numpy as np

from t5mix.data.mixing import permutation
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing import bin_packing, collate
from t5mix.data.packing.capacity import Plan

# Rows of a window, at least: packing needs choice.
_ROWS = 1024
# Groups of examples by which windows of a block are made equally long.
_LEVELLED = 256
# Windows in which an example that does not fit its own is given free space.
_TRIES = 2


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples in the rows of a window, or of a batch.

    Attributes:
      draws: the examples, in order.
      row: int64, the row of each, ascending.
    """

    draws: Draws
    row: np.ndarray

    def between(self, start: int, stop: int) -> "Rows":
        """Returns rows `start` to `stop`, numbered from 0."""
        first, last = np.searchsorted(self.row, [start, stop])
        return Rows(self.draws.take(slice(int(first), int(last))), self.row[first:last] - start)


class PlainRows:
    """One example in each row, in the order of draws.

    Args:
      mixer: draws the examples.
      batch_size: rows of a batch.
    """

    def __init__(self, mixer: Mixer, batch_size: int) -> None:
        self._mixer = mixer
        self.rows = rows_of_window(batch_size)
        self.window = functools.lru_cache(maxsize=3)(self._make)
        self.dropped: dict[tuple[str, int], Draws] = {}

    def _make(self, window: int) -> Rows:
        return Rows(self._mixer.draws(window * self.rows, (window + 1) * self.rows), np.arange(self.rows))


@dataclasses.dataclass(frozen=True)
class _Filled:
    """Examples in the rows of a window, and those that found no room in it.

    Attributes:
      draws: the examples in rows, in no order.
      row: int32, the row of each.
      waiting: the others.
    """

    draws: Draws
    row: np.ndarray
    waiting: Draws

    @classmethod
    def of(cls, draws: Draws, row: np.ndarray) -> "_Filled":
        """Takes out the examples whose row is -1."""
        fits, waits = np.flatnonzero(row >= 0), np.flatnonzero(row < 0)
        return cls(draws.take(fits), row[fits], draws.take(waits))


class PackedRows:
    """Several examples in each row.

    What does not fit its window goes to free space of the next ones, in which nothing else has to give way; draws
    that a block has no room for go to the next block.  What finds no room there either is counted in `dropped`, with
    a warning.

    Args:
      mixer: draws the examples.
      plan: how much is drawn for how much room.
      seed: decides which example goes where.
    """

    def __init__(self, mixer: Mixer, plan: Plan, seed: int) -> None:
        self._mixer, self._plan, self._seed = mixer, plan, seed
        self.rows = plan.rows
        # A block asks for its draws, then for those before.
        self._drawn = functools.lru_cache(maxsize=3)(self._draw)
        self._blocks = functools.lru_cache(maxsize=2)(self._make_block)
        self._own = functools.lru_cache(maxsize=3)(self._pack_own)
        self._filled = functools.lru_cache(maxsize=3 * (_TRIES + 1))(self._fill)
        self.window = functools.lru_cache(maxsize=3)(self._pack)
        # The examples that found no room, by the window, or the block, that they were drawn for.
        self.dropped: dict[tuple[str, int], Draws] = {}

    def waiting(self, window: int) -> Draws:
        """Returns the examples of a window and of those before it that still wait for room when it is full."""
        return Draws.joined([self._filled(window, tries).waiting for tries in range(_TRIES)])

    def deferred(self, block: int) -> Draws:
        """Returns the draws that a block has no room for."""
        draws, fits = self._drawn(block)
        return draws.take(np.flatnonzero(~fits))

    def _draw(self, block: int) -> tuple[Draws, np.ndarray]:
        """Returns the draws of a block, and which there is room for."""
        size = self._plan.draws
        draws = self._mixer.quota(block * size, (block + 1) * size)
        return draws, self._room(draws, np.zeros(len(self._plan.limits), dtype=np.int64), block)

    def _room(self, draws: Draws, used: np.ndarray, block: int) -> np.ndarray:
        """Returns which draws there is room for, beside `used` tokens of each feature: any as soon as others."""
        room = np.array(self._plan.room, dtype=np.int64) - used
        if (draws.lengths.sum(axis=0) <= room).all():
            return np.ones(len(draws.task), dtype=bool)
        by_chance = permutation.permute(np.arange(len(draws.task)), len(draws.task), ("room", self._seed, block))
        fits = np.empty(len(draws.task), dtype=bool)
        fits[by_chance] = (np.cumsum(draws.lengths[by_chance], axis=0) <= room).all(axis=1)
        return fits

    def _make_block(self, block: int) -> tuple[Draws, np.ndarray]:
        """Returns the examples of a block, window by window, and where each window begins."""
        draws, fits = self._drawn(block)
        draws = draws if fits.all() else draws.take(np.flatnonzero(fits))
        if block > 0 and len((late := self.deferred(block - 1)).task):
            fits = self._room(late, draws.lengths.sum(axis=0), block - 1)
            self._drop(("block", block - 1), late.take(np.flatnonzero(~fits)))
            draws = Draws.joined([draws, late.take(np.flatnonzero(fits))])
        window = self._dealt(draws, block)
        by_window = np.argsort(window, kind="stable")
        starts = np.searchsorted(window[by_window], np.arange(self._plan.windows + 1))
        return draws.take(by_window[self._shuffled(starts, block)]), starts

    def _shuffled(self, starts: np.ndarray, block: int) -> np.ndarray:
        """Returns the examples of a block with those of each window in a random order."""
        sizes, windows = np.diff(starts), block * self._plan.windows + np.arange(self._plan.windows)
        words = np.array([permutation.word(("order", self._seed, int(window))) for window in windows])
        each = np.repeat(np.arange(len(sizes)), sizes)
        first = starts[each]
        return first + permutation.permute_each(np.arange(len(each)) - first, sizes[each], words[each])

    def _dealt(self, draws: Draws, block: int) -> np.ndarray:
        """Returns the window of a block that each draw goes to: of as many draws of equal kind each gets one."""
        windows, count = self._plan.windows, len(draws.task)
        if windows == 1:
            return np.zeros(count, dtype=np.int64)
        size = (draws.lengths * self._plan.scale).sum(axis=1)
        like = np.lexsort((size, draws.task))
        chance = permutation.permute(np.arange(count), count, ("windows", self._seed, block)) if count else like
        place = np.arange(count)
        dealt = like[np.lexsort((chance, place // windows))]
        window = np.empty(count, dtype=np.int64)
        window[dealt] = place % windows
        self._level(window, dealt[: count // windows * windows].reshape(-1, windows), draws.lengths)
        return window

    def _level(self, window: np.ndarray, groups: np.ndarray, lengths: np.ndarray) -> None:
        """Makes windows of a block equally long in the feature that there is most of.

        In the groups whose examples differ most, the longest goes to the window that has least so far, and so on.

        Args:
          window: int64 [examples], the window of each, changed here.
          groups: int [groups, windows], examples of which each window gets one, in their order.
          lengths: int64 [examples, features].
        """
        most = int(np.argmax(lengths.sum(axis=0) * self._plan.scale))
        tokens = lengths[:, most]
        differ = np.ptp(tokens[groups], axis=1) if len(groups) else np.empty(0, np.int64)
        widest = np.argsort(-differ, kind="stable")[:_LEVELLED]
        totals = np.bincount(window, tokens, minlength=self._plan.windows).astype(np.int64)
        totals -= tokens[groups[widest]].sum(axis=0)
        for group in groups[widest]:
            longest_first = group[np.argsort(-tokens[group], kind="stable")]
            least_first = np.argsort(totals, kind="stable")
            window[longest_first] = least_first
            totals[least_first] += tokens[longest_first]

    def _pack_own(self, window: int) -> tuple[Draws, np.ndarray]:
        block, place = divmod(window, self._plan.windows)
        draws, starts = self._blocks(block)
        draws = draws.take(slice(int(starts[place]), int(starts[place + 1])))
        return draws, bin_packing.choose_rows(draws.lengths, self._plan.limits, self.rows)

    def _pack(self, window: int) -> Rows:
        filled = self._filled(window, _TRIES)
        self._drop(("window", window - _TRIES), filled.waiting)
        row = collate.spread(filled.row, self.rows)
        row = permutation.permute(np.arange(self.rows), self.rows, ("rows", self._seed, window))[row]
        by_row = np.argsort(row, kind="stable")
        return Rows(filled.draws.take(by_row), row[by_row])

    def _fill(self, window: int, tries: int) -> "_Filled":
        """Returns a window with its own examples and what waited for room in the last `tries` windows.

        Those that wait least come first, so that a window depends on no more than the last `_TRIES`.
        """
        if tries == 0:
            draws, row = self._own(window)
            return _Filled.of(draws, row)
        filled = self._filled(window, tries - 1)
        late = self._filled(window - 1, tries - 1).waiting if window > 0 else filled.waiting.take(slice(0))
        if len(late.task) == 0:
            return dataclasses.replace(filled, waiting=late)
        used = np.zeros((self.rows, len(self._plan.limits)), dtype=np.int64)
        np.add.at(used, filled.row, filled.draws.lengths)
        late_row = bin_packing.choose_rows(late.lengths, self._plan.limits, self.rows, used)
        return _Filled.of(Draws.joined([filled.draws, late]), np.concatenate([filled.row, late_row]))

    def _drop(self, where: tuple[str, int], lost: Draws) -> None:
        if len(lost.task) == 0:
            return
        self.dropped[where] = lost
        names = sorted({self._mixer.names[task] for task in lost.task.tolist()})
        warnings.warn(
            f"{len(lost.task)} examples drawn for {where[0]} {where[1]} found no room in it nor after it and are "
            f"left out, of: {', '.join(names)}",
            stacklevel=2,
        )


def rows_of_window(batch_size: int) -> int:
    """Returns the rows of a window: a multiple of the batch size."""
    return batch_size * math.ceil(_ROWS / batch_size)
