"""Metrics of text that a model writes: BLEU of translations, ROUGE of summaries, edits in words."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.metrics import input_checks
from t5mix.metrics.directions import lower_is_better


def rouge(
    targets: Sequence[str],
    predictions: Sequence[str],
    score_keys: Sequence[str] = ("rouge1", "rouge2", "rougeLsum"),
    **kwargs: Any,
) -> dict[str, float]:
    """Returns the mean F-measure of each kind of ROUGE (Lin, 2004), times 100.

    T5 reports the middle of a random bootstrap of the same scores, which differs from run to run
    and by a few hundredths from this mean. Sentences end at " . ".

    Args:
        targets: the correct summaries.
        predictions: the summaries given.
        score_keys: kinds of ROUGE.
        **kwargs: further arguments of `rouge_score.rouge_scorer.RougeScorer`.
    """
    input_checks.check("rouge", targets, predictions)
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(rouge_types=list(score_keys), **kwargs)
    sums = dict.fromkeys(score_keys, 0.0)
    for target, prediction in zip(targets, predictions, strict=True):
        scores = scorer.score(target=_lines(target), prediction=_lines(prediction))
        for key in score_keys:
            sums[key] += scores[key].fmeasure
    return {key: 100 * value / len(targets) for key, value in sums.items()}


def rouge_mean(
    targets: Sequence[str],
    predictions: Sequence[str],
    score_keys: Sequence[str] = ("rouge1", "rouge2", "rougeLsum"),
    **kwargs: Any,
) -> dict[str, float]:
    """Returns the same as `rouge`; T5's name for the mean."""
    return rouge(targets, predictions, score_keys, **kwargs)


def _lines(summary: str) -> str:
    """Puts one sentence in a line, as rougeLsum expects."""
    return summary.replace(" . ", " .\n")


def bleu(
    targets: Sequence[str] | Sequence[Sequence[str]],
    predictions: Sequence[str],
    tokenizer: str = "intl",
) -> dict[str, float]:
    """Returns the BLEU of the corpus by SacreBLEU (Post, 2018, arXiv:1804.08771), 0 to 100.

    Args:
        targets: for each prediction its reference, or a list of references, equally many for each.
        predictions: the translations given.
        tokenizer: SacreBLEU's tokenizer; T5's is "intl".
    """
    input_checks.check("bleu", targets, predictions)
    import sacrebleu

    lists = [[target] if isinstance(target, str) else list(target) for target in targets]
    if len({len(references) for references in lists}) != 1:
        raise ValueError("bleu: targets have unequal numbers of references; give each as many")
    streams = [list(stream) for stream in zip(*lists, strict=True)]
    # `force` silences SacreBLEU's warning about text that looks tokenized; it changes no score.
    score = sacrebleu.corpus_bleu(list(predictions), streams, smooth_method="exp", tokenize=tokenizer, force=True)
    return {"bleu": score.score}


@lower_is_better
def edit_distance(targets: Sequence[str], predictions: Sequence[str], lower: bool = True) -> dict[str, float]:
    """Returns the least, greatest, mean, median and summed number of words to insert, delete or replace.

    A word is a run of letters, digits and "_"; two signs in a row have an empty word between them, as in T5.

    Args:
        targets: the correct texts.
        predictions: the texts given.
        lower: whether case counts for nothing.
    """
    input_checks.check("edit_distance", targets, predictions)
    distances = []
    for target, prediction in zip(targets, predictions, strict=True):
        one, other = (target.lower(), prediction.lower()) if lower else (target, prediction)
        distances.append(levenshtein(re.split(r"\W", one), re.split(r"\W", other)))
    return {
        "min_edit": min(distances),
        "max_edit": max(distances),
        "mean_edit": float(np.mean(distances)),
        "median_edit": float(np.median(distances)),
        "sum_edit": sum(distances),
    }


def levenshtein(one: Sequence[str], other: Sequence[str]) -> int:
    """Returns the least number of insertions, deletions and replacements that make `other` of `one`."""
    row = list(range(len(other) + 1))
    for count, item in enumerate(one, start=1):
        diagonal, row[0] = row[0], count
        for column, expected in enumerate(other, start=1):
            replaced = diagonal + (item != expected)
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, replaced)
    return row[-1]
