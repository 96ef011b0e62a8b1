"""The engine and the streams of a run, built when they are first needed.

One engine serves pre-training, every fine-tuning and evaluation, so that each program is compiled
once.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.data import Stream
from t5mix.declarations.task import Task
from t5mix.evaluation.decoding import AnswerAll, Predict, ScoreTargets, batched, first_answers, scored
from t5mix.evaluation.examples import read_examples
from t5mix.internal.processes import agreement
from t5mix.mesh.engine import Engine, State
from t5mix.mesh.interop.engine_state import initial_state
from t5mix.mesh.interop.trained_alone import read_trained
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import Trained as WhatIsTrained
from t5mix.mesh.t5.fine_tuning.settings import adapters, everything, lora, prompt_tuning
from t5mix.runs.config.settings import Finetuning, Run, Training
from t5mix.runs.preflight.dry_run import check_enough, open_stream, say_overflows
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.preflight.same_data import SameData
from t5mix.runs.preflight.tasks import Provider, num_tasks
from t5mix.runs.records import intended_shares
from t5mix.runs.records.run_copy import RunCopy
from t5mix.runs.records.run_folder import CheckpointPath, Trained
from t5mix.runs.scores import score_key
from t5mix.training.beside import Beside
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.loop import train
from t5mix.training.starting import as_trained, to_train


class Components:
    """What a run computes with.

    Args:
        run: the settings, checked.
        provider: the task or mixture that the run trains on.
        weights: a hash of the weights that answer, where no checkpoint of a run says what they are.
        copy: of the run folder, that each checkpoint goes to; None is none.
    """

    def __init__(self, run: Run, provider: Provider, weights: str | None = None, copy: RunCopy | None = None) -> None:
        self.run, self._copy = run, copy
        self.provider = provider
        self._weights = weights
        self._engines: dict[tuple[int, int | None, StepConfig], Engine] = {}
        self._made_of: dict[tuple[str, str], Mapping[str, str | None]] = {}

    def engine(self, settings: Training | Finetuning | None = None) -> Engine:
        """Returns the model on its mesh, at the batch shape of training.

        Args:
            settings: of a training; None where there is none.
        """
        step = settings.step_config if settings else StepConfig()
        # A language model of targets alone has no inputs.
        return self._engine(self.run.batch_size, self.run.sequence_length.get("inputs"), step)

    def _decoding_engine(self, length: int, trained: WhatIsTrained) -> Engine:
        """Returns the same model for inputs of a length, in batches of evaluation.

        Args:
            length: of inputs.
            trained: what was trained, which says whether there are weights besides T5's.
        """
        if not isinstance(trained, adapters | prompt_tuning | lora):
            trained = everything()  # it decodes alike
        step = StepConfig(trained=trained)
        for (size, other, theirs), engine in self._engines.items():  # that of training, where it serves
            if (size, other, theirs.trained) == (self.run.evaluation_batch_size, length, trained):
                return engine
        return self._engine(self.run.evaluation_batch_size, length, step)

    def _engine(self, batch_size: int, length: int | None, step: StepConfig) -> Engine:
        run, key = self.run, (batch_size, length, step)
        if key not in self._engines:
            self._engines[key] = Engine(
                run.model,
                run.mesh,
                batch_size=batch_size,
                lengths={**run.sequence_length, **({} if length is None else {"inputs": length})},
                num_tasks=num_tasks(run, self.provider),
                step=step,
            )
        return self._engines[key]

    def train(
        self,
        settings: Training,
        provider: Provider,
        trained: Trained,
        start: Callable[[], State],
        title: str,
        beside: Beside | None = None,
    ) -> State:
        """Trains to `settings.steps`, from `start()`, or from the newest checkpoint that is there.

        Returns:
            The state after the last step, which is also on disk.
        """
        stream = self._stream(settings, provider, trained)
        say_overflows(stream)
        return train(
            self.engine(settings),
            stream,
            folder=trained.path,
            schedule=settings.schedule,
            steps=settings.steps,
            seed=self.run.seed,
            log_every=settings.log_every,
            checkpoint_every=settings.checkpoint_every,
            keep=settings.keep,
            allow_changed_mixture=settings.allow_changed_mixture,
            allow_changed_optimizer=settings.allow_changed_optimizer,
            skip_non_finite=settings.skip_non_finite,
            conflict_every=settings.conflict_every,
            masked_tasks=settings.masked_tasks,
            start=start,
            title=title,
            beside=beside,
            saved=self.copy,
        )

    def mend(self, checkpoint: Path) -> str | None:
        """Takes a damaged checkpoint from the copy of the run folder; see `RunCopy.mend`."""
        return self._copy.mend(checkpoint) if self._copy else None

    def copy(self) -> None:
        """Makes the copy of the run folder, where there is one, what that is now."""
        if self._copy is not None:
            self._copy.put()

    def _stream(self, settings: Training, provider: Provider, trained: Trained) -> Stream:
        """Returns the batches of a training: those that it was started with, where it was."""
        data = SameData(provider, trained, settings)
        data.check_origins()
        # Where all processes see one folder of token caches, one makes them.
        stream = agreement.first_alone(lambda: open_stream(self.run, provider))
        agreement.check_alike(f"examples of {provider.name!r}", stream.state(0))
        data.check_stream(stream)
        check_enough(stream, settings)
        agreement.wait_for_all("data checked")
        if agreement.is_first():
            data.record()
            intended_shares.record(trained, stream)
        return stream

    def restore(self, checkpoint: CheckpointPath, settings: Finetuning | None = None) -> State:
        """Returns the weights and optimizer slots of a checkpoint, laid out on this run's mesh.

        Args:
            checkpoint: of this model.
            settings: of the fine-tuning that begins with it; None where its weights are to be used as they are.
        """
        engine = self.engine(settings)
        if settings is None:
            return state_to_use(checkpoint, engine)
        if checkpoint.trained_alone is not None:
            return _trained_further(checkpoint, engine, self.run.seed)
        if isinstance(checkpoint, ForeignCheckpoint):
            return initial_state(engine, checkpoint.opened.weights, str(checkpoint), self.run.seed)
        before = Checkpoints(checkpoint.trained.checkpoints)
        return to_train(before, checkpoint.step, engine, self.run.seed, new_slots=settings.new_slots)

    @property
    def decoding(self) -> str:
        """What decides answers besides a checkpoint's weights and lengths."""
        decoding = self.run.decoding
        seed = f", seed {decoding.seed}" if decoding.temperature else ""
        weights = f", weights {self._weights}" if self._weights else ""
        return f"{decoding.program}{seed}, {self.run.model!r}{weights}"

    def made_of(self, task: Task, split: str) -> Mapping[str, str | None]:
        """Returns what a score of a task by `Run.evaluation` depends on besides the weights; see `score_key`."""
        if (task.name, split) not in self._made_of:
            settings, lengths = self.run.evaluation, self.run.sequence_length
            examples = read_examples(task, split, lengths, settings.limit)
            self._made_of[task.name, split] = score_key.parts(task, examples, lengths, self.decoding)
        return self._made_of[task.name, split]

    def predictor(self, state: State) -> Predict:
        """Returns a function that gives the best answer to each of any number of inputs, as `Run.decoding` says."""
        return first_answers(self.answerer(state))

    def answerer(self, state: State, sizes: Sequence[int] | None = None, others: Sequence[State] = ()) -> AnswerAll:
        """Returns a function that gives the `Decoding.best` best answers to each input, with their scores.

        Args:
            state: the weights.
            sizes: tokens of all inputs, where they come in several calls.
            others: weights of further models of this kind; all answer together, by their mean log-probabilities.
        """
        run, length = self.run, self.run.sequence_length["inputs"]
        return batched(
            lambda inputs, numbers: self._decoding_engine(inputs.shape[1], state.trained).decode(
                state, inputs, run.decoding, numbers, others
            ),
            self.run.evaluation_batch_size,
            length,
            shorter=self._shorter_rows(length),
            sizes=sizes,
        )

    def target_scorer(self, state: State, others: Sequence[State] = ()) -> ScoreTargets:
        """Returns a function that gives the log-likelihood of several targets of each input, in nats."""
        return scored(
            lambda inputs, targets, numbers: self._decoding_engine(inputs.shape[1], state.trained).target_scores(
                state, inputs, targets, numbers, others
            ),
            self.run.evaluation_batch_size,
            self.run.sequence_length["inputs"],
        )

    def _shorter_rows(self, length: int) -> list[int]:
        """Returns an eighth, a quarter and half of the inputs' length; none where the mesh splits that."""
        if self.run.mesh.parts("length") > 1:
            return []
        return sorted({-(-length // part) for part in (8, 4, 2)} - {length})


def state_to_use(checkpoint: CheckpointPath, engine: Engine) -> State:
    """Returns what a checkpoint predicts with; with LoRA added up.

    Args:
        checkpoint: of a run, or of another program.
        engine: of its model.

    Raises:
        ValueError: what was trained alone was trained on other weights.
    """
    if isinstance(checkpoint, ForeignCheckpoint):
        state = initial_state(engine.with_step(StepConfig()), checkpoint.opened.weights, str(checkpoint))
    else:
        state = as_trained(Checkpoints(checkpoint.trained.checkpoints), checkpoint.step, engine)
    if checkpoint.trained_alone is None:
        return state
    alone = read_trained(checkpoint.trained_alone)
    return engine.with_step(StepConfig(trained=alone.beside)).initialize(0, alone.onto(_weights(state)))


def _trained_further(checkpoint: CheckpointPath, engine: Engine, seed: int) -> State:
    """Returns the state that an engine begins with on a checkpoint that something is put onto; slots are new.

    The same choice of what is trained goes on with those weights; for another, LoRA is added up.
    """
    assert checkpoint.trained_alone is not None
    alone = read_trained(checkpoint.trained_alone)
    base = state_to_use(dataclasses.replace(checkpoint, trained_alone=None), engine)
    given = alone.onto(_weights(base), added_up=alone.trained != engine.step.trained)
    return engine.initialize(seed, given)


def _weights(state: State) -> dict[str, Any]:
    return {name: value for name, value in state.items() if "_slot_" not in name}
