"""Random numbers by their laws: distribution, independence of positions, of keys and of places."""

import numpy as np
import pytest
import scipy.stats

from t5mix.mesh import random
from t5mix.mesh.mesh_tensorflow import tf


def key(*numbers: int) -> tuple:
    return tuple(tf.constant(number, tf.uint32) for number in numbers)


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (4, 3, 2), (1000, 300)])
def test_every_element_has_a_number_of_its_own(shape):
    draws = random.bits(key(1, 2), shape).numpy()
    assert draws.shape == shape
    assert len(np.unique(draws)) == draws.size


def test_law_of_uniform_and_normal():
    uniform = random.uniform(key(3, 4), (200, 100), -1.0, 3.0).numpy()
    assert uniform.min() >= -1 and uniform.max() < 3
    assert scipy.stats.kstest(uniform.ravel(), scipy.stats.uniform(-1, 4).cdf).pvalue > 1e-3
    normal = random.normal(key(3, 5), (200, 100), 1.0, 2.0).numpy()
    assert scipy.stats.kstest(normal.ravel(), scipy.stats.norm(1, 2).cdf).pvalue > 1e-3
    truncated = random.truncated_normal(key(3, 6), (200, 100), 0.0, 0.5).numpy()
    assert np.abs(truncated).max() <= 1.0
    assert scipy.stats.kstest(truncated.ravel(), "truncnorm", (-2, 2, 0, 0.5)).pvalue > 1e-3


@pytest.mark.parametrize("words", [(0, 0), (0, 1), (1, 0), (2**32 - 1, 7), (12345, 100_000)])
def test_every_bit_is_a_fair_coin_that_knows_nothing_of_its_neighbours(words):
    drawn = random.bits(key(*words), (512, 512)).numpy()
    coins = (drawn[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    bound = 5 / 512  # five standard deviations of a mean of 512 x 512 values in {-1, 1}
    signs = 2.0 * coins - 1.0
    assert np.abs(signs.mean((0, 1))).max() < bound
    for shifted in (signs[1:] * signs[:-1], signs[:, 1:] * signs[:, :-1], signs[..., 1:] * signs[..., :-1]):
        assert np.abs(shifted.mean((0, 1))).max() < bound * 1.01
    # Bytes in a table of 256: chi-square.
    for shift in (0, 8, 16, 24):
        counts = np.bincount((drawn >> shift & 255).ravel(), minlength=256)
        assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_keys_folded_with_different_numbers_draw_independently():
    draws = [random.uniform(random.fold_in(key(0, 0), n), (50, 50)).numpy().ravel() for n in range(8)]
    correlations = np.corrcoef(draws)[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 4.5 / 50


def test_places_and_steps_draw_independently():
    """Masks of neighbouring numbers, blocks and steps, as dropout draws them: 27 of them, all pairs."""
    masks = [
        (random.bits(random.keys_of_places(key(0, step), 0, 3, block)[number], (64, 64)).numpy() < 2**32 * 0.1).ravel()
        for step in range(3)
        for number in range(3)
        for block in range(3)
    ]
    assert np.mean(masks) == pytest.approx(0.1, abs=5 * 0.3 / (64 * 27**0.5))
    correlations = np.corrcoef(masks)[np.triu_indices(27, 1)]
    assert np.abs(correlations).max() < 5 / 64


def test_several_keys_draw_what_each_draws_alone():
    numbers = tf.constant([5, 6, 7], tf.uint32)
    first, second = random.fold_in(key(1, 2), numbers)
    together = random.bits((first[:, None, None], second[:, None, None]), (4, 5)).numpy()
    for draw, number in zip(together, (5, 6, 7), strict=True):
        np.testing.assert_array_equal(draw, random.bits(random.fold_in(key(1, 2), number), (4, 5)).numpy())


def test_no_draw_is_infinite():
    unit = random.open_unit(tf.constant([0, 2**31, 2**32 - 1], tf.uint32)).numpy()
    assert 0 < unit[0] < unit[1] < unit[2] < 1
    assert np.isfinite(tf.math.erfinv(2 * unit - 1)).all()
