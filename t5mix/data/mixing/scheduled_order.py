"""Mixing by shares that change: every prefix of the draws holds each task's intended sum to within one example.

As in `task_order`, the most urgent example that may be drawn is. That meets all deadlines whatever the shares of
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

from t5mix.data.mixing.deadline_order import DeadlineOrder, Sums
from t5mix.data.mixing.intended import NEVER, Intended, ceil_divided, divided, due_in
from t5mix.data.mixing.weights import BITS, integer_weights

# Draws that are looked back at, at most, and of them at once, for which 64 bits hold the arithmetic.
_PAST, _AT_ONCE = 1 << 18, 1 << 16
_RARE = (1 << BITS) // _PAST


class ScheduledOrder(DeadlineOrder):
    """Chooses the task of each draw by intended sums.

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
        super().__init__(names, np.flatnonzero(is_rare), _PAST, seed)
        self.end, self._intended = intended.end, intended
        if len(self._rare):
            self._intended = _joined(intended, self._common, self._rare)
            inner = self._of_the_rare(intended)
            self._rest = ScheduledOrder([names[task] for task in self._rare.tolist()], inner, seed)

    def _sums(self, draw: int) -> "_Before":
        return _Before(self._intended, draw)

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


class _Before(Sums):
    """Intended sums before a draw.

    Args:
        intended: all of them.
        draw: the draw.
    """

    def __init__(self, intended: Intended, draw: int) -> None:
        self._intended, self._draw = intended, draw
        self.whole, self.part = intended.sums(draw)
        stage = self._stage = intended.stage(draw)
        start, stop = intended.starts[stage], intended.stop(stage)
        weights, (whole, part) = intended.weights[stage], intended.sums(start)
        is_new = (self.whole > whole) | (part == 0)
        here = draw - ceil_divided(self.part, np.maximum(weights, 1))
        self.since = draw - np.where(is_new, here, intended.begun[stage])
        self.due = due_in(self.part, weights, draw, stop, intended.due[stage + 1]) - draw

    def room(self, past: int) -> np.ndarray:
        settled = [np.empty(0, np.int64)]  # for each part of the draws, how long ago examples may first have been drawn
        stage, stop = self._stage, self._draw
        first = max(0, self._draw - past)
        while stop > first:
            start = max(self._intended.starts[stage], first, stop - _AT_ONCE)
            whole, part = self._intended.sums(stop)
            before, more = self._intended.sums(start)
            begin = before + (more > 0)
            counts = np.maximum(np.minimum(whole + (part > 0), self.whole) - begin, 0)
            task = np.repeat(np.arange(len(counts)), counts)
            number = np.arange(len(task)) - np.repeat(np.cumsum(counts) - counts - begin + whole, counts)
            weights = self._intended.weights[stage]
            since = self._draw - stop - _floor_times(number, part[task], weights[task])
            settled.append(since[since <= past])
            stage, stop = stage - (start == self._intended.starts[stage]), start
        return np.arange(1, past + 1) - np.cumsum(np.bincount(np.concatenate(settled), minlength=past + 1)[1:])

    def examples_until(self, time: int, done: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        waiting = np.flatnonzero((self.part > 0) & (done == self.whole))
        found = [(waiting, self.whole[waiting], np.zeros_like(waiting), self.due[waiting])]
        stage, start, stop = self._stage, self._draw, self._draw + time
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
            found.append((task, number + whole[task], release - self._draw, due - self._draw))
            stage, start = stage + 1, here
        task, numbers, release, due = (np.concatenate(column) for column in zip(*found, strict=True))
        return task, numbers, release, due


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
