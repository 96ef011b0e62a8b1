"""What a run is: the dataclasses that gin binds, with `Run` as the root.

Every field is validated here as far as it can be without looking at tasks or at the machine;
`preflight/` does that.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.settings import Optimizer, adafactor
from t5mix.mesh.optimizers.step_config import StepConfig, check_denominator
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything, prompt_tuning
from t5mix.preprocessors import objectives
from t5mix.runs.config.mixing import Mixing
from t5mix.training.schedules import Schedule

# Of counts: what arrays of TensorFlow and of JAX can be long. Of tokens: a row that no attention could compute.
_GREATEST_COUNT, _GREATEST_LENGTH = 2**31 - 1, 2**22


def _at_least_one(part: object, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        if value is not None and not 1 <= value <= _GREATEST_COUNT:
            limits = f"it must be at least 1, and at most {_GREATEST_COUNT:,}"
            raise ValueError(f"{type(part).__name__}.{name} is {value}: {limits}")


def _no_repeats(name: str, values: tuple[str, ...]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{name} names {', '.join(repeated)} more than once")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Steps:
    """What a training step does, whether it is of pre-training or of fine-tuning."""

    optimizer: Optimizer = adafactor()  # noqa: RUF009 - frozen, so it may be shared
    trained: Trained = everything()  # noqa: RUF009
    micro_batches: int = 1
    loss_denominator: str | float = "tokens"
    clip_norm: float | None = None
    skip_non_finite: int = 0
    allow_changed_optimizer: bool = False

    def _check_step(self) -> None:
        _at_least_one(self, "micro_batches")
        name = type(self).__name__
        check_denominator(f"{name}.loss_denominator", self.loss_denominator)
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise ValueError(f"{name}.clip_norm is {self.clip_norm}: it must be positive and finite, or None")
        if self.skip_non_finite < 0:
            raise ValueError(f"{name}.skip_non_finite is {self.skip_non_finite}: it must be at least 0")

    @property
    def step_config(self) -> StepConfig:
        """What the engine is told of it."""
        return StepConfig(
            optimizer=self.optimizer,
            trained=self.trained,
            micro_batches=self.micro_batches,
            loss_denominator=self.loss_denominator,
            clip_norm=self.clip_norm,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(_Steps):
    """Training on the whole mixture.

    Attributes:
        steps: optimizer steps in total; a run that is started again goes on to this step.
        schedule: learning rate, a function of the step: `@inverse_square_root()`, `@constant()`,
            ...
        optimizer: `@adafactor()`, T5's; `@adamw()` or `@adamw_scaled()`.
        trained: `@everything()`, or a part: `@matching()`, `@lora()`, `@adapters()`, `@prompt_tuning()`,
            `@gradual_unfreezing()`.
        micro_batches: parts that a batch is computed in, one after the other, to save memory.
        loss_denominator: what the summed loss is divided by: "tokens" (real target tokens), "positions"
            (padding included) or a number of tokens; T5 fine-tunes with 233472.
        clip_norm: the largest norm of all gradients together; None for none.
        skip_non_finite: how many steps whose loss or gradient is no number are left out and counted
            before the run stops.
        allow_changed_optimizer: resume with another optimizer than the checkpoint's; its slots start anew.
        log_every: steps between two lines in the logs.
        checkpoint_every: steps between two checkpoints; one is always written at the end.
        keep: how many checkpoints stay on disk, the newest ones.
        allow_changed_mixture: resume although the mixture's tasks, rates or examples changed since the
            checkpoint; what changed is said.
        conflict_every: steps between measurements of how the tasks' gradients lie to one another, in
            conflict.jsonl; None means none. One costs the time of a step for each task of the batch.
        masked_tasks: names of tasks whose examples are read and whose loss is 0; see `t5mix whatif`.
        rates: of tasks, in place of those that the mixture gives them, `{"sst2": 0}`; None means none.
        rates_since: the step from which these rates hold.
    """

    steps: int
    schedule: Schedule
    log_every: int = 100
    checkpoint_every: int = 1000
    keep: int = 3
    allow_changed_mixture: bool = False
    conflict_every: int | None = None
    masked_tasks: tuple[str, ...] = ()
    rates: Mapping[str, float] | None = None
    rates_since: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "masked_tasks", tuple(self.masked_tasks))
        _at_least_one(self, "steps", "log_every", "checkpoint_every", "keep", "conflict_every")
        _no_repeats("Training.masked_tasks", self.masked_tasks)
        if not 0 <= self.rates_since <= _GREATEST_COUNT:
            raise ValueError(f"Training.rates_since is {self.rates_since}: it must be a step, 0 or later")
        for name, rate in (self.rates or {}).items():
            if not 0 <= rate < math.inf:
                raise ValueError(f"Training.rates gives {name!r} the rate {rate}: it must be at least 0, and finite")
        self._check_step()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finetuning(_Steps):
    """Training on one task at a time, each time from the same weights.

    Optimizer, trained, micro_batches, loss_denominator, clip_norm, skip_non_finite and allow_changed_optimizer are as
    in Training.

    Attributes:
        steps: optimizer steps on each task, counted from the checkpoint.
        schedule: learning rate, a function of the step since the checkpoint; T5's is `@constant()`.
        tasks: names; empty means every task of the mixture that has metrics. A mixture that is named is trained on as
            one, and its tasks with metrics are scored.
        checkpoint: a run folder (its newest checkpoint), or one checkpoint of it
            (`FOLDER/checkpoints/STEP`); None means the checkpoint that this run's own pre-training
            ends with.
        trained_before: a folder of `t5mix export --format trained`, which is put onto the checkpoint first. The same
            choice of `trained` goes on with its weights; for another, LoRA is added up.
        new_slots: whether the optimizer's slots begin anew, and not as the checkpoint has them. Slots of a long
            pre-training hardly follow a task's own gradients within hundreds of steps; T5, which fine-tuned for 2^18
            steps, kept them.
        from_scratch: whether each training begins with new weights, those of `Run.seed`, instead of a checkpoint.
        log_every: steps between two lines in the logs.
        checkpoint_every: steps between two checkpoints of a task; one is always written at the end.
        keep: how many checkpoints of each task stay on disk, the newest ones.
    """

    steps: int
    schedule: Schedule
    tasks: tuple[str, ...] = ()
    checkpoint: str | None = None
    trained_before: str | None = None
    new_slots: bool = True
    from_scratch: bool = False
    log_every: int = 100
    checkpoint_every: int = 1000
    keep: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        _at_least_one(self, "steps", "log_every", "checkpoint_every", "keep")
        self._check_step()
        _no_repeats("Finetuning.tasks", self.tasks)
        if self.checkpoint == "":
            raise ValueError("Finetuning.checkpoint is empty: give a run folder, or None")
        if self.trained_before is not None and self.checkpoint is None:
            raise ValueError(
                f"Finetuning.trained_before is {self.trained_before!r}, which goes onto the checkpoint that it was "
                "trained on: bind Finetuning.checkpoint, too"
            )
        if self.from_scratch and self.checkpoint is not None:
            raise ValueError(
                f"Finetuning.checkpoint is {self.checkpoint!r}, and Finetuning.from_scratch begins with new weights: "
                "leave one of them out"
            )

    def as_training(self) -> Training:
        """Returns the same settings, as those of training on one task."""
        shared = {field.name for field in dataclasses.fields(Training)} & {f.name for f in dataclasses.fields(self)}
        return Training(**{name: getattr(self, name) for name in shared})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How checkpoints are scored.

    Attributes:
        split: of every task: "validation", "test", ..., or several, as "validation,test". A task is scored on those of
            them that it has.
        batch_size: sequences decoded at once; None means the run's, which needs no second
            compilation.
        limit: examples of each task at most; None means the whole split.
        every: steps between two evaluations beside training; None means only at the end.
        patience: so many evaluations beside training without a better one, one after the other, end the training
            early; None means never. Fine-tuning goes by the task's first metric, pre-training by the mean over tasks.
        report_split: what the best checkpoint of each task, by the first of the splits, is scored on in the end; None
            means that the last checkpoint is scored, on `split`.
    """

    split: str = "validation"
    batch_size: int | None = None
    limit: int | None = None
    every: int | None = None
    patience: int | None = None
    report_split: str | None = None

    def __post_init__(self) -> None:
        if not self.split:
            raise ValueError("Evaluation.split is empty: name a split, such as 'validation'")
        if not all(self.splits):
            raise ValueError(f"Evaluation.split is {self.split!r}: name a split, such as 'validation', or 'a,b'")
        _no_repeats("Evaluation.split", self.splits)
        _at_least_one(self, "batch_size", "limit", "every", "patience")
        if self.patience and not self.every:
            raise ValueError(
                f"Evaluation.patience is {self.patience}, and nothing is scored beside training: set Evaluation.every"
            )
        if self.report_split is not None and (not self.every or not self.report_split):
            raise ValueError(
                f"Evaluation.report_split is {self.report_split!r}, which is for the best of several checkpoints: set "
                "Evaluation.every, too, or score what is there with `t5mix eval --checkpoints best --report_split`"
            )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(name.strip() for name in self.split.split(","))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that decides what a run computes, and where it writes.

    Attributes:
        folder: where checkpoints, logs and the report go; starting again on it resumes.
        mixture: name of a mixture, or of one task.
        sequence_length: tokens of each feature, `{"inputs": 512, "targets": 128}`; longer examples
            are truncated, counted and reported.
        batch_size: packed sequences a step, over all devices.
        model: size and shape of the model.
        mesh: devices, and which dimension is split over which.
        train: pre-training on the mixture; None where a run has none.
        finetune: fine-tuning on each task; None where a run has none.
        evaluation: how checkpoints are scored.
        decoding: how answers are found, by `t5mix eval`, `t5mix predict` and for the report.
        packing: whether several examples share one sequence while training.
        seed: of initial weights, order of examples, noise and dropout.
        include: files and folders of declarations, besides the shipped ones. Of a run folder's record Python files
            count only where the user names them, too.
        objective: name of the objective of tasks that leave it open (`objectives.unsupervised`), such as
            "span_3_15_u_u"; None means what they declare. See the files of gin/objectives/.
        mixing: rates of the mixture in place of those that it declares, such as rates that change with the step.
    """

    folder: str
    mixture: str
    sequence_length: Mapping[str, int]
    batch_size: int
    model: T5Config
    mesh: MeshConfig = MeshConfig()  # noqa: RUF009 - frozen, so it may be shared
    train: Training | None = None
    finetune: Finetuning | None = None
    evaluation: Evaluation = Evaluation()
    decoding: Decoding = Decoding()  # noqa: RUF009 - frozen, so it may be shared
    packing: bool = True
    seed: int = 0
    include: tuple[str, ...] = ()
    objective: str | None = None
    mixing: Mixing | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequence_length", dict(self.sequence_length))
        object.__setattr__(self, "include", tuple(self.include))
        _at_least_one(self, "batch_size")
        _no_repeats("Run.include", self.include)
        for name in ("folder", "mixture"):
            if not getattr(self, name):
                raise ValueError(f"Run.{name} is empty: it must be set")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"Run.seed is {self.seed}: it must be at least 0 and less than 2**31")
        if self.objective is not None:
            try:
                objectives.named(self.objective)
            except ValueError as error:
                raise ValueError(f"Run.objective: {error}") from None
        for part in (self.train, self.finetune):
            if part is not None:
                self._check_fits(part)
        for feature, length in self.sequence_length.items():
            if not 1 <= length <= _GREATEST_LENGTH:
                limits = f"it must be at least 1, and at most {_GREATEST_LENGTH:,}"
                raise ValueError(f"Run.sequence_length gives {feature!r} {length} tokens: {limits}")

    def _check_fits(self, part: Training | Finetuning) -> None:
        name = type(part).__name__
        if self.batch_size % part.micro_batches:
            raise ValueError(
                f"{name}.micro_batches is {part.micro_batches}: Run.batch_size, {self.batch_size}, must be a multiple"
            )
        if isinstance(part.trained, prompt_tuning) and self.packing:
            raise ValueError(
                f"{name}.trained is @prompt_tuning(), whose prompt stands before one example a row: "
                "bind Run.packing = False"
            )

    @property
    def evaluation_batch_size(self) -> int:
        """Sequences decoded at once."""
        return self.evaluation.batch_size or self.batch_size


_Part = Run | Training | Finetuning | Evaluation | Decoding | T5Config | MeshConfig | Mixing


def settings(part: _Part) -> Iterator[tuple[str, Any]]:
    """Yields every setting of a run or of a part of one, by its gin name, in declared order.

    Schedules, optimizers and choices of what is trained count as one setting:
    `("Training.schedule", constant(learning_rate=0.001))`.
    """
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, _Part):
            yield from settings(value)
        else:
            yield f"{type(part).__name__}.{field.name}", value
