"""Which draws a stream makes at which steps, where rates change or tasks end.

1. A stage of the mixture's rates begins with the rows of its first step, so no batch has examples of two stages, but
   for some that had to wait for room and whose task goes on.
2. Packed, a stage is one or more stretches, each with its own plan of how much is drawn for its rows: first come
   blocks, then what is left of its windows, the last of which takes the rows that make no window.
3. A task ends with the very draw that is the last of its limit. Its share goes to the others from the next draw on.
   Where tasks that had more than a part of all have ended, the rest of the stage is planned anew.
4. When no task with a rate is left, the stream ends, also where others have one in a later stage.

So that all of this follows from lengths, rates and seed alone, the number of draws of every stage is fixed beforehand.
"""

import copy
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from t5mix.data.mixing.coming_ends import ComingEnds
from t5mix.data.mixing.intended import Intended
from t5mix.data.mixing.mixer import Mixer
from t5mix.data.mixing.schedule import Schedule, draws_until_one_ends, targets_within, whole_at_end
from t5mix.data.mixing.weights import BITS
from t5mix.data.packing.capacity import Capacity, Fit, Plan

# A stage is planned anew when tasks have ended that had so much of its draws.
_REPLANNED = 1 / 64
# How often windows are packed to see how examples fit; other stages take the worse of their neighbours.
_MEASURED = 16
# Further part of rows that is kept free in a stage's last window where a task ends with it, and in a stream's last.
_LAST_SPARE = 0.05


@dataclasses.dataclass(frozen=True)
class Planned:
    """Rows that one plan holds for.

    Attributes:
        plan: how much is drawn; None where a row is a draw.
        rows: how many; None is without end.
        blocks: blocks of windows; None is without end.
        first_draw: the draw that it begins with.
        keeps: bool [tasks], whose examples may wait for room from what is before.
    """

    plan: Plan | None
    rows: int | None
    blocks: int | None
    first_draw: int = 0
    keeps: np.ndarray | None = None

    @property
    def draws(self) -> int:
        """How many draws it makes."""
        assert self.rows is not None
        return self.rows if self.plan is None else self.plan.draws * (self.blocks or 0)


@dataclasses.dataclass(frozen=True)
class Change:
    """From which step on tasks have other shares.

    Attributes:
        step: the first step with these shares. Where a task has ended and rows are packed, it is about that: the window
            with its last examples has them in any of its rows, and a few may wait for the next.
        shares: each task's share of examples from there on.
        why: what happened.
        ended: tasks that have reached their limit, where that happened: the others share what they had, in proportion.
    """

    step: int
    shares: tuple[float, ...]
    why: str
    ended: tuple[str, ...] = ()


class PlainRoom:
    """A row for each draw."""

    def begin(self, stage: int, weights: np.ndarray) -> None:
        """Takes in by which weights is drawn."""

    def stretches(self, rows: int | None, is_last: bool) -> list[Planned]:
        """Returns how so many rows are planned."""
        return [Planned(None, rows, None)]

    def rows_before(self, draws: int) -> int:
        """Returns rows that so many draws fill."""
        return draws

    def ending(self, draws: int) -> list[Planned]:
        """Returns the last rows of a stream, which so many draws are left for."""
        return [Planned(None, draws, None)]


