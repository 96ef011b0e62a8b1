"""What is trained, and the weights that come to T5's for that: choices, as frozen objects.

The classes are named as the functions that they stand for: `Finetuning.trained = @lora()`.
"""

import dataclasses
import math
import re

# Projections of a layer, by T5's names: of attention, of feed-forward (gated: wi_0, wi_1), of an untied output layer.
PROJECTIONS = ("q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo", "logits")

# Values of adapters.after.
LAYERS_WITH_ADAPTERS = ("feed_forward", "every_layer")

# Values of prompt_tuning.start.
PROMPT_STARTS = ("vocabulary", "random")


@dataclasses.dataclass(frozen=True, kw_only=True)
class everything:
    """All weights are trained."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class matching:
    """Weights whose names match are trained; all others stay as they are.

    Attributes:
        patterns: regular expressions, searched for in names such as "decoder/layer_000/SelfAttention/q".
    """

    patterns: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", tuple(self.patterns))
        if not self.patterns:
            raise ValueError("matching.patterns is empty: name weights to train, or use @everything()")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"matching.patterns: {pattern!r} is no regular expression ({error})") from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class adapters:
    """Small feed-forward layers are put after T5's layers; they and the norms are trained (Houlsby et al. 2019).

    Raffel et al. 2020, section 3.5.1, put one after each feed-forward layer and try inner sizes 32, 128, 512 and 2048;
    Houlsby et al. (https://arxiv.org/abs/1902.00751) put one after attention too.

    Attributes:
        inner_size: width of an adapter's hidden layer.
        after: "feed_forward", or "every_layer", attention included.
    """

    inner_size: int = 32
    after: str = "feed_forward"

    def __post_init__(self) -> None:
        if self.inner_size < 1:
            raise ValueError(f"adapters.inner_size is {self.inner_size}: it must be at least 1")
        if self.after not in LAYERS_WITH_ADAPTERS:
            raise ValueError(f"adapters.after is {self.after!r}: choose from {', '.join(LAYERS_WITH_ADAPTERS)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class lora:
    """A product of two thin matrices is added to chosen projections, and alone is trained (Hu et al. 2021).

    The projection is W + alpha / rank * A B, with A drawn and B zero at first (https://arxiv.org/abs/2106.09685).

    Attributes:
        rank: columns of A and rows of B.
        alpha: scale of the product.
        projections: which, by T5's names: q, k, v, o, wi (wi_0, wi_1), wo, logits.
    """

    rank: int = 8
    alpha: float = 16.0
    projections: tuple[str, ...] = ("q", "v")

    def __post_init__(self) -> None:
        object.__setattr__(self, "projections", tuple(self.projections))
        if self.rank < 1:
            raise ValueError(f"lora.rank is {self.rank}: it must be at least 1")
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"lora.alpha is {self.alpha}: it must be positive and finite")
        unknown = [name for name in self.projections if name not in PROJECTIONS]
        if unknown or not self.projections:
            raise ValueError(f"lora.projections is {self.projections}: choose from {', '.join(PROJECTIONS)}")

    @property
    def scale(self) -> float:
        """What the product A B is multiplied by."""
        return self.alpha / self.rank


@dataclasses.dataclass(frozen=True, kw_only=True)
class prompt_tuning:
    """Trained vectors stand before the inputs of every example, and are all that is trained (Lester et al. 2021).

    See https://arxiv.org/abs/2104.08691. Examples must not share rows: `Run.packing = False`.

    Attributes:
        length: how many vectors.
        start: their first values: "vocabulary", embeddings of words drawn from the most frequent 5,000; or "random",
            uniform in [-0.5, 0.5).
    """

    length: int = 100
    start: str = "vocabulary"

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"prompt_tuning.length is {self.length}: it must be at least 1")
        if self.start not in PROMPT_STARTS:
            raise ValueError(f"prompt_tuning.start is {self.start!r}: choose from {', '.join(PROMPT_STARTS)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class gradual_unfreezing:
    """More and more layers are trained, from the top of both stacks down (Raffel et al. 2020, section 3.5.1).

    The embedding, an untied output layer and the last norm of each stack are trained from the start.

    Attributes:
        steps_per_layer: steps after which each stack trains one layer more. T5's 12 layers share 2^18 steps.
    """

    steps_per_layer: float = 2**18 / 12

    def __post_init__(self) -> None:
        if not 1 <= self.steps_per_layer < math.inf:
            raise ValueError(f"gradual_unfreezing.steps_per_layer is {self.steps_per_layer}: it must be at least 1")


def in_use(trained: "Trained") -> "Trained":
    """Returns what stands for all choices whose models have the same weights, and so compute alike once trained."""
    if isinstance(trained, prompt_tuning):
        return prompt_tuning(length=trained.length)
    return trained if isinstance(trained, adapters | lora) else everything()


Trained = everything | matching | adapters | lora | prompt_tuning | gradual_unfreezing
