"""How many examples are drawn for how many rows, so that rows are full and nothing is left out.

1. Measure each task's lengths as shares of a row: mean of each feature; mean and variance of the greatest.
2. Pack as many draws as one window holds on average into as many rows as they need: how full rows get.
3. Keep room free: three standard deviations of a block's demand, and 1 / 512 of its rows, or a quarter of what stays
   free in step 2 where that is more.
4. A block has one window; or 2, 4, .. 16, until the deviations take less than 0.4% of its rows, for a block of W
   windows deviates by a part 1 / sqrt(W) as much.
5. Where all examples are of the same lengths, nothing deviates: a row holds so many, and all rows are full.

Shapes: N examples, F features, T tasks.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.data.examples.base import Examples
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.mixing.weights import BITS, evenly_spaced
from t5mix.data.packing import bin_packing, epoch_order
from t5mix.data.packing.epoch_order import InOrder
from t5mix.data.packing.even_parts import demands, even_parts
from t5mix.internal.memo import remembers

# Standard deviations of a block's demand for rows that are kept free. What exceeds a block begins the next; that both
# exceed happens once in 10**5 blocks.
_MARGIN = 3.0
# Part of a window's rows that is kept free, because windows do not all pack equally well: so many standard deviations
# of the windows that are packed to measure it, and, for these are few, at least so much of what stays free when as much
# is packed as can be, and one row in 512.
_DEVIATIONS = 3.0
_SPARE, _SPARE_OF_FREE = 1 / 512, 0.25
# Windows that are packed to measure this, and examples that they have at most in all, if one has fewer.
_PACKED, _PACKED_DRAWS = 8, 1 << 15
# A block has one window, or as many as make its margin less than _NARROW of its rows, up to _WINDOWS, and not more
# draws than _DRAWS if one window has fewer.
_WINDOWS, _DRAWS, _NARROW = 16, 1 << 16, 0.004

# Lengths are measured in parts of a row as small as this.
_ONE = 1 << 16
# Examples that are measured at once, if one task has fewer.
_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True)
class Plan:
    """Room and draws.

    Attributes:
        limits: tokens that a row holds of each feature.
        rows: rows of a window.
        batch_size: rows of a batch.
        windows: windows of a block.
        draws: examples drawn for a block.
        room: tokens of each feature that a block holds.
        fill: how full rows get, of the feature that there is most of.
    """

    limits: tuple[int, ...]
    rows: int
    batch_size: int
    windows: int
    draws: int
    room: tuple[int, ...]
    fill: float

    @classmethod
    def of(
        cls,
        mixer: Mixer,
        examples: Mapping[str, Examples],
        rates: Mapping[str, float],
        limits: Sequence[int],
        rows: int,
        batch_size: int,
    ) -> "Plan":
        """Plans so that draws fit their rows.

        The first draws are packed into as many rows as they need, which tells how well examples fit together; three
        standard deviations of the demand stay free. The numbers follow from lengths and seed alone.
        """
        total = math.fsum(rates.values())
        capacity = Capacity(mixer, examples, limits, rows, batch_size)
        return capacity.plan(capacity.fit(mixer, [rates[name] / total for name in examples]))


@dataclasses.dataclass(frozen=True)
class Fit:
    """How examples that are drawn by some shares fit into rows.

    Attributes:
        shares: each task's share.
        fill: how full rows get, of the feature that there is most of.
        volume: rows that an example takes at least, on average.
        spare: part of a window's rows that is kept free because windows do not all pack equally well.
        per_row: examples of a row, where all are of the same lengths, else None.
    """

    shares: tuple[float, ...]
    fill: float
    volume: float
    spare: float
    per_row: int | None


class Capacity:
    """Plans how much is drawn for how much room.

    Args:
        mixer: draws the examples.
        examples: each task's examples, by name.
        limits: tokens that a row holds of each feature.
        rows: rows of a window.
        batch_size: rows of a batch.
    """

    def __init__(
        self, mixer: Mixer, examples: Mapping[str, Examples], limits: Sequence[int], rows: int, batch_size: int
    ) -> None:
        self._mixer, self._limits, self.rows, self._batch_size = mixer, tuple(limits), rows, batch_size
        self._moments = _moments(mixer, tuple(examples.values()), limits)

    def volume(self, shares: Sequence[float]) -> float:
        """Returns the rows that an example takes at least, on average."""
        # Each feature's slots that an example takes on average, as shares of a row.
        demand = [
            math.fsum(share * one.means[feature] for share, one in zip(shares, self._moments, strict=True))
            for feature in range(len(self._limits))
        ]
        return max(*demand, 1 / max(self._limits))

    @remembers(1 << 12)
    def volume_by(self, weights: bytes) -> float:
        """Returns the same for weights, int64 [tasks] in parts of 2**48; many ends of tasks ask for the same ones."""
        return self.volume((np.frombuffer(weights, np.int64) / (1 << BITS)).tolist())

    def fit(self, mixer: Mixer, shares: Sequence[float]) -> Fit:
        """Packs some windows to see how full rows get.

        Args:
            mixer: draws by these shares.
            shares: each task's share.
        """
        some = [one for share, one in zip(shares, self._moments, strict=True) if share > 0]
        volume = self.volume(shares)
        if (per_row := _per_row(some, self._limits)) is not None:
            return Fit(tuple(shares), per_row * max(some[0].means), volume, 0.0, per_row)
        most = max(1, int(self.rows / volume))
        fill, deviation, shared = _fill(mixer, most, self._limits, self._batch_size)
        # Where each example has a row of its own, rows are as many as examples, and none need stay free.
        spare = max(_SPARE, _SPARE_OF_FREE * (1 - fill), _DEVIATIONS * deviation) * min(1.0, shared)
        return Fit(tuple(shares), fill, volume, spare, None)

    def adapted(self, fit: Fit, shares: Sequence[float]) -> Fit:
        """Returns how examples fit that are drawn by other shares, if they pack as those do."""
        some = [one for share, one in zip(shares, self._moments, strict=True) if share > 0]
        per_row = _per_row(some, self._limits)
        fill = fit.fill if per_row is None else per_row * max(some[0].means)
        return Fit(tuple(shares), fill, self.volume(shares), fit.spare, per_row)

    def most_draws(self) -> int:
        """Returns how many draws a window takes at most, by the task whose examples are shortest on average."""
        return math.ceil(self.rows / min(max(*one.means, 1 / max(self._limits)) for one in self._moments))

    def batches(self, rows: float) -> int:
        """Returns so many rows, rounded up to whole batches."""
        return self._batch_size * math.ceil(rows / self._batch_size)

    def plan(self, fit: Fit, rows: int | None = None, windows: int | None = None, more_spare: float = 0.0) -> "Plan":
        """Plans blocks.

        Args:
            fit: how examples fit.
            rows: rows of a window, if not those of all.
            windows: windows of a block, if not as many as are best.
            more_spare: a further part of the rows that is kept free.
        """
        rows = rows or self.rows
        limits, shares = self._limits, fit.shares
        if fit.per_row is not None:
            count = windows or 1
            room = tuple(count * rows * limit for limit in limits)
            return Plan(limits, rows, self._batch_size, count, count * rows * fit.per_row, room, fit.fill)
        spare = fit.spare + _MARGIN * _error(shares, self._moments) + more_spare
        count = windows or 1
        while True:
            rows_each = fit.volume / fit.fill
            draws, margin = _draws(self._mixer, shares, self._moments, rows_each, rows * count, spare)
            if windows or margin <= _NARROW or count == _WINDOWS or 2 * draws > _DRAWS:
                break
            count *= 2
        part = fit.fill * (1 - spare) if fit.fill < 1 else 1.0  # windows do not all pack as well as the one measured
        room = tuple(math.ceil(rows * count * limit * part) for limit in limits)
        return Plan(limits, rows, self._batch_size, count, draws, room, fit.fill)


def _draws(
    mixer: Mixer, shares: Sequence[float], moments: Sequence["_Moments"], rows_each: float, rows: int, part: float
) -> tuple[int, float]:
    """Returns how many examples to draw for so many rows, and the part of them that this keeps free by intention.

    Args:
        mixer: draws the examples.
        shares: each task's share.
        moments: each task's lengths.
        rows_each: rows that an example takes on average.
        rows: the rows.
        part: part of them that is kept free where lengths differ.
    """
    most = max(1, int(rows / rows_each))
    mean = math.fsum(share * one.mean for share, one in zip(shares, moments, strict=True))
    variance = math.fsum(one.variance_of(share, most) for share, one in zip(shares, moments, strict=True))
    spread = _MARGIN * math.sqrt(max(variance, 0.0) / most) * rows_each / max(mean, 1e-9)
    # Lengths that are all alike pack alike, too.
    spare = rows * (part if variance > 0 else 0.0)
    # The greatest n with n * rows_each + spread * sqrt(n) <= rows - spare.
    root = (math.sqrt(spread**2 + 4 * rows_each * (rows - spare)) - spread) / (2 * rows_each)
    draws = max(1, min(most, int(root**2 * (1 + 1e-12))))
    return draws, spread * math.sqrt(draws) / rows


def _error(shares: Sequence[float], moments: Sequence["_Moments"]) -> float:
    """Returns the standard error of the examples' mean, as a part of it, where not all of a task are measured."""
    mean = math.fsum(share * one.mean for share, one in zip(shares, moments, strict=True))
    variances = (
        share**2 * one.variance / one.measured
        for share, one in zip(shares, moments, strict=True)
        if one.measured < one.count
    )
    return math.sqrt(max(math.fsum(variances), 0.0)) / max(mean, 1e-9)


