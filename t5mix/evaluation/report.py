"""The table a run ends with: what each task's model learned, beside what needs no learning."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from t5mix.evaluation.evaluate_task import Score, Which
from t5mix.evaluation.overlap.clean import CleanScore
from t5mix.internal.files import write_json
from t5mix.internal.terminal import emit
from t5mix.metrics.directions import is_better

if TYPE_CHECKING:
    from rich.table import Table

# One task: its score by the checkpoint that was trained on the whole mixture, and by that checkpoint after fine-tuning
# on the task; at least one of them is there.
_Pair = tuple[Score | None, Score | None]


def write_report(path: str | os.PathLike[str], multi_task: Sequence[Score], fine_tuned: Sequence[Score]) -> None:
    """Writes `{"rows": [...]}` to `path` atomically, one row a task, in the order in which tasks were scored.

    A task that several fine-tuned models were scored on, of itself and of a mixture, has a row for each.

    Args:
        path: the file.
        multi_task: scores of the checkpoint that was trained on the whole mixture.
        fine_tuned: scores after fine-tuning that checkpoint on each task.
    """
    write_json(Path(path), {"rows": [_row(*pair) for pair in _by_task(multi_task, fine_tuned)]})


def report_table(
    multi_task: Sequence[Score] = (),
    fine_tuned: Sequence[Score] = (),
    clean: Mapping[Which, CleanScore] | None = None,
) -> "Table":
    """Returns the report as a table; scores that `beats_baseline` are bold.

    Args:
        multi_task: see `write_report`.
        fine_tuned: see `write_report`.
        clean: by `Score.which`, what the last score of a row is on clean examples; None shows no such columns.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("task", overflow="fold")
    table.add_column("metric")
    for heading in ("baseline", "multi-task", "fine-tuned", "± s.e.", "examples"):
        table.add_column(heading, justify="right")
    for heading in () if clean is None else ("clean only", "± s.e.", "examples"):
        table.add_column(heading, justify="right")
    several = len({score.split for score in [*multi_task, *fine_tuned]}) > 1
    for pair in _by_task(multi_task, fine_tuned):
        last = _last(pair)
        table.add_row(
            f"{last.title}, {last.split}" if several else last.title,
            "no score" if last.no_score else f"{last.metric}, less is better" if last.less_is_better else last.metric,
            f"{last.baseline.kind} {_shown(last.baseline.score)}",
            *(
                Text("-") if each is None else Text(_shown(each.value), style="bold" if beats_baseline(each) else "")
                for each in pair
            ),
            _shown(last.standard_error),
            f"{last.num_examples:,}",
            *(() if clean is None else _clean(clean.get(last.which))),
        )
    return table


def _clean(score: CleanScore | None) -> tuple[str, str, str]:
    if score is None:
        return "-", "-", "-"
    return _shown(score.value), _shown(score.standard_error), f"{score.num_examples:,}"


def print_report(
    multi_task: Sequence[Score] = (),
    fine_tuned: Sequence[Score] = (),
    file: IO[str] | None = None,
    clean: Mapping[Which, CleanScore] | None = None,
) -> None:
    """Prints the table to `file`, standard output by default.

    Args:
        multi_task: see `write_report`.
        fine_tuned: see `write_report`.
        file: where to print.
        clean: see `report_table`.
    """
    emit(report_table(multi_task, fine_tuned, clean), file=file)


def beats_baseline(score: Score, standard_errors: float = 2.0) -> bool:
    """Tells whether a score is better than its baseline by more than so many standard errors, where both are known."""
    margin = standard_errors * score.standard_error * (-1 if score.less_is_better else 1)
    bar = score.baseline.score + margin
    return not math.isnan(bar) and is_better(score.value, bar, score.less_is_better)


def _by_task(multi_task: Sequence[Score], fine_tuned: Sequence[Score]) -> list[_Pair]:
    before = {(score.task, score.split): score for score in multi_task}
    after: dict[tuple[str, str], dict[str, Score]] = {}
    for score in fine_tuned:
        after.setdefault((score.task, score.split), {})[score.tuned_on] = score
    return [
        (before.get(name), tuned)
        for name in {**before, **after}
        for tuned in (after[name].values() if name in after else (None,))
    ]


def _row(multi_task: Score | None, fine_tuned: Score | None) -> dict[str, Any]:
    last = _last((multi_task, fine_tuned))
    return {
        "task": last.task,
        "metric": last.metric,
        "baseline": last.baseline.score,
        "multi_task": None if multi_task is None else multi_task.value,
        "fine_tuned": None if fine_tuned is None else fine_tuned.value,
        "baseline_kind": last.baseline.kind,
        "standard_error": last.standard_error,
        "less_is_better": last.less_is_better,
        "test_examples": last.num_examples,
        "split": last.split,
        "step": last.step,
        "version": last.version,
        "asks": last.asks,
        "tuned_on": last.tuned_on,
    }


def _last(pair: _Pair) -> Score:
    multi_task, fine_tuned = pair
    last = fine_tuned or multi_task
    assert last is not None
    return last


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
