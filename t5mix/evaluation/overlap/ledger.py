"""The ledger: for each evaluation example the training examples that hold it, or parts of it.

1. Each evaluation example is put into an index by its whole text and by its runs of words (`index.py`).
2. Training examples are read task by task and looked up, inputs and targets alike; none is kept.
3. What has equal hashes is compared letter by letter, so nothing is found that is not there.
4. An example's kind is the strongest that was found: its exact text; the same words, with other case, punctuation or
   blanks; or a run of words that both hold. With it go the share of its runs that were found, and whether a training
   example with its whole text has its target too.

Runs of 13 words are GPT-3's and PaLM's measure (Brown et al. 2020, appendix C; Chowdhery et al. 2022, section 8).
"""

import bisect
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from t5mix.declarations.task import Task
from t5mix.evaluation.overlap import texts as reading
from t5mix.evaluation.overlap.hashed_runs import HashedTexts, Runs
from t5mix.evaluation.overlap.index import EvaluationExamples, Index, Table
from t5mix.evaluation.overlap.normalized import normalized_together

WORDS, CHARACTERS = 13, 50

KINDS = ("exact", "normalized", "run")

# Training examples that are named for each evaluation example; the rest are counted.
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Match:
    """A training example that holds an evaluation example, or a part of it.

    Attributes:
        kind: one of `KINDS`.
        task: name of the training task.
        index: number of the example in that task's training split, from 0.
        shared: what both hold, without case and punctuation; of a run the first that was found.
        first_step: the step of a run that first fed it; None where none did, or no run was asked.
    """

    kind: str
    task: str
    index: int
    shared: str
    first_step: int | None = None


@dataclasses.dataclass
class Entry:
    """What was found of one evaluation example.

    Attributes:
        task: name of its task.
        split: its split.
        index: its number there, from 0.
        text: its input, without the words that all inputs of the split begin with.
        kind: the strongest kind of its matches.
        share: part of its runs that training examples hold; NaN where it is too short to have one.
        same_target: whether a training example with its whole text has its target, too.
        training_examples: how many training examples hold it or a part of it.
        matches: the first of these, the strongest kinds first.
        first_step: the first step of a run that fed one of `matches`; None where none did, or no run was asked.
    """

    task: str
    split: str
    index: int
    text: str
    kind: str = "run"
    share: float = 0.0
    same_target: bool = False
    training_examples: int = 0
    matches: list[Match] = dataclasses.field(default_factory=list)
    first_step: int | None = None

    def add(self, match: Match, named: int = NAMED) -> None:
        """Takes in a further training example; names so many at most."""
        self.training_examples += 1
        self.kind = KINDS[min(KINDS.index(self.kind), KINDS.index(match.kind))]
        bisect.insort(self.matches, match, key=lambda each: KINDS.index(each.kind))
        del self.matches[named:]


@dataclasses.dataclass(frozen=True)
class Ledger:
    """What evaluation and training examples share.

    Attributes:
        words: of a run.
        characters: of a run of an example with fewer words.
        splits: number of evaluation examples by task and split.
        trained_on: number of training examples by task.
        entries: the evaluation examples of which something was found, in order.
    """

    words: int
    characters: int
    splits: Mapping[tuple[str, str], int]
    trained_on: Mapping[str, int]
    entries: Sequence[Entry]

    def of(self, task: str, split: str) -> list[Entry]:
        """Returns the entries of one split."""
        return [entry for entry in self.entries if (entry.task, entry.split) == (task, split)]


def make_ledger(
    training: Iterable[Task],
    splits: Sequence[EvaluationExamples],
    *,
    words: int = WORDS,
    characters: int = CHARACTERS,
    named: int = NAMED,
    tell: Callable[[str, int, int | None], None] = lambda task, done, total: None,
) -> Ledger:
    """Holds training examples against evaluation examples.

    Args:
        training: tasks whose "train" split is read.
        splits: the evaluation examples; see `texts.evaluation_examples`.
        words: how many words a run has.
        characters: how many characters a run of an example has that has fewer words.
        named: training examples that are named for each evaluation example, at most.
        tell: called with (task, training examples done, in all or None) now and then.

    Raises:
        ValueError: if a number is not positive, or a task cannot be read.
    """
    if words < 1 or characters < 1:
        raise ValueError(f"words is {words} and characters {characters}; give at least 1")
    search = _Search(Index(splits, words, characters), named)
    trained_on = {}
    for task in training:
        done, total = 0, task.num_input_examples("train")
        tell(task.name, 0, total)
        prefix = reading.prefix_of(task, "train")
        for inputs, targets in reading.read(task, "train"):
            search.look_up(task.name, done, [text.removeprefix(prefix) for text in inputs], targets)
            done += len(inputs)
            tell(task.name, done, total)
        trained_on[task.name] = done
    sizes = {(split.task, split.split): len(split.texts) for split in splits}
    return Ledger(words, characters, sizes, trained_on, search.entries())


