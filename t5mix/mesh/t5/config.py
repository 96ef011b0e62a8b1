"""The size and shape of a T5 model."""

import dataclasses
import math
from collections.abc import Mapping

# Upstream pads the vocabulary to a multiple of this, so that it can be split over a mesh axis.
VOCAB_DIVISOR = 128

# Values of T5Config.block_loop.
LOOPS = ("auto", "off", "kept", "products", "recomputed")

# From this many blocks on, "auto" makes a stack a loop.
LOOP_FROM = 4

# Far above any T5 that was trained, and below what would overflow or fill a machine before anything is said.
_GREATEST = {
    "vocab_size": 2**24,
    "d_model": 2**20,
    "d_ff": 2**20,
    "num_heads": 2**16,
    "d_kv": 2**16,
    "num_encoder_layers": 2**12,
    "num_decoder_layers": 2**12,
}

# Fewest buckets of relative positions; see `relative_positions.buckets`.
_LEAST_BUCKETS = 4

_ACTIVATIONS = ("relu", "gelu", "swish", "linear", "sigmoid", "tanh")

# Values of T5Config.architecture (Raffel et al. 2020, section 3.2).
ENCODER_DECODERS = ("encoder_decoder", "shared_encoder_decoder")
DECODERS = ("language_model", "prefix_lm")
ARCHITECTURES = (*ENCODER_DECODERS, *DECODERS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class T5Config:
    """A model of Raffel et al. 2020 (https://arxiv.org/abs/1910.10683): an encoder-decoder, or a decoder alone.

    The defaults are T5 1.0's. T5 1.1, mT5 and ByT5 are
    `activations=("gelu", "linear"), tied_embeddings=False` (Shazeer 2020, https://arxiv.org/abs/2002.05202); UMT5 has
    `per_layer_bias=True`, too (Chung et al. 2023, https://arxiv.org/abs/2304.09151).

    Attributes:
        vocab_size: token ids, extra ids (sentinels) included; padded to a multiple of 128 inside.
        d_model: width of the residual stream.
        d_ff: width of the feed-forward layer.
        num_heads: attention heads.
        d_kv: width of keys and values, per head.
        num_encoder_layers: blocks of self-attention and feed-forward; 0 where there is a decoder alone.
        num_decoder_layers: blocks of self-attention, encoder-decoder attention (where there is an encoder) and
            feed-forward.
        architecture: "encoder_decoder"; "shared_encoder_decoder", whose decoder has the encoder's self-attention and
            feed-forward weights; "language_model", a decoder that reads inputs and targets one behind the other, each
            position seeing those before it; "prefix_lm", the same, where all inputs see each other (Raffel et al.
            2020, section 3.2).
        loss_on_targets_only: in a decoder alone, whether inputs have no loss.
        dropout_rate: fraction dropped while training, in [0, 1); one mask for all positions, as upstream.
        activations: of the feed-forward layer; two names make a gated layer (their product). "silu" is another name
            of "swish".
        tied_embeddings: whether the output layer is the embedding (scaled by d_model^-0.5).
        relative_attention_buckets: buckets of relative position.
        relative_attention_max_distance: from which on all positions share a bucket.
        per_layer_bias: whether each self-attention layer has a relative bias of its own, as in UMT5; else the first
            layer's is that of its stack, as in T5.
        label_smoothing: probability mass spread over the vocabulary, in [0, 1).
        z_loss: weight of log(Z)^2, which keeps logits near normalized while training.
        activation_dtype: "float32" or "bfloat16"; weights and optimizer slots are always float32.
        block_loop: whether the equal blocks of a stack are one loop of the compiled program: "off", every block is
            written out; a loop that, for its gradient, keeps activations ("kept"), keeps results of matrix products
            and computes the rest again ("products"), or keeps each block's input alone ("recomputed"); "auto" is
            "kept" from LOOP_FROM blocks on, else "off". Losses and checkpoints are the same in every case.
    """

    vocab_size: int
    d_model: int
    d_ff: int
    num_heads: int
    d_kv: int
    num_encoder_layers: int
    num_decoder_layers: int
    architecture: str = "encoder_decoder"
    loss_on_targets_only: bool = True
    dropout_rate: float = 0.1
    activations: tuple[str, ...] = ("relu",)
    tied_embeddings: bool = True
    relative_attention_buckets: int = 32
    relative_attention_max_distance: int = 128
    per_layer_bias: bool = False
    label_smoothing: float = 0.0
    z_loss: float = 1e-4
    activation_dtype: str = "float32"
    block_loop: str = "auto"

    def __post_init__(self) -> None:
        for name, most in _GREATEST.items():
            least = 0 if name == "num_encoder_layers" else 1  # a decoder alone has none
            if not least <= getattr(self, name) <= most:
                raise ValueError(
                    f"T5Config.{name} is {getattr(self, name)}: it must be at least {least}, and at most {most:,}"
                )
        distance = self.relative_attention_max_distance
        if not _LEAST_BUCKETS <= self.relative_attention_buckets < 2 * distance:
            raise ValueError(
                f"T5Config.relative_attention_buckets is {self.relative_attention_buckets}: it must be at least "
                f"{_LEAST_BUCKETS}, two for each direction, and at most {2 * distance - 1}, less than twice "
                f"T5Config.relative_attention_max_distance ({distance}); T5 has 32 and 128"
            )
        self._check_architecture()
        for name in ("dropout_rate", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"T5Config.{name} is {getattr(self, name)}: it must be in [0, 1)")
        object.__setattr__(self, "activations", tuple("swish" if x == "silu" else x for x in self.activations))
        unknown = [name for name in self.activations if name not in _ACTIVATIONS]
        if unknown or not self.activations:
            raise ValueError(f"T5Config.activations is {self.activations}: choose from {', '.join(_ACTIVATIONS)}")
        if not 0 <= self.z_loss < math.inf:
            raise ValueError(f"T5Config.z_loss is {self.z_loss}: it must be finite, and not negative")
        if self.activation_dtype not in ("float32", "bfloat16"):
            raise ValueError(f"T5Config.activation_dtype is {self.activation_dtype!r}: choose float32 or bfloat16")
        if self.block_loop not in LOOPS:
            raise ValueError(f"T5Config.block_loop is {self.block_loop!r}: choose from {', '.join(LOOPS)}")

    def _check_architecture(self) -> None:
        chosen, layers = self.architecture, self.num_encoder_layers
        if chosen not in ARCHITECTURES:
            raise ValueError(f"T5Config.architecture is {chosen!r}: choose from {', '.join(ARCHITECTURES)}")
        if self.decoder_only and layers:
            raise ValueError(
                f"T5Config.num_encoder_layers is {layers}, and a {chosen} has no encoder: bind it to 0, and "
                "T5Config.num_decoder_layers to all layers that there shall be"
            )
        if not self.decoder_only and layers < 1:
            raise ValueError(
                f"T5Config.num_encoder_layers is {layers}: it must be at least 1; a decoder alone is "
                f"T5Config.architecture = {' or '.join(map(repr, DECODERS))}"
            )
        if chosen == "shared_encoder_decoder" and layers != self.num_decoder_layers:
            raise ValueError(
                f"T5Config.num_encoder_layers is {layers} and T5Config.num_decoder_layers {self.num_decoder_layers}: "
                "an encoder and a decoder that share their weights have as many layers"
            )

    @property
    def decoder_only(self) -> bool:
        """Whether the model is a decoder alone, which reads inputs and targets one behind the other."""
        return self.architecture in DECODERS

    def positions(self, feature: str, lengths: Mapping[str, int]) -> int:
        """Returns the positions of one of a batch's arrays, or of the inputs of decoding.

        Args:
            feature: name of the array; "inputs" are those of decoding where there is a decoder alone.
            lengths: positions of "inputs" and "targets".
        """
        if self.decoder_only and feature != "inputs":
            return sum(lengths.values())
        return lengths[feature.split("_")[0]]

    def loop_policy(self, num_blocks: int) -> str | None:
        """Returns what the loop over the blocks of a stack keeps; None where its blocks are written out.

        Args:
            num_blocks: of the stack.
        """
        chosen = self.block_loop
        if chosen == "auto":
            chosen = "kept" if num_blocks >= LOOP_FROM else "off"
        return None if chosen == "off" or num_blocks == 1 else chosen

    @property
    def padded_vocab_size(self) -> int:
        """`vocab_size` rounded up to a multiple of 128: the size of the embedding and of the logits."""
        return -(-self.vocab_size // VOCAB_DIVISOR) * VOCAB_DIVISOR

    def dimensions(self) -> dict[str, int]:
        """Sizes of the named dimensions that a layout may split, by Mesh-TensorFlow's names.

        Self- and cross-attention keep heads and d_kv in one dimension, "heads", as upstream does.
        """
        return {
            "vocab": self.padded_vocab_size,
            "d_model": self.d_model,
            "d_ff": self.d_ff,
            "heads": self.num_heads,
        }
