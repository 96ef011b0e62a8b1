"""Operations with gradients of their own, against TensorFlow's differentiation of plain formulas."""

import numpy as np
import pytest

from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.t5.attention import softmax
from t5mix.mesh.t5.feed_forward import gelu
from t5mix.mesh.t5.losses import TokenLosses
from t5mix.mesh.t5.parameters import Scope
from t5mix.mesh.t5.sublayers import rms_norm
from tests.mesh.graphs import values_and_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 8)).astype(np.float32)
ABOVE = RNG.normal(size=(2, 3, 8)).astype(np.float32)
SCALE = RNG.normal(size=8).astype(np.float32)
TARGETS = RNG.integers(0, 8, (2, 3)).astype(np.int32)


def check(ours, plain, arrays, dimensions, above):
    found, gradients = values_and_gradients(ours, arrays, dimensions, above)
    variables = {name: tf.constant(array) for name, array in arrays.items()}
    floats = [variable for variable in variables.values() if variable.dtype == tf.float32]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        expected = plain(**variables)
        total = tf.reduce_sum(expected * above)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for name, gradient in zip(gradients, tape.gradient(total, floats), strict=True):
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-4, atol=1e-5, err_msg=name)


def test_rms_norm():
    def plain(x, scale):
        return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-6) * scale

    dimensions = {"x": "batch length d_model", "scale": "d_model"}
    arrays = {"x": X, "scale": SCALE}
    check(lambda x, scale: rms_norm(x, Scope("", lambda *unused: scale)), plain, arrays, dimensions, ABOVE)


def test_softmax_and_gelu():
    dimensions = {"x": "batch length memory_length"}
    check(lambda x: softmax(x), lambda x: tf.nn.softmax(x), {"x": X}, dimensions, ABOVE)
    check(lambda x: gelu(x), lambda x: tf.nn.gelu(x, approximate=True), {"x": 3 * X}, dimensions, ABOVE)


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.0, 0.0), (0.1, 1e-2)])
def test_token_losses(output, smoothing, z_loss):
    def plain(logits, targets):
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        if output == 0:
            return cross_entropy
        uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), -1)
        log_z = tf.reduce_logsumexp(logits, -1)
        return (1 - smoothing) * cross_entropy + smoothing * uniform + z_loss * log_z**2

    arrays, dimensions = {"logits": X, "targets": TARGETS}, {"logits": "batch length vocab", "targets": "batch length"}

    def ours(logits, targets):
        return TokenLosses(logits, targets, smoothing, z_loss).outputs[output]

    check(ours, plain, arrays, dimensions, ABOVE[..., 0])


@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.1, 0.0), (0.0, 0.05), (0.2, 0.1)])
def test_the_gradient_of_smoothing_and_z_loss_is_that_of_finite_differences(smoothing, z_loss):
    """Of the formula in float64: no differentiation but subtraction."""

    def loss(logits):
        log_z = np.log(np.exp(logits).sum(-1))
        target = np.take_along_axis(logits, TARGETS[..., None], -1)[..., 0]
        return (log_z - (1 - smoothing) * target - smoothing * logits.mean(-1) + z_loss * log_z**2).sum()

    found, gradients = values_and_gradients(
        lambda logits, targets: TokenLosses(logits, targets, smoothing, z_loss).outputs[1],
        {"logits": X, "targets": TARGETS},
        {"logits": "batch length vocab", "targets": "batch length"},
    )
    wide, step = X.astype(np.float64), 1e-5
    np.testing.assert_allclose(found.sum(), loss(wide), rtol=1e-5)
    for place in np.ndindex(X.shape):
        moved = np.zeros_like(wide)
        moved[place] = step
        slope = (loss(wide + moved) - loss(wide - moved)) / (2 * step)
        assert gradients["logits"][place] == pytest.approx(slope, rel=1e-3, abs=1e-5)
