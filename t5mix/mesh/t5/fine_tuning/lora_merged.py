"""T5's weights with LoRA's products (lora.py) added up; loads no TensorFlow."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from t5mix.mesh.devices import jax
from t5mix.mesh.t5.fine_tuning.selection import LORA_A, LORA_B
from t5mix.mesh.t5.fine_tuning.settings import lora


def merged(weights: Mapping[str, Any], options: lora) -> dict[str, Any]:
    """Returns T5's weights with the products added: what a model without LoRA computes the same with.

    Args:
        weights: all, by name: NumPy's arrays, or JAX's, float32.
        options: of the products.
    """
    result = {}
    for name, weight in weights.items():
        if f"{name}/{LORA_A}" in weights:
            first, second = weights[f"{name}/{LORA_A}"], weights[f"{name}/{LORA_B}"]
            weight = weight + options.scale * _product(first, second)
        if name.rpartition("/")[2] not in (LORA_A, LORA_B):
            result[name] = weight
    return result


def _product(first: Any, second: Any) -> Any:
    """Returns the product of two matrices, by XLA also where they are NumPy's, whose product rounds otherwise."""
    if isinstance(first, np.ndarray):
        return np.asarray(jax.numpy.matmul(first, second))
    return first @ second
