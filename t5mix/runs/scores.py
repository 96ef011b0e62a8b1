"""Scores of one checkpoint on one task, kept as JSON beside it, so that nothing is scored twice."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.evaluation.baselines import Baseline
from t5mix.evaluation.report import ReportRow
from t5mix.evaluation.scoring import first_value
from t5mix.evaluation.task_results import TaskResult
from t5mix.files import write_atomically
from t5mix.terminal import say


@dataclasses.dataclass(frozen=True)
class Score:
    """What is known of one checkpoint on one task.

    Attributes:
        task: the task's name.
        split: what was scored.
        step: of the checkpoint.
        limit: examples that were asked for at most; None means the whole split.
        num_examples: examples that were scored.
        metrics: every number of the task's metrics, in declared order; NaN where one is undefined.
        baseline: the best score that needs no model.
        standard_error: of the first metric.
        truncated_inputs: examples whose input was longer than the model reads.
        lengths: `Run.sequence_length` that it was scored with; None in files of earlier versions.
    """

    task: str
    split: str
    step: int
    limit: int | None
    num_examples: int
    metrics: Mapping[str, float]
    baseline: Baseline
    standard_error: float
    truncated_inputs: int
    lengths: Mapping[str, int] | None = None

    @property
    def metric(self) -> str:
        """Name of the first metric."""
        return first_value(self.metrics)[0]

    @property
    def value(self) -> float:
        """Value of the first metric."""
        return first_value(self.metrics)[1]


def score_of(result: TaskResult, step: int, limit: int | None, lengths: Mapping[str, int] | None = None) -> Score:
    """The part of a result that is kept."""
    return Score(
        task=result.task,
        split=result.split,
        step=step,
        limit=limit,
        num_examples=result.num_examples,
        metrics=dict(result.metrics),
        baseline=result.baseline,
        standard_error=result.standard_error,
        truncated_inputs=result.truncated_inputs,
        lengths=None if lengths is None else dict(lengths),
    )


def write_score(path: Path, score: Score, result: TaskResult) -> None:
    """Writes the predictions beside the score, then the score, whose presence says that both are whole."""
    lines = [json.dumps(dataclasses.asdict(prediction), ensure_ascii=False) for prediction in result.predictions]
    write_atomically(path.with_suffix(".predictions.jsonl"), "".join(f"{line}\n" for line in lines))
    content = json.dumps(_without_nan(dataclasses.asdict(score)), indent=2, ensure_ascii=False)
    write_atomically(path, content + "\n")


def read_score(path: Path, lengths: Mapping[str, int] | None = None) -> Score | None:
    """Reads what `write_score` wrote; None where there is nothing, or, said on standard error, one with other lengths.

    Args:
        path: of the score.
        lengths: the `Run.sequence_length` that is asked for; None takes any.

    Raises:
        ValueError: the file is not such a score.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        metrics = {name: _number(value) for name, value in content["metrics"].items()}
        baseline = Baseline(content["baseline"]["kind"], _number(content["baseline"]["score"]))
        standard_error = _number(content["standard_error"])
        known = {"metrics": metrics, "baseline": baseline, "standard_error": standard_error}
        score = Score(**{**content, **known})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a score that t5mix wrote ({error}): delete it, and it is made again") from None
    if lengths is not None and score.lengths is not None and score.lengths != lengths:
        say(f"{score.task} at step {score.step} was scored with lengths {dict(score.lengths)}: it is scored anew")
        return None
    return score


def report_row(multi_task: Score | None, fine_tuned: Score | None) -> ReportRow:
    """One line of the report, from what was scored; at least one is given."""
    last = fine_tuned or multi_task
    assert last is not None
    return ReportRow(
        task=last.task,
        metric=last.metric,
        baseline=last.baseline.score,
        multi_task=None if multi_task is None else multi_task.value,
        fine_tuned=None if fine_tuned is None else fine_tuned.value,
        baseline_kind=last.baseline.kind,
        standard_error=last.standard_error,
        test_examples=last.num_examples,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
