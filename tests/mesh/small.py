"""A small model and batches for the engine's tests."""

import numpy as np

from t5mix.data.packing import collate_decoder_only
from t5mix.internal.ragged import Ragged
from t5mix.mesh.t5.config import T5Config

BATCH, LENGTHS = 4, {"inputs": 24, "targets": 12}


def config(**changes) -> T5Config:
    settings = dict(
        vocab_size=120,
        d_model=32,
        d_ff=64,
        num_heads=4,
        d_kv=8,
        num_encoder_layers=1,
        num_decoder_layers=1,
        dropout_rate=0.1,
    )
    return T5Config(**{**settings, **changes})


def batch(seed: int = 0, vocab_size: int = 120) -> dict[str, np.ndarray]:
    """Rows of two packed examples and some padding."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, length in LENGTHS.items():
        segments = np.zeros((BATCH, length), np.int32)
        segments[:, : length // 2] = 1
        segments[:, length // 2 : length - 2] = 2
        ids = rng.integers(2, vocab_size, (BATCH, length)).astype(np.int32)
        ids[:, length // 2 - 1] = ids[:, length - 3] = 1
        result[name] = np.where(segments > 0, ids, 0).astype(np.int32)
        result[f"{name}_segment_ids"] = segments
    result["targets_task"] = result["targets_segment_ids"] - 1
    return result


def decoder_batch(seed: int = 0, vocab_size: int = 120, examples: int = 7) -> dict[str, np.ndarray]:
    """Rows of inputs and targets one behind the other, packed, as `Stream` makes them with decoder_only."""
    rng = np.random.default_rng(seed)

    def ragged(longest):
        sizes = rng.integers(2, longest, examples)
        ids = [np.append(rng.integers(2, vocab_size, size - 1), 1) for size in sizes]
        return Ragged(np.concatenate(ids).astype(np.int32), sizes)

    tokens = {name: ragged(length // 2) for name, length in LENGTHS.items()}
    rows = np.arange(examples) * BATCH // examples
    return collate_decoder_only.fill(tokens, LENGTHS, rows, np.arange(examples) % 2, BATCH)
