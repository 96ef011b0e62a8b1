"""What decides how often tasks are drawn, step by step: rates, and how often an example may be repeated."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from t5mix.data.mixing.intended import divided
from t5mix.data.mixing.weights import BITS, integer_weights

_ONE = 1 << BITS


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The rates of tasks by steps of training.

    Attributes:
        what: names the mixture in messages.
        names: its tasks.
        starts: the first step of each stage, ascending from 0.
        rates: for each stage the rate of each task, as shares of examples.
        limits: for each task how many examples of it are drawn in all; None is without limit.
    """

    what: str
    names: tuple[str, ...]
    starts: tuple[int, ...]
    rates: tuple[tuple[float, ...], ...]
    limits: tuple[int | None, ...]

    @property
    def is_constant(self) -> bool:
        """Whether nothing ever changes."""
        return len(self.starts) == 1 and all(limit is None for limit in self.limits)

    def weights(self, stage: int, done: frozenset[int]) -> np.ndarray:
        """Returns what each task has of a draw in parts of 2**48, int64 [tasks], 2**48 in all.

        Args:
            stage: number of the stage.
            done: tasks that have had all that they may; they have none.

        Returns:
            All 0 where no task with a rate is left.
        """
        found = np.zeros(len(self.names), dtype=np.int64)
        open_ones = {task: rate for task, rate in enumerate(self.rates[stage]) if rate > 0 and task not in done}
        if open_ones:
            some = {str(task): rate for task, rate in open_ones.items()}
            found[list(open_ones)] = integer_weights(some)
        return found


def draws_until_one_ends(owed: list[int], weights: np.ndarray, limits: tuple[int | None, ...]) -> int | None:
    """Returns after how many draws the next task has had all that it may, at least 1; None where none ever has.

    Args:
        owed: the tasks' intended sums, in parts of 2**48.
        weights: what each has of a draw.
        limits: how many examples each may have.
    """
    draws = [
        -(-((limit << BITS) - owed[task]) // weight)
        for task, (limit, weight) in enumerate(zip(limits, weights.tolist(), strict=True))
        if limit is not None and weight
    ]
    return max(1, min(draws)) if draws else None


def targets_within(
    owed: list[int], weights: np.ndarray, draws: int, limits: tuple[int | None, ...], targets: Mapping[int, int]
) -> tuple[int, dict[int, int]]:
    """Returns what ends with a stage of about so many draws, so that no task gets more than it may.

    Args:
        owed: the tasks' intended sums, in parts of 2**48.
        weights: what each has of a draw.
        draws: about how many draws the stage has.
        limits: how many examples each task may have.
        targets: what tasks are to have had for other reasons.

    Returns:
        How many draws, and for each task that ends what it is to have had. Fewer draws where all tasks end; more where
        those that end need more.
    """
    found = dict(targets)
    while True:
        asked = sum((count << BITS) - owed[task] for task, count in found.items())
        others = [task for task, weight in enumerate(weights.tolist()) if weight and task not in found]
        if not others:
            return asked >> BITS, found
        draws = max(draws, -(-asked >> BITS))
        grown = divided((draws << BITS) - asked, weights[others].tolist())
        over = {
            task: limit
            for task, more in zip(others, grown, strict=True)
            if (limit := limits[task]) is not None and owed[task] + more >= limit << BITS
        }
        if not over:
            return draws, found
        found |= over


def whole_at_end(owed: list[int], weights: np.ndarray, draws: int, ending: list[int]) -> dict[int, int] | None:
    """Returns whole numbers of examples for tasks whose rate falls to 0 after so many draws: their sums, rounded.

    What rounding leaves is handed from one to the next, so together they are off by half an example at most.

    Returns:
        None where there are too few draws for it.
    """
    found, over = {}, 0
    for task in ending:
        goal = owed[task] + draws * int(weights[task]) + over
        found[task] = max((goal + _ONE // 2) >> BITS, -(-owed[task] >> BITS))
        over = goal - (found[task] << BITS)
    rest = (draws << BITS) - sum((count << BITS) - owed[task] for task, count in found.items())
    has_others = any(weight for task, weight in enumerate(weights.tolist()) if task not in found)
    return found if rest == 0 or (rest > 0 and has_others) else None


def limit_of(epochs: float | None, examples: int) -> int | None:
    """Returns how many draws so many passes over a task's examples are, at least 1."""
    return None if epochs is None else max(1, math.floor(epochs * examples * (1 + 1e-12)))
