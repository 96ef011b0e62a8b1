"""Noise masks: densities, spans and laws of T5's."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix import objectives
from t5mix.objectives.noise_masks import most_spans


def _seeds(number):
    return [(number, 1), (number, 2)]


def _spans(mask):
    """Lengths of the runs of True."""
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, int), [0]])))
    return bounds[1::2] - bounds[::2]


MASKS = [
    objectives.iid_noise_mask,
    objectives.regular_noise_mask,
    objectives.random_spans_noise_mask,
    functools.partial(objectives.random_spans_noise_mask, random_roll=True),
    functools.partial(objectives.random_spans_noise_mask, mean_noise_span_length=8.0),
]


@pytest.mark.parametrize("mask_fn", MASKS)
@pytest.mark.parametrize("density", [0.15, 0.3])
def test_density_is_as_declared(mask_fn, density):
    masks = np.array([mask_fn(512, density, seeds=_seeds(i)) for i in range(300)])
    assert masks.dtype == bool
    # Periods of regular noise are whole numbers, so its density is but about the one declared.
    assert masks.mean() == pytest.approx(density, rel=0.05)


@pytest.mark.parametrize("mask_fn", MASKS)
@given(size=st.integers(1, 300), density=st.floats(0.05, 0.6), seed=st.integers(-(2**62), 2**62))
def test_masks_have_the_length_and_no_more_spans_than_said(mask_fn, size, density, seed):
    mask = mask_fn(size, density, seeds=_seeds(seed))
    assert mask.shape == (size,)
    assert len(_spans(mask)) <= most_spans(mask_fn, size, density)
    assert np.array_equal(mask, mask_fn(size, density, seeds=_seeds(seed)))


def test_random_spans_have_the_mean_length_and_begin_with_text():
    for seed in range(50):
        mask = objectives.random_spans_noise_mask(568, 0.15, seeds=_seeds(seed))
        assert (mask.sum(), len(_spans(mask)), mask[0], mask[-1]) == (85, 28, False, True)


def test_a_rolled_single_span_lies_anywhere():
    fixed = {int(np.argmax(objectives.random_spans_noise_mask(10, 0.2, _seeds(i)))) for i in range(60)}
    rolled = {
        int(np.argmax(objectives.random_spans_noise_mask(10, 0.2, _seeds(i), random_roll=True))) for i in range(60)
    }
    assert fixed == {8} and rolled >= set(range(9))


def test_regular_spans_are_regular():
    mask = objectives.regular_noise_mask(40, 0.25, _seeds(3), min_span_length=2, max_span_length=2)
    starts = np.flatnonzero(np.diff(mask.astype(int)) == 1)
    assert set(np.diff(starts)) == {8} and set(_spans(mask)[1:-1]) == {2}


def test_prefixes_leave_something_on_both_sides():
    sizes = [objectives.random_prefix_noise_mask(6, 0.5, _seeds(i)).sum() for i in range(200)]
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert objectives.random_prefix_noise_mask(1, 0.5, _seeds(0)).tolist() == [False]
    # Below a half the prefix is longer: T5 leaves out the first (1 - 2 * density) of the cuts.
    longer = [int(objectives.random_prefix_noise_mask(101, 0.25, _seeds(i)).sum()) for i in range(2000)]
    assert set(longer) == set(range(50, 101))
    with pytest.raises(ValueError, match=r"up to 0\.5"):
        objectives.random_prefix_noise_mask(6, 0.6, _seeds(0))


def test_tensors_give_the_same_masks():
    import tensorflow as tf

    seeds = _seeds(5)
    for mask_fn in MASKS:
        expected = mask_fn(30, 0.3, seeds=seeds)
        found = mask_fn(tf.constant(30), 0.3, seeds=tf.constant(seeds, tf.int64))
        assert found.dtype == tf.bool and np.array_equal(found, expected)
        graph = tf.function(lambda length, fn=mask_fn: fn(length, 0.3, seeds=seeds))(tf.constant(30))
        assert np.array_equal(graph, expected)
