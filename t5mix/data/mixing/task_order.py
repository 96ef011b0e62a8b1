"""Mixing: which task each draw is of; every prefix of the draws holds each task's share to within one example.

The k-th example of a task with share p is drawn no sooner than draw floor((k - 1) / p) and before draw ceil(k / p).
Among examples that may be drawn the one whose draw must come first is ("earliest deadline first", which meets all of
these deadlines where they can be met, and they can: Tijdeman 1980, "The chairman assignment problem"; Baruah, Cohen,
Plaxton and Varvel 1996, "Proportionate progress"). Equal deadlines are put in a random order.

Where the draws stand after any number of them needs no replay. An example's claim to a draw is settled by its own
times, its task and its number, so those drawn before t are the most urgent ones that fit into t draws. All are
drawn that must be, and of each task one candidate is left to decide on, by what is free in the last 1 / p draws. So
that this is never more than 2**16 draws, tasks that are rarer share the draws of one, and mix among themselves alike;
their counts stay within one example plus their share of the rare ones.

Shapes: T tasks, N examples, C draws of a chunk (8192), P past draws (65536). Times are counted from the draw that is
asked for. Shares are int64, in parts of 2**48 of a draw.
"""

import heapq
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from t5mix.data.mixing.intended import NEVER
from t5mix.data.mixing.weights import BITS, integer_weights, whole_numbers
from t5mix.internal import splitmix
from t5mix.internal.memo import remembers

# Draws that are put in order at once.
CHUNK = 1 << 13
# Draws that are looked back at; 64 bits hold the arithmetic of no more.
_PAST = 1 << 16


