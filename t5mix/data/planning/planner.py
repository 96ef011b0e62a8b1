"""Plans what a stream feeds in so many steps.

1. Examples are placed in the rows of the first windows, by their lengths alone, to see which find no room. The rest
   needs no placing: which examples are fed before a step follows from the draws before the end of a window.
2. The tokens of these examples are added up (`tallies.py`).
3. Where a task's second epoch begins, batches are looked through (`repetitions.py`).
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from t5mix.data.examples.base import Examples
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing.scheduled_rows import ScheduledRows
from t5mix.data.packing.timetable import Change
from t5mix.data.packing.windows import TRIES, Fed, PackedRows, PlainRows
from t5mix.data.planning import tallies
from t5mix.data.planning.feed_plan import FeedPlan, Interval, TaskPlan
from t5mix.data.planning.repetitions import Repetition, Repetitions

# Windows that are placed, unless all are; parts of the steps that shares are told of.
_PLACED, _INTERVALS = 256, 48

# Called with what is being done, how much of it is done, and how much there is.
Tell = Callable[[str, int, int], None]


class Planner:
    """Plans one stream.

    Args:
        name: of the mixture or task.
        mixer: draws the examples.
        rows: says where they stand.
        examples: each task's examples, by name.
        rates: each task's declared share, in any unit.
        lengths: for each feature of the examples the most tokens.
        row_lengths: for each feature of a row its tokens.
        batch_size: rows of a batch.
        left_out: tasks that are not drawn from, and why.
        changes: from which steps on tasks have which shares.
        limits: for each task the most epochs; None is no limit.
        end: how many steps the stream has; None is without end.
    """

    def __init__(
        self,
        name: str,
        mixer: Mixer,
        rows: PackedRows | PlainRows | ScheduledRows,
        examples: Mapping[str, Examples],
        rates: Mapping[str, float],
        lengths: Mapping[str, int],
        row_lengths: Mapping[str, int],
        batch_size: int,
        left_out: Mapping[str, str],
        changes: Sequence[Change],
        limits: Mapping[str, float | None],
        end: int | None,
    ) -> None:
        self._name, self._mixer, self._rows, self._examples = name, mixer, rows, examples
        self._lengths, self._row_lengths, self._left_out = lengths, row_lengths, left_out
        total = math.fsum(rates.values())
        self._rates = {name: rates[name] / total for name in examples}
        self._batch_size, self._changes, self._limits, self._end = batch_size, changes, limits, end

    def plan(self, steps: int, *, every: bool, over_steps: bool, tell: Tell) -> FeedPlan:
        """Plans the first so many steps, or those that there are; see `Stream.plan`."""
        asked, steps = steps, steps if self._end is None else min(steps, self._end)
        windows = self._rows.place(steps - 1)[0] + 1
        placed = self._place(windows, every, tell)
        repetitions = Repetitions(self._mixer, self._rows, self._batch_size).before(
            steps, every, lambda done, total: tell("looking for repetitions", done, total)
        )
        tell("adding up tokens", 0, 1)
        fed, dropped = self._fed(steps)
        tally, measured = tallies.of_fed(self._mixer, tuple(self._examples.values()), fed, every)
        tasks = self._tasks(fed.counts(), tally, measured, repetitions, dropped)
        return FeedPlan(
            name=self._name,
            steps=steps,
            batch_size=self._batch_size,
            lengths=dict(self._lengths),
            tasks=tasks,
            fill=self._fill(tally[:, 0].sum(axis=0), steps),
            over_steps=self._over_steps(steps, tasks) if over_steps else (),
            windows=windows,
            placed=placed,
            left_out=dict(self._left_out),
            changes=tuple(change for change in self._changes if change.step < steps or change.step == self._end),
            asked=asked,
        )

    def _place(self, windows: int, every: bool, tell: Tell) -> int:
        """Places the examples of windows, so that those that find no room are known; returns of how many."""
        if not self._rows.may_drop:
            return windows
        placed = windows if every else min(windows, _PLACED)
        for window in range(placed):
            tell("placing examples in rows", window, placed)
            self._rows.window(window)
        return placed

    def _fed(self, steps: int) -> tuple[Fed, np.ndarray]:
        """Returns what the first so many steps feed, and how many of each task were left out before, int64 [tasks]."""
        fed = self._rows.fed(steps * self._batch_size)
        at_end = steps == self._end
        # What the window before has found no room for waits, and that for its TRIES-th last is left out by now.
        window = self._rows.place(steps - 1)[0] + 1 if at_end else self._rows.place(steps)[0]
        lost = self._lost(window - TRIES, window if at_end else window - 1)
        with_lost = Fed(fed.before, Draws.joined([fed.waiting, *lost]), fed.more)
        last = self._rows.place(steps - 1)[0]
        dropped = np.zeros(len(fed.before), np.int64)
        for some in self._lost(last - TRIES + 1, last + 1 if at_end else last):
            dropped += np.bincount(some.task, minlength=len(dropped))
        return with_lost, dropped

    def _lost(self, window: int, window_behind: int) -> list[Draws]:
        """Returns what was drawn for windows before one, or left behind at the end of those before another."""
        left_out = self._rows.left_out
        some = [lost for drawn_for, lost in sorted(left_out.draws.items()) if drawn_for < window]
        return some + [lost for last, lost in sorted(left_out.left_behind.items()) if last < window_behind]

    def _tasks(
        self,
        fed: np.ndarray,
        tally: np.ndarray,
        measured: Sequence[bool],
        repetitions: Sequence[Repetition],
        dropped: np.ndarray,
    ) -> tuple[TaskPlan, ...]:
        features = tuple(self._lengths)
        targets = features.index("targets") if "targets" in features else None
        all_fed, all_tokens = int(fed.sum()), tally[:, 0].sum(axis=0)
        return tuple(
            TaskPlan(
                task=name,
                examples=examples.count,
                rate=self._rates[name],
                fed=int(fed[task]),
                share=_part(fed[task], all_fed),
                tokens=tallies.by_feature(features, tally[task, 0]),
                token_share=_part(tally[task, 0].sum(), all_tokens.sum()),
                target_share=math.nan if targets is None else _part(tally[task, 0, targets], all_tokens[targets]),
                first_repetition=repetitions[task].step,
                truncated=tallies.by_feature(features, tally[task, 1]),
                lost=tallies.by_feature(features, tally[task, 2]),
                dropped=int(dropped[task]),
                measured=measured[task],
                first_repetition_exact=repetitions[task].exact,
                max_epochs=self._limits.get(name),
            )
            for task, (name, examples) in enumerate(self._examples.items())
        )

    def _fill(self, tokens: np.ndarray, steps: int) -> dict[str, float]:
        in_rows = tokens if len(tokens) == len(self._row_lengths) else [tokens.sum()]
        slots = (length * self._batch_size * steps for length in self._row_lengths.values())
        named = zip(self._row_lengths, in_rows, slots, strict=True)
        return {name: float(number / room) for name, number, room in named}

    def _over_steps(self, steps: int, tasks: Sequence[TaskPlan]) -> tuple[Interval, ...]:
        """Returns shares in parts of the steps; long parts end where a window does, and count what waits there."""
        stops = sorted({steps * part // _INTERVALS for part in range(_INTERVALS)})
        windows = sorted({self._rows.place(stop)[0] for stop in stops})
        if len(windows) == len(stops) == _INTERVALS:
            stops = [self._rows.first_step(window) for window in windows]
            counts = [self._rows.drawn(window) for window in windows]
        else:
            counts = [self._rows.fed(stop * self._batch_size).counts() for stop in stops]
        stops.append(steps)
        counts.append(self._rows.fed(steps * self._batch_size).counts())
        each = np.array([sum(one.tokens.values()) / max(one.fed, 1) for one in tasks])
        intervals = []
        for number, stop in enumerate(stops[1:], 1):
            examples = counts[number] - counts[number - 1]
            tokens = examples * each
            intervals.append(Interval(stops[number - 1], stop, _shares(examples), _shares(tokens)))
        return tuple(intervals)


def _part(number: float, of: float) -> float:
    return float(number / of) if of else math.nan


def _shares(numbers: np.ndarray) -> tuple[float, ...]:
    return tuple((numbers / max(numbers.sum(), 1e-9)).tolist())
