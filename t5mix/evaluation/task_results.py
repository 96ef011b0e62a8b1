"""Evaluates a model on one task: its own examples, postprocessor and metrics, beside a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from t5mix.evaluation.baselines import Baseline, strongest_baseline, training_texts
from t5mix.evaluation.examples import Example, read_examples
from t5mix.evaluation.prediction import Predict
from t5mix.evaluation.scoring import Scorer, check_metrics, first_value
from t5mix.task import Task


@dataclass(frozen=True)
class Prediction:
    """What a model answered to one example, as texts."""

    inputs: str
    target: str
    output: str


@dataclass(frozen=True)
class TaskResult:
    """The scores of one model on one task.

    Attributes:
        task: The task's name.
        split: The split that was evaluated.
        num_examples: Examples that were evaluated.
        metrics: Every number of the task's metrics, by name, in declared order.
        baseline: The best score that needs no model, by the first metric.
        standard_error: Of the first metric, by jackknife.
        predictions: One an example, in the split's order.
        truncated_inputs: Examples whose input was longer than the model reads.
    """

    task: str
    split: str
    num_examples: int
    metrics: Mapping[str, float]
    baseline: Baseline
    standard_error: float
    predictions: Sequence[Prediction]
    truncated_inputs: int

    @property
    def metric(self) -> str:
        """Name of the first metric, the one that stands for the task."""
        return first_value(self.metrics)[0]

    @property
    def score(self) -> float:
        """Value of the first metric."""
        return first_value(self.metrics)[1]


def evaluate_task(
    task: Task,
    predict_fn: Predict,
    *,
    split: str = "validation",
    lengths: Mapping[str, int],
    limit: int | None = None,
    baseline: Baseline | None = None,
) -> TaskResult:
    """Evaluates a model on a split of a task.

    Args:
        task: The task.
        predict_fn: Maps inputs, as lists of ids with EOS, to outputs, as lists of ids without it.
        split: Name of the split.
        lengths: Greatest number of tokens of "inputs" and "targets".
        limit: Examples to evaluate at most, the first ones; None is the whole split.
        baseline: Of an earlier evaluation of the same split and limit, to save its time.

    Raises:
        ValueError: If the task has no metrics that predictions are enough for, lacks the split, or
            the split is empty.
    """
    check_metrics(task)
    examples = read_examples(task, split, lengths, limit)
    scorer = Scorer(task, examples)
    texts = _predict(task, predict_fn, examples)
    return TaskResult(
        task=task.name,
        split=split,
        num_examples=len(examples),
        metrics=scorer.metrics(texts),
        baseline=baseline or strongest_baseline(scorer, training_texts(task, lengths)),
        standard_error=scorer.standard_error(texts),
        predictions=tuple(
            Prediction(example.input_text, example.target_text, text)
            for example, text in zip(examples, texts, strict=True)
        ),
        truncated_inputs=sum(example.is_truncated for example in examples),
    )


def _predict(task: Task, predict_fn: Predict, examples: Sequence[Example]) -> list[str]:
    outputs = predict_fn([example.inputs for example in examples])
    if len(outputs) != len(examples):
        raise ValueError(
            f"task {task.name!r}: predict_fn returned {len(outputs)} outputs for "
            f"{len(examples)} inputs; it must answer each, in order"
        )
    vocabulary = task.output_features["targets"].vocabulary
    return [vocabulary.decode(output) for output in outputs]
