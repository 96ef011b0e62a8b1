"""config.json of a Hugging Face folder, and the architecture that it means."""

from collections.abc import Mapping
from typing import Any

from t5mix.mesh.interop.architecture import EPSILON, MAX_DISTANCE, Architecture

# What transformers takes where config.json says nothing, for each kind of model.
_COMMON = {
    "d_model": 512,
    "d_kv": 64,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": MAX_DISTANCE,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": EPSILON,
    "is_encoder_decoder": True,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
_MULTILINGUAL = {**_COMMON, "vocab_size": 250112, "d_ff": 1024, "num_layers": 8, "num_heads": 6}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "t5": {**_COMMON, "vocab_size": 32128, "d_ff": 2048, "num_layers": 6, "num_heads": 8, "feed_forward_proj": "relu"},
    "mt5": {**_MULTILINGUAL, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "umt5": {**_MULTILINGUAL, "feed_forward_proj": "gated-gelu"},
}

# Hugging Face's words for the feed-forward layer. Its "gelu" alone is another function than its "gated-gelu" has
# (exact, not by tanh), so it is not among them.
_FEED_FORWARD = {
    "relu": ("relu",),
    "gated-relu": ("relu", "linear"),
    "gated-gelu": ("gelu", "linear"),
    "gated-gelu_new": ("gelu", "linear"),
    "gelu_new": ("gelu",),
    "gated-silu": ("swish", "linear"),
    "gated-swish": ("swish", "linear"),
    "silu": ("swish",),
}

# What the engine does, whatever a config says.
_FIXED = {"is_encoder_decoder": True, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}


def architecture(config: Mapping[str, Any], source: str) -> Architecture:
    """Returns what config.json means.

    Args:
        config: of the folder.
        source: the file, for errors.

    Raises:
        ValueError: it is of another kind of model, or a setting has no place in t5mix's model.
    """
    kind = config.get("model_type")
    if kind not in _DEFAULTS:
        raise ValueError(f"{source}: model_type is {kind!r}, and t5mix reads {', '.join(_DEFAULTS)}")
    settings = {**_DEFAULTS[kind], **config}
    for name, value in _FIXED.items():
        if settings[name] != value:
            raise ValueError(f"{source}: {name} is {settings[name]!r}, and t5mix's model has {value!r}")
    if "quantization_config" in config:
        raise ValueError(f"{source}: the weights are quantized; take the checkpoint that they were made of")
    layers = _whole(settings, "num_layers", source)
    return Architecture(
        vocab_size=_whole(settings, "vocab_size", source),
        d_model=_whole(settings, "d_model", source),
        d_ff=_whole(settings, "d_ff", source),
        num_heads=_whole(settings, "num_heads", source),
        d_kv=_whole(settings, "d_kv", source),
        num_encoder_layers=layers,
        num_decoder_layers=layers
        if settings.get("num_decoder_layers") is None
        else _whole(settings, "num_decoder_layers", source),
        activations=_activations(settings["feed_forward_proj"], source),
        tied_embeddings=_scales_output(settings),
        relative_attention_buckets=_whole(settings, "relative_attention_num_buckets", source),
        relative_attention_max_distance=_whole(settings, "relative_attention_max_distance", source),
        per_layer_bias=kind == "umt5",
        dropout_rate=_fraction(settings, "dropout_rate", source),
        layer_norm_epsilon=_fraction(settings, "layer_norm_epsilon", source),
    )


def _scales_output(settings: Mapping[str, Any]) -> bool:
    """Tells whether the output layer's input is scaled by d_model^-0.5, as in T5 1.0 where it is the embedding.

    Up to version 4, transformers calls this `tie_word_embeddings`; version 5 writes `scale_decoder_outputs`, with
    `tie_word_embeddings` true always, and never scales an mT5's.
    """
    if "scale_decoder_outputs" in settings:
        return settings["scale_decoder_outputs"] is not False
    if settings["model_type"] == "mt5" and output_may_be_embedding(settings):
        return False
    return settings.get("tie_word_embeddings") is not False


def output_may_be_embedding(config: Mapping[str, Any]) -> bool:
    """Tells whether an output layer that is not scaled may be the embedding, and so be left out of a folder.

    It may since version 5 of transformers. To version 4 it is a weight of its own, and a folder that lacks it is not
    whole.

    Args:
        config: of the folder.
    """
    return "scale_decoder_outputs" in config or not str(config.get("transformers_version", "4")).startswith("4")


def _activations(name: Any, source: str) -> tuple[str, ...]:
    if name not in _FEED_FORWARD:
        raise ValueError(f"{source}: feed_forward_proj is {name!r}, and t5mix has {', '.join(_FEED_FORWARD)}")
    return _FEED_FORWARD[name]


def _whole(settings: Mapping[str, Any], name: str, source: str) -> int:
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError(f"{source}: {name} is {value!r}: it must be a whole number of at least 1")
    return value


def _fraction(settings: Mapping[str, Any], name: str, source: str) -> float:
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{source}: {name} is {value!r}: it must be a number in [0, 1)")
    return float(value)


def config_json(model: Architecture, dtype: str) -> dict[str, Any]:
    """Returns config.json of a model, as transformers 4.57 and 5 read it.

    Raises:
        ValueError: transformers has no such architecture or activation.
    """
    model.check_published("transformers")
    names = {activations: name for name, activations in reversed(_FEED_FORWARD.items())}
    if model.activations not in names:
        raise ValueError(
            f"T5Config.activations is {model.activations}, and transformers' T5 has {', '.join(map(str, names))}"
        )
    kind = "umt5" if model.per_layer_bias else "t5"
    return {
        "architectures": [f"{kind.upper()}ForConditionalGeneration"],
        "model_type": kind,
        "vocab_size": model.vocab_size,
        "d_model": model.d_model,
        "d_ff": model.d_ff,
        "d_kv": model.d_kv,
        "num_heads": model.num_heads,
        "num_layers": model.num_encoder_layers,
        "num_decoder_layers": model.num_decoder_layers,
        "feed_forward_proj": names[model.activations],
        "tie_word_embeddings": model.tied_embeddings,
        "relative_attention_num_buckets": model.relative_attention_buckets,
        "relative_attention_max_distance": model.relative_attention_max_distance,
        "dropout_rate": model.dropout_rate,
        "layer_norm_epsilon": model.layer_norm_epsilon,
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        "use_cache": True,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": dtype,
    }


def generation_json(settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns generation_config.json: greedy decoding, unless settings say otherwise."""
    return {
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "do_sample": False,
        "num_beams": 1,
        **(settings or {}),
    }
