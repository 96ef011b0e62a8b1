"""Compares runs by the predictions that lie beside their scores; the models are not needed."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.declarations.registry import TaskRegistry
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score, training_or_none
from t5mix.evaluation.examples import Example, Text, read_examples
from t5mix.evaluation.scoring import unlabelled
from t5mix.evaluation.scoring.baselines import baseline_answers
from t5mix.evaluation.scoring.paired_difference import Difference, holm, mean_difference
from t5mix.evaluation.scoring.scorer import Scorer
from t5mix.internal.paths import file_name
from t5mix.runs.records.run_folder import RunFolder, Trained, check_links, check_local
from t5mix.runs.scores.score_files import read_answers, read_score

STAGES = ("multi-task", "fine-tuned")

# Name of the first run, where runs are compared with what needs no model.
BASELINES = "the baselines"


@dataclasses.dataclass(frozen=True)
class Scored:
    """What one run scored of a split.

    Attributes:
        name: of the run, for people.
        files: for each task the file of its score.
    """

    name: str
    files: Mapping[str, Path]


@dataclasses.dataclass(frozen=True)
class Row:
    """One task in two runs.

    Attributes:
        task: the task's name.
        metric: name of its first metric.
        examples: how many both answered.
        run: name of the run that is compared with the first.
        first: score of the first run.
        second: score of `run`.
        difference: second minus first.
        corrected: the p-value after Holm's correction for all rows.
        less_is_better: whether less of the metric is better.
        baseline: kind of the baseline that is the first run, such as "majority"; "" where that is a run.
        version: of the task; "" where it says none.
        asks: a hash of what the task asks, which is the same for both.
    """

    task: str
    metric: str
    examples: int
    run: str
    first: float
    second: float
    difference: Difference
    corrected: float = 1.0
    less_is_better: bool = False
    baseline: str = ""
    version: str = ""
    asks: str = ""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Runs beside the first of them, or beside the baselines.

    Attributes:
        split: that was scored.
        confidence: of the intervals.
        reference: name of the first run.
        rows: one a task and other run, in the first run's order of tasks.
        means: for each other run the mean over its tasks, where there are several; a difference counts as a gain where
            less is better and it is negative.
        left_out: by run, the tasks that it scored or was to score and that are not compared.
        no_score: of tasks that are not compared since there is no score, why there is none.
    """

    split: str
    confidence: float
    reference: str
    rows: Sequence[Row]
    means: Mapping[str, Difference]
    left_out: Mapping[str, Sequence[str]]
    no_score: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return dataclasses.asdict(self)


def find_scores(path: str, split: str, stage: str | None = None, limit: int | None = None) -> Scored:
    """Finds the newest scores of each task in a run folder, or in `FOLDER/finetune/TASK`.

    Args:
        path: the folder.
        split: the split that was scored.
        stage: "multi-task" or "fine-tuned"; None is the last that scored a task.
        limit: of the evaluation: None is the whole split.

    Raises:
        FileNotFoundError: there is no such folder, or no such score in it; says what there is.
    """
    check_local("run", path)
    given = Path(os.path.abspath(path))
    if not given.is_dir():
        raise FileNotFoundError(f"no run {path!r}: there is no such folder")
    check_links(given)
    of_stage = stages_of(given)
    files: dict[str, Path] = {}
    if stage in (None, STAGES[0]):
        for trained in of_stage[STAGES[0]]:
            files |= _newest(trained, split, limit)
    if stage in (None, STAGES[1]):
        files = _with_fine_tuned(files, of_stage[STAGES[1]], split, limit)
    if not files:
        splits = sorted({found.name for name in STAGES for each in of_stage[name] for found in _splits(each)})
        there = f"it has scores of {', '.join(splits)}" if splits else "it has no scores"
        raise FileNotFoundError(
            f"no scores of {split!r} in {path!r}{f', {stage}' if stage else ''}: {there}; make them with "
            f"`t5mix eval --run_folder {path} --split {split}`"
        )
    return Scored(path.rstrip("/") + (f" ({stage})" if stage else ""), files)


