"""Permutations are bijections that look random; quotas stay within one example of their shares."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5mix.stream import keys, order

RATES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.floats(1e-3, 1e3, allow_nan=False),
    min_size=1,
    max_size=12,
)


@given(size=st.integers(1, 5000), key=st.integers())
def test_a_permutation_is_a_bijection(size, key):
    sent = order.permute(np.arange(size), size, (key, "task", 0))
    assert np.array_equal(np.sort(sent), np.arange(size))


@pytest.mark.parametrize("size", [2**31 - 1, 10**9, 2**40 + 1])
def test_a_large_permutation_is_injective_and_stays_inside(size):
    positions = np.random.default_rng(0).choice(size, 20_000, replace=False)
    sent = order.permute(positions, size, (0, "task", 0))
    assert len(np.unique(sent)) == len(np.unique(positions))
    assert 0 <= sent.min() and sent.max() < size


@pytest.mark.parametrize("size", [1000, 4096, 100_000])
def test_neighbours_are_not_correlated(size):
    ranks = order.permute(np.arange(size), size, (1, "task", 0)) / size
    correlation = np.corrcoef(ranks[:-1], ranks[1:])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(size)


def test_every_part_of_the_key_changes_the_permutation():
    first = order.permute(np.arange(1000), 1000, (1, "task", 0))
    for key in [(2, "task", 0), (1, "other", 0), (1, "task", 1)]:
        assert (order.permute(np.arange(1000), 1000, key) == first).mean() < 0.01


def test_every_arrangement_of_a_few_is_reached():
    seen = {tuple(order.permute(np.arange(4), 4, (seed,)).tolist()) for seed in range(1000)}
    assert len(seen) == 24


def test_keys_tell_parts_apart():
    assert len({keys.words(parts) for parts in [("a", "bc"), ("ab", "c"), ("1",), (1,)]}) == 4


def test_keys_are_the_same_in_every_version():
    # Changing these changes the order of every run: raise the stream's version with them.
    assert keys.words(("a", 1), 1) == (4836746945781937324,)
    assert order.permute(np.arange(6), 6, (0, "task", 0)).tolist() == [0, 2, 5, 3, 4, 1]


@settings(max_examples=300)
@given(rates=RATES, draws=st.integers(1, 5000), seed=st.integers(), window=st.integers(0, 10**9))
def test_a_quota_is_within_one_example_of_the_share_at_every_window(rates, draws, seed, window):
    quotas = order.Quotas.of(rates, draws, seed)
    total = sum(Fraction(rate) for rate in rates.values())
    before, after = quotas.before(window), quotas.before(window + 1)
    for rate, start, stop in zip(rates.values(), before, after, strict=True):
        assert abs(start - window * draws * Fraction(rate) / total) < 1
        assert stop >= start
    assert quotas.before(0) == [0] * len(rates)


def test_quotas_hold_for_a_thousand_tasks_whose_rates_span_six_decades():
    rates = {f"t{i}": 10 ** (6 * i / 999) for i in range(1000)}
    quotas = order.Quotas.of(rates, 1777, 3)
    total = sum(Fraction(rate) for rate in rates.values())
    for window in (1, 10, 10**6):
        for rate, count in zip(rates.values(), quotas.before(window), strict=True):
            assert abs(count - window * 1777 * Fraction(rate) / total) < 1
