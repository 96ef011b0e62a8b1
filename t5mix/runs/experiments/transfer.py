"""What each task of a mixture does for each other, by small runs that differ in nothing else.

leave-one-out   one run on all tasks, and one without each: what a task does for another is the other's score with it,
                minus the score without it.
pairs           one run on each task alone, and one on each two: the other's score beside it, minus the score alone.

Both scores are of the same test examples, so the differences are paired (`scoring/paired_difference.py`); several seeds
make them surer, and Holm's method corrects for the number of differences.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.declarations.mixture import Mixture
from t5mix.evaluation.evaluate_task import check_labels
from t5mix.evaluation.scoring.paired_difference import Difference, holm, over_seeds
from t5mix.internal.files import read_json, write_json
from t5mix.internal.paths import file_name
from t5mix.internal.terminal import say
from t5mix.runs.config import binding
from t5mix.runs.config.binding import Bound
from t5mix.runs.config.settings import Run
from t5mix.runs.experiments import heat_map
from t5mix.runs.experiments.what_if import Change
from t5mix.runs.preflight.changed_mixture import drawn_from
from t5mix.runs.preflight.checks import Checked, check_training
from t5mix.runs.preflight.dry_run import check_end
from t5mix.runs.preflight.tasks import chosen_provider, model_vocab_size
from t5mix.runs.pretrain import carry_out
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.scores.comparison import Row, Scored, compare, find_scores, gain, verdict
from t5mix.runs.scores.score_files import read_score

DESIGNS = ("leave-one-out", "pairs")

# The result, in the folder of the runs.
RESULT = "transfer.json"


@dataclasses.dataclass(frozen=True)
class Effect:
    """What one task does for another.

    Attributes:
        source: the task that is there or not.
        target: the task whose score is looked at.
        metric: the target's first metric.
        examples: of the target's test split.
        without: its score without the source, the mean over seeds.
        beside: its score with the source, the mean over seeds.
        gain: the difference, positive where the source helps, also where less of the metric is better.
        corrected: the p-value after Holm's correction for all effects.
        version: of the target; "" where it says none.
        asks: a hash of what the target asks.
    """

    source: str
    target: str
    metric: str
    examples: int
    without: float
    beside: float
    gain: Difference
    corrected: float = 1.0
    version: str = ""
    asks: str = ""


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What the tasks of a mixture do for each other.

    Attributes:
        mixture: its name.
        design: one of `DESIGNS`.
        meaning: how a task is left out: "renormalize" or "mask".
        seeds: of the runs.
        steps: of each run.
        split: that was scored; the first, if there are several.
        confidence: of the intervals.
        sources: the tasks that were left out, or put beside another.
        targets: the tasks that were scored.
        effects: one for each source and target that differ.
    """

    mixture: str
    design: str
    meaning: str
    seeds: Sequence[int]
    steps: int
    split: str
    confidence: float
    sources: Sequence[str]
    targets: Sequence[str]
    effects: Sequence[Effect]

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return dataclasses.asdict(self)

    def rows(self) -> list[list[str]]:
        """Returns, for each target, its name and what each source does for it, with a star where that is sure."""
        by_pair = {(effect.target, effect.source): effect for effect in self.effects}
        return [
            [target, *(self._cell(by_pair.get((target, source))) for source in self.sources)] for target in self.targets
        ]

    def _cell(self, effect: Effect | None) -> str:
        if effect is None:
            return ""
        return f"{effect.gain.value:+.1f}" + ("*" if verdict(1, effect.corrected, self.confidence) else "")

    def draw(self, path: str) -> None:
        """Draws the gains."""
        values = np.full((len(self.targets), len(self.sources)), math.nan)
        for effect in self.effects:
            values[self.targets.index(effect.target), self.sources.index(effect.source)] = effect.gain.value
        title = f"{self.mixture}, {self.design}: gain on {self.split}"
        words = {"title": title, "of_rows": "is better by", "of_columns": "where this is trained on, too"}
        heat_map.draw(path, self.targets, self.sources, values, [row[1:] for row in self.rows()], **words)


