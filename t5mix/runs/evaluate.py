"""Scores of checkpoints, task by task, each through its own postprocessor and metrics."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Asked, Prediction, Score, ask
from t5mix.internal.logs.metric_logs import EventFile
from t5mix.internal.paths import file_name
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.mesh.engine import State
from t5mix.runs.components import Components
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.preflight.folders import check_writable
from t5mix.runs.records.run_folder import Trained
from t5mix.runs.scores import score_key
from t5mix.runs.scores.score_files import read_score, read_unscored, unscored_path, write_score, write_unscored
from t5mix.training import checkpoint_files
from t5mix.training.checkpoint_files import DamagedCheckpointError

# The part of what a score depends on that is its checkpoint.
_WEIGHTS = "weights"
# Those of its parts that answers depend on; the others are about what they are worth.
_OF_ANSWERS = ("examples", "lengths", "decoding", _WEIGHTS)


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """A score that is wanted: from where it is kept, or anew."""

    task: Task
    split: str
    path: Path


def score_tasks(
    components: Components,
    tasks: Sequence[Task],
    trained: Trained,
    step: int,
    state: Callable[[], State],
    baselines: Sequence[Score] = (),
    weights: Path | None = None,
    splits: Sequence[str] = (),
) -> list[Score]:
    """Scores one checkpoint on tasks; what is on disk already, and depends on nothing that changed, is read from there.

    Args:
        components: of the run; its `Evaluation` says splits and limit.
        tasks: what to score.
        trained: the training that the checkpoint is of; scores are kept beside it.
        step: of the checkpoint.
        state: gives the checkpoint's values; called only if something is to be scored.
        baselines: earlier scores, whose baselines are used again where task, split and limit are
            the same.
        weights: the checkpoint, where it is not one of `trained`.
        splits: other than those of `Evaluation`; a task that lacks one is not scored on it.

    Returns:
        The scores, split by split.
    """
    settings = components.run.evaluation
    wanted = [
        _Wanted(task, split, trained.scores(split, task.name, step, settings.limit))
        for split in splits or settings.splits
        for task in tasks
        if split in task.splits
    ]
    given = weights or trained.checkpoints / str(step)
    # Of several processes the first makes the token caches of splits.
    kept = _kept_by_all(agreement.first_alone(lambda: [_kept(components, one, given) for one in wanted]))
    _check_writable(trained, [one.path for one, score in zip(wanted, kept, strict=True) if score is None])
    scores: list[Score] = []
    values = functools.cache(state)  # read once, where something is to be answered
    for one, score in zip(wanted, kept, strict=True):
        if score is None:
            score = _score_task(components, one, step, values, baselines, given)
            if agreement.is_first():
                _log(trained, score)
        scores.append(dataclasses.replace(score, tuned_on=trained.tuned_on(one.task.name)))
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
        check_writable(f"the folder of logs {str(trained.tensorboard_scores)!r}", trained.tensorboard_scores, instead)


def _kept(components: Components, wanted: _Wanted, weights: Path) -> Score | None:
    """Returns the score on disk, where all that it depends on is what it was; else says what changed."""
    score = read_score(wanted.path)
    if score is None:
        return None
    changed = score_key.changes(score.made_of, components.made_of(wanted.task, wanted.split))
    if _is_of_others(score.made_of, wanted.path, weights):
        changed.append("weights")
    if not changed:
        return score
    what = ", ".join(changed) if score.made_of is not None else "what an earlier version of t5mix did not note"
    say(f"{score.task} at step {score.step} was scored with other {what}: it is scored anew")
    return None


def _is_of_others(made_of: Mapping[str, str | None] | None, path: Path, weights: Path) -> bool:
    """Tells whether the checkpoint is another than the one that a file was made with.

    By its content; by times, which a clock that is set back makes wrong, only where the file notes none, or the
    checkpoint has no manifest, as those of other programs.
    """
    noted, there = (made_of or {}).get(_WEIGHTS), checkpoint_files.identity(weights)
    if noted is not None and there is not None:
        return noted != there
    return weights.is_dir() and weights.stat().st_mtime_ns > path.stat().st_mtime_ns


def _log(trained: Trained, score: Score) -> None:
    """Adds the score to TensorBoard, beside the losses of training; each split is a curve of its own, as in T5."""
    names = {f"eval/{score.task}/{name}": value for name, value in score.metrics.items()}
    curve = score.split if score.limit is None else f"{score.split}-first-{score.limit}"
    assert score.step is not None
    with EventFile(trained.tensorboard_scores / file_name(curve)) as board:
        board.log(score.step, names)


def _score_task(
    components: Components,
    wanted: _Wanted,
    step: int,
    state: Callable[[], State],
    baselines: Sequence[Score],
    weights: Path,
) -> Score:
    task, split, limit = wanted.task, wanted.split, components.run.evaluation.limit
    known = (task.name, split, limit)
    baseline = next((b.baseline for b in baselines if (b.task, b.split, b.limit) == known), None)
    say(f"scoring {task.name} at step {step} on {split}")
    lengths = components.run.sequence_length
    asked = agreement.first_alone(
        lambda: ask(task, split=split, lengths=lengths, limit=limit, with_baseline=baseline is None)
    )
    agreement.check_alike(f"examples of {task.name!r}, split {split!r},", asked.asks)
    baseline = baseline or asked.baseline()  # before answers: it shows metrics that raise, and takes no model
    identity = checkpoint_files.identity(weights)
    made_of = {**components.made_of(task, split), **({} if identity is None else {_WEIGHTS: identity})}
    answers = _answers(components, asked, wanted.path, step, state, made_of, weights)
    try:
        score = asked.score(answers, baseline=baseline, step=step)
    except Exception as error:  # a metric or postprocessor may raise anything
        file = str(unscored_path(wanted.path))
        error.add_note(f"its answers lie in {file!r}: once that is mended, the same command scores them")
        raise
    score = dataclasses.replace(score, made_of=made_of)
    if agreement.is_first():
        write_score(wanted.path, score)
        unscored_path(wanted.path).unlink(missing_ok=True)
    agreement.wait_for_all("score written")  # what is read next may depend on it
    _say(score)
    return dataclasses.replace(score, predictions=())


def _answers(
    components: Components,
    asked: Asked,
    path: Path,
    step: int,
    state: Callable[[], State],
    made_of: Mapping[str, str | None],
    weights: Path,
) -> Sequence[Prediction]:
    """Returns the answers that an earlier start gave and did not score; else decodes them, and keeps them."""
    kept = _unscored(path, made_of, weights)
    if all(agreement.gathered(kept is not None)) and kept is not None:
        say(f"{asked.task.name} at step {step}: the answers of an earlier start are scored, none is decoded again")
        return kept
    answers = asked.answers(components.answerer(state()))
    if agreement.is_first():
        write_unscored(path, {name: made_of.get(name) for name in _OF_ANSWERS}, answers)
    return answers


def _unscored(path: Path, made_of: Mapping[str, str | None], weights: Path) -> list[Prediction] | None:
    """Returns the answers that wait for their score, where they are those that would be decoded now."""
    found = read_unscored(path)
    if found is None:
        return None
    noted, answers = found
    changed = score_key.changes(noted, {name: made_of.get(name) for name in _OF_ANSWERS if name != _WEIGHTS})
    return None if changed or _is_of_others(noted, unscored_path(path), weights) else answers


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
        said = f"{score.num_examples} predictions on {score.split} and no score: {score.why_no_score}"
    else:
        less = ", less is better" if score.less_is_better else ""
        known = score.baseline.kind != "none"
        baseline = f"baseline: {score.baseline.kind} {score.baseline.score:.2f}" if known else "no baseline"
        said = f"{score.metric} {score.value:.2f} on {score.num_examples} examples of {score.split} ({baseline}{less})"
    say("; ".join([f"{where}: {said}", *notes]))


def evaluate_together(components: Components, checked: Checked, tasks: Sequence[Task], trained: Trained) -> list[Score]:
    """Scores checkpoints that answer together.

    Args:
        components: all of them, see `answers.ensembles`.
        checked: the settings, and the first checkpoint.
        tasks: what to score.
        trained: where the scores are kept, under the step of the first.
    """
    first = checked.checkpoint
    assert first is not None
    restored = functools.partial(components.restore, first)
    return score_tasks(components, tasks, trained, first.step, restored, weights=Path(str(first)))


def evaluate_checkpoints(
    checked: Checked, steps: Sequence[int], tasks: Sequence[Task], *, named: bool = True
) -> list[Score]:
    """Scores checkpoints of one training on tasks.

    Args:
        checked: the settings, and a checkpoint of that training.
        steps: of the checkpoints.
        tasks: what to score.
        named: whether each of the steps was asked for; where they are all that there are, one that its training
            removes meanwhile is left out, with a line.

    Raises:
        FileNotFoundError: a checkpoint was removed meanwhile that was asked for; or all were.
    """
    newest = checked.checkpoint
    assert newest is not None
    components = Components(checked.run, checked.provider)
    scores: list[Score] = []
    gone: list[int] = []
    for step in steps:
        restored = functools.partial(components.restore, dataclasses.replace(newest, step=step))
        try:
            scores += score_tasks(components, tasks, newest.trained, step, restored, scores)
        except (FileNotFoundError, DamagedCheckpointError) as error:
            if not _is_gone(newest.trained, step):
                raise
            if named:
                where = str(newest.trained.checkpoints)
                raise FileNotFoundError(f"the checkpoint of step {step} in {where!r} is not there any more") from error
            gone.append(step)
            say(f"warning: the checkpoint of step {step} is left out: its training has removed it meanwhile")
    if gone and not scores:
        raise FileNotFoundError(
            f"all checkpoints in {str(newest.trained.checkpoints)!r} were removed before they were scored: let "
            "Training.keep, or Finetuning.keep, be more"
        )
    return scores


def _is_gone(trained: Trained, step: int) -> bool:
    """Tells whether a checkpoint was removed: a training that still goes on keeps the newest few.

    Of several processes some may have seen it still: then all end.
    """
    return agreement.count() == 1 and step not in trained.steps()


def score_best(checked: Checked, tasks: Sequence[Task], best: Sequence[Score], split: str) -> list[Score]:
    """Scores the best checkpoint of each task on another split.

    Args:
        checked: as for `evaluate_checkpoints`.
        tasks: those that were scored.
        best: the score of each task's best checkpoint.
        split: that the checkpoints were not chosen on.
    """
    newest = checked.checkpoint
    assert newest is not None
    components = Components(checked.run, checked.provider)
    by_name = {task.name: task for task in tasks}
    found: dict[str, Score] = {}
    for step in sorted({score.step for score in best if score.step is not None}):
        here = [by_name[score.task] for score in best if score.step == step]
        restored = functools.partial(components.restore, dataclasses.replace(newest, step=step))
        scores = score_tasks(components, here, newest.trained, step, restored, splits=[split])
        found |= {score.task: score for score in scores}
    return [found[score.task] for score in best]
