"""Noise masks: densities, spans and laws of T5's."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.preprocessors import objectives
from t5mix.preprocessors.objectives import Noise
from t5mix.preprocessors.objectives.noise_masks import most_spans
from t5mix.preprocessors.objectives.t5_denoise import of_many


def _seeds(number):
    return [(number, 1), (number, 2)]


def _as_t5(mask_fn):
    """One mask of T5's, as an array."""
    return lambda length, density, seeds, **settings: mask_fn(length, density, seeds, **settings).numpy()


def _as_stream(mask_fn):
    """One mask of the stream's, called as in T5."""

    def one(length, density, seeds, **settings):
        return of_many(mask_fn)(np.array([length]), density, [Noise.of(pair) for pair in seeds], **settings)

    return one


BOTH = pytest.mark.parametrize("by", [_as_t5, _as_stream])


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
@BOTH
def test_density_is_as_declared(mask_fn, density, by):
    masks = np.array([by(mask_fn)(512, density, seeds=_seeds(i)) for i in range(200)])
    assert masks.dtype == bool
    # Periods of regular noise are whole numbers, so its density is but about the one declared.
    assert masks.mean() == pytest.approx(density, rel=0.05)


@pytest.mark.parametrize("mask_fn", MASKS)
@BOTH
@given(size=st.integers(1, 300), density=st.floats(0.05, 0.6), seed=st.integers(-(2**62), 2**62))
def test_masks_have_the_length_and_no_more_spans_than_said(mask_fn, by, size, density, seed):
    mask = by(mask_fn)(size, density, seeds=_seeds(seed))
    assert mask.shape == (size,)
    assert len(_spans(mask)) <= most_spans(of_many(mask_fn), size, density)
    assert np.array_equal(mask, by(mask_fn)(size, density, seeds=_seeds(seed)))


@BOTH
def test_random_spans_have_the_mean_length_and_begin_with_text(by):
    for seed in range(50):
        mask = by(objectives.random_spans_noise_mask)(568, 0.15, seeds=_seeds(seed))
        assert (mask.sum(), len(_spans(mask)), mask[0], mask[-1]) == (85, 28, False, True)


@BOTH
def test_a_rolled_single_span_lies_anywhere(by):
    mask_fn = by(objectives.random_spans_noise_mask)
    fixed = {int(np.argmax(mask_fn(10, 0.2, _seeds(i)))) for i in range(60)}
    rolled = {int(np.argmax(mask_fn(10, 0.2, _seeds(i), random_roll=True))) for i in range(60)}
    assert fixed == {8} and rolled >= set(range(9))


@BOTH
def test_regular_spans_are_regular(by):
    mask = by(objectives.regular_noise_mask)(40, 0.25, _seeds(3), min_span_length=2, max_span_length=2)
    starts = np.flatnonzero(np.diff(mask.astype(int)) == 1)
    assert set(np.diff(starts)) == {8} and set(_spans(mask)[1:-1]) == {2}


@BOTH
def test_prefixes_leave_something_on_both_sides(by):
    mask_fn = by(objectives.random_prefix_noise_mask)
    sizes = [mask_fn(6, 0.5, _seeds(i)).sum() for i in range(200)]
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert mask_fn(1, 0.5, _seeds(0)).tolist() == [False]
    # Below a half the prefix is longer: T5 leaves out the first (1 - 2 * density) of the cuts.
    longer = [int(mask_fn(101, 0.25, _seeds(i)).sum()) for i in range(1000)]
    assert set(longer) == set(range(50, 101))
    with pytest.raises(ValueError, match=r"up to 0\.5"):
        mask_fn(6, 0.6, _seeds(0))


def test_a_graph_gives_the_same_masks():
    import tensorflow as tf

    seeds = _seeds(5)
    for mask_fn in [*MASKS, functools.partial(objectives.random_prefix_noise_mask)]:
        expected = mask_fn(30, 0.3, seeds=seeds)
        found = mask_fn(tf.constant(30), 0.3, seeds=tf.constant(seeds, tf.int64))
        assert found.dtype == tf.bool and np.array_equal(found, expected)
        graph = tf.function(lambda length, fn=mask_fn: fn(length, 0.3, seeds=seeds))(tf.constant(30))
        assert np.array_equal(graph, expected)


# What T5 0.9.4 makes noise with the seeds (1, 2) and (3, 4).
T5S = [
    ("iid_noise_mask", (24, 0.3), [1, 3, 4, 6, 7, 9, 10, 11, 13, 15]),
    ("regular_noise_mask", (24, 0.3), [2, 5, 8, 11, 14, 17, 20, 23]),
    ("random_spans_noise_mask", (32, 0.25, 2.0), [6, 7, 8, 10, 11, 12, 28, 31]),
    ("random_spans_noise_mask", (32, 0.25, 3.0, True), [5, 6, 7, 10, 11, 19, 20, 21]),
    ("random_prefix_noise_mask", (24, 0.25), list(range(16))),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), T5S)
def test_the_masks_are_those_of_t5(name, arguments, expected):
    length, density, *settings = arguments
    mask = getattr(objectives, name)(length, density, [(1, 2), (3, 4)], *settings)
    assert np.flatnonzero(mask).tolist() == expected
