"""The stream: the batch at step s is a function of (mixture, seed, s).

Nothing is stored but the token cache: permutations, quotas, noise and packing are computed from the
seed. So a run resumes where it stopped by the number of its step, a seek costs no more than the next
step does, and neither the number of processes nor Python's hash seed changes a byte.
"""

import collections
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.data import rate_schedule, statistics
from t5mix.data import state as states
from t5mix.data.cache import store
from t5mix.data.examples.base import Examples
from t5mix.data.examples.in_memory import Lengths
from t5mix.data.examples.made_of import made_of
from t5mix.data.examples.opening import open_all
from t5mix.data.mixing.mixer import Draws, Mixer
from t5mix.data.packing import collate
from t5mix.data.packing.batches import Batches
from t5mix.data.packing.capacity import Capacity, Plan
from t5mix.data.packing.collate_decoder_only import JoinedExamples
from t5mix.data.packing.collate_decoder_only import fill as fill_decoder_only
from t5mix.data.packing.scheduled_rows import ScheduledRows
from t5mix.data.packing.timetable import Change, PackedRoom, PlainRoom, Timetable
from t5mix.data.packing.windows import PackedRows, PlainRows, Rows, rows_of_window
from t5mix.data.planning.feed_plan import FeedPlan
from t5mix.data.planning.first_fed import FirstFed
from t5mix.data.planning.planner import Planner, Tell
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task

# Raise when the order of examples or their noise changes, or what a state holds.
_VERSION = 5


