"""The examples that metrics are checked on, and what postprocessors make of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.declarations.task import Task
from t5mix.evaluation.checks.samples import Fields, Sample
from t5mix.evaluation.examples import text_of
from t5mix.evaluation.scoring.unlabelled import hidden_words, why_not_scored
from t5mix.vocabularies import PassThroughVocabulary

# Predictions that no label is. The last has a NUL, a lone accent, a sentinel and no spaces to split at.
GARBAGE = ("", " ", "#☃ garbage 17.5.x <extra_id_0>\n\t\u0301\x00" + "{" * 600)


class Answers:
    """The examples of one split with their targets postprocessed."""

    def __init__(self, task: Task, sample: Sample) -> None:
        self.task = task
        self.split = sample.split
        # An empty target is no answer that a postprocessor could tell from none; the check of labels counts them.
        unlabelled = hidden_words(task)
        texts = [text_of(task, "targets", row) for row in sample.rows]
        kept = [number for number, text in enumerate(texts) if text.strip() and text not in unlabelled]
        self.rows = tuple(sample.rows[number] for number in kept)
        self.texts = [texts[number] for number in kept]
        self.targets = [self.target(text, row) for text, row in zip(self.texts, self.rows, strict=True)]

    def target(self, text: str, row: Fields) -> Any:
        """Returns what the postprocessor makes of a target text."""
        return self.task.postprocess_fn(text, example=row, is_target=True)

    def predicted(self, text: str, row: Fields) -> Any:
        """Returns what the postprocessor makes of a prediction."""
        return self.task.postprocess_fn(text, example=row, is_target=False)

    def predictions(self, texts: Sequence[str]) -> list[Any]:
        """Returns what the postprocessor makes of a prediction for each example."""
        return [self.predicted(text, row) for text, row in zip(texts, self.rows, strict=True)]

    def by_tokens(self, texts: Sequence[str], lengths: Mapping[str, int]) -> list[str]:
        """Returns what a model can say of texts, for each example: tokens of the targets' length, decoded.

        Args:
            texts: target texts, or others.
            lengths: the greatest number of tokens of each feature, EOS included.
        """
        feature = self.task.output_features.get("targets")
        if feature is None or isinstance(feature.vocabulary, PassThroughVocabulary):
            return list(texts)
        limit = max(0, lengths.get("targets", 1 << 30) - feature.add_eos)
        said = []
        for text, own, row in zip(texts, self.texts, self.rows, strict=True):
            ids: Any = row.get("targets") if text == own else None
            if getattr(ids, "ndim", 0) == 1 and ids.dtype.kind in "iu":
                ids = ids.tolist()
            else:
                ids = feature.vocabulary.encode(text)[:limit]
            said.append(feature.vocabulary.decode(ids))
        return said


def judged(task: Task, samples: Sequence[Sample]) -> Sample | None:
    """Returns the sample that metrics are checked on: validation, else test, else the first; with labels, if any."""
    order = {"validation": 0, "test": 1}
    hidden = unlabelled_splits(task, samples)
    labelled = [sample for sample in samples if sample.split not in hidden]
    return min(labelled, key=lambda sample: order.get(sample.split, 2), default=None)


def unlabelled_splits(task: Task, samples: Sequence[Sample]) -> list[str]:
    """Returns the splits whose answers are not published; where every target of every split is empty, none is."""
    texts = [text_of(task, "targets", row) for sample in samples for row in sample.rows]
    return [sample.split for sample in samples if any(map(str.strip, texts)) and _is_unlabelled(task, sample)]


def _is_unlabelled(task: Task, sample: Sample) -> bool:
    try:
        rows = [(text_of(task, "targets", row), row) for row in sample.rows]
        targets = [task.postprocess_fn(text, example=row, is_target=True) for text, row in rows]
    except Exception:  # of the task's own function; the check of survival tells
        targets = []
    return why_not_scored(task, sample.rows, targets) is not None


def equal(one: Any, other: Any) -> bool:
    """Tells whether two values that metrics compare are equal, be they arrays or hold such."""
    try:
        return (
            bool(np.array_equal(one, other)) if hasattr(one, "shape") or hasattr(other, "shape") else bool(one == other)
        )
    except ValueError:  # arrays inside of other values
        return repr(one) == repr(other)
