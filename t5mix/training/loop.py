"""The training loop: from a state and a stream to checkpoints and logs.

A run is a function of its settings: the batch at step s is the stream's, the dropout at step s is the engine's, and
everything else that the logs depend on is in the checkpoint. A process that is killed at any moment and started
again ends with the same weights and the same metrics.jsonl, bit for bit.

It writes `checkpoints/STEP`, `metrics.jsonl` (losses), `timing.jsonl` (speeds), `tensorboard/`, and `conflict.jsonl`
where that is asked for.
"""

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.data import Stream
from t5mix.internal.processes import agreement
from t5mix.internal.processes.ballot import Ballot
from t5mix.internal.terminal import say
from t5mix.mesh.engine import Engine, State, StepMetrics
from t5mix.mesh.optimizers.step_config import StepConfig, briefly
from t5mix.training.beside import Beside
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.feeding import Feeding
from t5mix.training.interruption import Interrupted, StopSignal, noted_signal, signal_of_any, stop_told
from t5mix.training.logs import Logs, is_logged, opened
from t5mix.training.loss_window import LossWindow
from t5mix.training.reporter import Reporter
from t5mix.training.schedules import Schedule
from t5mix.training.starting import SLOTS_SINCE, STEP, same_arrays, step_of, to_train
from t5mix.training.task_gradients import task_gradients, without_losses

# Of the examples of a step that went wrong: how many are named of a task, and of how many tasks.
_SHOWN = 8


@dataclasses.dataclass
class _Progress:
    """What changes from step to step, besides the state: it is all in the checkpoint."""

    step: int
    window: LossWindow
    tokens: int = 0
    skipped: int = 0
    slots_since: int = 0

    def extra(self, stream: Stream, engine: Engine) -> dict[str, Any]:
        return {
            "stream": stream.state(self.step),
            "window": self.window.state(),
            "tokens": self.tokens,
            "skipped": self.skipped,
            SLOTS_SINCE: self.slots_since,
            STEP: engine.step.description(),
        }


def train(
    engine: Engine,
    stream: Stream,
    *,
    folder: Path,
    schedule: Schedule,
    steps: int,
    seed: int,
    start: Callable[[], State],
    log_every: int = 100,
    checkpoint_every: int = 1000,
    keep: int = 3,
    title: str = "training",
    allow_changed_mixture: bool = False,
    allow_changed_optimizer: bool = False,
    skip_non_finite: int = 0,
    conflict_every: int | None = None,
    masked_tasks: Sequence[str] = (),
    beside: Beside | None = None,
    saved: Callable[[], None] = lambda: None,
) -> State:
    """Trains to `steps`, from `start()` or the newest checkpoint in the folder; returns the state after the last step.

    Args:
        engine: the model on its mesh.
        stream: batches.
        folder: where checkpoints and logs go.
        schedule: learning rate, a function of the step.
        steps: at which to stop, counted from `start()`.
        seed: of dropout.
        start: gives the state at step 0, which says how old its slots are; not called when there is a checkpoint.
        log_every: steps between lines in the logs.
        checkpoint_every: steps between checkpoints; one is always written at the end.
        keep: how many checkpoints stay.
        title: what is being trained, for the display.
        allow_changed_mixture: go on from a checkpoint of another mixture, at its step, and say what changed.
        allow_changed_optimizer: go on from a checkpoint of another optimizer, with slots that are new.
        skip_non_finite: how many steps that are not finite change nothing, before one more ends the training.
        conflict_every: steps between measurements of `task_gradients`; None for none.
        masked_tasks: names of tasks whose examples are read and whose loss is 0.
        beside: what is done every so many steps, and may end the training early.
        saved: called when a checkpoint is complete.

    Raises:
        ValueError: the checkpoint is damaged, or of another model or mixture; or the engine is for other batches.
        FloatingPointError: the loss or a weight is no longer a number; no checkpoint of that is written.
        Interrupted: SIGTERM, SIGHUP or SIGINT came; a checkpoint was written. OSError: the folder cannot be written.
    """
    checkpoints = Checkpoints(folder / "checkpoints", keep, beside.spared if beside else tuple, saved)
    state, progress = _begin(engine, stream, checkpoints, start, allow_changed_mixture, allow_changed_optimizer)
    done, fixed = progress.step, (conflict_every, skip_non_finite, tuple(masked_tasks), beside)
    ended = beside is not None and beside.is_due(done) and done < steps and beside.look(done, state)
    if ended and progress.window.is_empty:
        return state  # it ended here before
    loop = _Loop(engine, stream, checkpoints, schedule, seed, log_every, checkpoint_every, *fixed)
    logs, shown = opened(folder, done, conflict_every is not None), _reporter(steps, stream, done, title)
    with stop_told(), logs as written, shown as reporter, noted_signal() as stop:
        if ended:  # and was killed before it logged its last losses
            loop.log(progress, written, reporter)
        return state if ended else loop.run(state, progress, steps, written, reporter, stop)


