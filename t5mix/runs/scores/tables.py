"""Scores as tables for people and as JSON for programs, with the averages over tasks below them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.evaluation.evaluate_task import Score, Which
from t5mix.evaluation.overlap.clean import CleanScore
from t5mix.evaluation.report import print_report
from t5mix.internal.files import without_nan
from t5mix.internal.terminal import put
from t5mix.runs.scores.averages import ALL, Average, averages


@dataclasses.dataclass(frozen=True)
class Group:
    """Scores that stand in one table.

    Attributes:
        title: what they have in common.
        scores: of one split, one a task and what the model was fine-tuned on.
        fine_tuned: whether they are of fine-tuned models: the column in which they stand.
        clean: by `Score.which`, scores on clean examples alone; None where no ledger tells which these are.
    """

    title: str
    scores: Sequence[Score]
    fine_tuned: bool
    clean: Mapping[Which, CleanScore] | None = None


def grouped(scores: Sequence[Score], *, fine_tuned: bool, by_step: bool = True) -> list[Group]:
    """Returns a group for each checkpoint and split, in the order in which they come.

    Args:
        scores: of any checkpoints and splits.
        fine_tuned: see `Group`.
        by_step: whether steps are told apart; where they are of several trainings, the last one stands alone
            of a task and what the model was fine-tuned on.
    """
    several = len({score.split for score in scores}) > 1
    groups: dict[str, dict[tuple[str, str], Score]] = {}
    for score in scores:
        parts = [f"step {score.step}"] if by_step else []
        parts += [score.split] if several or not by_step else []
        groups.setdefault(", ".join(parts), {})[score.task, score.tuned_on] = score
    return [Group(title, list(group.values()), fine_tuned) for title, group in groups.items()]


def of_best(scores: Sequence[Score], *, fine_tuned: bool, chosen_on: str = "") -> list[Group]:
    """Returns one group for each split of the best checkpoints.

    Args:
        scores: of the best checkpoint of each task.
        fine_tuned: see `Group`.
        chosen_on: the split that they were chosen on, where that is another.
    """
    steps = ", ".join(dict.fromkeys(f"{score.title} at step {score.step}" for score in scores))
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.split, []).append(score)
    by = f" chosen on {chosen_on}" if chosen_on else ""
    return [
        Group(f"best checkpoints{by}{f', on {split}' if by else ''}: {steps}", group, fine_tuned)
        for split, group in groups.items()
    ]


def print_groups(groups: Sequence[Group]) -> None:
    """Prints a table for each group, and the averages below it."""
    for group in groups:
        put(group.title)
        if group.fine_tuned:
            print_report(fine_tuned=group.scores, clean=group.clean)
        else:
            print_report(multi_task=group.scores, clean=group.clean)
        print_averages(group.scores)


def print_averages(scores: Sequence[Score]) -> None:
    """Prints the averages of scores, a line each, split by split."""
    for split in dict.fromkeys(score.split for score in scores):
        for average in averages([score for score in scores if score.split == split]):
            put(_line(average))


def _line(average: Average) -> str:
    missing = ", ".join(average.missing)
    if average.name == ALL:
        more = f"; not in it: {missing}" if missing else ""
        return f"mean of {average.columns} tasks on {average.split}: {average.value:.2f}{more}"
    if missing:
        return f"no {average.name} average on {average.split}: not scored are {missing}"
    return f"{average.name} average on {average.split}: {average.value:.2f} ({average.columns} columns)"


def as_json(groups: Sequence[Group]) -> dict[str, Any]:
    """Returns groups of scores as JSON content, without the predictions."""
    return {
        "groups": [
            {
                "title": group.title,
                "scores": [_score(score, group.clean or {}) for score in group.scores],
                "averages": [without_nan(dataclasses.asdict(average)) for average in averages(group.scores)],
            }
            for group in groups
        ]
    }


def _score(score: Score, clean: Mapping[Which, CleanScore]) -> dict[str, Any]:
    content = dataclasses.asdict(dataclasses.replace(score, predictions=()))
    del content["predictions"]
    of_clean = clean.get(score.which)
    more = {} if of_clean is None else {"clean": dataclasses.asdict(of_clean)}
    shown: dict[str, Any] = without_nan({"metric": score.metric, "value": score.value, **content, **more})
    return shown
