"""Standard errors against scipy, and against the formulas that they are or estimate."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from t5mix.evaluation.scoring.standard_error import jackknife_standard_error, standard_error


def percent_right(targets, predictions):
    return 100 * float(np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))


def test_of_a_mean_with_a_group_an_example_is_the_textbook_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=20)
    found = jackknife_standard_error(
        lambda targets, predictions: float(np.mean(predictions)), list(values), list(values)
    )
    assert found == pytest.approx(scipy.stats.sem(values), rel=1e-12)


def test_of_accuracy_is_near_the_binomial_one() -> None:
    right = np.random.default_rng(1).random(4000) < 0.7
    found = jackknife_standard_error(percent_right, [1] * 4000, right.astype(int).tolist())
    assert found == pytest.approx(100 * math.sqrt(0.7 * 0.3 / 4000), rel=0.35)


def test_of_a_correlation_is_near_the_asymptotic_one() -> None:
    x, y = np.random.default_rng(2).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 2000).T

    def correlation(targets, predictions):
        return float(scipy.stats.pearsonr(targets, predictions)[0])

    found = jackknife_standard_error(correlation, x.tolist(), y.tolist())
    assert found == pytest.approx((1 - 0.6**2) / math.sqrt(2000), rel=0.35)


def test_by_hand_with_two_groups() -> None:
    # Without the first half 100, without the second 0; mean 50; sqrt(1/2 * (50**2 + 50**2)) = 50.
    assert jackknife_standard_error(percent_right, [1, 1, 1, 1], [0, 0, 1, 1], groups=2) == 50.0


def test_a_constant_metric_has_no_error() -> None:
    assert jackknife_standard_error(percent_right, [1] * 50, [1] * 50) == 0.0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_examples_have_none(count: int) -> None:
    assert math.isnan(jackknife_standard_error(percent_right, [1] * count, [1] * count))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="2 targets but 1 predictions"):
        jackknife_standard_error(percent_right, [1, 1], [1])
    with pytest.raises(ValueError, match="at least 2 groups"):
        jackknife_standard_error(percent_right, [1, 1], [1, 1], groups=1)


@pytest.mark.parametrize("count", [2, 3, 61, 4000])
def test_of_a_mean_over_examples_it_is_exact(count: int) -> None:
    right = np.random.default_rng(count).random(count) < 0.7
    found = standard_error(percent_right, [1] * count, right.astype(int).tolist())
    share = right.mean()
    assert found == pytest.approx(100 * math.sqrt(share * (1 - share) / (count - 1)), rel=1e-12)
    values = np.random.default_rng(0).normal(size=count).tolist()
    assert standard_error(lambda targets, found: float(np.mean(found)), values, values) == pytest.approx(
        scipy.stats.sem(values), rel=1e-9
    )


def f1(targets, predictions):
    return float(sklearn.metrics.f1_score(targets, predictions, zero_division=0.0))


def correlation(targets, predictions):
    if len(targets) < 2:
        raise ArithmeticError("one example has no correlation")
    return float(scipy.stats.pearsonr(targets, predictions)[0])


def only_whole(targets, predictions):
    if len(targets) == 1:
        raise KeyError("a group of which a part is missing")
    return percent_right(targets, predictions)


@pytest.mark.parametrize("metric", [f1, correlation, only_whole])
def test_of_what_is_no_mean_over_examples_it_is_the_jackknife_s(metric) -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 2, 300)
    predictions = np.where(rng.random(300) < 0.8, targets, 1 - targets)
    lists = targets.tolist(), predictions.tolist()
    assert standard_error(metric, *lists) == jackknife_standard_error(metric, *lists) > 0


@pytest.mark.parametrize("times", [1, 2])
def test_a_correlation_that_is_0_by_chance_is_no_mean_over_examples(times: int) -> None:
    def matthews(targets, predictions):
        return float(sklearn.metrics.matthews_corrcoef(targets, predictions))  # 0 of each half, and of each example

    lists = [0, 1, 0, 1] * times, [0, 0, 1, 1] * times
    assert matthews(*lists) == 0.0
    assert standard_error(matthews, *lists) == jackknife_standard_error(matthews, *lists) > 0


def test_a_metric_that_refuses_a_part_of_the_test_set_has_no_standard_error() -> None:
    """Without the one example of its class recall is undefined: no reason to lose the score, and hours of decoding."""

    def recall(targets, predictions):
        return sum(map(min, targets, predictions)) / sum(targets)

    lists = [0] * 9 + [1], [1] * 10
    assert recall(*lists) == 1.0
    assert math.isnan(standard_error(recall, *lists)) and math.isnan(jackknife_standard_error(recall, *lists))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_examples_have_no_standard_error(count: int) -> None:
    assert math.isnan(standard_error(percent_right, [1] * count, [1] * count))
    with pytest.raises(ValueError, match="2 targets but 1 predictions"):
        standard_error(percent_right, [1, 1], [1])
