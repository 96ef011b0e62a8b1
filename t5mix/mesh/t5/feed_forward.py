"""The feed-forward layer, plain or gated (Shazeer 2020, https://arxiv.org/abs/2002.05202)."""

import math
from collections.abc import Sequence
from typing import Any

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.parameters import Scope
from t5mix.mesh.t5.sublayers import Dropout


def feed_forward(x: Any, scope: Scope, d_ff: Any, activations: Sequence[str], dropout: Dropout) -> Any:
    """Takes [..., length, d_model] to the same shape by way of [..., length, d_ff].

    Args:
        x: the normalized residual stream.
        scope: of the weights wi (gated: wi_0, wi_1, ..) and wo.
        d_ff: width between.
        activations: names; several make a gated layer, their product.
        dropout: of the product.
    """
    length, d_model = x.shape.dims[-2:]
    names = ["wi"] if len(activations) == 1 else [f"wi_{number}" for number in range(len(activations))]
    hidden = None
    for name, activation in zip(names, activations, strict=True):
        factor = ACTIVATIONS[activation](dense(x, scope / name, d_ff))
        hidden = factor if hidden is None else hidden * factor
    return dense(dropout(hidden, without=length), scope / "wo", d_model)


def dense(x: Any, scope: Scope, width: Any) -> Any:
    """Projects [..., d] to [..., width] with the weight "kernel" [d, width] and no bias."""
    kernel = scope.weight(
        "kernel", [x.shape.dims[-1], width], Initializer("truncated_normal", x.shape.dims[-1].size ** -0.5)
    )
    return mtf.einsum([x, kernel], reduced_dims=x.shape.dims[-1:])


def gelu(x: Any) -> Any:
    """Applies the Gaussian error linear unit by tanh, as T5 and Hugging Face's "gelu_new" have it."""
    return mtf.cwise(_gelu, [x], grad_function=_gelu_gradient, name="gelu")


_SCALE, _CUBIC = math.sqrt(2.0 / math.pi), 0.044715


def _gelu(x: tf.Tensor) -> tf.Tensor:
    return 0.5 * x * (1.0 + operations.tanh(_SCALE * (x + _CUBIC * x * x * x)))


def _gelu_gradient(operation: Any, gradient: Any) -> list[Any]:
    def of_x(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        tanh = operations.tanh(_SCALE * (x + _CUBIC * x * x * x))
        slope = _SCALE * (1.0 + 3.0 * _CUBIC * x * x)
        return dy * 0.5 * (1.0 + tanh + x * (1.0 - tanh * tanh) * slope)

    return [mtf.cwise(of_x, [*operation.inputs, gradient], grad_function=0, name="gelu_dx")]


ACTIVATIONS = {
    "relu": mtf.relu,
    "gelu": gelu,
    "swish": mtf.swish,
    "linear": lambda x: x,
    "sigmoid": mtf.sigmoid,
    "tanh": mtf.tanh,
}
