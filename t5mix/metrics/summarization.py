"""ROUGE of summaries."""

from collections.abc import Sequence
from typing import Any

from t5mix.metrics import pairs


def rouge(
    targets: Sequence[str],
    predictions: Sequence[str],
    score_keys: Sequence[str] = ("rouge1", "rouge2", "rougeLsum"),
    **kwargs: Any,
) -> dict[str, float]:
    """Returns the mean F-measure of each kind of ROUGE (Lin, 2004), times 100.

    T5 reports the middle of a random bootstrap of the same scores, which differs from run to run
    and by a few hundredths from this mean.  Sentences end at " . ".

    Args:
      targets: the summaries wanted.
      predictions: the summaries given.
      score_keys: kinds of ROUGE.
      **kwargs: further arguments of `rouge_score.rouge_scorer.RougeScorer`.
    """
    pairs.check("rouge", targets, predictions)
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
    """One sentence a line, as rougeLsum wants them."""
    return summary.replace(" . ", " .\n")