def stages_of(folder: Path) -> dict[str, list[Trained]]:
    """Returns the trainings of a run folder, by stage; `FOLDER/finetune/TASK` is one of fine-tuning."""
    run = RunFolder(folder)
    if folder.parent.name == "finetune" and not run.operative_config.is_file():
        return {STAGES[0]: [], STAGES[1]: [run.pretraining]}
    return {STAGES[0]: [run.pretraining], STAGES[1]: run.finetunings()}


def compare(
    runs: Sequence[Scored],
    split: str,
    *,
    tasks: Sequence[str] = (),
    confidence: float = 0.95,
    baselines: bool = False,
    tell: Callable[[str], None] = lambda task: None,
) -> Comparison:
    """Compares runs with the first of them, task by task, over the same examples.

    Args:
        runs: two at least; with baselines, one.
        split: that was scored.
        tasks: names of the tasks to compare; empty is all that every run scored.
        confidence: of the intervals.
        baselines: whether each run is compared with the strongest baseline of each task, in place of the first run.
        tell: called with each task's name before it is read.

    Raises:
        ValueError: runs have no task in common, or answered other examples.
    """
    no_score = _without_score(runs, tasks)
    names, left_out = _common_tasks(runs, tasks, no_score)
    rows: list[Row] = []
    for name in names:
        tell(name)
        rows += _compare_task(name, runs, split, confidence, baselines)
    corrected = holm([row.difference.p_value for row in rows])
    rows = [dataclasses.replace(row, corrected=value) for row, value in zip(rows, corrected, strict=True)]
    means = {}
    for other in runs if baselines else runs[1:]:
        differences = [gain(row) for row in rows if row.run == other.name]
        if len(differences) > 1:
            means[other.name] = mean_difference(differences, confidence)
    reference = BASELINES if baselines else runs[0].name
    return Comparison(split, confidence, reference, rows, means, left_out, no_score)


def check_comparable(run: Scored, split: str, tasks: Sequence[str]) -> bool:
    """Tells whether a run has a score that another can be compared with; reads what it answered.

    Args:
        run: what it scored.
        split: of these scores.
        tasks: names of the tasks that the other is to score.

    Raises:
        ValueError: it answered other examples than a task has now.
    """
    no_score = _without_score([run], ())
    names = [name for name in tasks if name in run.files and name not in no_score]
    for name in names:
        task, score = TaskRegistry.get(name), _score(run.files[name])
        _outputs(task, read_examples(task, split, score.lengths or {}, score.limit), run, run.files[name])
    return bool(names)


def verdict(value: float, p_value: float, confidence: float, less_is_better: bool = False) -> str:
    """Returns what a difference says for sure of the second run: "better", "worse", or "" where it cannot be told."""
    if not p_value < 1 - confidence:
        return ""
    return "better" if (value > 0) is not less_is_better else "worse"


