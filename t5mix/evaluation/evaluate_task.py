"""Evaluates a model on one task: its own examples, postprocessor and metrics, beside a baseline."""

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from t5mix.declarations.task import Task
from t5mix.evaluation.decoding import Answer, Predict
from t5mix.evaluation.examples import Example, Text, read_examples
from t5mix.evaluation.scoring import unlabelled
from t5mix.evaluation.scoring.baselines import Baseline, strongest_baseline, training_texts
from t5mix.evaluation.scoring.scorer import Scorer, check_metrics, first_value
from t5mix.internal.code.user_errors import one_line
from t5mix.internal.terminal import say

# Task, split, step and what the model was fine-tuned on, as `Score` has them.
Which = tuple[str, str, int | None, str]

# Why a task is answered and not scored; other reasons are those of `unlabelled`.
NO_METRICS = "the task has no metrics"


@dataclass(frozen=True)
class Prediction:
    """What a model answered to one example, as texts.

    Attributes:
        inputs: what it read.
        target: what was to be answered.
        output: what it answered.
        score: the answer's, as decoding gives it: the greater, the likelier; None where nobody noted it.
    """

    inputs: str
    target: str
    output: str
    score: float | None = None


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
        standard_error: of the first metric.
        truncated_inputs: examples whose input was longer than the model reads.
        truncated_targets: examples whose target is longer than the model writes, so that no answer is whole.
        lengths: greatest number of tokens of each feature; None in files of earlier versions.
        less_is_better: whether less of the first metric is better.
        unlabelled: examples that were left out of the score, since their label is not published.
        no_score: why there is no score, though there are predictions; "" where there is one.
        made_of: what the score depends on besides the weights, by its parts; None where nobody noted it.
        version: of the task, as its name or its source says it; "" where neither does.
        asks: a hash of inputs and targets of all examples, in order: equal where the same was asked.
        tuned_on: what the model was fine-tuned on, where that is not the task alone: a mixture; else "". The folder of
            the training says it, not the file of the score.
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
    version: str = ""
    asks: str = ""
    tuned_on: str = ""
    predictions: Sequence[Prediction] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """The task, and what the model was fine-tuned on where that is something else."""
        return f"{self.task} (fine-tuned on {self.tuned_on})" if self.tuned_on else self.task

    @property
    def which(self) -> Which:
        """What tells it from other scores of a run."""
        return self.task, self.split, self.step, self.tuned_on

    @property
    def why_no_score(self) -> str:
        """Why there is no score, as a person is told; "" where there is one."""
        return f"{self.no_score}, no label is published" if self.no_score not in ("", NO_METRICS) else self.no_score

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

    def answer(inputs: Sequence[Sequence[int]]) -> list[list[Answer]]:
        return [[Answer(ids, math.nan)] for ids in predict_fn(inputs)]

    check_metrics(task)
    asked = ask(task, split=split, lengths=lengths, limit=limit, with_baseline=baseline is None)
    return asked.score(asked.answers(answer), baseline=baseline, step=step)


