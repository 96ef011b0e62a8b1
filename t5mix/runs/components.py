"""The engine and the streams of a run, built when they are first needed.

One engine serves pre-training, every fine-tuning and evaluation, so that each program is compiled
once.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping

from t5mix.data import Stream
from t5mix.declarations.registry import get_subtasks
from t5mix.declarations.task import Task
from t5mix.evaluation.decoding import AnswerAll, Predict, batched, first_answers
from t5mix.evaluation.examples import read_examples
from t5mix.mesh.engine import Engine, State
from t5mix.mesh.interop.engine_state import initial_state
from t5mix.runs.config.settings import Run, Training
from t5mix.runs.dry_run import open_stream, say_overflows
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.preflight.same_data import SameData
from t5mix.runs.preflight.tasks import Provider
from t5mix.runs.run_folder import CheckpointPath, Trained
from t5mix.runs.scores import score_key
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.loop import train


class Components:
    """What a run computes with.

    Args:
        run: the settings, checked.
        provider: the task or mixture that the run trains on.
    """

    def __init__(self, run: Run, provider: Provider) -> None:
        self.run = run
        self.provider = provider
        self._decoding_engines: dict[int, Engine] = {}
        self._made_of: dict[str, Mapping[str, str | None]] = {}

    @functools.cached_property
    def engine(self) -> Engine:
        """The model on its mesh, at the batch shape of training."""
        return self._engine(self.run.batch_size, self.run.sequence_length)

    def _decoding_engine(self, length: int) -> Engine:
        """Returns the same model for inputs of a length, in batches of evaluation."""
        run = self.run
        if run.evaluation_batch_size == run.batch_size and length == run.sequence_length["inputs"]:
            return self.engine
        if length not in self._decoding_engines:
            lengths = {**run.sequence_length, "inputs": length}
            self._decoding_engines[length] = self._engine(run.evaluation_batch_size, lengths)
        return self._decoding_engines[length]

    def _engine(self, batch_size: int, lengths: Mapping[str, int]) -> Engine:
        run = self.run
        return Engine(
            run.model,
            run.mesh,
            batch_size=batch_size,
            lengths=lengths,
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
        stream = self._stream(settings, provider, trained)
        say_overflows(stream)
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

    def _stream(self, settings: Training, provider: Provider, trained: Trained) -> Stream:
        """Returns the batches of a training: those that it was started with, where it was."""
        data = SameData(provider, trained, settings)
        data.check_origins()
        stream = open_stream(self.run, provider)
        data.check_stream(stream)
        data.record()
        return stream

    def restore(self, checkpoint: CheckpointPath) -> State:
        """Returns the weights and optimizer slots of a checkpoint, laid out on this run's mesh."""
        if isinstance(checkpoint, ForeignCheckpoint):
            return initial_state(self.engine, checkpoint.opened.weights, str(checkpoint))
        keep = len(checkpoint.trained.steps())
        with contextlib.closing(Checkpoints(checkpoint.trained.checkpoints, keep)) as checkpoints:
            return checkpoints.restore(checkpoint.step, self.engine)[1]

    @property
    def decoding(self) -> str:
        """What decides answers besides weights and lengths."""
        decoding = self.run.decoding
        seed = f", seed {decoding.seed}" if decoding.temperature else ""
        return f"{decoding.program}{seed}, {self.run.model!r}"

    def made_of(self, task: Task) -> Mapping[str, str | None]:
        """Returns what a score of a task by `Run.evaluation` depends on besides the weights; see `score_key`."""
        if task.name not in self._made_of:
            settings, lengths = self.run.evaluation, self.run.sequence_length
            examples = read_examples(task, settings.split, lengths, settings.limit)
            self._made_of[task.name] = score_key.parts(task, examples, lengths, self.decoding)
        return self._made_of[task.name]

    def predictor(self, state: State) -> Predict:
        """Returns a function that gives the best answer to each of any number of inputs, as `Run.decoding` says."""
        return first_answers(self.answerer(state))

    def answerer(self, state: State) -> AnswerAll:
        """Returns a function that gives the `Decoding.best` best answers to each input, with their scores."""
        run, length = self.run, self.run.sequence_length["inputs"]
        return batched(
            lambda inputs, numbers: self._decoding_engine(inputs.shape[1]).decode(state, inputs, run.decoding, numbers),
            self.run.evaluation_batch_size,
            length,
            shorter=self._shorter_rows(length),
        )

    def _shorter_rows(self, length: int) -> list[int]:
        """Returns an eighth, a quarter and half of the inputs' length; none where the mesh splits that."""
        if "length" in self.run.mesh.rules:
            return []
        return sorted({-(-length // part) for part in (8, 4, 2)} - {length})