class TaskOrder:
    """Chooses the task of each draw.

    Args:
        rates: each task's share, by name, positive.
        seed: decides between equally urgent tasks.

    Attributes:
        end: a draw that never comes: these have no end.
    """

    end = NEVER

    def __init__(self, rates: Mapping[str, float | Fraction], seed: int) -> None:
        exact = dict(zip(rates, whole_numbers(rates.values()), strict=True))
        names, total = list(exact), sum(exact.values())
        rare = [name for name in names if exact[name] * _PAST < total]
        rare = rare if 1 < len(rare) < len(names) else []
        self._rest = TaskOrder({name: exact.pop(name) for name in rare}, seed) if rare else None
        # The last of the tasks that are mixed here stands for the rare ones.
        self._common = np.array([number for number, name in enumerate(names) if name in exact])
        self._rare = np.array([number for number, name in enumerate(names) if name not in exact], dtype=np.int64)
        if rare:
            exact[""] = total - sum(exact.values())  # what was taken out
        self._weights = integer_weights(exact)
        self._words = np.array([splitmix.key_words(("urgency", seed, name), 1)[0] for name in exact], dtype=np.uint64)

    def before(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task come before a draw, int64 [T]."""
        counts = self._counts(draw)
        if self._rest is None:
            return counts
        joined = np.empty(len(self._common) + len(self._rare), dtype=np.int64)
        joined[self._common] = counts[:-1]
        joined[self._rare] = self._rest.before(int(counts[-1]))
        return joined

    def tasks(self, start: int, stop: int) -> np.ndarray:
        """Returns the task of each draw from `start` to before `stop`, int32."""
        numbers = range(start // CHUNK, -(-stop // CHUNK))
        joined = np.concatenate([*(self._chunk(number) for number in numbers), np.empty(0, np.int32)])
        first = start // CHUNK * CHUNK
        return joined[start - first : stop - first]

    @remembers(8)
    def _counts(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task that is mixed here come before a draw."""
        now = _Now.at(self._weights, draw)
        counts = now.whole.copy()
        counts[self._drawn_early(now)] += 1
        return counts

    def _drawn_early(self, now: "_Now") -> list[int]:
        """Returns the tasks that have been drawn once more than they had to be."""
        missing = int(now.part.sum()) >> BITS  # the parts add up to whole draws
        if not missing:
            return []
        candidates = np.flatnonzero(now.part > 0)
        ties = splitmix.hashed(self._words[candidates], now.whole[candidates])
        since = _ceil_divided(now.part, now.weights)[candidates]  # draws since each may be drawn
        until = _ceil_divided((1 << BITS) - now.part, now.weights)[candidates]
        levels, level = np.unique(np.minimum(since, _PAST), return_inverse=True)
        room = np.minimum.reduceat(now.room(_PAST), levels - 1)
        early: list[int] = []
        for candidate in np.lexsort((ties, until)).tolist():
            beyond = room[level[candidate] :]
            if beyond.min() > 0:
                beyond -= 1
                early.append(int(candidates[candidate]))
                if len(early) == missing:
                    return early
        raise AssertionError("fewer examples than draws")

    @remembers(8)
    def _chunk(self, number: int) -> np.ndarray:
        """Returns the tasks of a chunk of draws, by earliest deadline first, int32 [C]."""
        start = number * CHUNK
        now = _Now.at(self._weights, start)
        task, numbers = now.examples_until(CHUNK, self._counts(start) - now.whole)
        ties = splitmix.hashed(self._words[task], now.whole[task] + numbers)
        by_urgency = np.lexsort((ties, now.deadlines(task, numbers)))
        urgency = np.empty_like(by_urgency)
        urgency[by_urgency] = np.arange(len(task))
        release = now.releases(task, numbers)
        by_release = np.argsort(release, kind="stable")
        free = np.searchsorted(release[by_release], np.arange(CHUNK), side="right").tolist()
        drawn = task[by_urgency[earliest_first(urgency[by_release].tolist(), free)]]
        if self._rest is None:
            return drawn.astype(np.int32)
        is_rare = drawn == len(self._common)
        first = int(self._counts(start)[-1])
        tasks = np.append(self._common, -1)[drawn].astype(np.int32)
        tasks[is_rare] = self._rare[self._rest.tasks(first, first + int(is_rare.sum()))]
        return tasks


def earliest_first(urgencies: list[int], free: list[int]) -> list[int]:
    """Draws, at each time, the most urgent of the first `free[time]` examples that is not drawn yet."""
    waiting: list[int] = []
    drawn, known = [], 0
    for stop in free:
        for urgency in urgencies[known:stop]:
            heapq.heappush(waiting, urgency)
        known = stop
        drawn.append(heapq.heappop(waiting))
    return drawn


class _Now:
    """Tasks' shares of the draws before one, and times counted from it.

    Attributes:
        weights: int64 [T].
        whole: int64 [T], whole examples of each share.
        part: int64 [T], what the share has above that, in parts of 2**48.
    """

    def __init__(self, weights: np.ndarray, whole: np.ndarray, part: np.ndarray) -> None:
        self.weights, self.whole, self.part = weights, whole, part

    @classmethod
    def at(cls, weights: np.ndarray, draw: int) -> "_Now":
        """Returns the shares of the draws before `draw`."""
        owed = [draw * weight for weight in weights.tolist()]
        whole = np.array([number >> BITS for number in owed], dtype=np.int64)
        part = np.array([number & ((1 << BITS) - 1) for number in owed], dtype=np.int64)
        return cls(weights, whole, part)

    def room(self, past: int) -> np.ndarray:
        """Returns how many of the last 1, 2, .. P draws are not needed by what must be drawn in them, int64 [P]."""
        most = np.minimum(self.weights // ((1 << BITS) // past), self.whole)
        task = np.repeat(np.arange(len(most)), most)
        number = np.arange(len(task)) - np.repeat(np.cumsum(most), most)  # -most .. -1
        since = -self.releases(task, number)
        settled = np.bincount(since[since <= past], minlength=past + 1)[1:]
        return np.arange(1, past + 1) - np.cumsum(settled)

    def examples_until(self, time: int, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the examples that may be drawn before `time` and are not among the tasks' first `done`.

        Returns:
            Their tasks, and their numbers, counted from the tasks' `whole`, int64 [N] each.
        """
        stop = -(-(time * self.weights + self.part) >> BITS)
        counts = stop - done
        task = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum(counts) - counts
        return task, np.arange(len(task)) - np.repeat(first - done, counts)

    def releases(self, task: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Returns the first draw that may be of each of these examples, int64 [N]."""
        turn, rest, part, weight = self._turns(task)
        return number * turn + (number * rest - part) // weight

    def deadlines(self, task: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Returns the draw before which each of these examples must have been drawn, int64 [N]."""
        turn, rest, part, weight = self._turns(task)
        return (number + 1) * turn + _ceil_divided((number + 1) * rest - part, weight)

    def _turns(self, task: np.ndarray) -> tuple[np.ndarray, ...]:
        turn, rest = np.divmod(1 << BITS, self.weights)
        return turn[task], rest[task], self.part[task], self.weights[task]


def _ceil_divided(numbers: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    return -(-numbers // divisors)