def _fill(mixer: Mixer, draws: int, limits: Sequence[int], batch_size: int) -> tuple[float, float, float]:
    """Packs windows of so many draws, some, or one of many draws, into as many rows as they need.

    Returns:
        How full rows get, how much the rows that are needed deviate as a part of them, and how many further examples
        a row holds.
    """
    windows = max(1, min(_PACKED, _PACKED_DRAWS // draws))
    drawn = mixer.quota(0, windows * draws, measured=True)
    drawn = drawn.take(evenly_spaced(drawn.task))
    starts = even_parts(demands(drawn.lengths, limits), windows).tolist()
    parts = [drawn.take(slice(start, stop)) for start, stop in itertools.pairwise(starts)]
    volume, rows = np.array([rows_needed(part, limits, batch_size) for part in parts]).T  # [windows]
    fill = max(float(volume.sum()), 1 / max(limits)) / float(rows.sum())
    needed = rows / np.maximum(volume, 1e-9)
    deviation = float(needed.std(ddof=1) / needed.mean()) if windows > 1 else 0.0
    return fill, deviation, windows * draws / float(rows.sum()) - 1


def rows_needed(draws: Draws, limits: Sequence[int], batch_size: int) -> tuple[float, int]:
    """Returns the rows that these examples' tokens take at least, and those that they are packed into."""
    cuts = epoch_order.begins(draws)
    if len(cuts):
        order = np.arange(len(draws.task))  # of as many rows as could be needed
        row = InOrder(draws.lengths, limits, cuts, batch_size, order).row
    else:
        row = bin_packing.choose_rows(draws.lengths, limits, None)
    volume = max(int(tokens) / limit for tokens, limit in zip(draws.lengths.sum(axis=0), limits, strict=True))
    return volume, int(row.max(initial=0)) + 1


def _per_row(moments: Sequence["_Moments"], limits: Sequence[int]) -> int | None:
    """Returns how many examples a row holds where all are of the same lengths; else None."""
    shapes = {one.same for one in moments}
    (shape,) = shapes if len(shapes) == 1 else (None,)
    if shape is None or not any(shape):
        return None
    return min(limit // length for length, limit in zip(shape, limits, strict=True) if length)


@dataclasses.dataclass(frozen=True)
class _Moments:
    """Lengths of a task's examples as shares of a row.

    Sums are of whole numbers, so that they are the same on every machine.

    Attributes:
        count: number of examples.
        measured: of them, how many are measured.
        means: mean share of each feature.
        mean: mean of the examples' greatest share.
        variance: its variance.
        same: the lengths of all examples, where these are the same, else None.
    """

    count: int
    measured: int
    means: tuple[float, ...]
    mean: float
    variance: float
    same: tuple[int, ...] | None

    def variance_of(self, rate: float, draws: int) -> float:
        """Returns the variance of the sum over the task's quota of a window.

        Whole epochs do not vary; the rest is drawn without replacement. The quota of a task that is
        not alone is one of two neighbouring numbers.
        """
        rest = rate * draws % self.count
        without = rest * (self.count - rest) / max(self.count - 1, 1)
        return without * self.variance + (0.25 * self.mean**2 if rate < 1 else 0.0)


def _moments(mixer: Mixer, examples: Sequence[Examples], limits: Sequence[int]) -> list[_Moments]:
    """Measures tasks, many small ones at once."""
    found: list[_Moments] = []
    some: list[np.ndarray] = []
    held = 0
    for number, task in enumerate(examples):
        some.append(task.sample())
        held += len(some[-1])
        if held >= _AT_ONCE or number == len(examples) - 1:
            tasks = np.arange(len(found), number + 1, dtype=np.int32)
            found += _moments_of(mixer, tasks, [examples[task].count for task in tasks.tolist()], some, limits)
            some, held = [], 0
    return found


def _moments_of(
    mixer: Mixer, tasks: np.ndarray, sizes: Sequence[int], samples: Sequence[np.ndarray], limits: Sequence[int]
) -> list[_Moments]:
    counts = np.array([len(sample) for sample in samples])
    task, index = np.repeat(tasks, counts), np.concatenate(samples)
    lengths = mixer.lengths.of(task, np.zeros(len(task), np.int64), index)
    shares = lengths * _ONE // np.asarray(limits, dtype=np.int64)
    greatest = shares.max(axis=1)
    begins = np.cumsum(counts) - counts  # every task has an example
    least, most = (reduce.reduceat(lengths, begins, axis=0) for reduce in (np.minimum, np.maximum))
    same = [tuple(low) if low == high else None for low, high in zip(least.tolist(), most.tolist(), strict=True)]
    totals, squares = (np.add.reduceat(numbers, begins).tolist() for numbers in (greatest, greatest**2))
    sums = np.add.reduceat(shares, begins, axis=0).tolist()
    return [
        _Moments(
            size,
            count,
            tuple(number / count / _ONE for number in means),
            total / count / _ONE,
            (square * count - total**2) / count**2 / _ONE**2,
            shape if count == size else None,
        )
        for size, count, total, square, means, shape in zip(
            sizes, counts.tolist(), totals, squares, sums, same, strict=True
        )
    ]
