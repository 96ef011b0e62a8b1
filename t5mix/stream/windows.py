"""Windows: a fixed number of steps each, filled with each task's exact quota of examples.

The batch at a step depends on its window, and on the one before, whose overflow it takes: on nothing
else, so any step can be computed without those before it.
"""

import bisect
import dataclasses
import functools
import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.stream import order, packing
from t5mix.stream.examples import Examples

# Rows of a window, at least: best-fit packing needs choice, and sums over more examples vary less.
_ROWS = 1024
# Standard deviations of a window's demand for rows that are kept free.  What exceeds a window goes to
# free space of the next; that both exceed happens once in 10**5 windows.
_MARGIN = 3.0


@dataclasses.dataclass(frozen=True)
class Draws:
    """Examples, as numbers.

    Attributes:
      task: int32, number of the task.
      epoch: int64, the task's epoch.
      index: int64, the example within the epoch.
      lengths: int64 [examples, features], its tokens.
    """

    task: np.ndarray
    epoch: np.ndarray
    index: np.ndarray
    lengths: np.ndarray

    def take(self, which: np.ndarray) -> "Draws":
        """Returns these examples."""
        return Draws(self.task[which], self.epoch[which], self.index[which], self.lengths[which])

    def then(self, other: "Draws") -> "Draws":
        """Returns these examples, and the others behind them."""
        pairs = zip(_fields(self), _fields(other), strict=True)
        return Draws(*(np.concatenate(pair) for pair in pairs))


def _fields(draws: Draws) -> list[np.ndarray]:
    return [draws.task, draws.epoch, draws.index, draws.lengths]


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
        return Rows(self.draws.take(np.arange(first, last)), self.row[first:last] - start)


