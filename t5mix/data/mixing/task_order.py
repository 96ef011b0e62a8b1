"""Mixing: which task each draw is of; every prefix of the draws holds each task's share to within one example.

The k-th example of a task with share p is drawn no sooner than draw floor((k - 1) / p) and before draw ceil(k / p).
Among examples that may be drawn the one whose draw must come first is ("earliest deadline first", which meets all of
these deadlines where they can be met, and they can: Tijdeman 1980, "The chairman assignment problem"; Baruah, Cohen,
Plaxton and Varvel 1996, "Proportionate progress"). Equal deadlines are put in a random order.

A candidate waits for 1 / p draws at most. So that this is never more than 2**16 draws, tasks that are rarer share the
draws of one, and mix among themselves alike; their counts stay within one example plus their share of the rare ones.

Shapes: T tasks, N examples, P past draws. Shares are int64, in parts of 2**48 of a draw.
"""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from t5mix.data.mixing.deadline_order import DeadlineOrder, Sums
from t5mix.data.mixing.intended import ceil_divided
from t5mix.data.mixing.weights import BITS, integer_weights, whole_numbers

# Draws that are looked back at; 64 bits hold the arithmetic of no more.
_PAST = 1 << 16


class TaskOrder(DeadlineOrder):
    """Chooses the task of each draw by shares that stay.

    Args:
        rates: each task's share, by name, positive.
        seed: decides between equally urgent tasks.
    """

    def __init__(self, rates: Mapping[str, float | Fraction], seed: int) -> None:
        names, exact = list(rates), whole_numbers(rates.values())
        total = sum(exact)
        super().__init__(names, np.flatnonzero([number * _PAST < total for number in exact]), _PAST, seed)
        shares = {names[task]: exact[task] for task in self._common.tolist()}
        if len(self._rare):
            self._rest = TaskOrder({names[task]: exact[task] for task in self._rare.tolist()}, seed)
            shares[""] = total - sum(shares.values())
        self._weights = integer_weights(shares)

    def _sums(self, draw: int) -> "_Shares":
        return _Shares(self._weights, draw)


class _Shares(Sums):
    """Tasks' shares of the draws before one.

    Args:
        weights: int64 [T].
        draw: the draw.
    """

    def __init__(self, weights: np.ndarray, draw: int) -> None:
        owed = [draw * weight for weight in weights.tolist()]
        self._weights = weights
        self.whole = np.array([number >> BITS for number in owed], dtype=np.int64)
        self.part = np.array([number & ((1 << BITS) - 1) for number in owed], dtype=np.int64)
        self.since = ceil_divided(self.part, weights)
        self.due = ceil_divided((1 << BITS) - self.part, weights)

    def room(self, past: int) -> np.ndarray:
        most = np.minimum(self._weights // ((1 << BITS) // past), self.whole)
        task = np.repeat(np.arange(len(most)), most)
        number = np.arange(len(task)) - np.repeat(np.cumsum(most), most)  # -most .. -1
        since = -self._releases(task, number)
        settled = np.bincount(since[since <= past], minlength=past + 1)[1:]
        return np.arange(1, past + 1) - np.cumsum(settled)

    def examples_until(self, time: int, done: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        stop = -(-(time * self._weights + self.part) >> BITS)
        begin = done - self.whole
        counts = stop - begin
        task = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum(counts) - counts
        number = np.arange(len(task)) - np.repeat(first - begin, counts)
        return task, self.whole[task] + number, self._releases(task, number), self._deadlines(task, number)

    def _releases(self, task: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Returns the first draw that may be of each of these examples, counted from `whole`, int64 [N]."""
        turn, rest, part, weight = self._turns(task)
        return number * turn + (number * rest - part) // weight

    def _deadlines(self, task: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Returns the draw before which each of these examples must have been drawn, int64 [N]."""
        turn, rest, part, weight = self._turns(task)
        return (number + 1) * turn + ceil_divided((number + 1) * rest - part, weight)

    def _turns(self, task: np.ndarray) -> tuple[np.ndarray, ...]:
        turn, rest = np.divmod(1 << BITS, self._weights)
        return turn[task], rest[task], self.part[task], self._weights[task]
