"""Intended sums: what each task is to have had of the first draws, where shares change from stage to stage.

A sum grows along a line within a stage. Sums are exact, in parts of 2**48 of an example, and those of all tasks are
together the number of draws.

Shapes: J stages, T tasks.
"""

import bisect
import functools
from collections.abc import Mapping

import numpy as np

from t5mix.data.mixing.weights import BITS

_ONE = 1 << BITS
# A draw that never comes.
NEVER = 1 << 62


class Intended:
    """Intended sums, made stage by stage.

    Args:
        tasks: how many there are.

    Attributes:
        draw: the draw at which the next stage begins.
        starts: the first draw of each stage.
        weights: for each stage int64 [T], what each task has of a draw, in parts of 2**48; 2**48 in all.
        end: the number of draws, where they end.
    """

    def __init__(self, tasks: int) -> None:
        self.draw, self.end = 0, NEVER
        self.starts: list[int] = []
        self.weights: list[np.ndarray] = []
        self._owed = [0] * tasks
        self._sums: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, weights: np.ndarray, draws: int | None) -> None:
        """Adds a stage of these weights; the last has no end, None."""
        self._begin(weights)
        if draws is not None:
            self._owed = [owed + draws * weight for owed, weight in zip(self._owed, weights.tolist(), strict=True)]
            self.draw += draws

    def add_ending(self, weights: np.ndarray, draws: int, targets: Mapping[int, int]) -> None:
        """Adds a stage at whose end some tasks have had whole numbers of examples.

        Args:
            weights: of all tasks; the others share what is left by theirs.
            draws: at least 1.
            targets: for each task that ends, how many examples it has had then.
        """
        self.add_amounts(ending_amounts(self._owed, weights, draws, targets), draws)

    def add_amounts(self, amounts: list[int], draws: int) -> None:
        """Adds a stage in which sums grow by given amounts.

        Its last draw makes good what weights, which are whole numbers, cannot say.

        Args:
            amounts: in parts of 2**48 of an example, not negative, together `draws` examples.
            draws: at least 1.
        """
        assert draws > 0 and min(amounts) >= 0 and sum(amounts) == draws << BITS
        if draws > 1:
            each = _evenly(amounts, draws)
            self.add(np.array(each, dtype=np.int64), draws - 1)
            amounts = [amount - (draws - 1) * one for amount, one in zip(amounts, each, strict=True)]
        self.add(np.array(amounts, dtype=np.int64), 1)

    def finish(self) -> None:
        """Says that nothing is drawn any more."""
        self.end = self.draw
        self._begin(np.zeros(len(self._owed), dtype=np.int64))

    def _begin(self, weights: np.ndarray) -> None:
        self.starts.append(self.draw)
        self.weights.append(weights)
        self._sums.append(_split(self._owed))

    def owed(self) -> list[int]:
        """Returns the sums at `draw`, in parts of 2**48."""
        return list(self._owed)

    def stage(self, draw: int) -> int:
        """Returns the number of the stage that a draw lies in."""
        return bisect.bisect_right(self.starts, draw) - 1

    def stop(self, stage: int) -> int:
        """Returns the draw at which a stage ends."""
        return self.starts[stage + 1] if stage + 1 < len(self.starts) else NEVER

    def sums(self, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the sums of the draws before one: whole examples, and parts of 2**48 above that, int64 [T] each."""
        stage = self.stage(draw)
        whole, part = self._sums[stage]
        if draw == self.starts[stage]:
            return whole, part
        since, weights = draw - self.starts[stage], self.weights[stage].tolist()
        grown = [since * weight + more for weight, more in zip(weights, part.tolist(), strict=True)]
        above, part = _split(grown)
        return whole + above, part

    @functools.cached_property
    def begun(self) -> list[np.ndarray]:
        """For each stage int64 [T]: the first draw that may have been of the example in whose middle it begins."""
        found = [np.zeros(len(self._owed), dtype=np.int64)]
        for stage, weights in enumerate(self.weights[:-1]):
            (whole, part), (after, left) = self._sums[stage], self._sums[stage + 1]
            is_new = (after > whole) | (part == 0)
            found.append(np.where(is_new, self.stop(stage) - ceil_divided(left, np.maximum(weights, 1)), found[-1]))
        return found

    @functools.cached_property
    def due(self) -> list[np.ndarray]:
        """For each stage, and behind the last, int64 [T]: the draw before which that example must be drawn."""
        found = [np.full(len(self._owed), NEVER)]
        for stage in reversed(range(len(self.starts))):
            weights, (_, part) = self.weights[stage], self._sums[stage]
            found.append(due_in(part, weights, self.starts[stage], self.stop(stage), found[-1]))
        return found[::-1]


def ending_amounts(owed: list[int], weights: np.ndarray, draws: int, targets: Mapping[int, int]) -> list[int]:
    """Returns by how much sums grow in a stage at whose end some tasks have had whole numbers of examples.

    Args:
        owed: the sums at its beginning.
        weights: of all tasks; the others share what is left by theirs.
        draws: of the stage.
        targets: for each task that ends, how many examples it has had then.
    """
    amounts = [0] * len(owed)
    for task, count in targets.items():
        amounts[task] = (count << BITS) - owed[task]
    rest = (draws << BITS) - sum(amounts)
    others = [task for task, weight in enumerate(weights.tolist()) if weight and task not in targets]
    for task, amount in zip(others, divided(rest, weights[others].tolist()), strict=True):
        amounts[task] = amount
    return amounts


def due_in(part: np.ndarray, weights: np.ndarray, start: int, stop: int, later: np.ndarray) -> np.ndarray:
    """Returns when sums reach the next whole number, in a stage or later, int64 [T].

    Args:
        part: what sums are above whole numbers at `start`.
        weights: the stage's.
        start: a draw in it.
        stop: its end.
        later: the answer where that is not in the stage.
    """
    after = ceil_divided(_ONE - part, np.maximum(weights, 1))
    return np.where((weights > 0) & (after <= stop - start), start + after, later)


def ceil_divided(numbers: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """Returns quotients rounded up."""
    return -(-numbers // divisors)


def _split(sums: list[int]) -> tuple[np.ndarray, np.ndarray]:
    whole = np.array([number >> BITS for number in sums], dtype=np.int64)
    return whole, np.array([number & (_ONE - 1) for number in sums], dtype=np.int64)


def divided(total: int, weights: list[int]) -> list[int]:
    """Returns parts of a whole number that are to each other as weights, whole numbers too."""
    if not weights:
        assert not total
        return []
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    missing = total - sum(parts)
    return [part + (number < missing) for number, part in enumerate(parts)]


def _evenly(amounts: list[int], draws: int) -> list[int]:
    """Returns weights of all draws but the last, 2**48 in all, by which no task gets more than its amount."""
    each = [amount // draws for amount in amounts]
    missing = _ONE - sum(each)
    spare = [amount - (draws - 1) * one for amount, one in zip(amounts, each, strict=True)]
    for task in sorted(range(len(amounts)), key=lambda task: (-spare[task], task)):
        if not missing:
            break
        more = min(missing, spare[task] // (draws - 1))
        each[task] += more
        missing -= more
    assert not missing, "a stage of more draws than weights can tell"
    return each
