"""What stands around every layer: normalization, and dropout whose masks depend on nothing but their place."""

from typing import Any

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import mtf, mtf_ops, tf
from t5mix.mesh.state import ONES
from t5mix.mesh.t5.parameters import Scope

_EPSILON = 1e-6


def rms_norm(x: Any, scope: Scope) -> Any:
    """Divides by the root mean square over d_model, and multiplies by a weight (Zhang and Sennrich 2019).

    Sums are float32 whatever the type of the activations.

    Args:
        x: [..., d_model].
        scope: of the weight "rms_norm/scale".
    """
    d_model = x.shape.dims[-1]
    scale = scope.weight("rms_norm/scale", [d_model], ONES)
    return mtf.slicewise(
        _rms_norm,
        [x, scale],
        output_shape=x.shape,
        splittable_dims=[],
        grad_function=_rms_norm_gradient,
        name="rms_norm",
    )


def _rms_norm(x: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    inverse = operations.rsqrt(tf.reduce_mean(tf.square(tf.cast(x, tf.float32)), -1, keepdims=True) + _EPSILON)
    return x * tf.cast(inverse, x.dtype) * scale


def _rms_norm_gradient(operation: Any, gradient: Any) -> list[Any]:
    x, scale = operation.inputs

    def of_x(x: tf.Tensor, scale: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, tf.float32)
        inverse = operations.rsqrt(tf.reduce_mean(tf.square(wide), -1, keepdims=True) + _EPSILON)
        scaled = tf.cast(dy * scale, tf.float32)
        along = tf.reduce_mean(scaled * wide, -1, keepdims=True) * tf.square(inverse)
        return tf.cast(inverse * (scaled - along * wide), x.dtype)

    def of_scale(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, tf.float32)
        inverse = operations.rsqrt(tf.reduce_mean(tf.square(wide), -1, keepdims=True) + _EPSILON)
        total = tf.reduce_sum(wide * inverse * tf.cast(dy, tf.float32), list(range(len(x.shape) - 1)))
        return tf.cast(total, x.dtype)

    common: dict[str, Any] = {"output_dtype": x.dtype, "splittable_dims": [], "grad_function": 0}
    return [
        mtf.slicewise(of_x, [x, scale, gradient], output_shape=x.shape, name="rms_norm_dx", **common),
        mtf.slicewise(of_scale, [x, gradient], output_shape=scale.shape, name="rms_norm_dscale", **common),
    ]


class Dropout:
    """Hands out dropout masks, each with a place of its own: (number within the block, block).

    A mask is a function of (seed, step, place), so a block draws the same masks written out and in a loop, and again
    when it is computed a second time for its gradient.
    """

    def __init__(self, rate: float, first: int, block: int | None = 0):
        """Makes the masks of one block.

        Args:
            rate: fraction dropped; 0 where dropout is off.
            first: number of the first mask; other parts of the model have others.
            block: the block's number in its stack; None in the body of a loop, whose counter it is.
        """
        self._rate, self._number, self._block = rate, first, block

    def __call__(self, x: Any, without: Any) -> Any:
        """Returns x with elements zeroed and the rest scaled up; one mask for all positions of dimension `without`.

        Args:
            x: mtf tensor.
            without: the mtf dimension along which the mask does not change, as T5 has it: that of positions.
        """
        if not self._rate:
            return x
        shape = mtf.Shape([d for d in x.shape.dims if d.name != without.name])
        mask = DropoutMask(x.mesh, shape, x.dtype, self._rate, self._number, self._block).outputs[0]
        self._number += 1
        return mtf.multiply(x, mask, output_shape=x.shape)


class DropoutMask(mtf_ops.Operation):
    """An mtf operation: 1 / (1 - rate) with probability 1 - rate, else 0."""

    def __init__(self, mesh: Any, shape: Any, dtype: Any, rate: float, number: int, block: int | None):
        """Adds the operation to the graph of `mesh`; see `Dropout` for number and block."""
        super().__init__([], mesh=mesh, name="dropout_mask")
        self._rate, self._place = rate, (number, block)
        self._outputs = [mtf_ops.Tensor(self, shape, dtype)]
        self._splittable_dims, self._unsplittable_dims = self._initialize_all_dimensions_as_splittable()

    def lower(self, lowering: Any) -> None:
        """Draws the mask from the program's key."""
        impl, (mask,) = lowering.mesh_impl(self), self.outputs
        drawn = impl.dropout_mask(mask.shape, mask.dtype, self._rate, *self._place)
        lowering.set_tensor_lowering(mask, impl.LaidOutTensor([drawn]))