class Mixer:
    """Draws examples of tasks, in a random order within each window.

    Args:
      examples: each task's examples, by name.
      rates: each task's share, positive.
      draws: examples in a window, on average.
      seed: decides the order.
    """

    def __init__(
        self,
        examples: Mapping[str, Examples],
        rates: Mapping[str, float],
        draws: int,
        seed: int,
    ) -> None:
        self._examples = tuple(examples.values())
        self.names = tuple(examples)
        self._seed = seed
        self.quotas = order.Quotas.of(rates, draws, seed)

    def before(self, window: int) -> int:
        """Returns how many examples are drawn before `window`."""
        return sum(self.quotas.before(window))

    def window_of(self, draw: int) -> int:
        """Returns the window that holds the draw-th example."""
        # The draws before a window differ from its share by less than one for each task.
        windows = range((draw + len(self.names)) // self.quotas.draws + 2)
        return bisect.bisect_right(windows, draw, key=self.before) - 1

    def window(self, number: int) -> Draws:
        """Returns the examples of a window."""
        starts, stops = self.quotas.before(number), self.quotas.before(number + 1)
        parts = [
            self._occurrences(task, start, stop)
            for task, (start, stop) in enumerate(zip(starts, stops, strict=True))
            if stop > start
        ]
        if not parts:
            return self._occurrences(0, 0, 0)
        joined = Draws(*(np.concatenate(parts) for parts in zip(*map(_fields, parts), strict=True)))
        count = len(joined.task)
        return joined.take(order.permute(np.arange(count), count, ("draws", self._seed, number)))

    def _occurrences(self, task: int, start: int, stop: int) -> Draws:
        """Returns the examples that `task` gives from its start-th to before its stop-th."""
        examples, name = self._examples[task], self.names[task]
        numbers = np.arange(start, stop)
        epoch = numbers // examples.count
        index = np.empty_like(numbers)
        lengths = [np.empty((0, len(self._lengths_of_nothing)), dtype=np.int64)]
        for one in np.unique(epoch).tolist():
            here = epoch == one
            key = (self._seed, name, one)
            index[here] = order.permute(numbers[here] % examples.count, examples.count, key)
            lengths.append(examples.lengths(one, index[here]))
        tasks = np.full(len(numbers), task, dtype=np.int32)
        return Draws(tasks, epoch, index, np.concatenate(lengths))

    @functools.cached_property
    def _lengths_of_nothing(self) -> np.ndarray:
        return self._examples[0].lengths(0, np.arange(1))[0]


class PlainRows:
    """One example in each row, none left out, no row empty.

    Windows differ by a few examples in size, so they do not begin where batches do.
    """

    def __init__(self, mixer: Mixer, batch_size: int) -> None:
        self._mixer, self._batch_size = mixer, batch_size
        self._window = functools.lru_cache(maxsize=4)(mixer.window)

    def batch(self, step: int) -> Rows:
        """Returns the rows of a batch."""
        start = step * self._batch_size
        stop = start + self._batch_size
        window = self._mixer.window_of(start)
        parts: list[Draws] = []
        missing = stop - start
        skip = start - self._mixer.before(window)
        while missing:
            found = self._window(window)
            part = found.take(np.arange(skip, min(skip + missing, len(found.task))))
            parts.append(part)
            missing -= len(part.task)
            skip, window = 0, window + 1
        return Rows(functools.reduce(Draws.then, parts), np.arange(self._batch_size))


class PackedRows:
    """Several examples in each row, by best fit within a window.

    What does not fit its own window goes to free space of the next, in which nothing else has to
    give way; what does not fit there either is counted in `dropped`, with a warning.

    Args:
      mixer: draws the examples.
      limits: tokens that a row holds of each feature.
      rows: rows of a window.
      batch_size: rows of a batch, a divisor of `rows`.
      seed: decides the order of rows.
    """

    def __init__(self, mixer: Mixer, limits: Sequence[int], rows: int, batch_size: int, seed: int) -> None:
        assert rows % batch_size == 0
        self._mixer, self._limits, self._seed = mixer, limits, seed
        self.rows, self._batch_size = rows, batch_size
        self._own = functools.lru_cache(maxsize=3)(self._pack_own)
        self.window = functools.lru_cache(maxsize=3)(self._pack)
        # The examples that found no room, by the window that they were drawn for.
        self.dropped: dict[int, Draws] = {}

    def batch(self, step: int) -> Rows:
        """Returns the rows of a batch."""
        window, place = divmod(step, self.rows // self._batch_size)
        start = place * self._batch_size
        return self.window(window).between(start, start + self._batch_size)

    def overflow(self, window: int) -> Draws:
        """Returns the examples of a window that do not fit it."""
        draws, row = self._own(window)
        return draws.take(np.flatnonzero(row < 0))

    def _pack_own(self, window: int) -> tuple[Draws, np.ndarray]:
        draws = self._mixer.window(window)
        return draws, packing.best_fit(draws.lengths, self._limits, self.rows)

    def _pack(self, window: int) -> Rows:
        draws, row = self._own(window)
        kept = np.flatnonzero(row >= 0)
        draws, row = draws.take(kept), row[kept]
        if window > 0:
            draws, row = self._with_overflow(window - 1, draws, row)
        row = packing.spread(row, self.rows)
        places = order.permute(np.arange(self.rows), self.rows, ("rows", self._seed, window))
        row = places[row]
        by_row = np.argsort(row, kind="stable")
        return Rows(draws.take(by_row), row[by_row])

    def _with_overflow(self, window: int, draws: Draws, row: np.ndarray) -> tuple[Draws, np.ndarray]:
        """Puts what `window` could not hold into free space of the next one."""
        late = self.overflow(window)
        used = np.zeros((self.rows, len(self._limits)), dtype=np.int64)
        np.add.at(used, row, draws.lengths)
        late_row = packing.best_fit(late.lengths, self._limits, self.rows, used)
        lost = late_row < 0
        if lost.any():
            self.dropped[window] = late.take(np.flatnonzero(lost))
            names = sorted({self._mixer.names[task] for task in self.dropped[window].task.tolist()})
            warnings.warn(
                f"{np.count_nonzero(lost)} of {self._mixer.quotas.draws} examples drawn for window {window} found no "
                f"room in it nor in the next and are left out, of: {', '.join(names)}",
                stacklevel=2,
            )
        fits = np.flatnonzero(~lost)
        return draws.then(late.take(fits)), np.concatenate([row, late_row[fits]])


def rows_of_window(batch_size: int) -> int:
    """Returns the rows of a window: a multiple of the batch size."""
    return batch_size * math.ceil(_ROWS / batch_size)


def draws_of_window(
    examples: Mapping[str, Examples],
    rates: Mapping[str, float],
    limits: Sequence[int],
    rows: int,
    seed: int,
) -> int:
    """Returns how many examples to draw for a window, so that they fit its rows.

    A first window is packed into as many rows as it needs, which tells how well examples fit together;
    three standard deviations of the demand stay free.  The number follows from lengths and seed alone.
    """
    total = math.fsum(rates.values())
    shares = {name: rates[name] / total for name in examples}
    moments = {name: _Moments.of(task, limits) for name, task in examples.items()}
    # Each feature's slots that an example takes on average, as shares of a row.
    demand = [
        math.fsum(shares[name] * moments[name].means[feature] for name in examples) for feature in range(len(limits))
    ]
    volume = max(*demand, 1 / max(limits))
    most = max(1, int(rows / volume))
    sample = Mixer(examples, rates, most, seed).window(0).lengths
    needed = int(packing.best_fit(sample, limits, None).max(initial=0)) + 1
    slots = [int(tokens) / limit for tokens, limit in zip(sample.sum(axis=0), limits, strict=True)]
    # Relative to what the sample holds, which differs by chance from what examples hold on average.
    rows_each = needed * volume / max(*slots, 1 / max(limits))
    variance = math.fsum(moments[name].variance_of(shares[name], most) for name in examples)
    greatest = math.fsum(shares[name] * moments[name].mean for name in examples)
    spread = _MARGIN * math.sqrt(variance / most) * rows_each / max(greatest, volume)
    # The greatest n with n * rows_each + spread * sqrt(n) <= rows.
    root = (math.sqrt(spread**2 + 4 * rows_each * rows) - spread) / (2 * rows_each)
    return max(1, min(most, int(root**2 * (1 + 1e-12))))


@dataclasses.dataclass(frozen=True)
class _Moments:
    """Lengths of a task's examples as shares of a row.

    Sums are of whole numbers, so that they are the same on every machine.

    Attributes:
      count: number of examples measured.
      means: mean share of each feature.
      mean: mean of the examples' greatest share.
      variance: its variance.
    """

    count: int
    means: tuple[float, ...]
    mean: float
    variance: float

    @classmethod
    def of(cls, task: Examples, limits: Sequence[int]) -> "_Moments":
        one = 1 << 16
        shares = task.lengths(0, task.sample()) * one // np.asarray(limits, dtype=np.int64)
        greatest = shares.max(axis=1)
        count, total, squares = len(shares), int(greatest.sum()), int((greatest**2).sum())
        return cls(
            count,
            tuple(int(number) / count / one for number in shares.sum(axis=0)),
            total / count / one,
            (squares * count - total**2) / count**2 / one**2,
        )

    def variance_of(self, rate: float, draws: int) -> float:
        """Returns the variance of the sum over the task's quota of a window.

        Whole epochs do not vary; the rest is drawn without replacement.  The quota of a task that is
        not alone is one of two neighbouring numbers.
        """
        rest = rate * draws % self.count
        without = rest * (self.count - rest) / max(self.count - 1, 1)
        return without * self.variance + (0.25 * self.mean**2 if rate < 1 else 0.0)
