"""The largest few of a vocabulary, against NumPy's stable sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t5mix.mesh.decoding.likeliest import Split, likeliest, log_likelihood, top
from t5mix.mesh.mesh_tensorflow import tf


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(5, 1), (128, 1), (640, 1), (1280, 1), (6, 3), (640, 4), (1280, 2)]),
    st.integers(1, 5),
    st.sampled_from([2, 9, 10**6]),
)
def test_top_is_a_stable_sort_s_beginning(seed: int, sizes: tuple[int, int], count: int, values: int) -> None:
    """Few different values make many ties; of these the first stand."""
    size, parts = sizes
    drawn = np.random.default_rng(seed).integers(0, values, (2, 3, size)).astype(np.float32)
    order = np.argsort(-drawn, axis=-1, kind="stable")[..., :count]
    found, places = top(tf.constant(drawn), count, Split(parts))
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(found, np.take_along_axis(drawn, order, -1))


@pytest.mark.parametrize("size", [7, 256])
def test_likeliest_is_the_first_of_equals(size):
    values = np.random.default_rng(0).integers(0, 5, (50, size)).astype(np.float32)
    np.testing.assert_array_equal(likeliest(tf.constant(values)), values.argmax(-1))


def test_log_likelihood_is_that_of_a_softmax():
    logits = np.random.default_rng(0).normal(size=(3, 4, 9)).astype(np.float32)
    chosen = np.random.default_rng(1).integers(0, 9, (3, 4)).astype(np.int32)
    expected = np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    expected = np.take_along_axis(expected, chosen[..., None], -1)[..., 0]
    np.testing.assert_allclose(log_likelihood(tf.constant(logits), tf.constant(chosen)), expected, rtol=1e-5)
