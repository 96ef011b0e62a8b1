"""What a published T5 says of itself: more than the engine's T5Config can hold, so that it can be refused by name."""

import dataclasses
from typing import Any

from t5mix.mesh.t5.config import VOCAB_DIVISOR, T5Config

# T5's, where a config says nothing.
MAX_DISTANCE = 128

# What the engine computes with, whatever a config says.
EPSILON = 1e-6

ACTIVATIONS = ("relu", "gelu", "swish", "linear", "sigmoid", "tanh")

# Fields of T5Config that weights decide, besides their number of ids; dropout, for one, may be another.
DECIDED = (
    "d_model",
    "d_ff",
    "num_heads",
    "d_kv",
    "num_encoder_layers",
    "num_decoder_layers",
    "architecture",
    "activations",
    "tied_embeddings",
    "relative_attention_buckets",
    "relative_attention_max_distance",
    "per_layer_bias",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """Size and shape of a model of the T5 family.

    Attributes:
        architecture: one of T5Config's; all that others publish is "encoder_decoder".
        vocab_size: rows of the embedding.
        d_model: width of the residual stream.
        d_ff: width of the feed-forward layer.
        num_heads: attention heads.
        d_kv: width of keys and values, per head.
        num_encoder_layers: blocks of the encoder.
        num_decoder_layers: blocks of the decoder.
        activations: of the feed-forward layer, by Mesh-TensorFlow's names; two make a gated layer.
        tied_embeddings: whether the output layer is the embedding, scaled.
        relative_attention_buckets: buckets of relative position.
        relative_attention_max_distance: from which on all positions share a bucket.
        per_layer_bias: whether each layer has a relative bias of its own (UMT5), or a stack has one.
        dropout_rate: that it was trained with.
        layer_norm_epsilon: of all norms.
    """

    vocab_size: int
    d_model: int
    d_ff: int
    num_heads: int
    d_kv: int
    num_encoder_layers: int
    num_decoder_layers: int
    architecture: str = "encoder_decoder"
    activations: tuple[str, ...] = ("relu",)
    tied_embeddings: bool = True
    relative_attention_buckets: int = 32
    relative_attention_max_distance: int = MAX_DISTANCE
    per_layer_bias: bool = False
    dropout_rate: float = 0.1
    layer_norm_epsilon: float = EPSILON

    @property
    def inner(self) -> int:
        """Width of all heads together."""
        return self.num_heads * self.d_kv

    @property
    def gated(self) -> bool:
        """Whether the feed-forward layer multiplies two projections."""
        return len(self.activations) > 1

    @classmethod
    def of(cls, config: T5Config) -> "Architecture":
        """Returns what the engine's config says, with the vocabulary padded as its weights are."""
        shared = {name: getattr(config, name) for name in (*DECIDED, "dropout_rate")}
        return cls(vocab_size=config.padded_vocab_size, **shared)

    def check_published(self, system: str) -> None:
        """Refuses to write a model for another system that has encoder-decoders alone.

        Raises:
            ValueError: this is another architecture.
        """
        if self.architecture != "encoder_decoder":
            raise ValueError(
                f"T5Config.architecture is {self.architecture!r}, and {system} has T5's encoder_decoder alone: export "
                "a SavedModel or StableHLO"
            )

    def t5_config(self, source: str) -> T5Config:
        """Returns the engine's config of this model.

        Args:
            source: of the checkpoint, for errors.

        Raises:
            ValueError: the model has something that the engine lacks; says what.
        """
        for problem in self._problems():
            raise ValueError(f"{source}: {problem}")
        shared: dict[str, Any] = {name: getattr(self, name) for name in (*DECIDED, "dropout_rate")}
        try:
            return T5Config(vocab_size=self.vocab_size, **shared)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None

    def _problems(self) -> list[str]:
        """Returns what the engine cannot compute, in words."""
        problems = []
        if self.layer_norm_epsilon != EPSILON:
            problems.append(f"layer_norm_epsilon is {self.layer_norm_epsilon}, and t5mix's model has {EPSILON}")
        unknown = [name for name in self.activations if name not in ACTIVATIONS]
        if unknown:
            problems.append(f"the activation {unknown[0]!r} is none of t5mix's: {', '.join(ACTIVATIONS)}")
        if self.vocab_size % VOCAB_DIVISOR:
            problems.append(
                f"the embedding has {self.vocab_size} rows, which is no multiple of {VOCAB_DIVISOR}: in transformers, "
                f"call model.resize_token_embeddings({self.vocab_size}, pad_to_multiple_of={VOCAB_DIVISOR}) and save it"
            )
        return problems
