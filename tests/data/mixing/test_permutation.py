"""Permutations are bijections that look random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.data.mixing import permutation
from t5mix.internal import splitmix


@given(size=st.integers(1, 5000), key=st.integers())
def test_a_permutation_is_a_bijection(size, key):
    sent = permutation.permute(np.arange(size), size, (key, "task", 0))
    assert np.array_equal(np.sort(sent), np.arange(size))


@pytest.mark.parametrize("size", [2**31 - 1, 10**9, 2**40 + 1])
def test_a_large_permutation_is_injective_and_stays_inside(size):
    positions = np.random.default_rng(0).choice(size, 20_000, replace=False)
    sent = permutation.permute(positions, size, (0, "task", 0))
    assert len(np.unique(sent)) == len(np.unique(positions))
    assert 0 <= sent.min() and sent.max() < size


@pytest.mark.parametrize("size", [1000, 4096, 100_000])
def test_neighbours_are_not_correlated(size):
    ranks = permutation.permute(np.arange(size), size, (1, "task", 0)) / size
    correlation = np.corrcoef(ranks[:-1], ranks[1:])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(size)


def test_every_part_of_the_key_changes_the_permutation():
    first = permutation.permute(np.arange(1000), 1000, (1, "task", 0))
    for key in [(2, "task", 0), (1, "other", 0), (1, "task", 1)]:
        assert (permutation.permute(np.arange(1000), 1000, key) == first).mean() < 0.01


def test_every_arrangement_of_a_few_is_reached():
    seen = {tuple(permutation.permute(np.arange(4), 4, (seed,)).tolist()) for seed in range(1000)}
    assert len(seen) == 24


def test_keys_are_the_same_in_every_version():
    # Changing these changes the order of every run: raise the stream's version with them.
    assert splitmix.key_words(("a", 1), 1) == (4836746945781937324,)
    assert permutation.permute(np.arange(6), 6, (0, "task", 0)).tolist() == [4, 3, 5, 0, 1, 2]


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=6), key=st.integers(0, 2**64 - 1))
def test_permutations_of_many_sizes_at_once_are_those_one_at_a_time(sizes, key):
    positions = np.concatenate([np.arange(size) for size in sizes])
    words = np.array([(key + number) % 2**64 for number in range(len(sizes))], dtype=np.uint64)
    sent = permutation.permute_each(positions, np.repeat(sizes, sizes), np.repeat(words, sizes))
    for number, (size, stop) in enumerate(zip(sizes, np.cumsum(sizes), strict=True)):
        own = sent[stop - size : stop]
        alone = permutation.permute_each(np.arange(size), np.full(size, size), np.full(size, words[number]))
        assert np.array_equal(own, alone) and np.array_equal(np.sort(own), np.arange(size))