@dataclasses.dataclass(frozen=True)
class Study:
    """The runs of a transfer map, checked.

    Attributes:
        folder: holds a run folder for each.
        design: one of `DESIGNS`.
        meaning: how a task is left out.
        seeds: of the runs.
        sources: names of the tasks that are drawn from.
        runs: by the name of their folder, in the order in which they are done.
    """

    folder: Path
    design: str
    meaning: str
    seeds: tuple[int, ...]
    sources: tuple[str, ...]
    runs: Mapping[str, tuple[Bound, Checked]]

    def carry_out(self, command: Sequence[str]) -> None:
        """Does all runs that are not done; started again it goes on where it was.

        Args:
            command: what the user typed, for the records.
        """
        for _, checked in self.runs.values():
            check_end(checked)  # before the first is trained
        for number, (name, (bound, checked)) in enumerate(self.runs.items(), 1):
            say(f"run {number} of {len(self.runs)}: {name}")
            carry_out(bound, checked, command)

    def result(self, confidence: float = 0.95, tell: Callable[[str], None] = lambda name: None) -> Transfer:
        """Compares the runs, which are done, and writes what it finds beside them.

        Args:
            confidence: of the intervals.
            tell: called with the name of each source before its runs are compared.
        """
        _, checked = next(iter(self.runs.values()))
        run = checked.run
        assert run.train is not None
        targets = [task.name for task in checked.scored_tasks]
        found: dict[tuple[str, str], list[Row]] = {}
        for source, seed in itertools.product(self.sources, self.seeds):
            tell(source)
            for row in self._rows(source, seed, targets, confidence):
                found.setdefault((source, row.task), []).append(row)
        effects = [_effect(source, rows, confidence) for (source, _), rows in found.items()]
        if not effects:
            raise ValueError(
                f"no task of {run.mixture} has a score on {run.evaluation.splits[0]!r}: score another split"
            )
        without = [target for target in targets if all(effect.target != target for effect in effects)]
        if without:
            say(f"not in the map, for they have no score that can be compared: {', '.join(without)}")
        targets = [target for target in targets if target not in without]
        corrected = holm([effect.gain.p_value for effect in effects])
        effects = [dataclasses.replace(one, corrected=value) for one, value in zip(effects, corrected, strict=True)]
        split, steps = run.evaluation.splits[0], run.train.steps
        given = (run.mixture, self.design, self.meaning, self.seeds, steps, split, confidence)
        result = Transfer(*given, self.sources, targets, effects)
        write_json(self.folder / RESULT, result.as_json())
        return result

    def _rows(self, source: str, seed: int, targets: Sequence[str], confidence: float) -> list[Row]:
        """Returns, for each target but the source, the run without the source and the run with it."""
        others = [target for target in targets if target != source]
        if self.design == "leave-one-out":
            return self._compared(_without(source, seed), _all(seed), others, confidence)
        return [
            row
            for target in others
            if target in self.sources
            for row in self._compared(_only([target], seed), _only([source, target], seed), [target], confidence)
        ]

    def _compared(self, first: str, second: str, targets: Sequence[str], confidence: float) -> list[Row]:
        _, checked = self.runs[first]
        settings = checked.run.evaluation
        split = settings.splits[0]
        scored = [find_scores(str(self.folder / name), split, "multi-task", settings.limit) for name in (first, second)]
        targets = [target for target in targets if all(_has_score(run, target) for run in scored)]
        return list(compare(scored, split, tasks=targets, confidence=confidence).rows) if targets else []


def check_transfer(
    mixture: str,
    folder: str,
    gin_files: Sequence[str],
    gin_params: Sequence[str],
    *,
    design: str = DESIGNS[0],
    meaning: str = "renormalize",
    seeds: int = 1,
    include: Sequence[str] = (),
) -> Study:
    """Checks all runs, before the first is done.

    Args:
        mixture: its name.
        folder: where the runs go.
        gin_files: settings of the runs.
        gin_params: single settings, which win.
        design: one of `DESIGNS`.
        meaning: how a task is left out: "renormalize" or "mask".
        seeds: how many runs of each kind, with `Run.seed` and those that follow it.
        include: files and folders of declarations.

    Raises:
        ValueError: a setting cannot be right, or the mixture has nothing to compare.
    """
    params = [*gin_params, f"Run.mixture = {mixture!r}", "Run.finetune = None", f"Run.folder = {folder!r}"]
    first = binding.bind(gin_files, params, include=include, vocab_size=model_vocab_size).run
    provider = chosen_provider(first)  # with Run.mixing, which may leave tasks out
    if not isinstance(provider, Mixture):
        raise ValueError(f"{mixture} is a task: a transfer map is of the tasks of a mixture")
    with_split = {task.name for task in provider.tasks if "train" in task.splits}
    drawn = tuple(name for name in drawn_from(provider) if name in with_split)
    if len(drawn) < 2:
        raise ValueError(f"{mixture} draws from {len(drawn)} task: a transfer map needs two at least")
    all_seeds = tuple(range(first.seed, first.seed + seeds))
    changes = {name: each for seed in all_seeds for name, each in _changes(design, meaning, drawn, seed).items()}
    runs = {}
    for name, (change, seed) in changes.items():
        own = [f"Run.folder = {str(Path(folder, name))!r}", f"Run.seed = {seed}"]
        own += [f"Training.masked_tasks = {change.masked!r}"] if change.masked else []
        own += [f"Training.rates = {dict(change.rates)!r}"] if change.rates else []
        bound = binding.bind(gin_files, [*params, *own], include=include, vocab_size=model_vocab_size)
        runs[name] = bound, check_training(bound.run)
        _check_run(Path(folder, name), bound.run, include)
    _check_result(Path(folder), mixture, design, meaning)
    _, checked = next(iter(runs.values()))
    _check_targets(checked, None if design == "leave-one-out" else drawn)
    return Study(Path(folder), design, meaning, all_seeds, drawn, runs)


