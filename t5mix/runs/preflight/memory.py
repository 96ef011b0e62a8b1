"""Whether a machine could hold a run at all: what cannot be is said before any work, not by a failed allocation."""

import os

from t5mix.mesh.t5.config import T5Config
from t5mix.runs.config.settings import Run

# Arrays of a batch, of int32: ids, segments and positions of both sides, what the decoder reads, weights.
_ARRAYS = 8
# Devices may have more memory than the machine they are in.
_DEVICE = 4


def check_memory(run: Run, memory: int | None = None) -> None:
    """Refuses a batch or weights that are larger than the machine's memory.

    Args:
        run: the settings.
        memory: bytes that there are; by default this machine's.

    Raises:
        ValueError: naming the settings and both sizes.
    """
    memory = memory or _memory()
    if memory is None:
        return
    batch = run.batch_size * sum(run.sequence_length.values()) * 4 * _ARRAYS
    if batch > memory:
        raise ValueError(
            f"a batch, Run.batch_size = {run.batch_size} of {run.sequence_length}, needs {_gib(batch)} at least, and "
            f"this machine has {_gib(memory)}: make it smaller"
        )
    weights = _weights(run.model) * 4 // run.mesh.num_devices
    if weights > memory * _DEVICE:
        raise ValueError(
            f"the weights of {run.model!r} need {_gib(weights)} on each device of {run.mesh.shape!r}, and this machine "
            f"has {_gib(memory)}: choose a smaller model, or more devices"
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not every system says it
        return None


def _weights(model: T5Config) -> int:
    """Counts the weights of a model, but for norms and biases."""
    attention = 4 * model.d_model * model.num_heads * model.d_kv
    feed_forward = (len(model.activations) + 1) * model.d_model * model.d_ff
    embeddings = model.padded_vocab_size * model.d_model * (1 if model.tied_embeddings else 2)
    blocks = model.num_encoder_layers * (attention + feed_forward)
    return embeddings + blocks + model.num_decoder_layers * (2 * attention + feed_forward)