def _splits(trained: Trained) -> list[Path]:
    folder = trained.path / "scores"
    return [entry for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []


def _newest(trained: Trained, split: str, limit: int | None) -> dict[str, Path]:
    """Returns for each task of a training the score of its last step."""
    folder = trained.path / "scores" / file_name(split)
    found: dict[str, Path] = {}
    for task in sorted(folder.iterdir()) if folder.is_dir() else []:
        ending = ".json" if limit is None else f"-first-{limit}.json"
        steps = [entry.name.removesuffix(ending) for entry in task.iterdir() if entry.name.endswith(ending)]
        known = [int(step) for step in steps if step.isdecimal()]
        if known:
            newest = task / f"{max(known)}{ending}"
            found[_score(newest).task] = newest
    return found


def _with_fine_tuned(
    files: Mapping[str, Path], trainings: Sequence[Trained], split: str, limit: int | None
) -> dict[str, Path]:
    """Returns the scores with those of fine-tuned models on what each was fine-tuned on.

    What one was scored on besides, such as another task's test set, is the score of a task that nothing else scored.
    """
    own: dict[str, Path] = {}
    of_mixtures: dict[str, Path] = {}
    others: dict[str, Path] = {}
    for trained in trainings:
        for task, path in _newest(trained, split, limit).items():
            if trained.is_named_after(task):
                own[task] = path
            elif trained.is_fine_tuned_on(task):  # in a mixture
                of_mixtures[task] = path
            else:
                others[task] = path
    found = {**files, **of_mixtures, **own}
    return found | {task: path for task, path in others.items() if task not in found}


def _common_tasks(
    runs: Sequence[Scored], chosen: Sequence[str], no_score: Mapping[str, str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Returns the tasks to compare, and for each run those that have no score, or that others did not score."""
    everywhere = [task for task in runs[0].files if task not in no_score and all(task in run.files for run in runs)]
    names = [task for task in everywhere if not chosen or task in chosen]
    if not names:
        scored = "; ".join(f"{run.name}: {', '.join(run.files)}" for run in runs)
        why = "".join(f"; {task} has no score: {reason}" for task, reason in no_score.items())
        raise ValueError(
            f"no task{' of those that are named' if chosen else ''} was scored in all runs ({scored}){why}; score the "
            "same tasks and split of each with `t5mix eval`"
        )
    left_out = {run.name: [task for task in run.files if task not in everywhere] for run in runs}
    return names, {name: tasks for name, tasks in left_out.items() if tasks}


def _without_score(runs: Sequence[Scored], chosen: Sequence[str]) -> dict[str, str]:
    """Returns why there is no score of a task, for those where a run says so, and those named that no run scored."""
    found = [(task, _score(path).why_no_score) for run in runs for task, path in run.files.items()]
    never = {task: "no run was scored on it" for task in chosen if task not in dict(found)}
    said = {task: why for task, why in found if why}
    return {task: why for task, why in said.items() if not chosen or task in chosen} | never


def gain(row: Row) -> Difference:
    """Returns a difference that is positive where the second run is better."""
    found = row.difference
    if not row.less_is_better:
        return found
    return dataclasses.replace(found, value=-found.value, low=-found.high, high=-found.low)


def _compare_task(name: str, runs: Sequence[Scored], split: str, confidence: float, baselines: bool) -> list[Row]:
    scores = [_score(run.files[name]) for run in runs]
    task, first = TaskRegistry.get(name), scores[0]
    examples = read_examples(task, split, first.lengths or {}, first.limit)
    labelled = unlabelled.labelled(task, [example.target_text for example in examples])
    if len(labelled) < 2:
        raise ValueError(
            f"task {name!r} has one example on {split!r} that can be compared, and a comparison needs two: name the "
            "other tasks by --mixture_or_task"
        )
    scorer = Scorer(task, [examples[number] for number in labelled])
    answers = [_outputs(task, examples, run, run.files[name]) for run in runs]
    outputs = [[texts[number] for number in labelled] for texts in answers]
    kind, reference, others = "", outputs[0], list(zip(runs[1:], outputs[1:], strict=True))
    if baselines:
        baseline, reference = baseline_answers(scorer, _training(task, first))
        kind, others = baseline.kind, list(zip(runs, outputs, strict=True))
    return [
        Row(
            task=name,
            metric=first.metric,
            examples=first.num_examples,
            run=run.name,
            first=scorer.first(reference)[1],
            second=scorer.first(texts)[1],
            difference=scorer.difference(reference, texts, confidence),
            less_is_better=scorer.prefers_less(first.metric),
            baseline=kind,
            version=first.version,
            asks=first.asks,
        )
        for run, texts in others
    ]


def _training(task: Task, score: Score) -> list[Text]:
    """Returns what the baselines of a task learn from.

    Raises:
        ValueError: it cannot be read.
    """
    training = training_or_none(task, score.lengths or {})
    if training is None:
        raise ValueError(
            f"task {task.name!r} has no baseline to compare with: name the other tasks by --mixture_or_task, or leave "
            "out --baselines"
        )
    return training


def _score(path: Path) -> Score:
    score = read_score(path)
    assert score is not None, path
    return score


def _outputs(task: Task, examples: Sequence[Example], run: Scored, path: Path) -> list[str]:
    """Returns a run's answers, after comparing what it was asked with what the task asks now."""
    return [known.output for known in read_answers(path, task.name, examples, run.name)]
