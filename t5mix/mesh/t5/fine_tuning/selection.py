"""Which weights of a model a choice trains."""

import re
from collections.abc import Iterable

from t5mix.mesh.t5.fine_tuning.settings import Trained, adapters, lora, matching, prompt_tuning

# Parts of the names of weights that come to T5's.
ADAPTER, LORA_A, LORA_B, PROMPT = "adapter", "lora_a", "lora_b", "prompt/embedding"

_NORM = "rms_norm/scale"


def is_trained(trained: Trained, name: str) -> bool:
    """Tells whether the weight of that name is ever changed by training.

    Args:
        trained: the choice.
        name: T5's, or that of a weight which the choice adds.
    """
    if isinstance(trained, matching):
        return any(re.search(pattern, name) for pattern in trained.patterns)
    if isinstance(trained, adapters):
        return is_added(name) or name.endswith(_NORM)
    if isinstance(trained, lora | prompt_tuning):
        return is_added(name)
    return True


def is_added(name: str) -> bool:
    """Tells whether a weight is none of T5's, but came with adapters, LoRA or a prompt."""
    return name == PROMPT or name.rpartition("/")[2] in (LORA_A, LORA_B) or f"/{ADAPTER}/" in name


def projection(name: str) -> str:
    """Returns which projection a weight is: "q" of "encoder/layer_000/SelfAttention/q", "wi" of ".../wi/kernel"."""
    return name.removesuffix("/kernel").rpartition("/")[2]


def check_selection(trained: Trained, names: Iterable[str]) -> None:
    """Refuses a choice that does not fit the model.

    Args:
        trained: the choice.
        names: of all weights of the model.

    Raises:
        ValueError: a pattern matches no weight, or the model has no such projection.
    """
    own = [name for name in names if not is_added(name)]
    if isinstance(trained, matching):
        for pattern in trained.patterns:
            if not any(re.search(pattern, name) for name in own):
                raise ValueError(
                    f"matching.patterns: {pattern!r} matches no weight; there are {len(own)}, such as "
                    f"{', '.join(own[:: max(1, len(own) // 4)][:4])}"
                )
    if isinstance(trained, prompt_tuning) and not any(name.startswith("encoder/") for name in own):
        raise ValueError("@prompt_tuning() puts vectors before the encoder's inputs, and this model is a decoder alone")
    if isinstance(trained, lora):
        there = {projection(name) for name in own}
        for missing in (name for name in trained.projections if name not in there):
            others = sorted(there - {"scale", "embedding", "relative_attention_bias"})
            raise ValueError(f"lora.projections: this model has no projection {missing!r}; it has {', '.join(others)}")
