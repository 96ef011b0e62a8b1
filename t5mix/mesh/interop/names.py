"""The names of one weight: t5mix's, Mesh-TensorFlow T5's, Hugging Face's and t5x's.

t5mix's are Mesh-TensorFlow's with layers counted through a stack, as `encoder/layer_003/...`; published T5 counts
blocks and layers within them, as `encoder/block_001/layer_001/...`. Shapes are the same in t5mix, published T5 and
t5x; Hugging Face's matrices have them the other way round, but for the embedding.
"""

import dataclasses
from collections.abc import Iterator

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.weights import ExpectedWeight

# Layers of a block: Mesh-TensorFlow's name, t5x's name, t5x's name of the norm before it.
_LAYERS = {
    "encoder": (
        ("SelfAttention", "attention", "pre_attention_layer_norm"),
        ("DenseReluDense", "mlp", "pre_mlp_layer_norm"),
    ),
    "decoder": (
        ("SelfAttention", "self_attention", "pre_self_attention_layer_norm"),
        ("EncDecAttention", "encoder_decoder_attention", "pre_cross_attention_layer_norm"),
        ("DenseReluDense", "mlp", "pre_mlp_layer_norm"),
    ),
}
_T5X_PROJECTIONS = {"q": "query", "k": "key", "v": "value", "o": "out"}


@dataclasses.dataclass(frozen=True)
class Names:
    """A weight of the model.

    Attributes:
        name: t5mix's.
        shape: its sizes in t5mix.
        published: Mesh-TensorFlow T5's.
        hugging_face: Hugging Face's.
        t5x: t5x's, below "target".
    """

    name: str
    shape: tuple[int, ...]
    published: str
    hugging_face: str
    t5x: str


def weights_of(model: Architecture) -> list[Names]:
    """Returns all weights of a model, each with its names."""
    embedding = (model.vocab_size, model.d_model)
    weights = [Names("shared/embedding", embedding, "shared/embedding", "shared.weight", "token_embedder.embedding")]
    for stack, blocks in (("encoder", model.num_encoder_layers), ("decoder", model.num_decoder_layers)):
        if not blocks:  # a decoder alone
            continue
        for block in range(blocks):
            weights += _block(model, stack, block)
        weights.append(
            Names(
                f"{stack}/rms_norm/scale",
                (model.d_model,),
                f"{stack}/rms_norm/scale",
                f"{stack}.final_layer_norm.weight",
                f"{stack}.{stack}_norm.scale",
            )
        )
    if not model.tied_embeddings:
        shape = (model.d_model, model.vocab_size)
        output = "decoder/logits/kernel"
        weights.append(Names(output, shape, output, "lm_head.weight", "decoder.logits_dense.kernel"))
    return weights


def _block(model: Architecture, stack: str, block: int) -> Iterator[Names]:
    """Yields the weights of one block."""
    layers = _LAYERS[stack]
    if not model.num_encoder_layers:
        layers = tuple(layer for layer in layers if layer[0] != "EncDecAttention")
    shares = stack == "decoder" and model.architecture == "shared_encoder_decoder"
    for number, (layer, t5x, t5x_norm) in enumerate(layers):
        place = _Place(stack, block, number, block * len(layers) + number)
        if layer == "SelfAttention" and (block == 0 or model.per_layer_bias):
            yield _relative_bias(model, place)
        if shares and layer != "EncDecAttention":  # the encoder's
            continue
        yield place.weight("rms_norm/scale", (model.d_model,), "layer_norm", f"{t5x_norm}.scale")
        if layer == "DenseReluDense":
            for name, shape in _feed_forward(model):
                yield place.weight(f"{layer}/{name}/kernel", shape, f"{layer}.{name}", f"{t5x}.{name}.kernel")
            continue
        for name, long_name in _T5X_PROJECTIONS.items():
            shape = (model.inner, model.d_model) if name == "o" else (model.d_model, model.inner)
            yield place.weight(f"{layer}/{name}", shape, f"{layer}.{name}", f"{t5x}.{long_name}.kernel")


def _relative_bias(model: Architecture, place: "_Place") -> Names:
    """Returns the relative position bias of a layer; t5x keeps one that a stack shares with the stack."""
    name = "SelfAttention/relative_attention_bias"
    shape = (model.num_heads, model.relative_attention_buckets)
    bias = place.weight(name, shape, name.replace("/", "."), "relpos_bias.rel_embedding")
    if model.per_layer_bias:
        return bias
    return dataclasses.replace(bias, t5x=f"{place.stack}.relpos_bias.rel_embedding")


@dataclasses.dataclass(frozen=True)
class _Place:
    """A layer: its stack, its block, its number within the block, and within the stack."""

    stack: str
    block: int
    number: int
    layer: int

    def weight(self, name: str, shape: tuple[int, ...], hugging_face: str, t5x: str) -> Names:
        """Returns a weight of this layer, from its names within the layer."""
        return Names(
            f"{self.stack}/layer_{self.layer:03d}/{name}",
            shape,
            f"{self.stack}/block_{self.block:03d}/layer_{self.number:03d}/{name}",
            f"{self.stack}.block.{self.block}.layer.{self.number}.{hugging_face}.weight",
            f"{self.stack}.layers_{self.block}.{t5x}",
        )


def _feed_forward(model: Architecture) -> list[tuple[str, tuple[int, int]]]:
    into, out = (model.d_model, model.d_ff), (model.d_ff, model.d_model)
    return [("wi_0", into), ("wi_1", into), ("wo", out)] if model.gated else [("wi", into), ("wo", out)]


def hugging_face_weights(model: Architecture) -> list[ExpectedWeight]:
    """Returns the weights that a Hugging Face folder of this model has."""
    return [
        ExpectedWeight(
            w.name,
            w.hugging_face,
            w.shape if w.name == "shared/embedding" else w.shape[::-1],
            transpose=w.name != "shared/embedding" and len(w.shape) == 2,
        )
        for w in weights_of(model)
    ]


def published_weights(model: Architecture) -> list[ExpectedWeight]:
    """Returns the weights that a Mesh-TensorFlow T5 checkpoint of this model has, by `canonical` names."""
    return [ExpectedWeight(w.name, w.published, w.shape) for w in weights_of(model)]


def canonical(name: str) -> str:
    """Returns the one form of the names that published T5 checkpoints have had.

    The older ones call norms `layer_norm`, a stack's last one `final_layer_norm`.
    """
    return name.replace("/final_layer_norm/", "/rms_norm/").replace("/layer_norm/", "/rms_norm/")
