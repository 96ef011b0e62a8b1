"""Mixing by shares that change: every prefix of the draws holds each task's intended sum to within one example.

As in `task_order`, the k-th example of a task may be drawn when its intended sum is about to pass k - 1, and must be
drawn before that reaches k; the most urgent one that may be drawn is. That meets all deadlines whatever the shares of
each draw are, as long as they add up to 1: the chairman assignment problem (Tijdeman 1980) is stated for such.
Deadlines know of all stages to come. So where the draws stand at any place follows from the sums alone, without replay.

A task that gets no share for a while must have had a whole number of examples by then (`Intended.add_ending`), so none
of it is left that could be drawn meanwhile.

What must be looked back at is as long as the rarest task waits for an example. So that this is never more than 2**18
draws, tasks that are rarer in some stage share the draws of one, and mix among themselves alike.

Shapes: T tasks, N examples, C draws of a chunk (8192), P past draws.
"""

from collections.abc import Sequence

import numpy as np

from t5mix.data.mixing.intended import NEVER, Intended, ceil_divided, divided, due_in
from t5mix.data.mixing.task_order import CHUNK, earliest_first
from t5mix.data.mixing.weights import BITS, integer_weights
from t5mix.internal import splitmix
from t5mix.internal.memo import remembers

# Draws that are looked back at, at most, and of them at once, for which 64 bits hold the arithmetic.
_PAST, _AT_ONCE = 1 << 18, 1 << 16
_RARE = (1 << BITS) // _PAST


class ScheduledOrder:
    """Chooses the task of each draw.

    Args:
        names: the tasks.
        intended: their intended sums.
        seed: decides between equally urgent tasks.
    """

    def __init__(self, names: Sequence[str], intended: Intended, seed: int) -> None:
        weights = np.array(intended.weights)  # [J, T]
        # The last draw of some stages is a stage of its own, in which weights mean little.
        is_long = np.array([intended.stop(stage) - start > 1 for stage, start in enumerate(intended.starts)])
        is_rare = ((weights > 0) & (weights < _RARE) & is_long[:, None]).any(axis=0)
        rare = np.flatnonzero(is_rare)
        self._rare = rare if 1 < len(rare) < len(names) else rare[:0]
        self._common = np.setdiff1d(np.arange(len(names)), self._rare)
        mixed = [names[task] for task in self._common.tolist()] + [""] * bool(len(self._rare))
        self._words = np.array([splitmix.key_words(("urgency", seed, name), 1)[0] for name in mixed], dtype=np.uint64)
        self._intended = _joined(intended, self._common, self._rare) if len(self._rare) else intended
        self.end = intended.end
        self._rest: ScheduledOrder | None = None
        if len(self._rare):
            inner = self._of_the_rare(intended)
            self._rest = ScheduledOrder([names[task] for task in self._rare.tolist()], inner, seed)

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

    def _of_the_rare(self, intended: Intended) -> Intended:
        """Returns the intended sums of the rare tasks in the draws that they share.

        At a stage's end they are those of all draws, but for each one's part of what their draws differ from theirs.
        """
        inner = Intended(len(self._rare))
        for stage, start in enumerate(intended.starts):
            weights, stop = intended.weights[stage][self._rare], intended.stop(stage)
            if stop == NEVER:
                break
            first, last = (int(self._counts(draw)[-1]) for draw in (start, stop))
            if last > first:
                whole, part = (sums[self._rare] for sums in intended.sums(stop))
                inner.add_amounts(_grown(inner.owed(), whole, part, weights, last), last - first)
        if weights.any():
            inner.add(_whole_weights(weights), None)
        else:
            inner.finish()
        return inner

    @remembers(8)
    def _counts(self, draw: int) -> np.ndarray:
        """Returns how many examples of each task that is mixed here come before a draw."""
        now = _Now(self._intended, draw)
        counts = now.whole.copy()
        counts[self._drawn_early(now)] += 1
        return counts

    def _drawn_early(self, now: "_Now") -> list[int]:
        """Returns the tasks that have been drawn once more than they had to be; see `TaskOrder`."""
        missing = int(now.part.sum()) >> BITS  # the parts add up to whole draws
        if not missing:
            return []
        candidates = np.flatnonzero(now.part > 0)
        ties = splitmix.hashed(self._words[candidates], now.whole[candidates])
        since = np.minimum(now.draw - now.begun[candidates], _PAST)
        levels, level = np.unique(since, return_inverse=True)
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
        """Returns the tasks of a chunk of draws, by earliest deadline first, int32 [C]."""
        start = number * CHUNK
        draws = min(CHUNK, max(self.end - start, 0))
        if not draws:
            return np.empty(0, np.int32)
        now, done = _Now(self._intended, start), self._counts(start)
        task, numbers, release, due = now.examples_until(start + draws, done)
        by_urgency = np.lexsort((splitmix.hashed(self._words[task], numbers), due))
        urgency = np.empty_like(by_urgency)
        urgency[by_urgency] = np.arange(len(task))
        by_release = np.argsort(release, kind="stable")
        free = np.searchsorted(release[by_release], start + np.arange(draws), side="right").tolist()
        drawn = task[by_urgency[earliest_first(urgency[by_release].tolist(), free)]]
        if self._rest is None:
            return drawn.astype(np.int32)
        is_rare = drawn == len(self._common)
        first = int(done[-1])
        tasks = np.append(self._common, -1)[drawn].astype(np.int32)
        tasks[is_rare] = self._rare[self._rest.tasks(first, first + int(is_rare.sum()))]
        return tasks


