"""Evaluates a model on one task: its own examples, postprocessor and metrics, beside a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.baselines import Baseline, strongest_baseline, training_texts
from t5mix.evaluation.decoding import Predict
from t5mix.evaluation.examples import Example, read_examples
from t5mix.evaluation.scoring import Scorer, check_metrics, first_value


@dataclass(frozen=True)
class Prediction:
    """What a model answered to one example, as texts."""

    inputs: str
    target: str
    output: str


@dataclass(frozen=True)
class Score:
    """How well one checkpoint does on one task.

    Attributes:
        task: the task's name.
        split: the split that was scored.
        step: steps of training that the model had seen; None where nobody said.
        limit: examples that were asked for at most; None is the whole split.
        num_examples: examples that were scored.
        metrics: every number of the task's metrics, by name, in declared order; NaN where one is undefined.
        baseline: the best score that needs no model, by the first metric.
        standard_error: of the first metric, by jackknife.
        truncated_inputs: examples whose input was longer than the model reads.
        lengths: greatest number of tokens of each feature; None in files of earlier versions.
        decoding: how outputs were decoded, where it was not greedily: settings by name.
        predictions: one an example, in the split's order; empty once they are on disk.
    """

    task: str
    split: str
    step: int | None
    limit: int | None
    num_examples: int
    metrics: Mapping[str, float]
    baseline: Baseline
    standard_error: float
    truncated_inputs: int
    lengths: Mapping[str, int] | None = None
    decoding: Mapping[str, Any] | None = None
    predictions: Sequence[Prediction] = field(default=(), repr=False)

    @property
    def metric(self) -> str:
        """Name of the first metric, the one that stands for the task."""
        return first_value(self.metrics)[0]

    @property
    def value(self) -> float:
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
    step: int | None = None,
) -> Score:
    """Evaluates a model on a split of a task.

    Args:
        task: the task.
        predict_fn: maps inputs, as lists of ids with EOS, to outputs, as lists of ids without it.
        split: name of the split.
        lengths: greatest number of tokens of "inputs" and "targets".
        limit: examples to evaluate at most, the first ones; None is the whole split.
        baseline: of an earlier evaluation of the same split and limit, to save its time.
        step: steps of training that the model has seen.

    Raises:
        ValueError: if the task has no metrics that predictions are enough for, has no such split, or
            the split is empty.
    """
    check_metrics(task)
    examples = read_examples(task, split, lengths, limit)
    scorer = Scorer(task, examples)
    texts = _predict(task, predict_fn, examples)
    return Score(
        task=task.name,
        split=split,
        step=step,
        limit=limit,
        num_examples=len(examples),
        metrics=scorer.metrics(texts),
        baseline=baseline or strongest_baseline(scorer, training_texts(task, lengths)),
        standard_error=scorer.standard_error(texts),
        truncated_inputs=sum(example.is_truncated for example in examples),
        lengths=dict(lengths),
        predictions=tuple(
            Prediction(example.input_text, example.target_text, text)
            for example, text in zip(examples, texts, strict=True)
        ),
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