class Stream:
    """Batches of a task or a mixture, packed or one example a row.

    Every prefix of the draws holds each task's share to within one example (see `mixing.task_order`), also where rates
    change, which they do with the first row of a step (see `packing.timetable`). Unpacked, rows are draws in their
    order; packed, the draws of a window stand in its rows in any order, but epoch by epoch for tasks that have at least
    one in 64 of them (see `packing.epoch_order`). Tasks with rate 0, and those without the split, are left out;
    `left_out` says why.

    Args:
        provider: the task or mixture.
        lengths: for each feature the length of a row in tokens, EOS included.
        batch_size: rows of a batch.
        split: the split to read.
        seed: decides the order of examples and the noise of objectives.
        pack: put several examples in a row; otherwise one.
        decoder_only: make batches for a language model, or a prefix language model where there are inputs: an example's
            inputs and targets lie one behind the other, in rows as long as both lengths together; see
            `collate_decoder_only.fill`.
        cache_dir: the folder of token caches; by default $T5MIX_CACHE, or t5mix in the user's cache
            folder.
        progress: called with (task, examples done, examples in all or None) while caches are made.
        on_opened: called with (tasks opened, tasks in all) after each task, whether its cache is made or there.

    Attributes:
        task_names: the tasks that are drawn from; a task's number is its index here.
        left_out: the other tasks of the mixture, and why each is left out.

    Raises:
        ValueError: naming the task or the argument, when something cannot work.
    """

    def __init__(
        self,
        provider: Task | Mixture,
        lengths: Mapping[str, int],
        batch_size: int,
        *,
        split: str = "train",
        seed: int = 0,
        pack: bool = True,
        decoder_only: bool = False,
        cache_dir: str | Path | None = None,
        progress: store.Progress | None = None,
        on_opened: Callable[[int, int], None] | None = None,
    ) -> None:
        check_numbers(lengths, batch_size, seed)
        if decoder_only:
            _check_decoder_only(lengths)
        # In one order, so that the one in which they are given changes nothing.
        self.lengths = {name: int(lengths[name]) for name in sorted(lengths)}
        self.batch_size, self.split, self.seed = batch_size, split, seed
        self.pack, self.decoder_only = pack, decoder_only
        self.name = provider.name
        tasks, self.left_out = rate_schedule.drawn_from(provider, split)
        self.task_names = tuple(task.name for task in tasks)
        check_lengths_used(self.lengths, tasks)
        folder = store.folder_of(cache_dir)
        found = open_all(tasks, split, self.lengths, seed, folder, progress, on_opened)
        opened = dict(zip(self.task_names, found, strict=True))
        self._identities = {name: one.identity for name, one in opened.items()}
        self._examples = {name: one.examples for name, one in opened.items()}
        # What is placed in rows, and the length of these.
        placed: Mapping[str, Examples] = self._examples
        self._row_lengths = self.lengths
        if decoder_only:
            placed = {name: JoinedExamples(one) for name, one in self._examples.items()}
            self._row_lengths = {"decoder_target_tokens": sum(self.lengths.values())}
        self._max_epochs = provider.max_epochs if isinstance(provider, Mixture) else {}
        self._unit = provider.unit if isinstance(provider, Mixture) else "examples"
        self._schedule = rate_schedule.schedule_of(provider, self._examples, tuple(self.lengths))
        # At step 0; a task that comes in later has a rate then.
        self._rates = dict(zip(self.task_names, self._schedule.rates[0], strict=True))
        mixer = Mixer(placed, {name: rate or 1.0 for name, rate in self._rates.items()}, seed)
        self._timetable: Timetable | None = None
        self._mixer, self._rows = self._plan_rows(mixer, placed)
        examples = tuple(self._examples.values())
        # The mixer's are those of what is placed in rows.
        known = Lengths(examples) if decoder_only else mixer.lengths
        fill = fill_decoder_only if decoder_only else collate.fill
        self._batches = Batches(examples, known, self._rows, self.lengths, batch_size, fill)

    def _plan_rows(
        self, mixer: Mixer, placed: Mapping[str, Examples]
    ) -> tuple[Mixer, PackedRows | PlainRows | ScheduledRows]:
        """Returns what draws the examples, and says where they stand."""
        rows, limits = rows_of_window(self.batch_size), tuple(self._row_lengths.values())
        if self._schedule.is_constant:
            if not self.pack:
                return mixer, PlainRows(mixer, self.batch_size)
            plan = Plan.of(mixer, placed, self._rates, limits, rows, self.batch_size)
            return mixer, PackedRows(mixer, plan, self.seed)
        room: PlainRoom | PackedRoom = PlainRoom()
        if self.pack:
            capacity = Capacity(mixer, placed, limits, rows, self.batch_size)
            room = PackedRoom(capacity, mixer, self._schedule)
        timetable = self._timetable = Timetable(self._schedule, room, self.batch_size)
        mixer = mixer.by(timetable.intended)
        if not self.pack:
            return mixer, PlainRows(mixer, self.batch_size)
        packed = ScheduledRows(mixer, timetable.planned, self.seed, self.batch_size)
        if packed.steps is not None:
            timetable.end_at(packed.steps)
        return mixer, packed

    @property
    def steps(self) -> int | None:
        """How many steps there are; None where there is no end, as there is where all tasks have `max_epochs`."""
        return None if self._timetable is None else self._timetable.steps

    @property
    def changes_of_shares(self) -> tuple[Change, ...]:
        """From which steps on tasks have which shares of examples, and why; the first is step 0."""
        if self._timetable is None:
            return (Change(0, tuple(self.shares(0).values()), ""),)
        return tuple(self._timetable.changes)

    def shares(self, step: int) -> dict[str, float]:
        """Returns each task's intended share of the examples of a step, 0 to 1; all 0 behind the end."""
        if self._timetable is None:
            return self._first_shares()
        now = [change for change in self._timetable.changes if change.step <= _checked(step)][-1]
        return dict(zip(self.task_names, now.shares, strict=True))

    def _first_shares(self) -> dict[str, float]:
        total = math.fsum(self._rates.values())
        return {name: rate / total for name, rate in self._rates.items()}

    def batch(self, step: int, rows: slice | None = None) -> dict[str, np.ndarray]:
        """Returns the batch of a step.

        Args:
            step: 0, 1, 2, ...; any at any time.
            rows: the rows to make, all by default: a host asks for its own only.

        Returns:
            int32 arrays [batch_size, length], or as many rows as are made: `<feature>`, `<feature>_segment_ids`,
            `<feature>_positions`, and `targets_task`; see `collate.fill`. With decoder_only, those of
            `collate_decoder_only.fill`.
        """
        start, stop, stride = (rows or slice(None)).indices(self.batch_size)
        if stride != 1 or stop <= start:
            raise ValueError(f"rows is {rows}; give slice(start, stop) within {self.batch_size} rows")
        return self._batches.batch(self._within(step), start, stop)

    def examples(self, step: int) -> list[tuple[str, int, int]]:
        """Returns (task, epoch, index) of each example of a batch, row by row, in order."""
        draws = self._batch_rows(step).draws
        return [(self.task_names[task], epoch, index) for task, epoch, index in _numbers(draws)]

    def _batch_rows(self, step: int) -> Rows:
        return self._batches.rows(self._within(step))

    def _within(self, step: int) -> int:
        step, end = _checked(step), self.steps
        if end is not None and step >= end:
            raise ValueError(
                f"{self.name!r} has no step {step}: its stream ends after {end:,} steps, when every task that has a "
                "rate then has been fed max_epochs times; train for no more steps, or raise max_epochs"
            )
        return step

    def fed(self, steps: int) -> dict[str, int]:
        """Returns how many examples of each task the batches before a step hold, found without making them."""
        steps = _checked(steps) if self.steps is None else min(_checked(steps), self.steps)
        counts = self._rows.fed(steps * self.batch_size).counts()
        return dict(zip(self.task_names, counts.tolist(), strict=True))

    def state(self, step: int) -> dict[str, Any]:
        """Returns what a checkpoint holds of the stream: JSON, under 64 KiB for 1000 tasks; see `state.tasks`.

        Args:
            step: the step to go on with.
        """
        return {
            "version": _VERSION,
            "step": operator.index(step),
            "seed": self.seed,
            "split": self.split,
            "pack": self.pack,
            "decoder_only": self.decoder_only,
            "batch_size": self.batch_size,
            "lengths": dict(self.lengths),
            **states.tasks(self._identities, self._first_shares()),
            **rate_schedule.in_state(self._schedule, self._unit),
        }

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Refuses to go on with another stream than the one that `state` was taken of.

        Raises:
            ValueError: naming what changed: an argument, or a task, its rate or its examples.
        """
        changes = self.changes(state)
        if changes:
            raise ValueError(
                f"the stream of {self.name!r} is not the one of the checkpoint: {'; '.join(changes)}. "
                "Restore what it was, start a new run from the checkpoint's weights, or allow the change"
            )

    def changes(self, state: Mapping[str, Any]) -> list[str]:
        """Says, by name, how this stream differs from the one that `state` was taken of; nothing if it does not."""
        return states.changes(state, self.state(int(state.get("step", 0))))

    def statistics(self) -> statistics.Statistics:
        """Measures tasks and packing; see `statistics.Statistics`."""
        shares, features = self.shares(0), tuple(self.lengths)
        tasks = tuple(
            statistics.of_task(name, shares[name], self._examples[name], features) for name in self.task_names
        )
        steps = 2 * rows_of_window(self.batch_size) // self.batch_size
        steps = steps if self.steps is None else min(steps, self.steps)
        batches = [self._batch_rows(step).draws for step in range(steps)]
        slots = np.array(list(self._row_lengths.values())) * self.batch_size * steps
        tokens = np.sum([draws.lengths.sum(axis=0) for draws in batches], axis=0)
        return statistics.Statistics(
            tasks=tasks,
            fill=statistics.fill(tuple(self._row_lengths), tokens, slots),
            examples_per_batch=sum(len(draws.task) for draws in batches) / steps,
            dropped=self._dropped(),
            left_out=dict(self.left_out),
        )

    def plan(self, steps: int, *, every: bool = False, over_steps: bool = False, tell: Tell | None = None) -> FeedPlan:
        """Plans what the batches before a step hold, without making them; see `FeedPlan`.

        Args:
            steps: how many steps, at least 1; where the stream ends before, the plan is of those that there are.
            every: place the examples of every window and look up every length, so that nothing is an estimate. Without
                it that is so, too, where the steps have up to 256 windows, and tasks some million examples.
            over_steps: tell shares in parts of the steps, too.
            tell: called with what is being done, how much of it is done, and how much there is.
        """
        if _checked(steps) == 0:
            raise ValueError("steps is 0; give a number of steps to plan")
        planner = Planner(
            self.name,
            self._mixer,
            self._rows,
            self._examples,
            self._first_shares(),
            self.lengths,
            self._row_lengths,
            self.batch_size,
            self.left_out,
            self.changes_of_shares,
            self._max_epochs,
            self.steps,
        )
        return planner.plan(
            operator.index(steps), every=every, over_steps=over_steps, tell=tell or (lambda what, done, total: None)
        )

    def made_of(self, task: str, tokens: Sequence[Mapping[str, np.ndarray]]) -> list[list[int]] | None:
        """Returns the examples of a task that are made of given tokens; see `examples.made_of`."""
        return made_of(self._examples[task], tuple(self.lengths), tokens)

    def first_fed(
        self, examples: Mapping[str, Iterable[int]], steps: int, tell: Callable[[int, int], None] | None = None
    ) -> dict[tuple[str, int], int]:
        """Returns the first step before `steps` that feeds each of some examples; those that none feeds are missing.

        Args:
            examples: for each task the numbers of its examples, as in `Stream.examples`.
            steps: the step.
            tell: called with (windows looked through, in all).
        """
        search = FirstFed(self._mixer, self._rows, self.batch_size)
        numbers = {name: number for number, name in enumerate(self.task_names)}
        wanted = {numbers[name]: some for name, some in examples.items()}
        steps = _checked(steps) if self.steps is None else min(_checked(steps), self.steps)
        found = search.before(steps, wanted, tell or (lambda done, total: None))
        return {(self.task_names[task], index): step for (task, index), step in found.items()}

    def _dropped(self) -> dict[str, int]:
        lost = self._rows.left_out.all()
        counts: collections.Counter[str] = collections.Counter()
        for draws in lost:
            counts.update(self.task_names[task] for task in draws.task.tolist())
        return dict(sorted(counts.items()))


def _numbers(draws: Draws) -> zip:
    return zip(draws.task.tolist(), draws.epoch.tolist(), draws.index.tolist(), strict=True)


def _checked(step: int) -> int:
    step = operator.index(step)  # NumPy's integers overflow where Python's do not
    if step < 0:
        raise ValueError(f"step is {step}; steps count from 0")
    return step


def check_numbers(lengths: Mapping[str, int], batch_size: int, seed: int) -> None:
    """Refuses arguments that are no numbers, or too small, by a ValueError naming each."""
    if not lengths:
        raise ValueError("lengths is empty; give for instance {'inputs': 512, 'targets': 114}")
    for name, length in lengths.items():
        if not isinstance(length, int) or length < 1:
            raise ValueError(f"lengths[{name!r}] is {length!r}; give a number of tokens")
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; give a number of rows")
    if not isinstance(seed, int):
        raise ValueError(f"seed is {seed!r}; give a whole number")


def _check_decoder_only(lengths: Mapping[str, int]) -> None:
    if set(lengths) not in ({"targets"}, {"inputs", "targets"}):
        raise ValueError(
            f"decoder_only=True takes lengths of 'targets', or of 'inputs' and 'targets', and got {list(lengths)}"
        )


def check_lengths_used(lengths: Mapping[str, int], tasks: Sequence[Task]) -> None:
    """Refuses lengths of features that no task has, by a ValueError naming them."""
    known = {name for task in tasks for name in task.output_features}
    for name in lengths:
        if name not in known:
            raise ValueError(f"lengths names {name!r}, which no task has; they have {sorted(known)}")
