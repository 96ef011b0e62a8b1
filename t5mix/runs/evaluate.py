"""Scores of checkpoints, task by task, each through its own postprocessor and metrics."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from t5mix.evaluation.evaluator import evaluate_task
from t5mix.evaluation.report import print_report
from t5mix.mesh.engine import State
from t5mix.registry import get_subtasks
from t5mix.runs import binding
from t5mix.runs.check import (
    check_checkpoint,
    check_evaluation,
    check_mesh,
    load_provider,
)
from t5mix.runs.config import Run
from t5mix.runs.folders import CheckpointPath, Trained, find_checkpoint
from t5mix.runs.parts import Parts
from t5mix.runs.scores import Score, read_score, report_row, score_of, write_score
from t5mix.task import Task


def score_tasks(
    parts: Parts,
    tasks: Sequence[Task],
    trained: Trained,
    step: int,
    state: Callable[[], State],
    baselines: Sequence[Score] = (),
) -> list[Score]:
    """Scores one checkpoint on tasks; what is on disk already is read from there.

    Args:
        parts: of the run; its `Evaluation` says split and limit.
        tasks: what to score.
        trained: the training that the checkpoint is of; scores are kept beside it.
        step: of the checkpoint.
        state: gives the checkpoint's values; called only if something is to be scored.
        baselines: earlier scores, whose baselines are used again where task, split and limit are
            the same.
    """
    scores: list[Score] = []
    values: State | None = None
    for task in tasks:
        path = trained.scores(parts.run.evaluation.split, task.name, step)
        score = read_score(path)
        if score is None or score.limit != parts.run.evaluation.limit:
            values = state() if values is None else values
            score = _score_task(parts, task, path, step, values, baselines)
        scores.append(score)
    return scores


def _score_task(
    parts: Parts, task: Task, path: Path, step: int, state: State, baselines: Sequence[Score]
) -> Score:
    wanted = parts.run.evaluation
    known = (task.name, wanted.split, wanted.limit)
    same = (b.baseline for b in baselines if (b.task, b.split, b.limit) == known)
    result = evaluate_task(
        task,
        parts.predictor(state),
        split=wanted.split,
        lengths=parts.run.sequence_length,
        limit=wanted.limit,
        baseline=next(same, None),
    )
    score = score_of(result, step, wanted.limit)
    write_score(path, score, result)
    _say(score)
    return score


def _say(score: Score) -> None:
    overflow = (
        f"; {score.truncated_inputs} inputs are longer than Run.sequence_length and were truncated"
        if score.truncated_inputs
        else ""
    )
    print(
        f"{score.task} at step {score.step}: {score.metric} {score.value:.2f} on {score.num_examples} "
        f"examples of {score.split} (baseline: {score.baseline.kind} {score.baseline.score:.2f}){overflow}",
        file=sys.stderr,
    )


def evaluate_checkpoints(
    folder: str,
    *,
    which: str = "latest",
    gin_files: Sequence[str] = (),
    gin_params: Sequence[str] = (),
    packs: Sequence[str] = (),
) -> int:
    """Scores checkpoints of a run folder (or of `FOLDER/finetune/TASK`) and prints the tables.

    Args:
        folder: where the checkpoints are; the run's settings are those that it records.
        which: "latest", "all", "best" or steps, such as "1000,2000".
        gin_files: settings that override the recorded ones.
        gin_params: single settings that override the rest.
        packs: files and folders of declarations.

    Raises:
        ValueError: `which` is none of these, a task can not be scored, or the checkpoint is of
            another vocabulary.
        FileNotFoundError: no such folder or checkpoint.
    """
    newest = find_checkpoint(folder)
    run = _recorded(newest, gin_files, gin_params, packs)
    steps = chosen_steps(which, newest.trained)
    provider = load_provider(run)
    tasks = [task for task in get_subtasks(provider) if task.metric_fns] or get_subtasks(provider)
    check_evaluation(run, tasks, run.evaluation.split)
    check_checkpoint(run, provider, newest)
    check_mesh(run)
    parts = Parts(run, provider)
    all_scores: list[Score] = []
    for step in steps:
        checkpoint = CheckpointPath(newest.run, newest.trained, step)

        def state(checkpoint: CheckpointPath = checkpoint) -> State:
            return parts.restore(checkpoint)

        all_scores += score_tasks(parts, tasks, newest.trained, step, state, all_scores)
    _print(all_scores, which, fine_tuned=newest.trained.path != newest.run.path)
    return 0


def _recorded(
    checkpoint: CheckpointPath,
    gin_files: Sequence[str],
    gin_params: Sequence[str],
    packs: Sequence[str],
) -> Run:
    """The recorded settings, overridden; for `FOLDER/finetune/TASK` that task stands for the mixture."""
    task = checkpoint.trained.path.name
    own = checkpoint.trained.path != checkpoint.run.path
    params = [f"Run.mixture = {task!r}"] if own else []
    files = [str(checkpoint.run.operative_config), *gin_files]
    return binding.bind(files, [*params, *gin_params], packs=packs).run


def chosen_steps(which: str, trained: Trained) -> list[int]:
    """Steps of the checkpoints that `--checkpoints` names, ascending."""
    there = trained.steps()
    if which == "latest":
        return there[-1:]
    if which in ("all", "best"):
        return there
    parts = [part.strip() for part in which.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(
            f"--checkpoints is {which!r}: give latest, all, best, or steps such as 1000,2000"
        )
    steps = sorted({int(part) for part in parts})
    missing = [step for step in steps if step not in there]
    if missing:
        raise FileNotFoundError(
            f"no checkpoint of step {', '.join(map(str, missing))} in {str(trained.checkpoints)!r}; "
            f"there are {', '.join(map(str, there))}"
        )
    return steps


def best_of_each_task(scores: Sequence[Score]) -> list[Score]:
    """The best score of each task by its first metric; of equals the earlier step."""
    best: dict[str, Score] = {}
    for score in scores:
        if score.task not in best or score.value > best[score.task].value:
            best[score.task] = score
    return list(best.values())


def _print(scores: Sequence[Score], which: str, fine_tuned: bool) -> None:
    if which == "best":
        groups = {"best checkpoint of each task": best_of_each_task(scores)}
        for score in groups["best checkpoint of each task"]:
            print(f"{score.task}: best at step {score.step}")
    else:
        steps = sorted({score.step for score in scores})
        groups = {f"step {step}": [s for s in scores if s.step == step] for step in steps}
    for title, group in groups.items():
        print(title)
        print_report([report_row(None, s) if fine_tuned else report_row(s, None) for s in group])
