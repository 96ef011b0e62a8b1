"""What is to be trained, and in which parts of a batch: that the model, the mesh and the checkpoint have it."""

import math

from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import briefly
from t5mix.mesh.t5.fine_tuning.settings import everything
from t5mix.runs.config.settings import Finetuning, Run, Training
from t5mix.runs.preflight.foreign_checkpoints import ForeignCheckpoint
from t5mix.runs.records.run_folder import CheckpointPath


def check_steps(run: Run) -> None:
    """Checks what pre-training and fine-tuning train, before either begins.

    Raises:
        ValueError: the mesh does not divide the micro batches, the model has nothing of what is to be trained, or
            fine-tuning cannot go on from what pre-training makes.
    """
    for part in (run.train, run.finetune):
        if part is not None:
            _check_micro_batches(run, part)
            if part.trained != everything():
                _check_trained(run, part)
    if run.train is not None and run.finetune is not None:
        _check_one_after_the_other(run.train, run.finetune)


def _check_micro_batches(run: Run, part: Training | Finetuning) -> None:
    rows = run.batch_size // part.micro_batches
    parts = run.mesh.parts("batch")
    if rows % parts:
        most = math.gcd(run.batch_size, run.batch_size // parts) if run.batch_size % parts == 0 else 1
        raise ValueError(
            f"{type(part).__name__}.micro_batches is {part.micro_batches}, which makes parts of {rows} rows, and the "
            f"mesh {run.mesh.shape!r} splits rows in {parts}: use a divisor of {most}"
        )


def _check_trained(run: Run, part: Training | Finetuning) -> None:
    from t5mix.mesh.engine import Engine

    try:
        Engine(run.model, MeshConfig(), batch_size=run.batch_size, lengths=run.sequence_length, step=part.step_config)
    except ValueError as error:
        raise ValueError(f"{type(part).__name__}.trained: {error}") from None


def _check_one_after_the_other(first: Training, then: Finetuning) -> None:
    if first.trained == then.trained or first.trained == everything():
        return
    from t5mix.training.starting import check_added

    try:
        check_added(first.trained, then.trained)
    except ValueError:
        raise ValueError(
            f"Training.trained is {briefly(first.trained)}, which stays part of the model, and Finetuning.trained is "
            f"{briefly(then.trained)}: set both to the same"
        ) from None


def check_goes_on(run: Run, checkpoint: CheckpointPath) -> None:
    """Checks that fine-tuning can go on from a checkpoint's weights, and from what is put onto them.

    Raises:
        FileNotFoundError: what is to be put onto them is not there.
        ValueError: one of them has adapters or a prompt, and the run has none.
    """
    if run.finetune is None:
        return
    from t5mix.training.checkpoints import Checkpoints
    from t5mix.training.starting import check_added, step_of

    if not isinstance(checkpoint, ForeignCheckpoint):
        extra = Checkpoints(checkpoint.trained.checkpoints).extra(checkpoint.step)
        check_added(step_of(extra).trained, run.finetune.trained)
    if checkpoint.trained_alone is not None:
        from t5mix.mesh.interop.trained_alone import read_trained

        check_added(read_trained(checkpoint.trained_alone).trained, run.finetune.trained)
