"""The check of tokens: whether ids still say what the texts said that they were made of."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from t5mix.declarations.task import Task
from t5mix.evaluation.checks import samples
from t5mix.evaluation.checks.findings import Finding, Limits, shortened
from t5mix.evaluation.scoring.unlabelled import HIDDEN
from t5mix.vocabularies import PassThroughVocabulary
from t5mix.vocabularies.features import Feature


def tokens(task: Task, splits: Sequence[str], limits: Limits) -> Finding:
    """Checks that few letters are unknown to the vocabularies, and that different inputs stay different.

    A vocabulary may write a text otherwise, in lower case or with one space for several; that is counted, and is no
    failure by itself. Whether it costs a score, the check of gold tells.
    """
    notes: list[str] = []
    failures: list[str] = []
    for name, feature in task.output_features.items():
        texts = _texts(task, name, splits, limits)
        if texts:
            length = None if samples.step_for_lengths(task) else limits.lengths.get(name)
            found = _Tokenized.of(texts, feature, length)
            (failures if found.lost > limits.unknown else notes).extend(found.unknown(name))
            if name != "targets":  # answers to different questions may well be equal
                (failures if found.merged > limits.unknown else notes).extend(found.equal(name))
            notes += found.rewritten(name)
    if failures:
        fix = "take a vocabulary of this language, shorten what all have in common, or raise --unknown_limit"
        return Finding("tokens", "fail", f"{'; '.join([*failures, *notes])}; {fix}")
    if not any(True for name in task.output_features if _is_text(task, name)):
        return Finding("tokens", "skip", "no feature is tokenized text")
    return Finding("tokens", "note" if notes else "pass", "; ".join(notes) or "texts come through their vocabularies")


def _is_text(task: Task, name: str) -> bool:
    feature = task.output_features[name]
    ids = feature.dtype.startswith(("int", "uint")) and feature.rank == 1 and feature.vocabulary.vocab_size
    return bool(ids) and not isinstance(feature.vocabulary, PassThroughVocabulary)


def _texts(task: Task, name: str, splits: Sequence[str], limits: Limits) -> list[str]:
    if not _is_text(task, name):
        return []
    return [
        each[name]
        for split in splits
        for each in samples.raw_texts(task, split, limits.examples, limits.lengths)
        if each.get(name) and each[name] != HIDDEN
    ]


@dataclasses.dataclass(frozen=True)
class _Tokenized:
    """What became of texts.

    Attributes:
        count: how many texts there are.
        lost: the share of their letters that is unknown.
        lossy: a text with an unknown letter, and what it says as tokens; None where there is none.
        merged: the share of texts whose tokens are also those of another text.
        alike: two of these, and what both say as tokens.
        others: how many texts come back otherwise, though no letter is unknown, and of these one with what it becomes.
    """

    count: int
    lost: float
    lossy: tuple[str, str] | None
    merged: float
    alike: tuple[str, str, str] | None
    others: tuple[int, str, str] | None

    @classmethod
    def of(cls, texts: Sequence[str], feature: Feature, length: int | None) -> "_Tokenized":
        """Tokenizes texts, and looks at what is left of them within a length."""
        vocabulary = feature.vocabulary
        unknown = vocabulary.unk_id
        counts = Counter(texts)
        letters = lost = rewritten = 0
        lossy: tuple[str, str] | None = None
        other: tuple[str, str] | None = None
        by_ids: dict[tuple[int, ...], list[str]] = {}
        for text, times in counts.items():
            ids = vocabulary.encode(text)
            kept = ids if length is None else ids[: max(0, length - feature.add_eos)]
            by_ids.setdefault(tuple(kept), []).append(text)
            back = vocabulary.decode(ids)
            size = _letters(text)
            letters += times * size
            if unknown is not None and unknown in ids:
                known = _letters(vocabulary.decode([number for number in ids if number != unknown]))
                lost += times * max(0, size - known)
                lossy = lossy or (text, back)
            elif back != text:
                rewritten += times
                other = other or (text, back)
        alike = next((group for group in by_ids.values() if len(group) > 1), None)
        merged = sum(counts[text] for group in by_ids.values() if len(group) > 1 for text in group)
        return cls(
            len(texts),
            lost / max(1, letters),
            lossy,
            merged / len(texts),
            None if alike is None else (alike[0], alike[1], vocabulary.decode(_kept(alike[0], feature, length))),
            None if other is None else (rewritten, *other),
        )

    def unknown(self, name: str) -> list[str]:
        """Returns a line where letters are unknown."""
        if self.lossy is None:
            return []
        text, back = self.lossy
        what = f"{shortened(text)} becomes {shortened(back)}"
        return [f"{name}: {self.lost:.2%} of letters are unknown to its vocabulary: {what}"]

    def equal(self, name: str) -> list[str]:
        """Returns a line where different texts have become the same tokens."""
        if self.alike is None:
            return []
        one, other, both = map(shortened, self.alike)
        return [f"{name}: {self.merged:.1%} of texts have the tokens of another: {one} and {other} become {both}"]

    def rewritten(self, name: str) -> list[str]:
        """Returns a line where texts come back otherwise."""
        if self.others is None:
            return []
        number, text, back = self.others
        share = number / self.count
        return [f"{name}: {share:.1%} of texts come back otherwise: {shortened(text)} as {shortened(back)}"]


def _kept(text: str, feature: Feature, length: int | None) -> list[int]:
    ids = feature.vocabulary.encode(text)
    return ids if length is None else ids[: max(0, length - feature.add_eos)]


def _letters(text: str) -> int:
    return len("".join(text.split()))
