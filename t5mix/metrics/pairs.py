"""What every metric asks of its targets and predictions."""

from collections.abc import Sized


def check(metric: str, targets: Sized, predictions: Sized) -> None:
    """Refuses nothing, and unequal numbers of targets and predictions.

    Raises:
      ValueError: naming the metric.
    """
    if len(targets) != len(predictions):
        raise ValueError(
            f"{metric}: {len(targets)} targets and {len(predictions)} predictions. Number of targets and predictions "
            "must match."
        )
    if not len(targets):
        raise ValueError(f"{metric}: there is nothing to compare; give one example at least")
