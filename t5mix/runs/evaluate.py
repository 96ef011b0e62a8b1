"""Scores of checkpoints, task by task, each through its own postprocessor and metrics."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score, evaluate_task
from t5mix.evaluation.overlap.clean import CleanScore
from t5mix.evaluation.report import print_report
from t5mix.internal.logs.metric_logs import EventFile
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import put, say
from t5mix.mesh.engine import State
from t5mix.metrics.directions import is_better
from t5mix.runs.components import Components
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.folders import check_writable
from t5mix.runs.records.run_folder import Trained
from t5mix.runs.scores import score_key
from t5mix.runs.scores.score_files import read_score, write_score


def score_tasks(
    components: Components,
    tasks: Sequence[Task],
    trained: Trained,
    step: int,
    state: Callable[[], State],
    baselines: Sequence[Score] = (),
    weights: Path | None = None,
) -> list[Score]:
    """Scores one checkpoint on tasks; what is on disk already, and depends on nothing that changed, is read from there.

    Args:
        components: of the run; its `Evaluation` says split and limit.
        tasks: what to score.
        trained: the training that the checkpoint is of; scores are kept beside it.
        step: of the checkpoint.
        state: gives the checkpoint's values; called only if something is to be scored.
        baselines: earlier scores, whose baselines are used again where task, split and limit are
            the same.
        weights: the checkpoint, where it is not one of `trained`.
    """
    settings = components.run.evaluation
    paths = [trained.scores(settings.split, task.name, step, settings.limit) for task in tasks]
    given = weights or trained.checkpoints / str(step)
    kept = _kept_by_all([_kept(components, task, path, given) for task, path in zip(tasks, paths, strict=True)])
    _check_writable(trained, [path for path, score in zip(paths, kept, strict=True) if score is None])
    scores: list[Score] = []
    values: State | None = None
    for task, path, score in zip(tasks, paths, kept, strict=True):
        if score is None:
            values = state() if values is None else values
            score = _score_task(components, task, path, step, values, baselines)
            if agreement.is_first():
                _log(trained, score)
        scores.append(score)
    return scores


def _kept_by_all(scores: Sequence[Score | None]) -> list[Score | None]:
    """Returns the scores that every process has found on disk: all must score the others together."""
    found = agreement.gathered([score is not None for score in scores])
    return [score if all(there) else None for score, *there in zip(scores, *found, strict=True)]


def _check_writable(trained: Trained, paths: Sequence[Path]) -> None:
    """Refuses folders that cannot be written, before a score is computed that is to be kept and logged there.

    Args:
        trained: where scores are logged.
        paths: of the scores that are to be computed.
    """
    instead = "make it writable, or copy the run folder to where you may write"
    for path in paths:
        check_writable(f"the folder of scores {str(path.parent)!r}", path.parent, instead)
    if paths:
        check_writable(f"the folder of logs {str(trained.tensorboard)!r}", trained.tensorboard, instead)


def _kept(components: Components, task: Task, path: Path, weights: Path) -> Score | None:
    """Returns the score on disk, where all that it depends on is what it was; else says what changed."""
    score = read_score(path)
    if score is None:
        return None
    changed = score_key.changes(score.made_of, components.made_of(task))
    if weights.is_dir() and weights.stat().st_mtime_ns > path.stat().st_mtime_ns:
        changed.append("weights")  # the checkpoint was written after them
    if not changed:
        return score
    what = ", ".join(changed) if score.made_of is not None else "what an earlier version of t5mix did not note"
    say(f"{score.task} at step {score.step} was scored with other {what}: it is scored anew")
    return None


def _log(trained: Trained, score: Score) -> None:
    """Adds the score to TensorBoard, beside the losses of training."""
    names = {f"eval/{score.task}/{name}": value for name, value in score.metrics.items()}
    assert score.step is not None
    with EventFile(trained.tensorboard) as board:
        board.log(score.step, names)


def _score_task(
    components: Components, task: Task, path: Path, step: int, state: State, baselines: Sequence[Score]
) -> Score:
    settings = components.run.evaluation
    known = (task.name, settings.split, settings.limit)
    same = (b.baseline for b in baselines if (b.task, b.split, b.limit) == known)
    say(f"scoring {task.name} at step {step} on {settings.split}")
    score = evaluate_task(
        task,
        components.predictor(state),
        split=settings.split,
        lengths=components.run.sequence_length,
        limit=settings.limit,
        baseline=next(same, None),
        step=step,
    )
    score = dataclasses.replace(score, made_of=components.made_of(task))
    if agreement.is_first():
        write_score(path, score)
    _say(score)
    return dataclasses.replace(score, predictions=())


def _say(score: Score) -> None:
    notes = []
    if score.unlabelled:
        notes.append(f"{score.unlabelled} examples without a label are left out of the score")
    if score.truncated_inputs:
        notes.append(f"{score.truncated_inputs} inputs are longer than Run.sequence_length and were truncated")
    if score.truncated_targets:
        notes.append(
            f"{score.truncated_targets} targets are longer than Run.sequence_length: no answer to them can be whole"
        )
    where = f"{score.task} at step {score.step}"
    if score.no_score:
        said = (
            f"{score.num_examples} predictions on {score.split} and no score: {score.no_score}, no label is published"
        )
    else:
        less = ", less is better" if score.less_is_better else ""
        known = score.baseline.kind != "none"
        baseline = f"baseline: {score.baseline.kind} {score.baseline.score:.2f}" if known else "no baseline"
        said = f"{score.metric} {score.value:.2f} on {score.num_examples} examples of {score.split} ({baseline}{less})"
    say("; ".join([f"{where}: {said}", *notes]))


def evaluate_checkpoints(checked: Checked, steps: Sequence[int], tasks: Sequence[Task]) -> list[Score]:
    """Scores checkpoints of one training on tasks.

    Args:
        checked: the settings, and a checkpoint of that training.
        steps: of the checkpoints.
        tasks: what to score.
    """
    newest = checked.checkpoint
    assert newest is not None
    components = Components(checked.run, checked.provider)
    scores: list[Score] = []
    for step in steps:
        restored = functools.partial(components.restore, dataclasses.replace(newest, step=step))
        scores += score_tasks(components, tasks, newest.trained, step, restored, scores)
    return scores


def best_of_each_task(scores: Sequence[Score]) -> list[Score]:
    """Returns the best score of each task by its first metric; of equals the earlier step, NaN last."""
    best: dict[str, Score] = {}
    for score in scores:
        if score.task not in best or is_better(score.value, best[score.task].value, score.less_is_better):
            best[score.task] = score
    return list(best.values())


def print_scores(
    scores: Sequence[Score],
    *,
    best: bool,
    fine_tuned: bool,
    clean: Mapping[tuple[str, int | None], CleanScore] | None = None,
) -> None:
    """Prints a table for each checkpoint, or one with the best checkpoint of each task.

    Args:
        scores: from `evaluate_checkpoints`.
        best: whether only the best of each task is shown.
        fine_tuned: the column of the report in which they stand.
        clean: by task and step, scores on clean examples alone; None where no ledger tells which these are.
    """
    if best:
        scores = best_of_each_task(scores)
        steps = ", ".join(f"{score.task} at step {score.step}" for score in scores)
        groups = {f"best checkpoints: {steps}": list(scores)}
    else:
        groups = {}
        for score in scores:
            groups.setdefault(f"step {score.step}", []).append(score)
    for title, group in groups.items():
        put(title)
        if fine_tuned:
            print_report(fine_tuned=group, clean=clean)
        else:
            print_report(multi_task=group, clean=clean)