def _check_fits(engine: Engine, stream: Stream) -> None:
    if len(stream.task_names) > engine.num_tasks:
        raise ValueError(
            f"the engine reports the loss of {engine.num_tasks} tasks and the stream has {len(stream.task_names)}; "
            "make it with num_tasks=len(stream.task_names)"
        )
    expected, given = (engine.batch_size, engine.lengths), (stream.batch_size, stream.lengths)
    if expected != given:
        raise ValueError(
            f"the engine takes batches of {expected[0]} rows of {expected[1]} and the stream gives {given[0]} rows of "
            f"{given[1]}; make both with the same numbers"
        )
    if stream.decoder_only is not engine.model.decoder_only:
        raise ValueError(
            f"the model's architecture is {engine.model.architecture!r}: make the stream with "
            f"decoder_only={engine.model.decoder_only}"
        )


@dataclasses.dataclass(frozen=True)
class _Pending:
    """What is taken in of a step when it is done: metrics on their way, and what all processes have counted."""

    metrics: StepMetrics
    counts: Any


@dataclasses.dataclass(frozen=True)
class _Loop:
    engine: Engine
    stream: Stream
    checkpoints: Checkpoints
    schedule: Schedule
    seed: int
    log_every: int
    checkpoint_every: int
    conflict_every: int | None
    skip_non_finite: int
    masked_tasks: tuple[str, ...]
    beside: Beside | None

    def run(
        self,
        state: State,
        progress: _Progress,
        steps: int,
        logs: Logs | None,
        reporter: Reporter,
        stop: StopSignal,
    ) -> State:
        pending: _Pending | None = None
        feeding, ballot = Feeding(self.stream, self.engine), Ballot()
        self._log_beside(progress.step, logs)  # it may have been killed before
        for step, batch in feeding.batches(progress.step, steps, self._conflict_is_due):
            self._measure_conflict(state, batch, step, logs)
            state, metrics = self.engine.train_step(
                state,
                self._without_masked(batch),
                learning_rate=self.schedule(step),
                step=step,
                seed=self.seed,
                slots_since=progress.slots_since,
            )
            # Metrics of a step are read while the next one runs, except where something is written down.
            said = self._take_in(progress, pending, reporter) if pending else 0
            signal = stop.number or 0  # read once: it may change at any moment
            pending = _Pending(metrics, ballot.cast([signal, *feeding.counts(batch)]))
            done = step + 1
            due = done % self.log_every == 0 or self._is_kept(done) or done == steps
            # Of several processes all stop after the same step: that of which they read that one was told.
            stopping = signal if agreement.count() == 1 else said
            if due or stopping:
                stopping = self._take_in(progress, pending, reporter) or stopping
                pending = None
                self._write(progress, state, done == steps, bool(stopping), logs, reporter)
            if stopping:
                raise Interrupted(stopping, done)
            if self.beside and self.beside.is_due(done):
                with reporter.paused():
                    ended = self.beside.look(done, state)
                self._log_beside(done, logs)
                if came := signal_of_any(stop):  # meanwhile; the checkpoint is on the disk
                    raise Interrupted(came, done)
                if ended:
                    if not progress.window.is_empty:
                        self.log(progress, logs, reporter)
                    return state
        if came := signal_of_any(stop):  # while the last checkpoint was written
            raise Interrupted(came, steps)
        return state

    def _log_beside(self, step: int, logs: Logs | None) -> None:
        """Hands the numbers of what was looked at beside training, if it was at this step, to services."""
        if logs is not None and self.beside and self.beside.is_due(step):
            logs.trackers.log(step, self.beside.numbers())

    def _is_kept(self, step: int) -> bool:
        return step % self.checkpoint_every == 0 or (self.beside is not None and self.beside.is_due(step))

    def _without_masked(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the batch without the losses of masked tasks."""
        masked = self._masked()
        return without_losses(batch, masked) if masked else batch

    def _masked(self) -> list[int]:
        return [number for number, name in enumerate(self.stream.task_names) if name in self.masked_tasks]

    def _measure_conflict(self, state: State, batch: dict[str, np.ndarray], step: int, logs: Logs | None) -> None:
        """Logs how the tasks' gradients lie to one another at a step, where that is due."""
        if not self._conflict_is_due(step):
            return
        found = task_gradients(self.engine, state, batch, step=step, seed=self.seed, masked=self._masked())
        if logs is not None and logs.conflict is not None:
            logs.conflict.log(step + 1, found.by_name(self.stream.task_names))
            for log in (logs.board, logs.trackers):
                log.log(step + 1, found.in_short(self.stream.task_names))

    def _conflict_is_due(self, step: int) -> bool:
        return self.conflict_every is not None and (step + 1) % self.conflict_every == 0

    def _take_in(self, progress: _Progress, pending: _Pending, reporter: Reporter) -> int:
        """Takes in what a step has reported; returns the signal that a process had then, or 0."""
        metrics, counts = pending.metrics, Ballot.read(pending.counts)
        tokens, *examples = counts[:, 1:].sum(axis=0).tolist()
        nats, task_tokens = np.asarray(metrics.task_nats), np.asarray(metrics.task_tokens)
        loss, norm = float(metrics.loss), float(metrics.gradient_norm)
        if math.isfinite(loss) and math.isfinite(norm):
            progress.window.add(nats, task_tokens, norm)
        else:
            self._skip(progress, loss, norm)
        progress.window.add_examples(np.array(examples, np.int64))
        progress.tokens += tokens
        progress.step += 1
        reporter.update(
            progress.step,
            progress.window.loss(),
            progress.window.task_losses(),
            tokens,
            self.schedule(progress.step - 1),
        )
        return int(counts[:, 0].max())

    def _skip(self, progress: _Progress, loss: float, norm: float) -> None:
        """Counts a step that changed nothing, for the engine leaves weights as they were; or ends the training."""
        what = f"the norm of the gradient is {norm}" if math.isfinite(loss) else f"the loss is {loss}"
        if progress.skipped >= self.skip_non_finite:
            skipped = f" ({progress.skipped} such steps were skipped before)" if progress.skipped else ""
            raise self._diverged(progress.step, what + skipped, self._fed_at(progress.step))
        progress.skipped += 1
        say(
            f"at step {progress.step:,} {what}: nothing is changed ({progress.skipped} of {self.skip_non_finite})"
            f"; {self._fed_at(progress.step)}"
        )

    def _fed_at(self, step: int) -> str:
        """Says which examples a step was fed, so that a bad one can be looked at: the first few of each task."""
        numbers: dict[str, list[int]] = {}
        for task, _, index in self.stream.examples(step):
            numbers.setdefault(task, []).append(index)
        parts = [
            f"{task} {', '.join(map(str, found[:_SHOWN]))}{f' and {len(found) - _SHOWN} more' * (len(found) > _SHOWN)}"
            for task, found in list(numbers.items())[:_SHOWN]
        ]
        more = f"; and of {len(numbers) - _SHOWN} tasks more" if len(numbers) > _SHOWN else ""
        return f"its examples are, by task and number: {'; '.join(parts)}{more}"

    def _write(
        self,
        progress: _Progress,
        state: State,
        last: bool,
        stopping: bool,
        logs: Logs | None,
        reporter: Reporter,
    ) -> None:
        if last or progress.step % self.log_every == 0:
            self.log(progress, logs, reporter)
            progress.window = LossWindow(self.stream.task_names)
        if last or stopping or self._is_kept(progress.step):
            if not self.engine.all_finite(state):  # the last update is in no loss yet
                raise self._diverged(progress.step, "weights are no longer finite")
            for lines in (logs.metrics, logs.conflict) if logs is not None else ():
                if lines is not None:
                    lines.sync()
            self.checkpoints.save(progress.step, state, progress.extra(self.stream, self.engine))

    def _diverged(self, step: int, what: str, fed: str = "") -> FloatingPointError:
        return FloatingPointError(
            f"at step {step:,} {what}: train in another folder with a lower learning rate "
            f"(here it is {self.schedule(step):.3g}), or start from an earlier checkpoint{f'; {fed}' if fed else ''}"
        )

    def log(self, progress: _Progress, logs: Logs | None, reporter: Reporter) -> None:
        """Writes a line of the losses since the last one; of several processes the first does."""
        if logs is None:
            return
        values = {
            "loss": progress.window.loss(),
            "learning_rate": self.schedule(progress.step - 1),
            "gradient_norm": progress.window.gradient_norm(),
            "tokens": progress.tokens,
            **({"skipped": progress.skipped} if self.skip_non_finite else {}),
            **{f"loss/{name}": loss for name, loss in progress.window.task_losses().items()},
            **{f"examples/{name}": count for name, count in progress.window.task_examples().items()},
        }
        logs.metrics.log(progress.step, values)
        speeds = reporter.speeds()
        logs.timing.log(progress.step, speeds)
        logs.board.log(progress.step, {**values, **speeds})
        logs.trackers.log(progress.step, {**values, **speeds})


def _begin(
    engine: Engine,
    stream: Stream,
    checkpoints: Checkpoints,
    start: Callable[[], State],
    allow_changed_mixture: bool,
    allow_changed_optimizer: bool,
) -> tuple[State, _Progress]:
    """Returns the newest checkpoint, or the start."""
    _check_fits(engine, stream)
    if not checkpoints.steps():
        state = start()
        return state, _Progress(0, LossWindow(stream.task_names), slots_since=state.slots_since)
    newest = checkpoints.extra(checkpoints.steps()[-1])  # before the slow part
    before, theirs = newest["stream"], step_of(newest)
    anew = _starts_anew(theirs, engine.step, checkpoints, allow_changed_optimizer)
    changes = stream.changes(before)
    if changes and allow_changed_mixture:
        say(f"going on with a changed stream: {'; '.join(changes)}")
    else:
        stream.check_state(before)
    if anew:
        step, extra = checkpoints.steps()[-1], newest
        state = to_train(checkpoints, step, engine, 0, new_slots=False)  # they differ, and it says so
    else:
        step, state, extra = checkpoints.restore(checkpoints.steps()[-1], engine)
    # Losses since the last line in the log are of the tasks that were; there is such a line where training ended early.
    none_left = changes or is_logged(checkpoints.folder.parent, step)
    window = LossWindow(stream.task_names, None if none_left else extra["window"])
    since = step if anew else extra.get(SLOTS_SINCE, 0)
    return state, _Progress(step, window, extra["tokens"], extra.get("skipped", 0), since)


def _starts_anew(theirs: StepConfig, ours: StepConfig, checkpoints: Checkpoints, allowed: bool) -> bool:
    """Tells whether the optimizer's slots cannot be those of the checkpoint.

    Raises:
        ValueError: nobody has said that they may start anew; or other weights are trained.
    """
    if same_arrays(theirs, ours):
        return False
    theirs_by, ours_by = briefly(theirs.optimizer), briefly(ours.optimizer)
    where = f"the newest checkpoint in {str(checkpoints.folder)!r}"
    if theirs.trained != ours.trained:
        raise ValueError(
            f"{where} was trained on {briefly(theirs.trained)}, and this training is on {briefly(ours.trained)}: "
            "choose another folder, and start there from this checkpoint"
        )
    if not allowed:
        raise ValueError(
            f"{where} was trained by {theirs_by}, and this training is by {ours_by}, whose slots mean other things: "
            "use the same, or say allow_changed_optimizer = True to go on with new slots"
        )
    return True


@contextlib.contextmanager
def _reporter(steps: int, stream: Stream, first: int, title: str) -> Iterator[Reporter]:
    """Shows a training; where there are several processes, the first one does."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        file = None if agreement.is_first() else nowhere
        with Reporter(steps, stream.task_names, first_step=first, title=title, stream=file) as reporter:
            yield reporter
