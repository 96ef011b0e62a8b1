"""The models and batches of the engine's benchmarks, and the rate of a large matrix product to compare with."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

# T5 1.1's sizes (small, base) with T5's vocabulary; tiny is the demo's.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"vocab_size": 4000, "d_model": 128, "d_ff": 512, "num_heads": 4, "d_kv": 32, "num_layers": 3},
    "small": {"vocab_size": 32100, "d_model": 512, "d_ff": 1024, "num_heads": 6, "d_kv": 64, "num_layers": 8},
    "base": {"vocab_size": 32100, "d_model": 768, "d_ff": 2048, "num_heads": 12, "d_kv": 64, "num_layers": 12},
}
ROWS, LENGTHS = 8, {"inputs": 128, "targets": 32}


def batch(size: str) -> dict[str, np.ndarray]:
    """Returns a batch of full rows, with the features that `Engine.train_step` reads."""
    rng = np.random.default_rng(0)
    made = {
        name: rng.integers(2, SIZES[size]["vocab_size"] - 100, (ROWS, length)).astype(np.int32)
        for name, length in LENGTHS.items()
    }
    made |= {f"{name}_segment_ids": np.ones((ROWS, length), np.int32) for name, length in LENGTHS.items()}
    return made | {"targets_task": np.zeros((ROWS, LENGTHS["targets"]), np.int32)}


def engine(size: str, **settings: Any) -> Any:
    """Returns t5mix's engine for a size, on one device with all threads.

    Args:
        size: one of SIZES.
        settings: of T5Config, instead of T5 1.1's.
    """
    from t5mix.mesh.engine import Engine
    from t5mix.mesh.layouts import MeshConfig
    from t5mix.mesh.t5.config import T5Config

    shape = dict(SIZES[size])
    layers = shape.pop("num_layers")
    kind = {"activations": ("gelu", "linear"), "tied_embeddings": False, "dropout_rate": 0.1}
    config = T5Config(**shape, num_encoder_layers=layers, num_decoder_layers=layers, **{**kind, **settings})
    return Engine(config, MeshConfig(), batch_size=ROWS, lengths=LENGTHS)


def hugging_face(size: str) -> Any:
    """Returns transformers' T5 of the same shape."""
    import transformers

    shape = dict(SIZES[size])
    shape["vocab_size"] = -(-shape["vocab_size"] // 128) * 128
    config = transformers.T5Config(
        **shape,
        num_decoder_layers=shape["num_layers"],
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        dropout_rate=0.1,
        decoder_start_token_id=0,
    )
    return transformers.T5ForConditionalGeneration(config)


def flops(size: str) -> float:
    """Returns the floating point operations of a training step's matrix products: forward, and twice that backward."""
    shape = SIZES[size]
    width, inner, layers = shape["d_model"], shape["num_heads"] * shape["d_kv"], shape["num_layers"]
    vocab = -(-shape["vocab_size"] // 128) * 128
    inputs, targets = LENGTHS["inputs"], LENGTHS["targets"]
    projections, hidden = 2 * 4 * width * inner, 2 * 3 * width * shape["d_ff"]
    encoder = inputs * (projections + hidden + 4 * inputs * inner)
    cross = targets * (2 * 2 * width * inner + 4 * inputs * inner) + inputs * 2 * 2 * width * inner
    decoder = targets * (projections + hidden + 4 * targets * inner) + cross
    return 3.0 * ROWS * (layers * (encoder + decoder) + targets * 2 * width * vocab)


def matrix_product_rate() -> float:
    """Returns the best rate of a float32 product of 2048 x 2048 matrices in XLA, in FLOP/s."""
    import jax

    a = jax.numpy.ones((2048, 2048))
    product = jax.jit(lambda a: a @ a)
    return 2 * 2048**3 / best(lambda: product(a).block_until_ready(), 12)


def best(run: Callable[[], Any], times: int) -> float:
    """Returns the least seconds that `run` takes, after one run that does not count."""
    run()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
