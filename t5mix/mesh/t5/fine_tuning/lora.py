"""LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685): W + scale * A B in place of W.

The sum is made once a step, before the model multiplies with it: for a rank of 8 and a thousand tokens that is a
hundredth of the model's own products, and every part of the model, loops and decoding included, works as it is. It is
made in float32, as in lora_merged.py: what is added is often less than a bfloat16 weight can show.
"""

from collections.abc import Sequence
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf
from t5mix.mesh.state import ZEROS, Initializer
from t5mix.mesh.t5.fine_tuning.selection import LORA_A, LORA_B, projection
from t5mix.mesh.t5.fine_tuning.settings import lora
from t5mix.mesh.t5.parameters import GetWeight


def with_lora(get: GetWeight, wide: GetWeight, dtype: Any, options: lora) -> GetWeight:
    """Returns a GetWeight that adds a product of thin matrices to the chosen projections.

    Args:
        get: where weights come from; a first dimension before the two of a projection counts layers.
        wide: where the same come from, as float32.
        dtype: of what `get` gives, a TensorFlow type.
        options: which projections, and how thin.
    """
    made: dict[str, Any] = {}

    def get_sum(name: str, dimensions: Sequence[Any], initializer: Initializer) -> Any:
        if projection(name) not in options.projections:
            return get(name, dimensions, initializer)
        if name not in made:
            *layers, inner, outer = dimensions
            rank = mtf.Dimension("lora_rank", options.rank)
            weight = wide(name, dimensions, initializer)
            first = wide(f"{name}/{LORA_A}", [*layers, inner, rank], Initializer("normal", inner.size**-0.5))
            second = wide(f"{name}/{LORA_B}", [*layers, rank, outer], ZEROS)
            product = mtf.einsum([first, second], output_shape=weight.shape)
            made[name] = mtf.cast(weight + product * options.scale, dtype)
        return made[name]

    return get_sum
