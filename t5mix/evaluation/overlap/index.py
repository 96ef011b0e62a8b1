"""Evaluation examples, to be found by the runs of words that they share with a training example."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from t5mix.evaluation.overlap.hashed_runs import HashedTexts, Runs
from t5mix.evaluation.overlap.normalized import normalized_together

# A run that stands in more evaluation examples than this is how a task puts its questions, not what it asks.
COMMON = 100

# Slots of the first look for each run: most runs of training texts are seen to be no run of ours by one look.
_SLOTS_EACH = 16
_AT_ONCE = 1 << 22  # characters that are hashed together

# No run; tells the types where there is no text.
_NONE = Runs(np.empty(0, np.uint64), *(np.empty(0, np.int64) for _ in range(3)))


@dataclasses.dataclass(frozen=True)
class EvaluationExamples:
    """A split that scores are computed on.

    Attributes:
        task: the task's name.
        split: the split.
        texts: its inputs, without the words that all begin with.
        targets: its targets.
    """

    task: str
    split: str
    texts: Sequence[str]
    targets: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Hits:
    """Runs of training texts whose hashes are those of runs of evaluation texts.

    Attributes:
        ours: int64, numbers of runs in the table.
        theirs: int64, numbers of runs that were looked up.
    """

    ours: np.ndarray
    theirs: np.ndarray


class Table:
    """Runs by their hashes.

    Args:
        runs: of the evaluation examples; `text` counts these.
    """

    def __init__(self, runs: Runs) -> None:
        order = np.argsort(runs.hashes, kind="stable")
        self.runs = runs.take(order)
        self._bits = np.uint64(64 - max(10, (_SLOTS_EACH * len(order)).bit_length()))
        self._slots = np.zeros(1 << (64 - int(self._bits)), dtype=bool)
        self._slots[self.runs.hashes >> self._bits] = True

    def find(self, hashes: np.ndarray) -> Hits:
        """Returns every pair of a run here and a hash there that are equal."""
        there = np.flatnonzero(self._slots[hashes >> self._bits])
        first = np.searchsorted(self.runs.hashes, hashes[there], side="left")
        count = np.searchsorted(self.runs.hashes, hashes[there], side="right") - first
        theirs = np.repeat(there, count)
        within = np.arange(len(theirs)) - np.repeat(np.cumsum(count) - count, count)
        return Hits(np.repeat(first, count) + within, theirs)


class Index:
    """All evaluation examples, numbered through.

    Args:
        splits: the splits.
        words: how many words a run has.
        characters: how many characters a run of an example has that has fewer words.
    """

    def __init__(self, splits: Sequence[EvaluationExamples], words: int, characters: int) -> None:
        self.splits, self.words, self.characters = tuple(splits), words, characters
        self.first = np.append(0, np.cumsum([len(split.texts) for split in splits])).astype(np.int64)
        self.texts = [text for split in splits for text in split.texts]
        self.normalized: list[str] = []
        whole, of_words, of_characters = [], [], []
        for start, some in _in_parts(self.texts):
            shown = normalized_together(some)
            self.normalized += shown
            hashed = HashedTexts(shown)
            few = hashed.words_each < words
            whole.append(_moved(hashed.whole(), start))
            of_words.append(_moved(hashed.of_words(words), start))
            by_characters = hashed.of_characters(characters)
            of_characters.append(_moved(by_characters.take(few[by_characters.text]), start))
        self.whole = Table(_joined(whole))
        self.of_words = Table(_rare(_joined(of_words)))
        self.of_characters = Table(_rare(_joined(of_characters)))

    @property
    def num_runs(self) -> np.ndarray:
        """How many runs each example has that can be found, int64 [examples]."""
        of_words, of_characters = (
            np.bincount(table.runs.text, minlength=len(self.texts)) for table in (self.of_words, self.of_characters)
        )
        return of_words + of_characters


def _in_parts(texts: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Returns texts in parts of about `_AT_ONCE` characters, each with the number of its first."""
    parts: list[tuple[int, list[str]]] = []
    held = _AT_ONCE
    for number, text in enumerate(texts):
        if held >= _AT_ONCE:
            parts.append((number, []))
            held = 0
        parts[-1][1].append(text)
        held += len(text)
    return parts


def _moved(runs: Runs, first: int) -> Runs:
    return dataclasses.replace(runs, text=runs.text + first)


def _joined(parts: Sequence[Runs]) -> Runs:
    fields = [field.name for field in dataclasses.fields(Runs)]
    return Runs(*(np.concatenate([getattr(part, name) for part in (_NONE, *parts)]) for name in fields))


def _rare(runs: Runs) -> Runs:
    """Returns the runs that stand in at most `COMMON` examples, each once an example."""
    if not len(runs.hashes):
        return runs
    order = np.lexsort((runs.text, runs.hashes))
    sorted_ = runs.take(order)
    again = np.append(False, (np.diff(sorted_.hashes) == 0) & (np.diff(sorted_.text) == 0))
    once = sorted_.take(np.flatnonzero(~again))
    count = np.unique(once.hashes, return_counts=True)[1]
    return once.take(np.flatnonzero(np.repeat(count <= COMMON, count)))
