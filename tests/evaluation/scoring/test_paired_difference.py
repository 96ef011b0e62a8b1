"""Differences of two models, against Student's paired test by another library, and by laws."""

import math
import random

import numpy as np
import pytest
import scipy.stats

from t5mix.evaluation.scoring.paired_difference import Difference, holm, mean_difference, over_seeds, paired_difference


def accuracy(targets, predictions):
    return 100 * float(np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))


def f1(targets, predictions):
    both = sum(t and p for t, p in zip(targets, predictions, strict=True))
    return 100 * 2 * both / (sum(targets) + sum(predictions))


def answers(count, seed, share):
    generator = random.Random(seed)
    return [int(generator.random() < share) for _ in range(count)]


def test_small_test_sets_give_the_paired_t_test():
    targets, first, second = [1] * 40, answers(40, 1, 0.6), answers(40, 2, 0.8)
    found = paired_difference(accuracy, targets, first, second)
    expected = scipy.stats.ttest_rel([100 * x for x in second], [100 * x for x in first])
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(accuracy(targets, second) - accuracy(targets, first))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.degrees == 39


def test_large_test_sets_are_cut_into_groups_of_neighbours():
    targets, first, second = [1] * 4000, answers(4000, 1, 0.6), answers(4000, 2, 0.7)
    found = paired_difference(accuracy, targets, first, second)
    means = np.reshape(100.0 * (np.array(second) - np.array(first)), (20, 200)).mean(axis=1)
    expected = scipy.stats.ttest_1samp(means, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees == 19


def test_pairing_sees_what_two_scores_alone_do_not():
    # Both are right where the example is easy; the second is right on 20 hard ones as well.
    easy = answers(1000, 3, 0.5)
    hard = [index for index, value in enumerate(easy) if not value][::25]
    better = [1 if index in hard else value for index, value in enumerate(easy)]
    found = paired_difference(accuracy, [1] * 1000, easy, better)
    assert found.value == pytest.approx(100 * len(hard) / 1000)
    assert found.low > 0
    assert 1.96 * 100 * math.sqrt(2 * 0.25 / 1000) > found.value  # two independent test sets would not tell


def test_the_other_way_round_is_the_same_with_another_sign():
    targets, first, second = answers(300, 1, 0.4), answers(300, 2, 0.5), answers(300, 3, 0.5)
    there, back = paired_difference(f1, targets, first, second), paired_difference(f1, targets, second, first)
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)


def test_equal_answers_do_not_differ():
    targets, first = answers(50, 1, 0.4), answers(50, 2, 0.5)
    found = paired_difference(f1, targets, first, list(first))
    assert (found.value, found.standard_error, found.p_value) == (0, 0, 1)


def test_few_examples_never_make_sure():
    found = paired_difference(accuracy, [1, 1, 1], [0, 0, 0], [1, 1, 1])
    assert found.value == 100
    assert found.p_value >= 0.25  # three coins fall alike, one way or the other, once in four times


def test_the_smallest_difference_is_found_four_times_in_five():
    generator = np.random.default_rng(0)
    targets = [1] * 1000
    first = [int(x < 0.5) for x in generator.random(1000)]
    smallest = paired_difference(accuracy, targets, first, [int(x < 0.5) for x in generator.random(1000)]).smallest
    found = 0
    for _ in range(200):
        first = (generator.random(1000) < 0.5).astype(int).tolist()
        second = (generator.random(1000) < 0.5 + smallest / 100).astype(int).tolist()
        found += paired_difference(accuracy, targets, first, second).p_value < 0.05
    assert 0.7 < found / 200 < 0.9


def test_what_a_metric_cannot_say_stays_unknown():
    def sometimes(targets, predictions):
        return math.nan if len(targets) < 10 else 1.0

    found = paired_difference(sometimes, [1] * 10, [1] * 10, [0] * 10)
    assert math.isnan(found.standard_error)
    assert math.isnan(found.p_value)


def test_the_mean_of_a_suite():
    one, other = (paired_difference(accuracy, [1] * 50, answers(50, s, 0.5), answers(50, s + 9, 0.7)) for s in (1, 2))
    mean = mean_difference([one, other])
    assert mean.value == pytest.approx((one.value + other.value) / 2)
    assert mean.standard_error == pytest.approx(math.hypot(one.standard_error, other.standard_error) / 2)
    assert 49 <= mean.degrees <= 98
    alone = mean_difference([one])
    assert (alone.low, alone.high) == pytest.approx((one.low, one.high))


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.6, math.nan, 0.9])[:1] == [1.0]
    assert math.isnan(holm([0.6, math.nan])[1])


@pytest.mark.parametrize(
    ("arguments", "words"), [(([1], [1], [1]), "at least 2"), (([1, 2], [1], [1, 2]), "2 targets, but 1 and 2")]
)
def test_refusals(arguments, words):
    with pytest.raises(ValueError, match=words):
        paired_difference(accuracy, *arguments)


def test_a_metric_that_refuses_a_part_of_the_test_set_has_a_difference_and_no_interval():
    def recall(targets, predictions):
        return sum(map(min, targets, predictions)) / sum(targets)

    found = paired_difference(recall, [0] * 9 + [1], [0] * 10, [1] * 10)
    assert found.value == 1.0 and math.isnan(found.standard_error) and math.isnan(found.p_value)


def test_over_seeds_the_error_of_the_examples_stays_and_that_of_seeds_falls():
    def one(value: float) -> Difference:
        return Difference(value, 3.0, 19, value - 6, value + 6, 0.5, 9.0)

    assert over_seeds([one(2.0)]) == one(2.0)
    same = over_seeds([one(2.0)] * 4)
    assert (same.value, same.standard_error, same.degrees) == pytest.approx((2.0, 3.0, 19))
    spread = over_seeds([one(-2.0), one(6.0)])
    assert spread.value == 2.0
    assert spread.standard_error == pytest.approx(math.sqrt(3.0**2 + 32 / 2))  # variance 32 of two seeds
    assert 1 < spread.degrees < 19
