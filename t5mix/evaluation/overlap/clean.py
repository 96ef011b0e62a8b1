"""Scores on clean examples: those of which a ledger found nothing in training examples."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.examples import Example, read_examples
from t5mix.evaluation.overlap.ledger_file import Found
from t5mix.evaluation.scoring import unlabelled
from t5mix.evaluation.scoring.scorer import Scorer


@dataclasses.dataclass(frozen=True)
class CleanScore:
    """What a score is on clean examples alone.

    Attributes:
        value: of the first metric; NaN where no example is clean, or it is undefined of those that are.
        standard_error: of it.
        num_examples: clean examples that were scored.
    """

    value: float
    standard_error: float
    num_examples: int


def check_examples(
    task: Task, split: str, lengths: Mapping[str, int], limit: int | None, found: Found
) -> list[Example]:
    """Returns the examples of a split that a ledger has looked at, where they are those that it has seen.

    Args:
        task: the task.
        split: the split.
        lengths: greatest number of tokens of each feature.
        limit: examples that are scored at most, the first ones; None is the whole split.
        found: the ledger.

    Raises:
        ValueError: the ledger is of other examples.
    """
    of = (task.name, split)
    examples = read_examples(task, split, lengths, limit)
    whole = found.examples[of]
    texts = {index: text for index, text in found.texts[of].items() if index < len(examples)}
    same = len(examples) == (whole if limit is None else min(whole, limit))
    if not same or not all(_holds(examples[index], text, lengths) for index, text in texts.items()):
        raise ValueError(
            f"ledger {found.path!r}: its examples of {task.name!r}, {split!r}, are others than those that are "
            "scored; make it anew with t5mix overlap --output"
        )
    return examples


def _holds(example: Example, text: str, lengths: Mapping[str, int]) -> bool:
    """Tells whether an example may be the one that a ledger names by the end of its input.

    Where no step keeps texts, they are decoded from ids, and an input that fills its length may have lost its end.
    """
    cut = "inputs_pretokenized" not in example.fields and len(example.inputs) >= lengths.get("inputs", math.inf)
    return cut or example.input_text.endswith(text)


def score_clean(
    task: Task, score: Score, outputs: Sequence[str], examples: Sequence[Example], found: Found
) -> CleanScore:
    """Scores a model's answers once more, on clean examples.

    Args:
        task: the task.
        score: the score on all examples.
        outputs: the answers that it is made of, in the split's order.
        examples: of the score, from `check_examples`.
        found: the ledger.

    Raises:
        ValueError: there are not as many answers as examples.
    """
    if len(examples) != len(outputs):
        raise ValueError(f"task {task.name!r}: {len(outputs):,} answers are kept to {len(examples):,} examples")
    texts = found.texts[task.name, score.split]
    labelled = unlabelled.labelled(task, [example.target_text for example in examples])
    clean = [number for number in labelled if number not in texts]
    if not clean:
        return CleanScore(math.nan, math.nan, 0)
    scorer = Scorer(task, [examples[number] for number in clean])
    answers = [outputs[number] for number in clean]
    return CleanScore(scorer.first_of_part(answers), scorer.standard_error(answers), len(clean))
