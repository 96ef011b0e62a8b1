"""Sampling by its laws: the distribution, what it depends on, and what top-k and the nucleus leave."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from t5mix.mesh.decoding.random_choice import choose, limit
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.mesh_tensorflow import tf

VOCAB = 12


def key(seed: int) -> tf.Tensor:
    return tf.constant([seed, 0], tf.uint32)


def draw(logits: np.ndarray, decoding: Decoding, *, rows: int, width: int = 1, position: int = 0, seed: int = 0):
    same = np.broadcast_to(np.asarray(logits, np.float32), (rows, width, len(logits)))
    chosen = choose(tf.constant(same), decoding, key(seed), tf.range(rows), tf.constant(position))
    return chosen.numpy()


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 4}, {"top_p": 0.7}, {"top_k": 6, "top_p": 0.8}],
)
@pytest.mark.parametrize("along", ["rows", "samples", "positions"])
def test_tokens_are_drawn_by_their_probability(settings, along):
    """Chi-square, along each of what a draw depends on."""
    decoding = Decoding(**{"temperature": 1.0, "best": 2 if along == "samples" else 1, **settings})
    logits = np.random.default_rng(3).normal(size=VOCAB).astype(np.float32) * 0.7
    if along == "rows":
        drawn = draw(logits, decoding, rows=20_000)
    elif along == "samples":
        drawn = draw(logits, decoding, rows=1, width=20_000)
    else:
        drawn = np.stack([draw(logits, decoding, rows=50, position=position) for position in range(200)])
    left = limit_by_sorting(logits / decoding.temperature, decoding.top_k, decoding.top_p)
    probabilities = scipy.special.softmax(left.astype(np.float64))
    counts = np.bincount(drawn.ravel(), minlength=VOCAB)
    assert not counts[probabilities == 0].any()
    there = probabilities > 0
    assert scipy.stats.chisquare(counts[there], drawn.size * probabilities[there]).pvalue > 1e-3


def test_a_draw_repeats_and_depends_on_seed_row_sample_and_position():
    decoding, logits = Decoding(temperature=1.0, best=4), np.zeros(VOCAB)
    one = draw(logits, decoding, rows=60, width=4)
    np.testing.assert_array_equal(draw(logits, decoding, rows=60, width=4), one)
    np.testing.assert_array_equal(draw(logits, decoding, rows=7, width=2), one[:7, :2])  # whatever stands beside it
    other = [draw(logits, decoding, rows=60, width=4, seed=1), draw(logits, decoding, rows=60, width=4, position=1)]
    for different in (*other, np.roll(one, 1, axis=0), np.roll(one, 1, axis=1)):
        assert 0 < (different == one).mean() < 0.2  # chance is 1 / 12


def test_a_temperature_near_0_and_top_k_1_take_the_likeliest():
    logits = np.random.default_rng(0).normal(size=VOCAB)
    for settings in ({"temperature": 1e-6}, {"temperature": 5.0, "top_k": 1}, {"temperature": 1.0, "top_p": 1e-6}):
        assert (draw(logits, Decoding(**settings), rows=500) == logits.argmax()).all()


def limit_by_sorting(logits: np.ndarray, top_k: int, top_p: float) -> np.ndarray:
    """The definition, where no two logits are equal."""
    order = np.argsort(-logits)
    kept = np.ones(len(logits), bool)
    if top_k:
        kept[order[top_k:]] = False
    if top_p < 1:
        mass = np.cumsum(scipy.special.softmax(np.where(kept, logits, -np.inf)[order].astype(np.float64)))
        kept[order[np.searchsorted(mass, top_p) + 1 :]] = False
    return np.where(kept, logits, -np.inf)


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.floats(0.01, 1.0), st.sampled_from([7, 40, 256]))
def test_limits_leave_what_a_sort_leaves(seed: int, top_k: int, top_p: float, size: int) -> None:
    """To float32's rounding of the sum of probabilities."""
    logits = np.random.default_rng(seed).normal(size=(2, size)).astype(np.float32) * 3
    found = limit(tf.constant(logits), top_k, top_p).numpy()
    for row, ours in zip(logits, found, strict=True):
        fewest, most = (
            np.isfinite(limit_by_sorting(row, min(top_k, size), p)) for p in (top_p - 1e-6, min(top_p + 1e-6, 1.0))
        )
        left = np.isfinite(ours)
        assert (left >= fewest).all() and (left <= most).all()
        np.testing.assert_array_equal(ours[left], row[left])
