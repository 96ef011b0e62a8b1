"""Which tasks will have had all that they may, and after which draws: found once, as far ahead as is asked."""

import dataclasses

import numpy as np

from t5mix.data.mixing.intended import Intended, ending_amounts
from t5mix.data.mixing.schedule import Schedule, draws_until_one_ends, targets_within


@dataclasses.dataclass(frozen=True)
class _End:
    """The end of one task or more.

    Attributes:
        due: the draw that it is due at; it comes somewhat later where several end that need more draws together.
        draw: the draw that it comes at.
        weights: by which is drawn from there on; all 0 where no task is left.
    """

    due: int
    draw: int
    weights: np.ndarray


class ComingEnds:
    """The ends of tasks in a stage, one after the other.

    Args:
        schedule: rates and limits.
        stage: the stage.
        intended: the intended sums so far.
        done: tasks that have had all that they may by then.
    """

    def __init__(self, schedule: Schedule, stage: int, intended: Intended, done: frozenset[int]) -> None:
        self._schedule, self.stage, self._done = schedule, stage, done
        self._owed, self._draw, self._weights = intended.owed(), intended.draw, schedule.weights(stage, done)
        self._found: list[_End] = []

    def between(self, draw: int, before: int) -> list[np.ndarray]:
        """Returns the weights from each end on that comes behind a draw and is due before another."""
        limits = self._schedule.limits
        while self._weights.any():
            draws = draws_until_one_ends(self._owed, self._weights, limits)
            if draws is None or self._draw + draws >= before:
                break
            due = self._draw + draws
            draws, ends = targets_within(self._owed, self._weights, draws, limits, {})
            amounts = ending_amounts(self._owed, self._weights, draws, ends)
            self._owed = [owed + amount for owed, amount in zip(self._owed, amounts, strict=True)]
            self._draw, self._done = self._draw + draws, self._done | ends.keys()
            self._weights = self._schedule.weights(self.stage, self._done)
            self._found.append(_End(due, self._draw, self._weights))
        return [end.weights for end in self._found if draw < end.draw and end.due < before]
