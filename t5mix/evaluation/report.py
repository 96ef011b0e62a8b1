"""The table a run ends with: what each task's model learned, beside what needs no learning."""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from t5mix.files import write_atomically
from t5mix.terminal import emit

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class ReportRow:
    """One task of a report; scores are in the metric's own unit, and None where nothing was scored.

    Attributes:
        task: The task's name.
        metric: The task's first metric, the one that is compared.
        baseline: The best score that needs no model.
        multi_task: Score of the checkpoint that was trained on the whole mixture.
        fine_tuned: Score after fine-tuning that checkpoint on this task.
        baseline_kind: Which baseline it was: majority, copy, ...
        standard_error: Of `fine_tuned`, or of `multi_task` where nothing was fine-tuned.
        test_examples: Examples scored.
    """

    task: str
    metric: str
    baseline: float | None
    multi_task: float | None
    fine_tuned: float | None
    baseline_kind: str = ""
    standard_error: float | None = None
    test_examples: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the row as JSON knows it: undefined numbers are null."""
        return {name: _finite(value) for name, value in dataclasses.asdict(self).items()}


def write_report(path: str | os.PathLike[str], rows: Sequence[ReportRow]) -> None:
    """Writes `{"rows": [...]}` to `path` atomically."""
    content = {"rows": [row.as_json() for row in rows]}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(Path(path), text + "\n")


def read_report(path: str | os.PathLike[str]) -> list[ReportRow]:
    """Reads what `write_report` wrote.

    Raises:
        ValueError: If the file is not such a report.
    """
    try:
        return [ReportRow(**row) for row in json.loads(Path(path).read_text("utf-8"))["rows"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a t5mix report: {error}") from error


def report_table(rows: Sequence[ReportRow]) -> "Table":
    """Returns the report as a table; scores that `beats` calls better than the baseline are bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("task", overflow="fold")
    table.add_column("metric")
    for heading in ("baseline", "multi-task", "fine-tuned", "± s.e.", "examples"):
        table.add_column(heading, justify="right")
    for row in rows:
        kind = f"{row.baseline_kind} " if row.baseline_kind else ""
        table.add_row(
            row.task,
            row.metric,
            kind + _score(row.baseline),
            Text(_score(row.multi_task), style="bold" if beats(row, row.multi_task) else ""),
            Text(_score(row.fine_tuned), style="bold" if beats(row, row.fine_tuned) else ""),
            _score(row.standard_error),
            f"{row.test_examples:,}" if row.test_examples is not None else "-",
        )
    return table


def print_report(rows: Sequence[ReportRow], file: IO[str] | None = None) -> None:
    """Prints the table to `file`, standard output by default."""
    emit(report_table(rows), file=file)


def beats(row: ReportRow, score: float | None, standard_errors: float = 2.0) -> bool:
    """Tells whether `score` is above the row's baseline by more than so many standard errors."""
    if score is None or row.baseline is None or row.standard_error is None:
        return False
    return score > row.baseline + standard_errors * row.standard_error


def _score(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.1f}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
