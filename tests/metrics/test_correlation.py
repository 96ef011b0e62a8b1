"""Correlations, against SciPy."""

import math

import numpy as np
import pytest
import scipy.stats

from t5mix import metrics


def test_correlations() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=50)
    y = x + random.normal(size=50)
    assert metrics.pearson_corrcoef(x, y)["pearson_corrcoef"] == pytest.approx(100 * np.corrcoef(x, y)[0, 1])
    spearman = 100 * scipy.stats.spearmanr(x, y)[0]
    assert metrics.spearman_corrcoef(list(x), list(y))["spearman_corrcoef"] == pytest.approx(spearman)
    assert metrics.spearman_corrcoef(x, np.exp(x))["spearman_corrcoef"] == pytest.approx(100)
    for metric in (metrics.pearson_corrcoef, metrics.spearman_corrcoef):
        assert list(metric([1, 2, 3], [5, 5, 5]).values()) == [0.0]
        assert list(metric([1], [2]).values()) == [0.0]
        with pytest.raises(ValueError, match="predictions hold NaN"):
            metric([1, 2], [1, math.nan])
