"""Blocks of windows: which examples each window gets.

1. A block of W windows gets a fixed number of draws (`Plan.draws`; W is 1 to 16), in their order.
2. Where these have more tokens than the block has room for, the last of them begin the next block.
3. The windows of a block are runs of its draws, one behind the other, that take about as many rows each.

So each window holds whole runs of draws: at its end each task has had its share of all draws so far to within one
example, and each example of a task as often as any other, or once more. A block depends on itself and the one before
alone.

Shapes: N examples, F features, W windows of a block.
"""

import numpy as np

from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.mixing.weights import evenly_spaced, rank_within
from t5mix.data.packing.capacity import Plan
from t5mix.data.packing.even_parts import demands, even_parts
from t5mix.internal.memo import remembers


class Blocks:
    """The examples of windows.

    Args:
        mixer: draws the examples.
        plan: how much is drawn for how much room.
        first: the draw that the first block begins with.
        count: how many blocks there are; None is without end. The last keeps what it has no room for.
    """

    def __init__(self, mixer: Mixer, plan: Plan, first: int = 0, count: int | None = None) -> None:
        self._mixer, self._plan, self._first, self._count = mixer, plan, first, count

    def of_window(self, window: int) -> Draws:
        """Returns the examples of a window, in the order in which they shall be fed."""
        start, stop = self.bounds(window)
        draws, first = self._draws(window // self._plan.windows)
        before = self._mixer.before(first)
        low, high = (self._mixer.before(draw) - before for draw in (start, stop))
        rank = rank_within(draws.task)
        draws = draws.take(np.flatnonzero((rank >= low[draws.task]) & (rank < high[draws.task])))
        return draws.take(evenly_spaced(draws.task))

    def bounds(self, window: int) -> tuple[int, int]:
        """Returns the first draw of a window, and the one behind its last."""
        block, number = divmod(window, self._plan.windows)
        starts = self._starts(block)
        return int(starts[number]), int(starts[number + 1])

    @remembers(2)
    def _starts(self, block: int) -> np.ndarray:
        """Returns the first draw of each window of a block, and the one behind the last, int64 [W + 1]."""
        draws, first = self._draws(block)
        if self._plan.windows == 1:
            return np.array([first, first + len(draws.task)])
        lengths = draws.lengths[evenly_spaced(draws.task)]
        return first + even_parts(demands(lengths, self._plan.limits), self._plan.windows)

    @remembers(2)
    def _draws(self, block: int) -> tuple[Draws, int]:
        """Returns the draws of a block, task by task, and the first one's number."""
        start = self._stop(block - 1) if block else self._first
        stop = self._stop(block)
        if (start, stop) == (self._begin(block), self._begin(block + 1)):
            return self._due(block), start
        return self._mixer.quota(start, stop), start

    @remembers(4)
    def _stop(self, block: int) -> int:
        """Returns the draw behind the last that a block has room for."""
        if block + 1 == self._count:
            return self._begin(block + 1)
        draws = self._due(block)
        room = np.array(self._plan.room, dtype=np.int64)
        if (draws.lengths.sum(axis=0) <= room).all():
            return self._begin(block + 1)
        used = np.cumsum(draws.lengths[evenly_spaced(draws.task)], axis=0)
        return self._begin(block) + int(np.count_nonzero((used <= room).all(axis=1)))

    @remembers(3)  # a block asks for its draws, then for those of the block before
    def _due(self, block: int) -> Draws:
        """Returns the draws that are planned for a block, task by task."""
        return self._mixer.quota(self._begin(block), self._begin(block + 1))

    def _begin(self, block: int) -> int:
        """Returns the first draw that is planned for a block."""
        return self._first + block * self._plan.draws