@dataclass(frozen=True)
class Asked:
    """A test set that is ready: all that takes no model is done.

    Attributes:
        task: the task.
        split: name of the split.
        limit: examples at most.
        lengths: greatest number of tokens of each feature.
        examples: what is asked.
        labelled: which of them have a label.
        scorer: of those; None where the task has no metrics.
        why_not: why they get no score; None where they do.
        training: what a baseline learns from; None where none is wanted, or it cannot be read.
    """

    task: Task
    split: str
    limit: int | None
    lengths: Mapping[str, int]
    examples: Sequence[Example]
    labelled: Sequence[int]
    scorer: Scorer | None
    why_not: str | None
    training: Sequence[Text] | None

    @property
    def asks(self) -> str:
        """A hash of inputs and targets of all examples, in order."""
        total = hashlib.sha256()
        for example in self.examples:
            for text in (example.input_text, example.target_text):
                data = text.encode("utf-8", "surrogatepass")
                total.update(b"%d:" % len(data) + data)
        return total.hexdigest()

    def answers(self, answer: Callable[[Sequence[Sequence[int]]], list[list[Answer]]]) -> list[Prediction]:
        """Asks a model for its best answer to each example."""
        found = answer([example.inputs for example in self.examples])
        if len(found) != len(self.examples):
            raise ValueError(
                f"task {self.task.name!r}: predict_fn returned {len(found)} outputs for "
                f"{len(self.examples)} inputs; it must answer each, in order"
            )
        vocabulary = self.task.output_features["targets"].vocabulary
        return [
            Prediction(
                example.input_text,
                example.target_text,
                vocabulary.decode(best[0].ids),
                best[0].score if math.isfinite(best[0].score) else None,
            )
            for example, best in zip(self.examples, found, strict=True)
        ]

    def baseline(self) -> Baseline | None:
        """Returns the score that needs no model; None where none is wanted, or can be."""
        if self.scorer is None or self.training is None:
            return None
        return strongest_baseline(self.scorer, self.training)

    def score(
        self, predictions: Sequence[Prediction], *, baseline: Baseline | None = None, step: int | None = None
    ) -> Score:
        """Scores answers to the examples, in their order.

        Args:
            predictions: one an example.
            baseline: of an earlier evaluation of the same examples; None computes it.
            step: steps of training that the model has seen.
        """
        score = Score(
            task=self.task.name,
            split=self.split,
            step=step,
            limit=self.limit,
            num_examples=len(self.examples),
            metrics={},
            baseline=Baseline("none", math.nan),
            standard_error=math.nan,
            truncated_inputs=sum(example.is_truncated for example in self.examples),
            truncated_targets=sum(example.target_is_truncated for example in self.examples),
            lengths=dict(self.lengths),
            no_score=self.why_not or "",
            version=version_of(self.task),
            asks=self.asks,
            predictions=tuple(predictions),
        )
        if self.why_not:
            return dataclasses.replace(score, truncated_targets=0)
        assert self.scorer is not None
        baseline = baseline or self.baseline()
        return _scored(score, self.scorer, [predictions[number].output for number in self.labelled], baseline)


def ask(
    task: Task,
    *,
    split: str,
    lengths: Mapping[str, int],
    limit: int | None = None,
    with_baseline: bool = True,
) -> Asked:
    """Reads what a task asks, and what its baseline learns from, before anything is answered.

    A task without metrics is answered, and not scored.

    Args:
        task: the task.
        split: name of the split.
        lengths: greatest number of tokens of "inputs" and "targets".
        limit: examples at most, the first ones; None is the whole split.
        with_baseline: whether a baseline is to be computed.

    Raises:
        ValueError: see `evaluate_task`.
    """
    if task.metric_objs:
        check_metrics(task)
    examples = read_examples(task, split, lengths, limit)
    if not task.metric_objs:
        return Asked(task, split, limit, lengths, examples, (), None, NO_METRICS, None)
    labelled = unlabelled.labelled(task, [example.target_text for example in examples])
    scorer = Scorer(task, [examples[number] for number in labelled])
    why_not = unlabelled.why_not_scored(task, [example.fields for example in scorer.examples], scorer.targets)
    training = training_or_none(task, lengths) if with_baseline and not why_not else None
    return Asked(task, split, limit, lengths, examples, labelled, scorer, why_not, training)


def check_labels(
    tasks: Sequence[Task], split: str, lengths: Mapping[str, int], limit: int | None, what: str
) -> list[Task]:
    """Returns the tasks that get a score on a split, since labels of it are published.

    Args:
        tasks: with metrics; those without the split are left out.
        split: name of the split.
        lengths: greatest number of tokens of "inputs" and "targets".
        limit: examples at most, the first ones; None is the whole split.
        what: what needs a score, for the message.

    Raises:
        ValueError: none does.
    """
    asked = [
        ask(task, split=split, lengths=lengths, limit=limit, with_baseline=False)
        for task in tasks
        if split in task.splits
    ]
    if asked and all(one.why_not for one in asked):
        reasons = "; ".join(f"{one.task.name}: {one.why_not}" for one in asked)
        raise ValueError(f"{what} on {split!r}, which has no published label ({reasons}): choose another split")
    return [one.task for one in asked if not one.why_not]


# A task's name ends in its version, as T5 has it: "glue_cola_v002"; behind it may stand what is asked otherwise.
_VERSION = re.compile(r"_v(\d+)(?=_|$)")


def version_of(task: Task) -> str:
    """Returns a task's version: of "glue_cola_v002" the "002"; of others, that of the data set: "2.0.0"; else ""."""
    named = _VERSION.search(task.name)
    if named:
        return named[1]
    return str(getattr(task.source, "tfds_name", "") or "").partition(":")[2]


def training_or_none(task: Task, lengths: Mapping[str, int]) -> list[Text] | None:
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
