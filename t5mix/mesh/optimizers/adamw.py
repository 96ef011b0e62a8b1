"""AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101), as it is and scaled.

Scaled, the step of each weight is multiplied by the weight's root mean square, as nanoT5 does
(Nawrot 2023, https://arxiv.org/abs/2309.02373).
"""

from collections.abc import Mapping, Sequence

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.optimizers.settings import adamw, adamw_scaled
from t5mix.mesh.optimizers.slots import Slot, Step, root_mean_square, wide


def slots(options: adamw, shape: Sequence[int]) -> list[Slot]:
    """Returns the slots of a weight: first moments m and second moments v, both of its shape."""
    everything = tuple(range(len(shape)))
    return [Slot("_slot_m", everything), Slot("_slot_v", everything)]


def update(
    weight: tf.Tensor,
    gradient: tf.Tensor,
    old: Mapping[str, tf.Tensor],
    learning_rate: tf.Tensor,
    numbers: Sequence[tf.Tensor],
    options: adamw,
    *,
    stacked: bool,
    axes: Sequence[int] = (),
) -> Step:
    """Computes one step.

    Args:
        weight: float32.
        gradient: of the weight's shape.
        old: values of its slots by name.
        learning_rate: [].
        numbers: what first and second moments are divided by: each [], or [layers] of a stacked weight.
        options: of this weight.
        stacked: whether the first dimension counts layers, each a weight of its own.
        axes: as Adafactor's; every number changes by itself here.

    Returns:
        What `Step` holds; nothing has been written yet.
    """
    gradient = tf.cast(gradient, tf.float32)
    squared = tf.square(gradient)
    first = old["_slot_m"] * options.beta1 + gradient * (1.0 - options.beta1)
    second = old["_slot_v"] * options.beta2 + squared * (1.0 - options.beta2)
    of_first, of_second = (wide(number, weight) for number in numbers)
    x = (first / of_first) / (operations.sqrt(second / of_second) + options.epsilon)
    if isinstance(options, adamw_scaled):
        inner = range(int(stacked), len(weight.shape))
        x = x * tf.maximum(root_mean_square(weight, inner), options.epsilon_scale)
    if options.weight_decay:
        x = x + options.weight_decay * weight
    return Step(weight - learning_rate * x, {"_slot_m": first, "_slot_v": second}, tf.reduce_sum(squared))
