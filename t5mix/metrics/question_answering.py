"""Exact match and F1 of answers, as the official scripts of SQuAD and TriviaQA compute them."""

import collections
import dataclasses
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from t5mix.metrics import input_checks
from t5mix.metrics.metric_objects import Metric, ModelOutputType, decode
from t5mix.vocabularies.features import Feature

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the mean exact match `em` and token `f1`, times 100, each with the best answer.

    Case, punctuation, articles and extra white space do not count (SQuAD 1.1, Rajpurkar et al.,
    2016, arXiv:1606.05250).

    Args:
        targets: for each question its correct answers.
        predictions: the answers given.
    """
    return _scores("squad", targets, predictions, normalize_squad)


def trivia_qa(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the same as `squad` with TriviaQA's rules: punctuation becomes a space.

    Args:
        targets: for each question its correct answers.
        predictions: the answers given.
    """
    return _scores("trivia_qa", targets, predictions, normalize_trivia_qa)


def span_squad(targets: Sequence[Mapping[str, Any]], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the same as `squad`, of spans of a text such as "start: 2 end: 3".

    Words are counted as `preprocessors.squad_span_space_tokenized` counts them, so that the targets score 100. T5's
    metric counts differently than its targets: without the empty words, and with letters outside ASCII in words.

    Args:
        targets: dicts of correct `answers` and the `context`.
        predictions: the spans given; what is none is no answer.
    """
    input_checks.check("span_squad", targets, predictions)
    given = [_text_of_span(target["context"], span) for target, span in zip(targets, predictions, strict=True)]
    return _scores("span_squad", [target["answers"] for target in targets], given, normalize_squad)


def _text_of_span(context: str, span: str) -> str:
    """Returns the part of the text from the first to the last word named, or "" when none is."""
    tokens = re.sub(r"\W", " ", span).split()
    if len(tokens) < 4:
        return ""
    try:
        start, end = int(tokens[1]), int(tokens[3])
    except ValueError:
        return ""
    gaps = [match.start() for match in re.finditer(r"[\W ]", context, re.ASCII)]
    begins, ends = [0, *(gap + 1 for gap in gaps)], [*gaps, len(context)]
    if start > end or start >= len(begins):
        return ""
    return context[begins[start] : ends[min(end, len(ends) - 1)]]


def coqa_f1(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the mean token `f1`, times 100, with the best answer; nothing for nothing is right (Reddy et al., 2019).

    Args:
        targets: for each question its correct answers.
        predictions: the answers given.
    """
    input_checks.check("coqa_f1", targets, predictions)
    total = 0.0
    for answers, prediction in zip(targets, predictions, strict=True):
        if isinstance(answers, str) or not len(answers):
            raise ValueError(f"coqa_f1: a target is {answers!r}; give a list of correct answers")
        given = coqa_tokens(prediction)
        total += max(sequence_f1(coqa_tokens(answer), given) for answer in answers)
    return {"f1": 100 * total / len(targets)}


def coqa_tokens(text: str) -> list[str]:
    """Returns the words of a text as CoQA compares them: normalized as SQuAD's."""
    return normalize_squad(text).split()


def sequence_f1(target: list[str], prediction: list[str]) -> float:
    """Returns the F1 of words, 0 to 1; of no words for none it is 1."""
    return _f1(target, prediction) if target or prediction else 1.0


def normalize_squad(text: str) -> str:
    """Returns the text in lower case without punctuation, articles and extra white space."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", text).split())


def normalize_trivia_qa(text: str) -> str:
    """Returns the text in lower case, punctuation made spaces, without articles and extra space."""
    signs = string.punctuation + "‘’´`_"
    text = "".join(" " if letter in signs else letter for letter in text.lower())
    return " ".join(_ARTICLES.sub(" ", text).split())


def qa_metrics(targets: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """Returns the mean exact match `em` and token `f1`, times 100, each with the best answer, of normalized text.

    Args:
        targets: for each question its correct answers.
        predictions: the answers given.
    """
    return _scores("qa_metrics", targets, predictions, lambda text: text)


def _scores(
    metric: str,
    targets: Sequence[Sequence[str]],
    predictions: Sequence[str],
    normalize: Callable[[str], str],
) -> dict[str, float]:
    input_checks.check(metric, targets, predictions)
    exact = overlap = 0.0
    for answers, prediction in zip(targets, predictions, strict=True):
        if isinstance(answers, str) or not len(answers):
            raise ValueError(f"{metric}: a target is {answers!r}; give a list of correct answers")
        given = normalize(prediction)
        correct = [normalize(answer) for answer in answers]
        exact += max(answer == given for answer in correct)
        overlap += max(_f1(answer.split(), given.split()) for answer in correct)
    return {"em": 100 * exact / len(targets), "f1": 100 * overlap / len(targets)}


def _f1(target: list[str], prediction: list[str]) -> float:
    common = (collections.Counter(target) & collections.Counter(prediction)).total()
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(target)
    return 2 * precision * recall / (precision + recall)


@dataclasses.dataclass(frozen=True)
class ShardedSquad(Metric):
    """Mean exact match `em` and token `f1`, times 100, of predictions and the `answers` of their examples.

    Each batch makes one by `from_model_output`; `merge` gives that of two batches together.

    Attributes:
        f1: mean of the examples seen.
        em: mean of the examples seen.
        count: how many were seen.
    """

    f1: float = 0.0
    em: float = 0.0
    count: int = 0
    model_output_type: ModelOutputType = ModelOutputType.PREDICTION

    @classmethod
    def from_model_output(  # type: ignore[override]
        cls,
        inputs: Sequence[Mapping[str, Any]],
        model_output: Any,
        features: Mapping[str, Feature],
        target_field_name: str = "targets",
        mask: np.ndarray | None = None,
        indices_2d: np.ndarray | None = None,
    ) -> Self:
        """Returns one that has seen a batch; each example has `answers`, its correct ones."""
        examples = list(inputs)
        seen = range(len(examples)) if mask is None else np.flatnonzero(mask).tolist()
        if not seen:
            return cls()
        answers = [[_text(answer) for answer in examples[index]["answers"]] for index in seen]
        vocabulary = features[target_field_name].vocabulary
        scores = squad(answers, [decode(model_output[index], vocabulary) for index in seen])
        return cls(f1=scores["f1"], em=scores["em"], count=len(seen))

    def merge(self, other: "ShardedSquad") -> Self:
        """Returns one that has seen what both have."""
        count = self.count + other.count
        if not count:
            return self
        f1, em = ((a * self.count + b * other.count) / count for a, b in ((self.f1, other.f1), (self.em, other.em)))
        return dataclasses.replace(self, f1=f1, em=em, count=count)

    def compute(self) -> dict[str, float]:
        """Returns `f1` and `em`."""
        return {"f1": self.f1, "em": self.em}


def _text(answer: Any) -> str:
    return answer.decode("utf-8") if isinstance(answer, bytes) else str(answer)