class PackedRoom:
    """Several draws in a row.

    Args:
        capacity: plans how many.
        mixer: the examples.
        schedule: the stages.
    """

    def __init__(self, capacity: Capacity, mixer: Mixer, schedule: Schedule) -> None:
        self._capacity, self._mixer = capacity, mixer
        stages = len(schedule.starts)
        self._measured = sorted({round(number) for number in np.linspace(0, stages - 1, min(stages, _MEASURED))})
        self._fits: dict[int, Fit] = {}
        self._again, self._schedule, self._stage = 0, schedule, -1
        self._fit: Fit | None = None

    def begin(self, stage: int, weights: np.ndarray) -> None:
        """Takes in by which weights is drawn from here on."""
        if stage != self._stage:
            self._stage = stage
            around = {max(one for one in self._measured if one <= stage), min(o for o in self._measured if o >= stage)}
            fits = [self._fit_of(one) for one in sorted(around)]
        else:
            self._again += 1
            assert self._fit is not None
            fits = [self._measure(weights) if self._again <= _MEASURED else self._fit]
        shares = (weights / (1 << BITS)).tolist()
        worst = dataclasses.replace(fits[0], fill=min(fit.fill for fit in fits), spare=max(fit.spare for fit in fits))
        self._fit = self._capacity.adapted(worst, shares)
        self._plan = self._capacity.plan(self._fit)

    @property
    def window(self) -> int:
        """Rows of a window."""
        return self._capacity.rows

    @property
    def most_draws(self) -> int:
        """Draws that no two windows make, whatever the shares."""
        return 2 * self._capacity.most_draws()

    def allow_for(self, weights: Sequence[np.ndarray]) -> None:
        """Plans what follows for the weights of these by which examples take most room."""
        assert self._fit is not None
        volumes = [self._capacity.volume_by(one.tobytes()) for one in weights]
        self._fit = dataclasses.replace(self._fit, volume=max(*volumes, self._fit.volume), per_row=None)
        if self._fit.fill == 1.0:
            self._fit = dataclasses.replace(self._fit, fill=0.95)
        self._plan = self._capacity.plan(self._fit)

    def stretches(self, rows: int | None, is_last: bool) -> list[Planned]:
        """Returns how so many rows are planned.

        Args:
            rows: how many; None is without end.
            is_last: whether nothing may be left that waits for room behind them.
        """
        window, plan = self._capacity.rows, self._plan
        if rows is None:
            return [Planned(plan, None, None)]
        blocks, left = divmod(rows, window * plan.windows)
        if blocks and 0 < left < window:
            blocks, left = blocks - 1, left + window * plan.windows
        found = [Planned(plan, blocks * window * plan.windows, blocks)] if blocks else []
        if not left:
            if not is_last:
                return found
            last = found.pop()
            blocks, left = blocks - 1, window * plan.windows
            found = [dataclasses.replace(last, rows=blocks * left, blocks=blocks)] if blocks else []
        if whole := max(left // window - 1, 0):
            found.append(Planned(self._planned(window, whole), whole * window, 1))
        rest = left - whole * window
        return [*found, Planned(self._planned(rest, 1, _LAST_SPARE if is_last else 0.0), rest, 1)]

    def rows_before(self, draws: int) -> int:
        """Returns the rows of whole windows that so many draws fill."""
        return draws * self._plan.windows // self._plan.draws * self._capacity.rows

    def ending(self, draws: int) -> list[Planned]:
        """Returns the last rows of a stream, which so many draws are left for: surely enough of them."""
        window, plan = self._capacity.rows, self._plan
        blocks, left = divmod(draws, plan.draws)
        found = [Planned(plan, blocks * window * plan.windows, blocks)] if blocks else []
        if whole := max(left * plan.windows // plan.draws - 1, 0):
            part = self._planned(window, whole)
            found.append(Planned(part, whole * window, 1))
            left -= part.draws
        if left:
            each = window * plan.windows / plan.draws
            rows = self._capacity.batches(left * each * (1 + 2 * _LAST_SPARE)) + plan.batch_size
            found.append(Planned(dataclasses.replace(self._planned(rows, 1), draws=left), rows, 1))
        return found

    def _planned(self, rows: int, windows: int, more_spare: float = 0.0) -> Plan:
        assert self._fit is not None
        if rows < self._capacity.rows:  # few rows pack less well
            more_spare = min(0.4, more_spare + 2 / rows)
        return self._capacity.plan(self._fit, rows, windows, more_spare)

    def _fit_of(self, stage: int) -> Fit:
        if stage not in self._fits:
            self._fits[stage] = self._measure(self._schedule.weights(stage, frozenset()))
        return self._fits[stage]

    def _measure(self, weights: np.ndarray) -> Fit:
        intended = Intended(len(weights))
        intended.add(weights, None)
        return self._capacity.fit(self._mixer.by(intended), (weights / (1 << BITS)).tolist())


class Timetable:
    """The draws of a stream, stage by stage.

    Args:
        schedule: rates and limits.
        room: how many draws rows take.
        batch_size: rows of a batch.

    Attributes:
        intended: the intended sums of tasks.
        planned: the rows, one stretch behind the other.
        changes: from which steps on shares are others.
        steps: how many there are; None is without end.

    Raises:
        ValueError: naming the mixture and the stage, when it is too short for the tasks that end with it.
    """

    def __init__(self, schedule: Schedule, room: PlainRoom | PackedRoom, batch_size: int) -> None:
        self._schedule, self._room, self._batch_size = schedule, room, batch_size
        self.intended = Intended(len(schedule.names))
        self.planned: list[Planned] = []
        self.changes: list[Change] = []
        self.steps: int | None = None
        self._done: frozenset[int] = frozenset()
        self._coming: ComingEnds | None = None
        self._row, self._first = 0, 0  # where the next stretch begins, and with which draw
        for stage in range(len(schedule.starts)):
            if not self._add_stage(stage):
                return

    def _add_stage(self, stage: int) -> bool:
        """Adds a stage; returns whether tasks are left behind it."""
        starts, limits = self._schedule.starts, self._schedule.limits
        stop = starts[stage + 1] * self._batch_size if stage + 1 < len(starts) else None
        weights = self._begin(stage, "rates change" if stage else "")
        lost = 0.0
        while weights.any():
            ending = self._ending(stage, weights)
            planned = self._room.stretches(None if stop is None else stop - self._row, bool(ending))
            last = None if stop is None else self._first + sum(one.draws for one in planned)
            draws = draws_until_one_ends(self.intended.owed(), weights, limits)
            if draws is None or (last is not None and self.intended.draw + draws >= last):
                if not self._finish_stage(stage, weights, last, ending):
                    break
                self._place(planned)
                return True
            draws, ends = targets_within(self.intended.owed(), weights, draws, limits, {})
            self.intended.add_ending(weights, draws, ends)
            lost += float(weights[list(ends)].sum()) / (1 << BITS)
            self._done |= ends.keys()
            old, weights = weights, self._schedule.weights(stage, self._done)
            if weights.any():
                self._add_change(self._row_of(planned), weights, ended=ends)
                if lost > _REPLANNED:
                    self._replan(stage, [old, weights], stop)
                    lost = 0.0
        return self._end()

    def _ending(self, stage: int, weights: np.ndarray) -> list[int]:
        """Returns the tasks whose rate falls to 0 with a stage."""
        if stage + 1 == len(self._schedule.starts):
            return []
        after = np.array(self._schedule.rates[stage + 1])
        return np.flatnonzero((weights > 0) & (after == 0)).tolist()

    def _begin(self, stage: int, why: str) -> np.ndarray:
        weights = self._schedule.weights(stage, self._done)
        if weights.any():
            self._room.begin(stage, weights)
            self._add_change(self._row, weights, why)
        return weights

    def _replan(self, stage: int, weights: list[np.ndarray], stop: int | None) -> None:
        """Plans what follows a task's end, where the rows of a stage that are left still take its draws so far."""
        before = copy.copy(self._room), self._row, self._first, len(self.planned)
        self._plan_anew(stage, weights, stop)
        if stop is not None:
            draws = sum(one.draws for one in self._room.stretches(stop - self._row, True))
            if self._first + draws <= self.intended.draw:
                self._room, self._row, self._first, kept = before
                del self.planned[kept:]

    def _plan_anew(self, stage: int, weights: list[np.ndarray], stop: int | None) -> None:
        """Plans what follows the draw that the intended sums have come to, at which a task has ended.

        The window with that draw, and what follows where tasks end soon after, are planned for the greatest room that
        examples take by any of the shares of their draws.

        Args:
            stage: the stage.
            weights: those before the draw, and from it on.
            stop: the row at which the stage ends.
        """
        room = self._room
        if isinstance(room, PlainRoom) or self.intended.draw < self._first:  # a window that is planned already
            room.begin(stage, weights[-1])
            return
        rows = room.rows_before(self.intended.draw - self._first)
        if stop is None or rows + 2 * room.window <= stop - self._row:
            self._place(room.stretches(rows, False))
        soon, ends = self._soon(stage, self._first + room.most_draws)
        room.begin(stage, weights[-1])
        room.allow_for([*weights, *soon])
        if not ends and (stop is None or 2 * room.window <= stop - self._row):
            self._place(room.stretches(room.window, False))
            room.begin(stage, weights[-1])

    def _soon(self, stage: int, before: int) -> tuple[list[np.ndarray], bool]:
        """Returns the weights that follow up to a draw as tasks end, and whether none is left by then."""
        if self._coming is None or self._coming.stage != stage:
            self._coming = ComingEnds(self._schedule, stage, self.intended, self._done)
        found = self._coming.between(self.intended.draw, before)
        return (found[:-1], True) if found and not found[-1].any() else (found, False)

    def _finish_stage(self, stage: int, weights: np.ndarray, last: int | None, ending: list[int]) -> bool:
        """Adds the last draws of a stage, up to `last`; returns whether there are so many.

        Tasks whose rate falls to 0 get whole numbers of examples.
        """
        if last is None:
            self.intended.add(weights, None)
            return True
        limits, owed, draws = self._schedule.limits, self.intended.owed(), last - self.intended.draw
        targets = whole_at_end(owed, weights, draws, ending) if ending else {}
        there, ends = targets_within(owed, weights, draws, limits, targets or {})
        if targets is None or there > draws:
            start, stop = self._schedule.starts[stage : stage + 2]
            raise ValueError(
                f"{self._schedule.what}: its stage from step {start} to {stop} draws too few examples, {draws:,}, for "
                f"the {len(ending)} tasks whose rate then falls to 0; make it longer, or give them a small rate behind"
            )
        self._done |= {task for task, count in ends.items() if count == limits[task]}
        if ends:
            self.intended.add_ending(weights, there, ends)
        else:
            self.intended.add(weights, there)
        return there == draws

    def _end(self) -> bool:
        self.intended.finish()
        if self.intended.draw > self._first:
            self._place(self._room.ending(self.intended.draw - self._first))
        self.steps = -(-self._row // self._batch_size)
        none = (0.0,) * len(self._schedule.names)
        self.changes.append(Change(self.steps, none, "no task with a rate is left: the stream ends"))
        return False

    def end_at(self, steps: int) -> None:
        """Takes in that the last examples take fewer steps than were planned for them."""
        *before, end = self.changes
        self.changes = [dataclasses.replace(change, step=min(change.step, steps - 1)) for change in before]
        self.changes.append(dataclasses.replace(end, step=steps))
        self.steps = steps

    def _place(self, planned: Sequence[Planned]) -> None:
        goes_on = np.array(self._schedule.rates[self._stage_of_row()]) > 0
        for one in planned:
            self.planned.append(dataclasses.replace(one, first_draw=self._first, keeps=goes_on))
            if one.rows is not None:
                self._row += one.rows
                self._first += one.draws

    def _stage_of_row(self) -> int:
        step = self._row // self._batch_size
        return max(number for number, start in enumerate(self._schedule.starts) if start <= step)

    def _row_of(self, planned: Sequence[Planned]) -> int:
        """Returns about the row in which the draw stands that the intended sums have come to."""
        row, first = self._row, self._first
        for one in planned:
            if one.rows is None or self.intended.draw < first + one.draws:
                each = 1.0 if one.plan is None else one.plan.rows * one.plan.windows / one.plan.draws
                return row + int((self.intended.draw - first) * each)
            row, first = row + one.rows, first + one.draws
        return row

    def _add_change(self, row: int, weights: np.ndarray, why: str = "", ended: Iterable[int] = ()) -> None:
        shares = tuple((weights / (1 << BITS)).tolist())
        if self.changes and shares == self.changes[-1].shares:  # rates of tasks that have ended, say
            return
        if names := tuple(self._schedule.names[task] for task in ended):
            more = f" and {len(names) - 3} more" * (len(names) > 3)
            why = f"max_epochs of {', '.join(names[:3])}{more} reached"
        self.changes.append(Change(row // self._batch_size, shares, why, names))
