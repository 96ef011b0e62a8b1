"""Random numbers against JAX's Threefry, and by their law."""

import jax
import numpy as np
import pytest
import scipy.stats

from t5mix.mesh import random
from t5mix.mesh.mesh_tensorflow import tf


def key(*numbers: int) -> tuple:
    return tuple(tf.constant(number, tf.uint32) for number in numbers)


def test_threefry_equals_jax():
    rng = np.random.default_rng(0)
    for _ in range(3):
        words = rng.integers(0, 2**32, 2, dtype=np.uint32)
        counter = rng.integers(0, 2**32, (2, 6), dtype=np.uint32)
        ours = random.threefry(key(*words), (tf.constant(counter[0]), tf.constant(counter[1])))
        theirs = jax.extend.random.threefry_2x32(words, counter.reshape(-1)).reshape(2, 6)
        np.testing.assert_array_equal(np.stack(ours), theirs)


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (4, 3, 2)])
def test_every_element_has_a_number_of_its_own(shape):
    draws = random.uniform(key(1, 2), shape).numpy()
    assert draws.shape == shape
    assert len(np.unique(draws)) == draws.size


def test_law_of_uniform_and_normal():
    uniform = random.uniform(key(3, 4), (200, 100), -1.0, 3.0).numpy()
    assert uniform.min() >= -1 and uniform.max() < 3
    assert scipy.stats.kstest(uniform.ravel(), "uniform", (-1, 4)).pvalue > 1e-3
    normal = random.normal(key(3, 5), (200, 100), 1.0, 2.0).numpy()
    assert scipy.stats.kstest(normal.ravel(), "norm", (1, 2)).pvalue > 1e-3
    truncated = random.truncated_normal(key(3, 6), (200, 100), 0.0, 0.5).numpy()
    assert np.abs(truncated).max() <= 1.0
    assert scipy.stats.kstest(truncated.ravel(), "truncnorm", (-2, 2, 0, 0.5)).pvalue > 1e-3


def test_keys_folded_with_different_numbers_draw_independently():
    draws = [random.uniform(random.fold_in(key(0, 0), n), (50, 50)).numpy().ravel() for n in range(3)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(draws[i], draws[j])[0, 1]) < 4 / 50


def test_no_draw_is_infinite():
    unit = random.open_unit(tf.constant([0, 2**31, 2**32 - 1], tf.uint32)).numpy()
    assert 0 < unit[0] < unit[1] < unit[2] < 1
    assert np.isfinite(tf.math.erfinv(2 * unit - 1)).all()
