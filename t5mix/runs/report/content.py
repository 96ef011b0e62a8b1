"""What a report shows of a run folder. The folder may be a stranger's, and its run may still be going on."""

import dataclasses
import functools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.internal.files import LARGEST_TEXT, read_json, read_text
from t5mix.internal.terminal import visible
from t5mix.runs.records import intended_shares
from t5mix.runs.records.run_folder import RunFolder, Trained, check_links, check_local
from t5mix.runs.scores.score_files import read_predictions, read_score

# Bytes of a log that are read at most: a line of a thousand tasks is long.
_LARGEST_LOG = 64 * LARGEST_TEXT
_SCORE = re.compile(r"(\d{1,18})(-first-\d{1,18})?\.json")


@dataclasses.dataclass(frozen=True)
class Log:
    """What one training logged.

    Attributes:
        name: "pre-training", or the task that was fine-tuned on.
        is_fine_tuning: which of both.
        before: steps of training before it.
        lines: of metrics.jsonl, by name; NaN where the log has null.
        speeds: of timing.jsonl.
    """

    name: str
    is_fine_tuning: bool
    before: int
    lines: Sequence[Mapping[str, float]]
    speeds: Sequence[Mapping[str, float]]

    def curve(self, name: str) -> list[tuple[float, float]]:
        """Returns (step of training in all, value) of each line that has the value, as a number."""
        lines = self.speeds if name.endswith("_per_second") else self.lines
        return [
            (self.before + line["step"], line[name]) for line in lines if name in line and math.isfinite(line[name])
        ]

    def tasks(self) -> list[str]:
        """Returns the tasks that have a loss, in the order of the log."""
        names = (name.removeprefix("loss/") for line in self.lines for name in line if name.startswith("loss/"))
        return list(dict.fromkeys(names))


@dataclasses.dataclass(frozen=True)
class Share:
    """One task of the mixture.

    Attributes:
        task: its name.
        intended: its share of examples, 0 to 1; NaN where nothing recorded it.
        fed: examples that the log counts; None where it counts none.
        realized: its share of them.
    """

    task: str
    intended: float
    fed: int | None
    realized: float


@dataclasses.dataclass(frozen=True)
class Scored:
    """A score, with where it lies.

    Attributes:
        score: of one checkpoint on one task.
        is_fine_tuned: whether the checkpoint was fine-tuned.
        steps: of training in all, those before fine-tuning included.
        path: its file, beside which the predictions are.
        tuned_on: what it was fine-tuned on, where that is not the task that is scored, nor a mixture that alone stands
            for the task; else "".
    """

    score: Score
    is_fine_tuned: bool
    steps: int
    path: Path
    tuned_on: str = ""

    @property
    def stage(self) -> str:
        """Which kind of model it is of, for people."""
        if not self.is_fine_tuned:
            return "multi-task"
        return f"fine-tuned on {self.tuned_on}" if self.tuned_on else "fine-tuned"


@dataclasses.dataclass(frozen=True)
class Content:
    """A run.

    Attributes:
        name: of its folder.
        commands: of its starts.
        settings: operative gin settings.
        lineage: what it records of mixture and tasks.
        versions: what its last start was computed by.
        logs: of the pre-training, then of each fine-tuning.
        shares: of the mixture, in the order of tasks; none where nothing was trained on it.
        scored: every score, in the order of splits, tasks and steps.
    """

    name: str
    commands: str
    settings: str
    lineage: Mapping[str, Any]
    versions: Mapping[str, Any]
    logs: Sequence[Log]
    shares: Sequence[Share]
    scored: Sequence[Scored]


def read(path: str) -> Content:
    """Reads what there is of a run.

    Raises:
        FileNotFoundError: there is no such folder, or no run in it.
        ValueError: a file is damaged, or a link leads out of the folder.
    """
    check_folder(path)
    folder = RunFolder(Path(path))
    lineage = read_json(folder.lineage) if folder.lineage.is_file() else {}
    trainings = [folder.pretraining, *folder.finetunings()]
    logs = [_log(trained, trained is not trainings[0]) for trained in trainings]
    return Content(
        name=clean(folder.path.resolve().name),
        commands=clean(read_text(folder.command)) if folder.command.is_file() else "",
        settings=clean(read_text(folder.operative_config)),
        lineage=lineage,
        versions=read_json(folder.versions) if folder.versions.is_file() else {},
        logs=[log for log in logs if log.lines],
        shares=list(_shares(intended_shares.read(folder.pretraining), lineage, logs[0])) if logs[0].lines else [],
        scored=[scored for trained in trainings for scored in _scores(trained, trainings[1:])],
    )


def check_folder(path: str) -> None:
    """Refuses what is no run folder.

    Raises:
        FileNotFoundError: there is no such folder, or no run in it.
        ValueError: a link leads out of it, or it is an address.
    """
    check_local("run", path)
    folder = RunFolder(Path(path))
    if not folder.path.is_dir():
        raise FileNotFoundError(f"no run {path!r}: there is no such folder")
    if not folder.operative_config.is_file():
        raise FileNotFoundError(f"{path!r} is no run folder: it holds no operative_config.gin")
    check_links(folder.path)


