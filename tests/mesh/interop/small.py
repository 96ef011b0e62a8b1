"""Small models of the T5 family with random weights, made by transformers, and batches for them."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BATCH, LENGTHS = 4, {"inputs": 20, "targets": 12}

KINDS = {
    "t5-1.0": (transformers.T5Config, transformers.T5ForConditionalGeneration, {"feed_forward_proj": "relu"}),
    "t5-1.1": (
        transformers.T5Config,
        transformers.T5ForConditionalGeneration,
        {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "mt5": (transformers.MT5Config, transformers.MT5ForConditionalGeneration, {"vocab_size": 512}),
    "silu": (transformers.T5Config, transformers.T5ForConditionalGeneration, {"feed_forward_proj": "gated-silu"}),
    "umt5": (
        transformers.UMT5Config,
        transformers.UMT5ForConditionalGeneration,
        {"vocab_size": 512, "tie_word_embeddings": False},
    ),
}
SIZES = {
    "vocab_size": 384,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_heads": 4,
    "num_layers": 3,
    "num_decoder_layers": 2,  # transformers 4.57 generates with no more than the encoder has
    "dropout_rate": 0.0,
    "decoder_start_token_id": 0,
}


def hugging_face_model(kind: str, seed: int = 0, **changes):
    """A model of transformers, with weights that make tokens differ."""
    config_class, model_class, settings = KINDS[kind]
    torch.manual_seed(seed)
    model = model_class(config_class(**{**SIZES, **settings, **changes})).eval()
    if kind not in ("t5-1.0", "silu") and model.lm_head.weight is model.shared.weight:
        # transformers 5 makes every output layer the embedding, and loads one of its own where a folder has it.
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("layer_norm.weight"):
                value.copy_(1 + 0.2 * torch.randn_like(value))
            elif "relative_attention_bias" in name:
                value.copy_(torch.randn_like(value))
    return model


def batch(vocab_size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """One example a row, of varied length."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, length in LENGTHS.items():
        ids = rng.integers(3, vocab_size, (BATCH, length)).astype(np.int32)
        for row, size in enumerate(rng.integers(3, length + 1, BATCH)):
            ids[row, size - 1] = 1
            ids[row, size:] = 0
        result[name] = ids
        result[f"{name}_segment_ids"] = (ids > 0).astype(np.int32)
    return result


def engine_of(config) -> Engine:
    return Engine(config, MeshConfig(), batch_size=BATCH, lengths=LENGTHS)


def hugging_face_logits(model, data) -> np.ndarray:
    shifted = np.concatenate([np.zeros((BATCH, 1), np.int32), data["targets"][:, :-1]], axis=1)
    with torch.no_grad():
        return model(
            input_ids=torch.tensor(data["inputs"]),
            attention_mask=torch.tensor(data["inputs_segment_ids"]),
            decoder_input_ids=torch.tensor(shifted),
        ).logits.numpy()


def arrays_of(weights) -> dict[str, np.ndarray]:
    return {name: np.asarray(array.read()) for name, array in weights.items()}
