"""What can be scored without learning: the figure that a model has to beat.

Several simple predictors are tried on the very test set, and the best of them is the baseline.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from t5mix.declarations.task import Task
from t5mix.evaluation.examples import Text, read_texts
from t5mix.evaluation.scoring.scorer import Scorer
from t5mix.metrics.directions import is_better

TRAINING_EXAMPLES = 100_000
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True)
class Baseline:
    """The best score that needs no model.

    Attributes:
        kind: "majority", "mean", "copy", "lead sentence", "lead line" or "empty".
        score: by the task's first metric; 0 where a constant answer leaves that undefined, as it
            leaves correlations, and more is better.
    """

    kind: str
    score: float


def strongest_baseline(scorer: Scorer, training: Iterable[Text]) -> Baseline:
    """Returns the best of all baselines by the task's first metric; see `baseline_answers`."""
    return baseline_answers(scorer, training)[0]


def baseline_answers(scorer: Scorer, training: Iterable[Text]) -> tuple[Baseline, list[str]]:
    """Tries every baseline and returns the best by the task's first metric, with its answers.

    majority: the most frequent training target (of equals the one that came first).
    mean: the mean of the training targets, where all of them are numbers.
    copy: the input, without the words that all inputs begin with.
    lead sentence, lead line: the first sentence or line of that copy.
    empty: no answer, which some postprocessors take for one: WSC's for "another noun".

    Args:
        scorer: the test set.
        training: inputs and targets of the training split; empty where there is none.
    """
    best, answers = Baseline("none", math.nan), [""] * len(scorer.examples)
    tried: list[list[str]] = []
    for kind, texts in _candidates(scorer, list(training)):
        if texts in tried:
            continue
        tried.append(texts)
        try:
            name, score = scorer.first(texts)
        except Exception:  # a user's postprocessor may know no answer that is empty: then that is no baseline
            if kind != "empty":
                raise
            continue
        less = scorer.prefers_less(name)
        if math.isnan(score) and kind == "empty":
            continue
        if math.isnan(score) and not less:
            score = 0.0
        if is_better(score, best.score, less):
            best, answers = Baseline(kind, score), texts
    return best, answers


def training_texts(task: Task, lengths: Mapping[str, int] | None = None) -> list[Text]:
    """Returns inputs and targets of the task's train split, 100,000 examples at most.

    Args:
        task: the task.
        lengths: for steps that need them; nothing is trimmed.
    """
    if "train" not in task.splits:
        return []
    return list(read_texts(task, "train", TRAINING_EXAMPLES, lengths))


def _candidates(scorer: Scorer, training: Sequence[Text]) -> Iterator[tuple[str, list[str]]]:
    targets = [target for _, target in training]
    count = len(scorer.examples)
    if targets:
        yield "majority", [Counter(targets).most_common(1)[0][0]] * count
        mean = _mean(targets)
        if mean is not None:
            yield "mean", [mean] * count
    inputs = [example.input_text for example in scorer.examples]
    prefix = common_words([*inputs, *(text for text, _ in training)])
    copies = [text[len(prefix) :] for text in inputs]
    yield "copy", copies
    yield "lead sentence", [_SENTENCE_END.split(text.strip(), maxsplit=1)[0] for text in copies]
    yield "lead line", [text.strip().split("\n", 1)[0] for text in copies]
    yield "empty", [""] * count


def _mean(targets: Sequence[str]) -> str | None:
    """Returns the mean as text, or None where a target is no finite number."""
    try:
        numbers = [float(target) for target in targets]
    except ValueError:
        return None
    mean = math.fsum(numbers) / len(numbers)
    return f"{mean:.6g}" if math.isfinite(mean) else None


def common_words(texts: Sequence[str]) -> str:
    """Returns what all texts begin with, up to and with its last white space.

    Example: ["sum: a b", "sum: a c"] -> "sum: a "
    """
    if len(set(texts)) < 2:
        return ""  # one text alone does not tell its prompt from its content
    # The least and the greatest text share the least.
    prefix = os.path.commonprefix([min(texts), max(texts)])  # noqa: RUF071, characters are meant
    shared = re.match(r".*\s", prefix, re.DOTALL)
    return shared.group() if shared else ""
