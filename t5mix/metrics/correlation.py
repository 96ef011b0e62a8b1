"""Correlations of numbers."""

from collections.abc import Sequence

import numpy as np

from t5mix.metrics import input_checks


def pearson_corrcoef(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Returns Pearson's linear correlation, times 100; 0 when a side is constant or single.

    The correlation with a constant is not defined; T5 reports NaN, which no table can rank.
    """
    if _is_flat("pearson_corrcoef", targets, predictions):
        return {"pearson_corrcoef": 0.0}
    import scipy.stats

    return {"pearson_corrcoef": 100 * float(scipy.stats.pearsonr(targets, predictions)[0])}


def spearman_corrcoef(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Returns Spearman's rank correlation, times 100; 0 when a side is constant or single."""
    if _is_flat("spearman_corrcoef", targets, predictions):
        return {"spearman_corrcoef": 0.0}
    import scipy.stats

    return {"spearman_corrcoef": 100 * float(scipy.stats.spearmanr(targets, predictions)[0])}


def _is_flat(metric: str, targets: Sequence[float], predictions: Sequence[float]) -> bool:
    input_checks.check(metric, targets, predictions)
    for side, values in (("targets", targets), ("predictions", predictions)):
        if not np.all(np.isfinite(np.asarray(values, dtype=float))):
            raise ValueError(
                f"{metric}: {side} hold NaN or infinity; postprocessors.string_to_float gives a default for them"
            )
    return bool(np.ptp(targets) == 0 or np.ptp(predictions) == 0)
