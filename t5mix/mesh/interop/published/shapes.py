"""What a model must be, by the shapes of its weights: for checkpoints whose settings are a program, not data."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.published import gin_text
from t5mix.mesh.interop.weights import Weights


def architecture_of(found: Weights, bindings: Mapping[str, Any], source: str) -> Architecture:
    """Returns the architecture of weights with published T5's names.

    Sizes come from shapes. What no shape says comes from gin settings: the activation, which is T5 1.0's where they
    do not say, and T5 1.1's in a gated layer.

    Args:
        found: by `names.canonical` names.
        bindings: of the gin file beside the checkpoint; may be empty.
        source: of the checkpoint, for errors.

    Raises:
        ValueError: weights are missing without which nothing can be said; or the settings say otherwise.
    """
    first = "encoder/block_000/layer_000/SelfAttention"
    vocab_size, d_model = _shape(found, "shared/embedding", 2, source)
    heads, buckets = _shape(found, f"{first}/relative_attention_bias", 2, source)
    _, inner = _shape(found, f"{first}/q", 2, source)
    feed_forward = "encoder/block_000/layer_001/DenseReluDense"
    gated = f"{feed_forward}/wi_0/kernel" in found
    _, d_ff = _shape(found, f"{feed_forward}/{'wi_0' if gated else 'wi'}/kernel", 2, source)
    if inner % heads:
        raise ValueError(f"{source}: {first}/q has {inner} columns, which {heads} heads do not divide")
    _check_heads(bindings, heads, source)
    return Architecture(
        vocab_size=vocab_size,
        d_model=d_model,
        d_ff=d_ff,
        num_heads=heads,
        d_kv=inner // heads,
        num_encoder_layers=_blocks(found, "encoder"),
        num_decoder_layers=_blocks(found, "decoder"),
        activations=_activations(bindings, gated, source),
        tied_embeddings="decoder/logits/kernel" not in found,
        relative_attention_buckets=buckets,
        per_layer_bias="encoder/block_001/layer_000/SelfAttention/relative_attention_bias" in found,
        dropout_rate=_dropout(bindings),
    )


def _shape(found: Weights, name: str, rank: int, source: str) -> tuple[int, ...]:
    if name not in found:
        raise ValueError(f"{source} lacks {name}: it is no encoder-decoder T5, or it is incomplete")
    if len(found[name].shape) != rank or 0 in found[name].shape:
        raise ValueError(f"{source}: {name} has shape {list(found[name].shape)}, and must have {rank} dimensions")
    return found[name].shape


def _blocks(found: Weights, stack: str) -> int:
    numbers = {int(match[1]) for name in found if (match := re.match(f"{stack}/block_([0-9]+)/", name))}
    return len(numbers)  # a gap among them is a missing weight


def _check_heads(bindings: Mapping[str, Any], heads: int, source: str) -> None:
    said = gin_text.find(bindings, "SelfAttention.num_heads", "T5Config.num_heads")
    if isinstance(said, int) and said != heads:
        raise ValueError(f"{source}: its gin settings say {said} heads, and its weights have {heads}")


def _activations(bindings: Mapping[str, Any], gated: bool, source: str) -> tuple[str, ...]:
    said = gin_text.find(bindings, "DenseReluDense.activation", "T5Config.mlp_activations", "MlpBlock.activations")
    if isinstance(said, str) and not said.startswith(("@", "%")):
        said = (said,)
    if not isinstance(said, Sequence) or isinstance(said, str):
        return ("gelu", "linear") if gated else ("relu",)
    names = tuple("swish" if name == "silu" else str(name) for name in said)
    if (len(names) == 2) is not gated:
        raise ValueError(f"{source}: its gin settings say the activations {names}, and its weights have another layer")
    return names


def _dropout(bindings: Mapping[str, Any]) -> float:
    said = gin_text.find(bindings, "dropout_rate")
    return float(said) if isinstance(said, int | float) and 0 <= said < 1 else 0.1