def clean(text: str) -> str:
    """Returns a text that every file and page can hold: signs of control are spelled out, and halves of letters."""
    return visible(text).encode("utf-8", "backslashreplace").decode("utf-8")


def newest_predictions(scored: Sequence[Scored]) -> list[Scored]:
    """Returns the last score of each stage, split and task, whose predictions a page shows; in the same order."""
    last: dict[Any, Scored] = {}
    for each in scored:
        key = (each.stage, each.score.split, each.score.task)
        if key not in last or each.steps >= last[key].steps:
            last[key] = each
    return list(last.values())


def predictions_of(scored: Scored) -> list[tuple[Prediction, bool]]:
    """Returns the predictions of a score, and of each whether it is wrong; wrong ones first.

    Wrong is an answer whose text is not the target's, but for blanks around it. Where no label is published, none is.
    """
    labelled = not scored.score.no_score
    found = [(each, labelled and each.output.strip() != each.target.strip()) for each in read_predictions(scored.path)]
    return [pair for pair in found if pair[1]] + [pair for pair in found if not pair[1]]


def _log(trained: Trained, is_fine_tuning: bool) -> Log:
    task, before = _beginning(trained) if is_fine_tuning else ("pre-training", 0)
    metrics, timing = (list(_lines(trained.path / file)) for file in ("metrics.jsonl", "timing.jsonl"))
    return Log(clean(task), is_fine_tuning, before, metrics, timing)


def _beginning(trained: Trained) -> tuple[str, int]:
    """Returns the task of a fine-tuning, and how many steps the checkpoint had seen that it began with."""
    start = read_json(trained.start) if trained.start.is_file() else {}
    task, step = start.get("task"), start.get("step")
    if "averaged" in start:  # it began with a checkpoint of the same training, whose steps are counted already
        step = 0
    return str(task) if task else trained.path.name, step if type(step) is int else 0


def _lines(path: Path) -> Iterator[dict[str, float]]:
    """Yields the lines of a log; one that is being written, at its end, is left out."""
    text = read_text(path, _LARGEST_LOG) if path.is_file() else ""
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            values = json.loads(line)
            if type(values["step"]) is not int:
                raise TypeError("step is no whole number")
            yield {clean(name): math.nan if value is None else float(value) for name, value in values.items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"{path}:{number} is not a line of a log that t5mix wrote ({error})") from None


def _shares(stages: Sequence[intended_shares.Stage], lineage: Mapping[str, Any], log: Log) -> Iterator[Share]:
    intended = _intended(stages, log) if stages else _declared(lineage)
    fed: dict[str, int] = {}
    for line in log.lines:
        for task, count in _fed(line):
            fed[task] = fed.get(task, 0) + count
    total = sum(fed.values())
    for name in dict.fromkeys((*intended, *fed)):
        count = fed.get(name, 0)
        known = total > 0
        yield Share(name, intended.get(name, math.nan), count if known else None, count / total if known else math.nan)


def _intended(stages: Sequence[intended_shares.Stage], log: Log) -> dict[str, float]:
    """Returns each task's share of the examples that the log counts, as the stream meant it."""
    lines = [(int(line["step"]), sum(count for _, count in _fed(line))) for line in log.lines]
    return {clean(name): share for name, share in intended_shares.intended(stages, lines).items()}


def _fed(line: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    for name, count in line.items():
        if name.startswith("examples/") and math.isfinite(count):
            yield name.removeprefix("examples/"), int(count)


def _declared(lineage: Mapping[str, Any]) -> dict[str, float]:
    """Returns the shares that the mixture's rates give at step 0."""
    tasks = lineage.get("tasks")
    recorded = tasks if isinstance(tasks, Mapping) else {}
    return {
        clean(name): float(task["share"])
        for name, task in recorded.items()
        if isinstance(task, Mapping) and isinstance(task.get("share"), float)
    }


def _scores(trained: Trained, fine_tuned: Sequence[Trained]) -> Iterator[Scored]:
    is_fine_tuned = trained in fine_tuned
    tuned_on, before = _beginning(trained) if is_fine_tuned else ("", 0)
    stands_apart = functools.cache(  # there may be thousands of scores
        lambda task: is_fine_tuned and _stands_apart(trained, [other for other in fine_tuned if other != trained], task)
    )
    found = [(path, match) for path in trained.path.glob("scores/*/*/*.json") if (match := _SCORE.fullmatch(path.name))]
    for path, _ in sorted(found, key=lambda each: (each[0].parent, int(each[1][1]), each[0].name)):
        score = read_score(path)
        if score is not None:
            of = clean(tuned_on) if stands_apart(score.task) else ""
            yield Scored(score, is_fine_tuned, before + (score.step or 0), path, of)


def _stands_apart(trained: Trained, others: Sequence[Trained], task: str) -> bool:
    """Tells whether a fine-tuning is not the one that stands for a task: it is of others, or another one is, too."""
    if trained.is_named_after(task):
        return False
    if not trained.is_fine_tuned_on(task):
        return True
    return any(other.is_fine_tuned_on(task) and other.has_scored(task) for other in others)
