"""Metrics computed again from the predictions that lie beside a score; no model is needed.

For a metric or a postprocessor that was changed, or a folder whose checkpoints are gone.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from t5mix.declarations.registry import TaskRegistry
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score, ask
from t5mix.internal.paths import file_name
from t5mix.internal.terminal import Progress
from t5mix.runs.preflight.folders import check_writable
from t5mix.runs.records.run_folder import Trained, check_links, check_local
from t5mix.runs.scores import score_key
from t5mix.runs.scores.comparison import stages_of
from t5mix.runs.scores.score_files import read_answers, read_score, write_score

# A step, and of how many examples at most.
_NAME = re.compile(r"([0-9]{1,18})(?:-first-([0-9]{1,18}))?\.json")


def rescore(
    path: str,
    splits: Sequence[str] = (),
    tasks: Sequence[str] = (),
    limit: int | None = None,
    stage: str | None = None,
) -> list[tuple[Score, str]]:
    """Computes the scores of a folder again, and puts them in place of those that are there.

    Args:
        path: a run folder, with those that it fine-tuned; or `FOLDER/finetune/TASK`.
        splits: that were scored; empty is all that were.
        tasks: names of the tasks; empty is all.
        limit: of the evaluation: None is the whole split.
        stage: "multi-task" or "fine-tuned"; None is both.

    Returns:
        The new scores, without predictions, and the stage of each: those of the mixture's training first, then of each
        fine-tuned task.

    Raises:
        FileNotFoundError: there is no such folder, or no such score in it.
        ValueError: a task asks other examples today, or its predictions are damaged.
    """
    files = _files(path, splits, tasks, limit, stage)
    for file in files:
        check_writable(f"the folder of scores {str(file.parent)!r}", file.parent, "make it writable")
    scores = []
    with Progress() as progress:
        for number, (file, of) in enumerate(files.items()):
            progress.tell("scoring again", number, len(files), f"{file.parent.name} at {file.stem}")
            scores.append((_rescore(file, path), of))
    return scores


def _files(
    path: str, splits: Sequence[str], tasks: Sequence[str], limit: int | None, stage: str | None
) -> dict[Path, str]:
    """Returns the files of the scores that are wanted, in the order of their steps, and the stage of each."""
    check_local("run", path)
    folder = Path(path).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"no run {path!r}: there is no such folder")
    check_links(folder)
    found: dict[Path, str] = {}
    for each, trainings in stages_of(folder).items():
        for trained in trainings if stage in (None, each) else ():
            found |= dict.fromkeys(_scores_of(trained, limit), each)
    known_splits, known_tasks = {file_name(each) for each in splits}, {file_name(each) for each in tasks}
    chosen = {
        file: of
        for file, of in found.items()
        if (not splits or file.parent.parent.name in known_splits) and (not tasks or file.parent.name in known_tasks)
    }
    if not chosen:
        of = f" of {', '.join([*splits, *tasks])}" if splits or tasks else ""
        raise FileNotFoundError(f"no scores{of} in {path!r}, so there are no predictions: make them with `t5mix eval`")
    return chosen


def _scores_of(trained: Trained, limit: int | None) -> list[Path]:
    """Returns the scores of a training by step: of the first `limit` examples, or of whole splits.

    Where no limit is named and no whole split was scored, those of the limit that there is.

    Raises:
        ValueError: no limit is named, and there are several.
    """
    found: dict[int | None, list[tuple[int, Path]]] = {}
    for file in (trained.path / "scores").glob("*/*/*.json"):
        named = _NAME.fullmatch(file.name)
        if named:
            found.setdefault(int(named[2]) if named[2] else None, []).append((int(named[1]), file))
    if limit is None and None not in found and found:
        if len(found) > 1:
            limits = ", ".join(str(each) for each in sorted(each for each in found if each is not None))
            raise ValueError(f"{str(trained.path)!r} was scored on the first {limits} examples: say which with --limit")
        [limit] = found
    return [file for _, file in sorted(found.get(limit, []))]


def _rescore(file: Path, who: str) -> Score:
    before = read_score(file)
    assert before is not None, file
    task: Task = TaskRegistry.get(before.task)
    lengths = before.lengths or {}
    asked = ask(task, split=before.split, lengths=lengths, limit=before.limit)
    score = asked.score(read_answers(file, task.name, asked.examples, who), step=before.step)
    made_of = {
        **score_key.parts(task, asked.examples, lengths, ""),
        "decoding": (before.made_of or {}).get("decoding"),  # the answers are those that there were
        "weights": (before.made_of or {}).get("weights"),
    }
    score = dataclasses.replace(score, made_of=made_of)
    write_score(file, score)
    return dataclasses.replace(score, predictions=(), tuned_on=Trained(file.parents[3]).tuned_on(task.name))
