"""Blocks of windows: which examples each window of a block gets.

1. A block of W windows gets a fixed number of draws, of each task its share (`Plan.draws`; W is 1 to 16).
2. Where these have more tokens than the block has room for, some, by chance, are deferred to the next block.
3. The examples that the block before deferred are added, as far as there is room; the others are left out, and
   counted.
4. Examples are sorted by task and length and dealt W at a time, one to each window, so that each window gets its part
   of every task's, long and short ones alike.
5. In the 256 groups of W whose examples differ most, the longest goes to the window that has least so far, and so on.
   Windows of a block differ by less than 1% in tokens (tests/data/packing/test_windows.py).
6. The examples of each window are put in a random order.

Every choice follows from the seed and the block's number, so a block depends on itself and the one before alone.

Shapes: N examples, F features, W windows of a block, G groups.
"""

import warnings

import numpy as np

from t5mix.data.mixing import permutation
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing.capacity import Plan
from t5mix.internal.memo import remembers

# Groups of examples by which windows of a block are made equally long.
_LEVELLED = 256


class LeftOut:
    """The examples that found no room.

    Attributes:
        draws: the examples, by ("window", its number) or ("block", its number): what they were drawn for.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self.draws: dict[tuple[str, int], Draws] = {}

    def add(self, where: tuple[str, int], lost: Draws) -> None:
        """Counts examples that found no room, with a warning that names their tasks."""
        if len(lost.task) == 0:
            return
        self.draws[where] = lost
        names = sorted({self._names[task] for task in lost.task.tolist()})
        warnings.warn(
            f"{len(lost.task)} examples drawn for {where[0]} {where[1]} found no room in it nor after it and are "
            f"left out, of: {', '.join(names)}",
            stacklevel=2,
        )


class Blocks:
    """The examples of blocks, window by window.

    Args:
        mixer: draws the examples.
        plan: how much is drawn for how much room.
        seed: decides which example goes where.
        left_out: counts the examples that find no room.
    """

    def __init__(self, mixer: Mixer, plan: Plan, seed: int, left_out: LeftOut) -> None:
        self._mixer, self._plan, self._seed, self._left_out = mixer, plan, seed, left_out

    def of_window(self, window: int) -> Draws:
        """Returns the examples of a window, in a random order."""
        block, number = divmod(window, self._plan.windows)
        draws, starts = self.by_window(block)
        return draws.take(slice(int(starts[number]), int(starts[number + 1])))

    def deferred(self, block: int) -> Draws:
        """Returns the draws that a block has no room for."""
        draws, fits = self._drawn(block)
        return draws.take(np.flatnonzero(~fits))

    @remembers(2)
    def by_window(self, block: int) -> tuple[Draws, np.ndarray]:
        """Returns the examples of a block, window by window, and where each window begins, int64 [W + 1]."""
        draws, fits = self._drawn(block)
        draws = draws if fits.all() else draws.take(np.flatnonzero(fits))
        if block > 0 and len((late := self.deferred(block - 1)).task):
            fits = self._fitting_room(late, draws.lengths.sum(axis=0), block - 1)
            self._left_out.add(("block", block - 1), late.take(np.flatnonzero(~fits)))
            draws = Draws.joined([draws, late.take(np.flatnonzero(fits))])
        window = self._dealt(draws, block)
        by_window = np.argsort(window, kind="stable")
        starts = np.searchsorted(window[by_window], np.arange(self._plan.windows + 1))
        return draws.take(by_window[self._shuffled(starts, block)]), starts

    @remembers(3)  # a block asks for its draws, then for those of the block before
    def _drawn(self, block: int) -> tuple[Draws, np.ndarray]:
        """Returns the draws of a block, and which there is room for, bool [N]."""
        size = self._plan.draws
        draws = self._mixer.quota(block * size, (block + 1) * size)
        return draws, self._fitting_room(draws, np.zeros(len(self._plan.limits), dtype=np.int64), block)

    def _fitting_room(self, draws: Draws, used: np.ndarray, block: int) -> np.ndarray:
        """Returns which draws there is room for, any as soon as others, bool [N].

        Args:
            draws: the examples.
            used: int64 [F], tokens that the block holds besides.
            block: its number.
        """
        room = np.array(self._plan.room, dtype=np.int64) - used
        if (draws.lengths.sum(axis=0) <= room).all():
            return np.ones(len(draws.task), dtype=bool)
        by_chance = permutation.permute(np.arange(len(draws.task)), len(draws.task), ("room", self._seed, block))
        fits = np.empty(len(draws.task), dtype=bool)
        fits[by_chance] = (np.cumsum(draws.lengths[by_chance], axis=0) <= room).all(axis=1)
        return fits

    def _dealt(self, draws: Draws, block: int) -> np.ndarray:
        """Returns the window of the block that each draw goes to, int64 [N]: of W draws of equal kind each gets one."""
        windows, count = self._plan.windows, len(draws.task)
        if windows == 1:
            return np.zeros(count, dtype=np.int64)
        size = (draws.lengths * self._plan.scale).sum(axis=1)  # [N]
        alike = np.lexsort((size, draws.task))
        chance = permutation.permute(np.arange(count), count, ("windows", self._seed, block)) if count else alike
        rank = np.arange(count)
        dealt = alike[np.lexsort((chance, rank // windows))]
        window = np.empty(count, dtype=np.int64)
        window[dealt] = rank % windows
        self._level(window, dealt[: count // windows * windows].reshape(-1, windows), draws.lengths)
        return window

    def _level(self, window: np.ndarray, groups: np.ndarray, lengths: np.ndarray) -> None:
        """Makes windows of a block equally long in the feature that there is most of.

        Args:
            window: int64 [N], the window of each example, changed here.
            groups: int [G, W], examples of which each window gets one, in their order.
            lengths: int64 [N, F].
        """
        most = int(np.argmax(lengths.sum(axis=0) * self._plan.scale))
        tokens = lengths[:, most]  # [N]
        differ = np.ptp(tokens[groups], axis=1) if len(groups) else np.empty(0, np.int64)  # [G]
        widest = np.argsort(-differ, kind="stable")[:_LEVELLED]
        totals = np.bincount(window, tokens, minlength=self._plan.windows).astype(np.int64)  # [W]
        totals -= tokens[groups[widest]].sum(axis=0)
        for group in groups[widest]:
            longest_first = group[np.argsort(-tokens[group], kind="stable")]
            least_first = np.argsort(totals, kind="stable")
            window[longest_first] = least_first
            totals[least_first] += tokens[longest_first]

    def _shuffled(self, starts: np.ndarray, block: int) -> np.ndarray:
        """Returns the examples of a block, int64 [N], with those of each window in a random order."""
        sizes, windows = np.diff(starts), block * self._plan.windows + np.arange(self._plan.windows)  # [W]
        words = np.array([permutation.word(("order", self._seed, int(window))) for window in windows])
        each = np.repeat(np.arange(len(sizes)), sizes)  # [N]
        first = starts[each]
        return first + permutation.permute_each(np.arange(len(each)) - first, sizes[each], words[each])
