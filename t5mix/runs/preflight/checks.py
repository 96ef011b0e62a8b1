"""What is checked before anything is built.

Cheap checks come first; the mesh comes last, because counting devices starts JAX. Each failure is
one `ValueError` or `FileNotFoundError` that names the setting and the fix.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from t5mix.declarations.registry import get_subtasks
from t5mix.declarations.task import Task
from t5mix.internal.logs import trackers
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.runs.config import binding
from t5mix.runs.config.gin_files import said, with_defaults
from t5mix.runs.config.settings import Finetuning, Run
from t5mix.runs.preflight.changed_mixture import with_changes
from t5mix.runs.preflight.folders import check_checkpoint, check_folder, check_own_checkpoint
from t5mix.runs.preflight.foreign_checkpoints import (
    ForeignCheckpoint,
    check_foreign,
    default_settings,
    find_start,
    names_no_task,
    own_task,
    settings_of,
)
from t5mix.runs.preflight.memory import check_memory
from t5mix.runs.preflight.schedules import check_schedule
from t5mix.runs.preflight.tasks import (
    Provider,
    answered,
    check_answers,
    check_chosen_by,
    check_data,
    check_evaluation,
    check_mesh,
    check_provider,
    chosen_provider,
    finetune_tasks,
    scored_tasks,
)
from t5mix.runs.preflight.training_steps import check_goes_on, check_steps
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder
from t5mix.training import checkpoint_files


@dataclasses.dataclass(frozen=True)
class Checked:
    """A run whose settings have passed, with what they name.

    Attributes:
        run: the settings.
        provider: the task or mixture that `Run.mixture` names.
        finetune_tasks: what `Run.finetune` trains on, in order, tasks or mixtures; empty where it is None.
        scored_tasks: what is scored before fine-tuning, in order.
        checkpoint: where fine-tuning starts; None where it is what this run's own pre-training ends
            with, or new weights.
    """

    run: Run
    provider: Provider
    finetune_tasks: tuple[Provider, ...] = ()
    scored_tasks: tuple[Task, ...] = ()
    checkpoint: CheckpointPath | None = None

    @property
    def folder(self) -> RunFolder:
        """Where the run writes."""
        return RunFolder(Path(self.run.folder))


def check_training(run: Run) -> Checked:
    """Checks a run that pre-trains, and fine-tunes where `Run.finetune` is bound.

    Raises:
        ValueError: a setting can not be right, or does not fit the folder, the tasks or the
            machine.
        FileNotFoundError: a declarations file, a data file or a vocabulary is missing.
    """
    if run.train is None:
        raise ValueError(
            "Run.train is None: bind Training.steps and Training.schedule to pre-train, or use `t5mix finetune`"
        )
    if run.finetune is not None and run.finetune.checkpoint is not None:
        raise ValueError(
            f"Finetuning.checkpoint is {run.finetune.checkpoint!r}, but `t5mix train` fine-tunes what "
            "it has trained itself: leave it None, or use `t5mix finetune`"
        )
    if run.finetune is not None and run.finetune.from_scratch:
        raise ValueError(
            "Finetuning.from_scratch begins with new weights, and `t5mix train` fine-tunes what it has trained itself: "
            "leave it False, or use `t5mix finetune`"
        )
    trackers.chosen()
    check_memory(run)
    check_schedule("Training", run.train)
    if run.finetune is not None:
        check_schedule("Finetuning", run.finetune.as_training())
    provider = with_changes(chosen_provider(run), run.train)
    check_provider(run, provider)
    # A task without the split is only evaluated: the stream leaves it out, and says so.
    trained_on = [task for task in get_subtasks(provider) if "train" in task.splits]
    check_data(run, trained_on or get_subtasks(provider), "train")
    tasks = finetune_tasks(run, provider)
    check_folder(run, provider)
    newest = RunFolder(Path(run.folder)).pretraining.steps()[-1:]
    if newest and newest[0] > run.train.steps:
        raise ValueError(
            f"Training.steps is {run.train.steps}, but {run.folder!r} has been trained for {newest[0]} "
            "steps already: choose more, or another folder with --run_folder"
        )
    scored = _scored_of(run, tasks) or scored_tasks(run, provider)
    check_chosen_by(run, scored)
    check_mesh(run)
    check_steps(run)
    return Checked(run, provider, tasks, scored)


def check_finetuning(run: Run) -> Checked:
    """Checks a run that only fine-tunes, from a checkpoint that exists or with new weights.

    Raises:
        ValueError: as `check_training`; or the checkpoint is of another model or vocabulary.
        FileNotFoundError: as `check_training`; or there is no checkpoint.
    """
    if run.finetune is None:
        raise ValueError("Run.finetune is None: bind Finetuning.steps and Finetuning.schedule")
    trackers.chosen()
    check_memory(run)
    check_schedule("Finetuning", run.finetune.as_training())
    provider = chosen_provider(run)
    check_provider(run, provider)
    tasks = finetune_tasks(run, provider)
    checkpoint = None if run.finetune.from_scratch else _start_of(run, run.finetune, provider)
    if checkpoint is None:
        check_own_checkpoint(run, None)
    check_folder(run, provider)
    scored = _scored_of(run, tasks)
    check_chosen_by(run, scored)
    check_mesh(run)
    check_steps(dataclasses.replace(run, train=None))
    if checkpoint is not None:
        check_goes_on(run, checkpoint)
    return Checked(run, provider, tasks, scored, checkpoint)


def _scored_of(run: Run, trained_on: Sequence[Provider]) -> tuple[Task, ...]:
    """Returns the tasks that are scored of what is fine-tuned on, each once."""
    return tuple({task.name: task for each in trained_on for task in answered(run, each)}.values())


def _start_of(run: Run, finetuning: Finetuning, provider: Provider) -> CheckpointPath:
    """Returns the checkpoint that fine-tuning starts from, after checking that it can."""
    try:
        checkpoint = find_start(finetuning.checkpoint or run.folder)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"fine-tuning starts with new weights (--from_scratch) or from a checkpoint (--checkpoint): {error}"
        ) from None
    checkpoint = dataclasses.replace(checkpoint, trained_alone=finetuning.trained_before)
    if isinstance(checkpoint, ForeignCheckpoint):
        check_foreign(run, provider, checkpoint)
    else:
        check_checkpoint(run, provider, checkpoint)
        check_own_checkpoint(run, checkpoint)
    return checkpoint


def check_recorded(
    path: str,
    gin_files: Sequence[str] = (),
    gin_params: Sequence[str] = (),
    include: Sequence[str] = (),
    trained_alone: str | None = None,
    task: str | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Checked:
    """Checks a checkpoint that is to be used, and the settings that its run folder records.

    For `FOLDER/finetune/TASK` that task stands for the mixture. Checkpoints of other programs have no record: see
    `foreign_checkpoints.default_settings`.

    Args:
        path: a run folder, `FOLDER/finetune/TASK`, or `.../checkpoints/STEP`; or what `open_checkpoint` takes.
        gin_files: settings that override the recorded ones.
        gin_params: single settings that override the rest.
        include: files and folders of declarations.
        trained_alone: a folder of `t5mix export --format trained`, to be put onto the checkpoint. The lengths that it
            was trained with count for more than the record.
        task: whose examples the checkpoint of another program is asked, where nobody binds `Run.mixture`.
        lengths: of such a checkpoint, where nobody binds `Run.sequence_length`, nor were others trained with.

    Raises:
        FileNotFoundError: there is no such folder or checkpoint.
        ValueError: the checkpoint is of another vocabulary, or a setting can not be right.
    """
    checkpoint = dataclasses.replace(find_start(path), trained_alone=trained_alone)
    noted: Mapping[str, int] = {}
    if trained_alone is not None:
        from t5mix.mesh.interop.trained_alone import read_trained  # loads TensorFlow

        noted = read_trained(trained_alone).lengths  # before anything is built
    if isinstance(checkpoint, ForeignCheckpoint):
        return _check_without_run(checkpoint, gin_files, gin_params, include, noted or lengths or {}, task)
    gin_params = with_defaults({"Run.sequence_length": noted} if noted else {}, gin_files, gin_params)
    if checkpoint.is_fine_tuned:
        gin_params = [f"Run.mixture = {checkpoint.task!r}", *gin_params]
    recorded = [str(checkpoint.run.operative_config)]
    run = binding.bind([*recorded, *gin_files], gin_params, include=include).run
    check_memory(run)
    # Rates are of the training, and not of what the model answers, which may be a task or another mixture.
    provider = chosen_provider(dataclasses.replace(run, mixing=None), for_training=False)
    check_checkpoint(run, provider, checkpoint)
    check_provider(run, provider)
    check_mesh(run)
    return Checked(run, provider, checkpoint=checkpoint)


def _check_without_run(
    checkpoint: ForeignCheckpoint,
    gin_files: Sequence[str],
    gin_params: Sequence[str],
    include: Sequence[str],
    lengths: Mapping[str, int],
    task: str | None,
) -> Checked:
    """Checks a checkpoint of another program that is to be used as it is; see `check_recorded`."""
    opened = checkpoint.opened
    defaults = default_settings(opened, lengths, said(gin_files, gin_params)) | ({"Run.mixture": task} if task else {})
    given = [*settings_of(opened), *with_defaults(defaults, gin_files, gin_params)]
    run = binding.bind(gin_files, given, include=include).run
    check_memory(run)
    if names_no_task(run, checkpoint):
        provider: Provider = own_task(opened)
    else:
        provider = chosen_provider(dataclasses.replace(run, mixing=None), for_training=False)
    check_foreign(run, provider, checkpoint)
    check_provider(run, provider)
    check_mesh(run)
    return Checked(run, provider, checkpoint=checkpoint)


def check_scoring(checked: Checked, which: str, *, without_metrics: bool = False) -> tuple[list[int], list[Task]]:
    """Returns the steps of the checkpoints, and the tasks, that `t5mix eval` scores.

    Args:
        checked: from `check_recorded`.
        which: "latest", "all", "best" or steps, such as "1000,2000".
        without_metrics: whether tasks without metrics are answered, too, and not scored.

    Raises:
        ValueError: `which` is none of these, or no task can be scored.
        FileNotFoundError: there is no checkpoint of such a step.
    """
    assert checked.checkpoint is not None
    check_answers(checked.run)
    steps = chosen_steps(which, checked.checkpoint)
    plain = [task for task in get_subtasks(checked.provider) if without_metrics and not task.metric_objs]
    plain = [task for task in plain if set(checked.run.evaluation.splits) & set(task.splits)]
    tasks = [*scored_tasks(checked.run, checked.provider), *plain]
    if not tasks:
        others = get_subtasks(checked.provider)
        check_evaluation(checked.run, [task for task in others if task.metric_objs] or others)
    return steps, tasks


def chosen_steps(which: str, checkpoint: CheckpointPath) -> list[int]:
    """Returns the steps of a training's checkpoints, ascending; damaged ones are named, and left out or refused.

    Args:
        which: "latest", "all", "best" (all, of which one is chosen) or steps, such as "1000,2000".
        checkpoint: of the training.

    Raises:
        ValueError: `which` is none of these, or a checkpoint that is named is damaged.
        FileNotFoundError: there is no checkpoint of such a step.
    """
    there = list(agreement.first_says(checkpoint.trained.steps))
    if which == "latest":
        return [checkpoint.step]
    if which in ("all", "best"):
        return _whole(checkpoint, there)
    parts = [part.strip() for part in which.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"--checkpoints is {which!r}: give latest, all, best, or steps such as 1000,2000")
    steps = sorted({int(part) for part in parts})
    missing = [step for step in steps if step not in there]
    if missing:
        raise FileNotFoundError(
            f"no checkpoint of step {', '.join(map(str, missing))} in "
            f"{str(checkpoint.trained.checkpoints)!r}; there are {', '.join(map(str, there))}"
        )
    for step in steps:
        checkpoint_files.verify(checkpoint.trained.checkpoints / str(step))
    return steps


def _whole(checkpoint: CheckpointPath, steps: Sequence[int]) -> list[int]:
    """Returns the steps of checkpoints that are not damaged, and names the others."""
    whole = []
    for step in steps:
        try:
            checkpoint_files.verify(checkpoint.trained.checkpoints / str(step))
            whole.append(step)
        except checkpoint_files.DamagedCheckpointError as error:
            say(f"warning: {error}; it is left out")
    return whole
