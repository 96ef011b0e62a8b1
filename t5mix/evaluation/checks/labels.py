"""The check of target texts: whether the vocabulary can say them."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.checks.answers import unlabelled_splits
from t5mix.evaluation.checks.findings import Finding
from t5mix.evaluation.checks.samples import Sample, step_for_lengths
from t5mix.evaluation.examples import text_of
from t5mix.evaluation.scoring.unlabelled import HIDDEN
from t5mix.vocabularies import PassThroughVocabulary, Vocabulary

# As many different target texts are labels, if each is there this often on average.
_MOST_LABELS = 50
_LEAST_REPEATS = 3


def labels(task: Task, samples: Sequence[Sample]) -> Finding:
    """Checks that labels come through the vocabulary, and that none is missing; counts unknown ids in free text."""
    feature = task.output_features.get("targets")
    if feature is None or step_for_lengths(task) or isinstance(feature.vocabulary, PassThroughVocabulary):
        return Finding("labels", "skip", "targets are not labels")
    hidden = unlabelled_splits(task, samples)
    by_split = {sample.split: Counter(text_of(task, "targets", row) for row in sample.rows) for sample in samples}
    known = {split: texts for split, texts in by_split.items() if split not in hidden}
    counts: Counter[str] = sum(known.values(), Counter())
    if by_split.get("train", Counter())[HIDDEN]:
        message = f"train has {by_split['train'][HIDDEN]:,} examples whose target is {HIDDEN!r}: a label outside"
        return Finding("labels", "fail", f"{message} label_names; name a label for each class")
    unpublished = f"labels of {', '.join(hidden)} are not published" if hidden else ""
    if not any(counts):
        if hidden or not task.metric_fns:
            return Finding("labels", "skip", unpublished or "targets have no text")
        return Finding("labels", "fail", "every target is empty; do preprocessors make targets?")
    found = _label_words(feature.vocabulary, known) if are_labels(counts) else _free_text(feature.vocabulary, counts)
    return dataclasses.replace(found, message=f"{found.message}; {unpublished}") if hidden else found


def are_labels(counts: Counter[str]) -> bool:
    """Tells whether target texts are labels: few, and each there several times."""
    return len(counts) <= _MOST_LABELS and counts.total() >= _LEAST_REPEATS * len(counts)


def _label_words(vocabulary: Vocabulary, by_split: Mapping[str, Counter[str]]) -> Finding:
    counts: Counter[str] = sum(by_split.values(), Counter())
    for text in counts:
        wrong = None if text == HIDDEN else _wrong(vocabulary, text)
        if wrong:
            return Finding("labels", "fail", f"label {text!r} {wrong}; use a word that the vocabulary has")
    shown = [f"{text} {number / counts.total():.1%}" for text, number in counts.most_common(6)]
    message = ", ".join(shown + ([f"and {len(counts) - 6} more"] if len(counts) > 6 else []))
    unseen = sorted(set(counts) - set(by_split["train"]) - {HIDDEN}) if "train" in by_split else []
    if unseen:
        return Finding("labels", "note", f"{message}; not among the train examples read: {', '.join(unseen[:6])}")
    return Finding("labels", "pass", message)


def _free_text(vocabulary: Vocabulary, counts: Counter[str]) -> Finding:
    unknown = sum(number for text, number in counts.items() if _has_unknown(vocabulary, text))
    message = f"free text: {len(counts):,} different targets"
    if counts[""]:
        return Finding("labels", "note", f"{message}, {counts['']:,} examples have an empty one")
    if not unknown:
        return Finding("labels", "pass", message)
    return Finding("labels", "note", f"{message}, {unknown / counts.total():.1%} hold what the vocabulary has not")


def _wrong(vocabulary: Vocabulary, text: str) -> str | None:
    if not text:
        return "is empty"
    if _has_unknown(vocabulary, text):
        return f"holds what {vocabulary!r} has not"
    back = vocabulary.decode(vocabulary.encode(text))
    return None if back == text else f"comes out of {vocabulary!r} as {back!r}"


def _has_unknown(vocabulary: Vocabulary, text: Any) -> bool:
    return vocabulary.unk_id is not None and vocabulary.unk_id in vocabulary.encode(text)