class _Search:
    """Evaluation examples, and what was found of them so far."""

    def __init__(self, index: Index, named: int) -> None:
        self._index, self._named = index, named
        self._found: dict[int, Entry] = {}
        self._tables = (index.of_words, index.of_characters)
        self._seen = [np.zeros(len(table.runs.hashes), dtype=bool) for table in self._tables]

    def entries(self) -> list[Entry]:
        """Returns what was found, with shares."""
        found, runs = np.zeros(len(self._index.texts)), self._index.num_runs
        for table, seen in zip(self._tables, self._seen, strict=True):
            found += np.bincount(table.runs.text[seen], minlength=len(found))
        for number, entry in self._found.items():
            entry.share = float(found[number] / runs[number]) if runs[number] else float("nan")
        return [self._found[number] for number in sorted(self._found)]

    def look_up(self, task: str, first: int, inputs: Sequence[str], targets: Sequence[str]) -> None:
        """Looks up training examples.

        Args:
            task: their task.
            first: number of the first.
            inputs: one an example.
            targets: one an example.
        """
        given = [text for pair in zip(inputs, targets, strict=True) for text in pair]
        shown = normalized_together(given)
        hashed = HashedTexts(shown)
        best: dict[tuple[int, int], Match] = {}  # by evaluation and training example
        for table, seen, runs in zip(self._tables, self._seen, self._runs_of(hashed), strict=True):
            for ours, theirs in self._same(table, runs, shown):
                seen[ours] = True
                number, example = int(table.runs.text[ours]), int(runs.text[theirs]) // 2
                if (number, example) not in best:
                    best[number, example] = Match("run", task, first + example, self._slice(table.runs, ours))
        runs = hashed.whole()
        for ours, theirs in self._same(self._index.whole, runs, shown):
            number, text = int(self._index.whole.runs.text[ours]), int(runs.text[theirs])
            kind = "exact" if self._index.texts[number] == given[text] else "normalized"
            best[number, text // 2] = Match(kind, task, first + text // 2, shown[text])
            if text % 2 == 0 and self._target(number) == targets[text // 2]:
                self._entry(number).same_target = True
        for (number, _), match in sorted(best.items()):
            self._entry(number).add(match, self._named)

    def _runs_of(self, hashed: HashedTexts) -> Iterator[Runs]:
        """Yields runs of words and of characters; of characters only where an evaluation example has some."""
        yield hashed.of_words(self._index.words)
        none = np.empty(0, dtype=np.int64)
        has_some = len(self._index.of_characters.runs.hashes) > 0
        yield hashed.of_characters(self._index.characters) if has_some else Runs(none.view(np.uint64), none, none, none)

    def _same(self, table: Table, runs: Runs, shown: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yields each pair of runs that are equal letter by letter."""
        hits = table.find(runs.hashes)
        for ours, theirs in zip(hits.ours.tolist(), hits.theirs.tolist(), strict=True):
            start, stop = int(runs.start[theirs]), int(runs.stop[theirs])
            if shown[int(runs.text[theirs])][start:stop] == self._slice(table.runs, ours):
                yield ours, theirs

    def _slice(self, runs: Runs, run: int) -> str:
        return self._index.normalized[int(runs.text[run])][int(runs.start[run]) : int(runs.stop[run])]

    def _entry(self, number: int) -> Entry:
        if number not in self._found:
            split, index = self._place(number)
            self._found[number] = Entry(split.task, split.split, index, self._index.texts[number])
        return self._found[number]

    def _target(self, number: int) -> str:
        split, index = self._place(number)
        return split.targets[index]

    def _place(self, number: int) -> tuple[EvaluationExamples, int]:
        """Returns the split of an evaluation example, and its number there."""
        split = int(np.searchsorted(self._index.first, number, side="right")) - 1
        return self._index.splits[split], number - int(self._index.first[split])