class _Now:
    """Sums before a draw.

    Attributes:
        draw: the draw.
        whole: int64 [T], whole examples of each sum.
        part: int64 [T], what the sum has above that, in parts of 2**48.
        begun: int64 [T], where there is a part: the first draw that may have been of that example.
        due: int64 [T], where there is a part: the draw before which that example must be drawn.
    """

    def __init__(self, intended: Intended, draw: int) -> None:
        self._intended, self.draw = intended, draw
        self.whole, self.part = intended.sums(draw)
        stage = self._stage = intended.stage(draw)
        start, stop = intended.starts[stage], intended.stop(stage)
        weights, (whole, part) = intended.weights[stage], intended.sums(start)
        is_new = (self.whole > whole) | (part == 0)
        here = draw - ceil_divided(self.part, np.maximum(weights, 1))
        self.begun = np.where(is_new, here, intended.begun[stage])
        self.due = due_in(self.part, weights, draw, stop, intended.due[stage + 1])

    def room(self, past: int) -> np.ndarray:
        """Returns how many of the last 1, 2, .. P draws are not needed by what must be drawn in them, int64 [P]."""
        settled = np.zeros(past + 1, dtype=np.int64)
        stage, stop = self._stage, self.draw
        first = max(0, self.draw - past)
        while stop > first:
            start = max(self._intended.starts[stage], first, stop - _AT_ONCE)
            whole, part = self._intended.sums(stop)
            before, more = self._intended.sums(start)
            begin = before + (more > 0)
            counts = np.maximum(np.minimum(whole + (part > 0), self.whole) - begin, 0)
            task = np.repeat(np.arange(len(counts)), counts)
            number = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts - begin + whole, counts)
            weights = self._intended.weights[stage]
            since = self.draw - stop - _floor_times(number, part[task], weights[task])
            settled += np.bincount(since[since <= past], minlength=past + 1)
            stage, stop = stage - (start == self._intended.starts[stage]), start
        return np.arange(1, past + 1) - np.cumsum(settled[1:])

    def examples_until(self, stop: int, done: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the examples that may be drawn before `stop` and are not among the tasks' first `done`.

        Returns:
            Their tasks and numbers, the first draws that may be of them, and those before which they must be drawn,
            int64 [N] each.
        """
        waiting = np.flatnonzero((self.part > 0) & (done == self.whole))
        found = [(waiting, self.whole[waiting], np.full(len(waiting), self.draw), self.due[waiting])]
        stage, start = self._stage, self.draw
        while start < stop:
            end = self._intended.stop(stage)
            here = min(end, stop)
            (whole, part), (after, more) = self._intended.sums(start), self._intended.sums(here)
            begin = whole + (part > 0)
            counts = after + (more > 0) - begin
            task = np.repeat(np.arange(len(counts)), counts)
            number = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts - begin + whole, counts)
            weights = self._intended.weights[stage]
            release = start + _floor_times(number, part[task], weights[task])
            due = start - _floor_times(-1 - number, -part[task], weights[task])
            due = np.where(due <= end, due, self._intended.due[stage + 1][task])
            found.append((task, number + whole[task], release, due))
            stage, start = stage + 1, here
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def _floor_times(number: np.ndarray, part: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Returns after how many draws sums that are `part` above a whole number are `number` above it, rounded down."""
    turn, rest = np.divmod(1 << BITS, weight)
    return number * turn + (number * rest - part) // weight


def _whole_weights(weights: np.ndarray) -> np.ndarray:
    """Returns the same shares as parts of 2**48."""
    found = np.zeros(len(weights), dtype=np.int64)
    some = np.flatnonzero(weights)
    found[some] = integer_weights({str(task): int(weights[task]) for task in some.tolist()})
    return found


def _grown(owed: list[int], whole: np.ndarray, part: np.ndarray, weights: np.ndarray, draws: int) -> list[int]:
    """Returns by how much sums grow, from `owed`, in a stage at whose end they are to be `draws` examples together.

    Args:
        owed: sums at its beginning.
        whole: whole examples that each is to be at its end, int64 [T].
        part: what it is to be above that.
        weights: by which tasks share what the sums at the end differ from `draws`; those that end have no part of it.
        draws: the sum of all at the end.
    """
    goals = [(int(one) << BITS) + int(more) for one, more in zip(whole, part, strict=True)]
    open_ended = np.flatnonzero((weights > 0) & (part > 0)).tolist() or np.flatnonzero(weights).tolist()
    difference = (draws << BITS) - sum(goals)
    for task, more in zip(open_ended, divided(difference, weights[open_ended].tolist()), strict=True):
        goals[task] += more
    amounts = [goal - had for goal, had in zip(goals, owed, strict=True)]
    excess = -sum(amount for amount in amounts if amount < 0)
    amounts = [max(amount, 0) for amount in amounts]
    for task in sorted(range(len(amounts)), key=lambda task: -amounts[task]):
        less = min(excess, amounts[task])
        amounts[task] -= less
        excess -= less
    return amounts


def _joined(intended: Intended, common: np.ndarray, rare: np.ndarray) -> Intended:
    """Returns sums in which one task, the last, stands for the rare ones."""
    joined = Intended(len(common) + 1)
    for stage, weights in enumerate(intended.weights):
        stop = intended.stop(stage)
        if stage == len(intended.weights) - 1 and intended.end < NEVER:
            joined.finish()
            break
        together = np.append(weights[common], weights[rare].sum())
        joined.add(together, None if stop == NEVER else stop - intended.starts[stage])
    return joined
