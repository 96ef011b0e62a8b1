"""Which task each draw is of: of the examples that may be drawn, the one whose draw must come first.

The k-th example of a task may be drawn when its intended sum is about to pass k - 1, and must be drawn before that
reaches k. `task_order` has sums of shares that stay, `scheduled_order` those of shares that change.

Where the draws stand after any number of them needs no replay. An example's claim to a draw is settled by its own
times, its task and its number, so those drawn before t are the most urgent ones that fit into t draws. All are
drawn that must be, and of each task one candidate is left to decide on, by what is free in the draws since it may be
drawn. So that these are never too many, rare tasks share the draws of one, and mix among themselves alike.

Shapes: T tasks, N examples, C draws of a chunk (8192), P past draws.
"""

import abc
import heapq
from collections.abc import Sequence

import numpy as np

from t5mix.data.mixing.intended import NEVER
from t5mix.data.mixing.weights import BITS
from t5mix.internal import splitmix
from t5mix.internal.memo import remembers

# Draws that are put in order at once.
CHUNK = 1 << 13


class Sums(abc.ABC):
    """The tasks' intended sums before a draw. Times are counted from it.

    Attributes:
        whole: int64 [T], whole examples of each sum.
        part: int64 [T], what the sum has above that, in parts of 2**48.
        since: int64 [T], where there is a part: for how many draws that example may have been drawn.
        due: int64 [T], where there is a part: the draw before which it must be drawn.
    """

    whole: np.ndarray
    part: np.ndarray
    since: np.ndarray
    due: np.ndarray

    @abc.abstractmethod
    def room(self, past: int) -> np.ndarray:
        """Returns how many of the last 1, 2, .. P draws are not needed by what must be drawn in them, int64 [P]."""

    @abc.abstractmethod
    def examples_until(self, time: int, done: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Returns the examples that may be drawn before `time` and are not among the tasks' first `done`.

        Returns:
            Their tasks and numbers, the first draws that may be of them, and those before which they must be drawn,
            int64 [N] each.
        """


class DeadlineOrder(abc.ABC):
    """Chooses the task of each draw.

    Args:
        names: the tasks.
        rare: numbers of those that are too rare to be mixed with the others, if they are several.
        past: draws that are looked back at, at most.
        seed: decides between equally urgent tasks.

    Attributes:
        end: the number of draws.
    """

    end = NEVER

    def __init__(self, names: Sequence[str], rare: np.ndarray, past: int, seed: int) -> None:
        self._rare = rare if 1 < len(rare) < len(names) else rare[:0]
        self._common = np.setdiff1d(np.arange(len(names)), self._rare)
        # The last of the tasks that are mixed here stands for the rare ones.
        mixed = [names[task] for task in self._common.tolist()] + [""] * bool(len(self._rare))
        self._words = np.array([splitmix.key_words(("urgency", seed, name), 1)[0] for name in mixed], dtype=np.uint64)
        self._past = past
        self._rest: DeadlineOrder | None = None

    @abc.abstractmethod
    def _sums(self, draw: int) -> Sums:
        """Returns the sums, of the tasks that are mixed here, before a draw."""

    def before(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task come before a draw, int64 [T]."""
        counts = self._counts(min(draw, self.end))
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
        now = self._sums(draw)
        counts = now.whole.copy()
        counts[self._drawn_early(now)] += 1
        return counts

    def _drawn_early(self, now: Sums) -> list[int]:
        """Returns the tasks that have been drawn once more than they had to be."""
        missing = int(now.part.sum()) >> BITS  # the parts add up to whole draws
        if not missing:
            return []
        candidates = np.flatnonzero(now.part > 0)
        ties = splitmix.hashed(self._words[candidates], now.whole[candidates])
        levels, level = np.unique(np.minimum(now.since[candidates], self._past), return_inverse=True)
        room = np.minimum.reduceat(now.room(int(levels[-1])), levels - 1)
        early: list[int] = []
        for candidate in np.lexsort((ties, now.due[candidates])).tolist():
            beyond = room[level[candidate] :]
            if beyond.min() > 0:
                beyond -= 1
                early.append(int(candidates[candidate]))
                if len(early) == missing:
                    return early
        raise AssertionError("fewer examples than draws")

    @remembers(8)
    def _chunk(self, number: int) -> np.ndarray:
        """Returns the tasks of a chunk of draws, by earliest deadline first, int32 [C]; fewer where they end."""
        start = number * CHUNK
        draws = min(CHUNK, max(self.end - start, 0))
        if not draws:
            return np.empty(0, np.int32)
        done = self._counts(start)
        task, numbers, release, due = self._sums(start).examples_until(draws, done)
        by_urgency = np.lexsort((splitmix.hashed(self._words[task], numbers), due))
        urgency = np.empty_like(by_urgency)
        urgency[by_urgency] = np.arange(len(task))
        by_release = np.argsort(release, kind="stable")
        free = np.searchsorted(release[by_release], np.arange(draws), side="right").tolist()
        drawn = task[by_urgency[_earliest_first(urgency[by_release].tolist(), free)]]
        if self._rest is None:
            return drawn.astype(np.int32)
        is_rare = drawn == len(self._common)
        first = int(done[-1])
        tasks = np.append(self._common, -1)[drawn].astype(np.int32)
        tasks[is_rare] = self._rare[self._rest.tasks(first, first + int(is_rare.sum()))]
        return tasks


def _earliest_first(urgencies: list[int], free: list[int]) -> list[int]:
    """Draws, at each time, the most urgent of the first `free[time]` examples that is not drawn yet."""
    waiting: list[int] = []
    drawn, known = [], 0
    for stop in free:
        for urgency in urgencies[known:stop]:
            heapq.heappush(waiting, urgency)
        known = stop
        drawn.append(heapq.heappop(waiting))
    return drawn