def _check_targets(checked: Checked, among: Sequence[str] | None) -> None:
    """Refuses a map in which no task would have a score; says which have none, before the runs are done.

    Args:
        checked: one of the runs.
        among: the tasks that may be looked at; None is all.
    """
    run, split = checked.run, checked.run.evaluation.splits[0]
    tasks = [task for task in checked.scored_tasks if split in task.splits and (among is None or task.name in among)]
    if not tasks:
        raise ValueError(f"no task of {run.mixture} has metrics that can be computed on {split!r}")
    what = f"a transfer map compares scores, and those of {run.mixture} would be"
    targets = check_labels(tasks, split, run.sequence_length, run.evaluation.limit, what)
    without = [task.name for task in tasks if task not in targets]
    if without:
        say(f"not in the map, for no label of {split!r} is published: {', '.join(without)}")


def _changes(design: str, meaning: str, tasks: Sequence[str], seed: int) -> dict[str, tuple[Change, int]]:
    """Returns what each run of a seed changes of the mixture, by the name of its folder."""
    if design == "leave-one-out":
        without = {_without(task, seed): (Change.without([task], meaning), seed) for task in tasks}
        return {_all(seed): (Change(), seed), **without}
    groups = [[task] for task in tasks] + [list(pair) for pair in itertools.combinations(tasks, 2)]
    return {
        _only(group, seed): (Change.without([task for task in tasks if task not in group], meaning), seed)
        for group in groups
    }


def _all(seed: int) -> str:
    return f"all_seed-{seed}"


def _without(task: str, seed: int) -> str:
    return file_name(f"without-{task}_seed-{seed}")


def _only(tasks: Sequence[str], seed: int) -> str:
    return file_name(f"only-{'+'.join(sorted(tasks))}_seed-{seed}")  # no name of a task has a "+"


def _has_score(run: Scored, task: str) -> bool:
    """Tells whether a task was scored, and not only answered, as where no label is published."""
    score = read_score(run.files[task]) if task in run.files else None
    return score is not None and not score.no_score


def _effect(source: str, rows: Sequence[Row], confidence: float) -> Effect:
    first, count = rows[0], len(rows)
    return Effect(
        source=source,
        target=first.task,
        metric=first.metric,
        examples=first.examples,
        without=math.fsum(row.first for row in rows) / count,
        beside=math.fsum(row.second for row in rows) / count,
        gain=over_seeds([gain(row) for row in rows], confidence),
        version=first.version,
        asks=first.asks,
    )


def _check_run(folder: Path, run: Run, include: Sequence[str]) -> None:
    """Refuses a run that is there already and was trained otherwise, for the others are compared with it."""
    record = RunFolder(folder).operative_config
    if not record.is_file():
        return
    there = binding.bind([str(record)], include=include).run
    assert run.train is not None
    if there.train is None:
        raise ValueError(f"{str(folder)!r} holds a run that `t5mix transfer` has not made: choose another --run_folder")
    more_steps = {"schedule"} if there.train.steps != run.train.steps else set()
    free = {"steps", "log_every", "checkpoint_every", "keep", "conflict_every", *more_steps}
    names = {field.name for field in dataclasses.fields(run.train)} - free
    differing = [f"Training.{name}" for name in sorted(names) if getattr(there.train, name) != getattr(run.train, name)]
    differing += [
        name for name in ("model", "batch_size", "sequence_length") if getattr(there, name) != getattr(run, name)
    ]
    if differing:
        raise ValueError(
            f"{str(folder)!r} holds a run with other settings ({', '.join(differing)}), and runs that differ in more "
            "than tasks say nothing of these: choose another folder with --run_folder, or delete it"
        )


def _check_result(folder: Path, mixture: str, design: str, meaning: str) -> None:
    """Refuses a folder that holds another map; more seeds or steps make the same one surer."""
    if (folder / RESULT).is_file():
        there = read_json(folder / RESULT)
        now = {"mixture": mixture, "design": design, "meaning": meaning}
        differing = [f"{name} ({there.get(name)!r} there)" for name in now if there.get(name) != now[name]]
        if differing:
            raise ValueError(
                f"{str(folder)!r} holds another transfer map: {', '.join(differing)}; choose another with --run_folder"
            )
