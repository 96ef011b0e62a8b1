"""The engine and the streams of a run, built when they are first needed.

One engine serves pre-training, every fine-tuning and evaluation, so that each program is compiled
once.
"""

import contextlib
import functools
from collections.abc import Callable

from t5mix.evaluation.prediction import Predict, batched
from t5mix.interop.engine_state import initial_state
from t5mix.mesh.engine import Engine, State
from t5mix.registry import get_subtasks
from t5mix.runs.check_tasks import Provider
from t5mix.runs.config import Run, Training
from t5mix.runs.folders import CheckpointPath, Trained
from t5mix.runs.foreign import ForeignCheckpoint
from t5mix.runs.plan import open_stream, say_overflows
from t5mix.terminal import say
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.loop import train


class Parts:
    """What a run computes with.

    Args:
        run: the settings, checked.
        provider: the task or mixture that the run trains on.
    """

    def __init__(self, run: Run, provider: Provider) -> None:
        self.run = run
        self.provider = provider
        self._compiled: set[str] = set()

    @functools.cached_property
    def engine(self) -> Engine:
        """The model on its mesh, at the batch shape of training."""
        return self._engine(self.run.batch_size)

    @functools.cached_property
    def _decoding_engine(self) -> Engine:
        if self.run.evaluation_batch_size == self.run.batch_size:
            return self.engine
        return self._engine(self.run.evaluation_batch_size)

    def _engine(self, batch_size: int) -> Engine:
        run = self.run
        return Engine(
            run.model,
            run.mesh,
            batch_size=batch_size,
            lengths=run.sequence_length,
            num_tasks=len(get_subtasks(self.provider)),
        )

    def train(
        self,
        settings: Training,
        provider: Provider,
        trained: Trained,
        start: Callable[[], State],
        title: str,
    ) -> State:
        """Trains to `settings.steps`, from `start()`, or from the newest checkpoint that is there.

        Returns:
            The state after the last step, which is also on disk.
        """
        stream = open_stream(self.run, provider)
        say_overflows(stream)
        self._say_compiling("training")
        return train(
            self.engine,
            stream,
            folder=trained.path,
            schedule=settings.schedule,
            steps=settings.steps,
            seed=self.run.seed,
            log_every=settings.log_every,
            checkpoint_every=settings.checkpoint_every,
            keep=settings.keep,
            allow_changed_mixture=settings.allow_changed_mixture,
            start=start,
            title=title,
        )

    def _say_compiling(self, program: str) -> None:
        """Says why nothing moves at first: a program is compiled when it is first used."""
        if program not in self._compiled:
            self._compiled.add(program)
            size = self.engine.num_parameters
            say(f"compiling the {program} program of a model of {size:,} parameters; large ones take minutes")

    def restore(self, checkpoint: CheckpointPath) -> State:
        """The weights and optimizer slots of a checkpoint, laid out on this run's mesh."""
        if isinstance(checkpoint, ForeignCheckpoint):
            return initial_state(self.engine, checkpoint.opened.weights, str(checkpoint))
        keep = len(checkpoint.trained.steps())
        with contextlib.closing(Checkpoints(checkpoint.trained.checkpoints, keep)) as checkpoints:
            return checkpoints.restore(checkpoint.step, self.engine)[1]

    def predictor(self, state: State) -> Predict:
        """Greedy decoding of any number of inputs."""
        engine = self._decoding_engine
        self._say_compiling("decoding")
        return batched(
            lambda inputs: engine.greedy_decode(state, inputs),
            engine.batch_size,
            engine.lengths["inputs"],
        )
