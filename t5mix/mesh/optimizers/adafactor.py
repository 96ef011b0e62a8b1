"""Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235).

The second moments of a matrix are kept as means of its rows and of its columns; the update is relative to the scale of
the weight, and clipped so that its root mean square is at most 1. Equal to upstream's AdafactorOptimizer, except that
the layers of a stacked variable are each clipped for themselves, as they are when they are variables of their own.
"""

from collections.abc import Mapping, Sequence

from t5mix.mesh.compiling import operations
from t5mix.mesh.compiling.sums import total
from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.optimizers.settings import adafactor
from t5mix.mesh.optimizers.slots import Slot, Step, root_mean_square, wide


def slots(options: adafactor, shape: Sequence[int]) -> list[Slot]:
    """Returns the slots of a weight: vr and vc where its two largest dimensions are large enough, else v; m with beta1.

    Args:
        options: of the optimizer.
        shape: of the weight.
    """
    factored = _factored(options, shape)
    everything = tuple(range(len(shape)))
    moments = [Slot("_slot_m", everything)] if options.beta1 else []
    if factored is None:
        return [Slot("_slot_v", everything), *moments]
    largest, second = factored
    return [
        Slot("_slot_vr", tuple(d for d in everything if d != largest)),
        Slot("_slot_vc", tuple(d for d in everything if d != second)),
        *moments,
    ]


def update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    old: Mapping[str, tf.Tensor],
    learning_rate: tf.Tensor,
    numbers: Sequence[tf.Tensor],
    options: adafactor,
    *,
    stacked: bool,
    axes: Sequence[int] = (),
) -> Step:
    """Computes one step.

    Args:
        weight: float32.
        gradient: of the weight's shape.
        old: values of its slots by name.
        learning_rate: relative to the scale of the weight, [].
        numbers: the decay rate of the second moments, in [0, 1): [], or [layers] of a stacked weight.
        options: of this weight.
        stacked: whether the first dimension counts layers, each a weight of its own.
        axes: for each dimension the number of the mesh axis that splits it, or -1; by default none is split.

    Returns:
        What `Step` holds; nothing has been written yet.
    """
    first = int(stacked)  # the first dimension that belongs to a weight
    inner = list(range(first, len(weight.shape)))
    gradient = tf.cast(gradient, tf.float32)
    squared = tf.square(gradient) + options.epsilon_gradient
    new: dict[str, tf.Tensor] = {}

    def moved(name: str, now: tf.Tensor) -> tf.Tensor:
        decay_rate = wide(numbers[0], now)
        new[name] = old[name] * decay_rate + now * (1.0 - decay_rate)
        return new[name]

    factored = _factored(options, weight.shape.as_list()[first:])
    if factored is None:
        x = gradient * operations.rsqrt(moved("_slot_v", squared))
    else:
        largest, second = (dimension + first for dimension in factored)
        rows_of_squares = _mean(squared, largest, axes)
        rows = moved("_slot_vr", rows_of_squares)
        columns = moved("_slot_vc", _mean(squared, second, axes))
        mean = tf.reduce_mean(rows, second - (largest < second), keepdims=True)
        by_row = tf.expand_dims(operations.rsqrt(rows / mean), largest)
        x = gradient * by_row * tf.expand_dims(operations.rsqrt(columns), second)
    x = x * _step_size(weight, x, learning_rate, options, inner)
    if options.beta1:
        x = new["_slot_m"] = options.beta1 * old["_slot_m"] + (1.0 - options.beta1) * x
    if options.weight_decay:
        x = x + weight * (options.weight_decay * learning_rate * _scale(weight, options, inner))
    mean_square = tf.reduce_mean(rows_of_squares if factored else squared)
    return Step(weight - x, new, mean_square * weight.shape.num_elements())


def _mean(x: tf.Tensor, dimension: int, axes: Sequence[int]) -> tf.Tensor:
    """Returns the mean over a dimension."""
    return total(x, dimension, is_split=bool(axes) and axes[dimension] >= 0) / x.shape[dimension]


def _step_size(
    weight: tf.Tensor, x: tf.Tensor, learning_rate: tf.Tensor, options: adafactor, inner: Sequence[int]
) -> tf.Tensor:
    """Returns what the direction `x` is multiplied by, clipping included."""
    scaled = _scale(weight, options, inner) * learning_rate
    if options.clipping_threshold is None:
        return scaled
    return scaled / tf.maximum(1.0, root_mean_square(x, inner) / options.clipping_threshold)


def _scale(weight: tf.Tensor, options: adafactor, inner: Sequence[int]) -> tf.Tensor | float:
    if not options.multiply_by_parameter_scale:
        return 1.0
    return tf.maximum(root_mean_square(weight, inner), options.epsilon_scale)


def _factored(options: adafactor, shape: Sequence[int]) -> tuple[int, int] | None:
    """Returns the two largest dimensions, the largest first; None where they are too small to factor."""
    if not options.factored or len(shape) < 2:
        return None
    largest, second, *_ = sorted(range(len(shape)), key=lambda dimension: -shape[dimension])
    return None if shape[second] < options.min_dim_size_to_factor else (largest, second)
