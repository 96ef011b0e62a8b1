"""Fine-tuning on one task at a time, each time from the same checkpoint, or from the same new weights."""

import os
from collections.abc import Sequence
from pathlib import Path

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.report import print_report, write_report
from t5mix.internal.files import read_json, write_json
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.mesh.engine import State
from t5mix.runs.components import Components
from t5mix.runs.config.binding import Bound
from t5mix.runs.evaluate import score_tasks
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.dry_run import check_end_of_fine_tuning
from t5mix.runs.preflight.tasks import Provider, answered
from t5mix.runs.records.record import alone_in, beginning, record_start
from t5mix.runs.records.run_copy import RunCopy
from t5mix.runs.records.run_folder import CheckpointPath, Trained
from t5mix.runs.scores.beside_training import beside, report
from t5mix.runs.scores.tables import print_averages
from t5mix.training.checkpoints import Checkpoints


def finetune_only(bound: Bound, checked: Checked, command: Sequence[str], copy: RunCopy | None = None) -> int:
    """Fine-tunes each task from `Finetuning.checkpoint`, or with new weights, and reports: `t5mix finetune`.

    Args:
        bound: the settings, with their texts.
        checked: the same, checked.
        command: what the user typed, for the record.
        copy: of the run folder, see `Components`.
    """
    start = checked.checkpoint
    with alone_in(checked.folder):
        record_start(bound, checked, command)
        check_end_of_fine_tuning(checked)
        components = Components(checked.run, checked.provider, copy=copy)
        before = [] if start is None else _before(components, checked, start)
        after = finetune_tasks(components, checked, start, before)
        if agreement.is_first():
            write_report(checked.folder.report, before, after)
        components.copy()
    print_report(before, after)
    print_averages(after)
    say(f"the report is {checked.folder.report}")
    return 0


def _before(components: Components, checked: Checked, start: CheckpointPath) -> list[Score]:
    """Returns the scores of the checkpoint that fine-tuning starts from."""
    own = checked.folder.pretraining  # scores go to this run's folder, not to the checkpoint's
    reported = components.run.evaluation.report_split
    return score_tasks(
        components,
        checked.scored_tasks,
        own,
        start.step,
        lambda: components.restore(start),
        weights=Path(str(start)),
        splits=[reported] if reported else (),
    )


def finetune_tasks(
    components: Components, checked: Checked, start: CheckpointPath | None, before: Sequence[Score]
) -> list[Score]:
    """Fine-tunes and scores each task of `Run.finetune`; what is finished already is not done again.

    Args:
        components: of the run.
        checked: the run.
        start: the checkpoint that every task starts from; None for new weights.
        before: scores of that checkpoint, whose baselines are used again.
    """
    scores: list[Score] = []
    for number, task in enumerate(checked.finetune_tasks, 1):
        title = f"fine-tuning {number}/{len(checked.finetune_tasks)} on {task.name}"
        scores += _finetune_task(components, checked, task, start, before, title)
    return scores


def _finetune_task(
    components: Components,
    checked: Checked,
    task: Provider,
    start: CheckpointPath | None,
    before: Sequence[Score],
    title: str,
) -> list[Score]:
    """Fine-tunes on one task, or on a mixture as one; returns the scores of what was trained on."""
    finetuning = checked.run.finetune
    assert finetuning is not None
    scored = answered(checked.run, task)
    trained = checked.folder.finetuning(task.name)
    agreement.first_alone(lambda: _remember_start(trained, task, start))
    Checkpoints(trained.checkpoints).recover(components.mend)

    def beginning_state() -> State:
        if start is None:
            return components.engine(finetuning).initialize(checked.run.seed)
        return components.restore(start, finetuning)

    if not agreement.first_says(lambda: finetuning.steps in trained.steps()):
        components.train(
            finetuning.as_training(),
            task,
            trained,
            start=beginning_state,
            title=title,
            beside=beside(components, scored, checked.folder, trained),
        )

    def restored(step: int) -> State:
        return components.restore(CheckpointPath(checked.folder, trained, step))

    last = agreement.first_says(lambda: trained.steps()[-1])
    return report(components, scored, trained, last, restored, before)


def _remember_start(trained: Trained, task: Provider, start: CheckpointPath | None) -> None:
    """Notes which checkpoint a task starts from; refuses to go on from another one.

    Raises:
        ValueError: an earlier start of the run began this task from a different step, from other weights, or with
            something else on them.
    """
    path, now = trained.start, beginning(start)
    if not path.exists():
        write_json(path, {"task": task.name, **now})
        return
    noted = read_json(path)
    if noted.get("step") != now["step"]:
        raise ValueError(
            f"{str(trained.path)!r} was fine-tuned from step {noted.get('step')}, and this run starts from step "
            f"{now['step']}: delete that folder to do it again"
        )
    shas = {noted.get("sha256"), now["sha256"]} - {None}
    if start is not None and len(shas) > 1 and not _is_within(trained, start):
        raise ValueError(
            f"{str(trained.path)!r} was fine-tuned from what {str(start)!r} was then, and another checkpoint has its "
            "place now: choose another folder with --run_folder, or delete that one to do it again"
        )
    before = now.get("trained_before")
    if before and noted.get("trained_before", {}).get("sha256") != before["sha256"]:
        raise ValueError(
            f"{str(trained.path)!r} was fine-tuned from what {before['folder']!r} held then, and other weights are "
            "there now: choose another folder with --run_folder"
        )


def _is_within(trained: Trained, start: CheckpointPath) -> bool:
    """Tells whether a fine-tuning begins with its own run's end, which may be made again: the same, in other files."""
    return Path(os.path.realpath(trained.path)).is_relative_to(os.path.realpath(start.run.path))
