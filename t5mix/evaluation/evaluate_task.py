"""Evaluates a model on one task: its own examples, postprocessor and metrics, beside a baseline."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from t5mix.declarations.task import Task
from t5mix.evaluation.decoding import Predict
from t5mix.evaluation.examples import Example, Text, read_examples
from t5mix.evaluation.scoring import unlabelled
from t5mix.evaluation.scoring.baselines import Baseline, strongest_baseline, training_texts
from t5mix.evaluation.scoring.scorer import Scorer, check_metrics, first_value
from t5mix.internal.code.user_errors import one_line
from t5mix.internal.terminal import say


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
        baseline: the best score that needs no model, by the first metric; of kind "none" where there is no score, or
            the training split cannot be read.
        standard_error: of the first metric, by jackknife.
        truncated_inputs: examples whose input was longer than the model reads.
        truncated_targets: examples whose target is longer than the model writes, so that no answer is whole.
        lengths: greatest number of tokens of each feature; None in files of earlier versions.
        less_is_better: whether less of the first metric is better.
        unlabelled: examples that were left out of the score, since their label is not published.
        no_score: why there is no score, though there are predictions; "" where there is one.
        made_of: what the score depends on besides the weights, by its parts; None where nobody noted it.
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
    truncated_targets: int = 0
    lengths: Mapping[str, int] | None = None
    less_is_better: bool = False
    unlabelled: int = 0
    no_score: str = ""
    made_of: Mapping[str, str | None] | None = None
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

    Where the split's answers are not published there are predictions, and no score; see `unlabelled`.

    Raises:
        ValueError: if the task has no metrics that predictions are enough for, has no such split, or
            the split is empty.
    """
    check_metrics(task)
    examples = read_examples(task, split, lengths, limit)
    labelled = unlabelled.labelled(task, [example.target_text for example in examples])
    scorer = Scorer(task, [examples[number] for number in labelled])
    why_not = unlabelled.why_not_scored(task, [example.fields for example in scorer.examples], scorer.targets)
    training = None if why_not or baseline else _training(task, lengths)  # before the long part
    texts = _predict(task, predict_fn, examples)
    score = Score(
        task=task.name,
        split=split,
        step=step,
        limit=limit,
        num_examples=len(examples),
        metrics={},
        baseline=Baseline("none", math.nan),
        standard_error=math.nan,
        truncated_inputs=sum(example.is_truncated for example in examples),
        truncated_targets=sum(example.target_is_truncated for example in examples),
        lengths=dict(lengths),
        no_score=why_not or "",
        predictions=tuple(
            Prediction(example.input_text, example.target_text, text)
            for example, text in zip(examples, texts, strict=True)
        ),
    )
    if why_not:
        return dataclasses.replace(score, truncated_targets=0)
    if baseline is None and training is not None:
        baseline = strongest_baseline(scorer, training)
    return _scored(score, scorer, [texts[number] for number in labelled], baseline)


def _training(task: Task, lengths: Mapping[str, int]) -> list[Text] | None:
    """Returns what a baseline learns from; None, with a line, where it cannot be read: a score needs none of it."""
    try:
        return training_texts(task, lengths)
    except Exception as error:  # sources and steps may raise anything
        say(f"warning: task {task.name!r} gets no baseline, for its train split cannot be read: {one_line(error)}")
        return None


def _scored(score: Score, scorer: Scorer, texts: Sequence[str], baseline: Baseline | None) -> Score:
    """Fills a score with what the metrics say of the predictions of the scorer's examples."""
    metrics = scorer.metrics(texts)
    return dataclasses.replace(
        score,
        num_examples=len(texts),
        metrics=metrics,
        baseline=baseline or score.baseline,
        standard_error=scorer.standard_error(texts),
        less_is_better=scorer.prefers_less(first_value(metrics)[0]),
        unlabelled=len(score.predictions) - len(texts),
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
