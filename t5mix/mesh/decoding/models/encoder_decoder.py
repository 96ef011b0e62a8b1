"""An encoder-decoder, one position at a time, in mtf operations.

The sequences of an input stand where the model's layers have positions, in dimension "length": a step has one token of
each. Keys and values of the inputs are computed once, and all sequences of an input read them together.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.decoding.likeliest import NOT_SPLIT, Split
from t5mix.mesh.decoding.steps import Tensors, written
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.attention import INVISIBLE, Attention
from t5mix.mesh.t5.feed_forward import feed_forward
from t5mix.mesh.t5.fine_tuning.adapters import adapted
from t5mix.mesh.t5.model import T5Model
from t5mix.mesh.t5.parameters import Scope, layer_scope
from t5mix.mesh.t5.sublayers import Dropout, rms_norm


@dataclasses.dataclass(frozen=True)
class EncoderDecoderSteps:
    """The steps of a T5; see `Steps`.

    Attributes:
        model: whose blocks are written out.
        mesh: axes and layout.
        weights: the value of each weight by its name.
        width: sequences of an input.
        length: positions that are decoded at most.
    """

    model: T5Model
    mesh: MeshConfig
    weights: Mapping[str, tf.Tensor]
    width: int
    length: int

    @property
    def split(self) -> Split:
        """How the mesh splits the logits."""
        parts, impl = self.mesh.parts("vocab"), GlobalMeshImpl(self.mesh, {})
        [rows] = self.mesh.axes_of_tensor(["batch"])

        def whole(tensor: tf.Tensor) -> tf.Tensor:
            return impl.annotate(tensor, [rows, *[-1] * (len(tensor.shape) - 1)])

        return Split(parts, whole) if parts > 1 else NOT_SPLIT

    def start(self, inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """Encodes the inputs; see `Steps.start`."""
        graph = Graph(self)
        ids = graph.tensor(inputs, "batch", "length")
        memory, segments = self.model.encode(ids, graph.get)
        unseen = mtf.to_float(mtf.equal(segments, 0)) * INVISIBLE
        caches: dict[str, tf.Tensor] = {}
        made = {"unseen": unseen}
        for number, (part, layer) in enumerate(self.layers(graph)):
            if part == "EncDecAttention":
                k, v = self.attention(layer / part, memory.shape.dims[-1]).keys_and_values(memory)
                made |= {f"k{number:03d}": k, f"v{number:03d}": v}
        lowered = graph.lowered(made)
        config = self.model.config
        shape = [inputs.shape[0], config.num_heads, self.length * self.width, config.d_kv]
        for number, (part, _) in enumerate(self.layers(graph)):
            if part == "SelfAttention":
                empty = tf.zeros(shape, tf.as_dtype(config.activation_dtype))
                caches |= {f"k{number:03d}": empty, f"v{number:03d}": empty}
        return lowered, caches

    def step(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors, caches: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Reads one token of each sequence; see `Steps.step`."""
        graph = Graph(self)
        tokens, mask = self.reads(tokens, position, own, memory)
        x = self.model.embedding(graph.get).vectors(graph.tensor(tokens, "batch", "length"))
        at = mtf.import_fully_replicated(graph.mesh, position, mtf.Shape([]), "position")
        prefix = mask.shape[-1] - own.shape[-1]
        biases, visible = self._biases(graph, at, prefix), graph.tensor(mask, "batch", "length", "memory_length")
        made: dict[str, Any] = {}
        for number, (part, layer) in enumerate(self.layers(graph)):
            normal = rms_norm(x, layer)
            names = [f"k{number:03d}", f"v{number:03d}"]
            if part == "DenseReluDense":
                d_ff = mtf.Dimension("d_ff", self.model.config.d_ff)
                y = feed_forward(normal, layer / part, d_ff, self.model.config.activations, Dropout(0.0, 0))
            elif part == "EncDecAttention":
                attention = self.attention(layer / part, x.shape.dims[-1])
                k, v = (graph.tensor(memory[name], "batch", "heads", "memory_length", "d_kv") for name in names)
                unseen = graph.tensor(memory["unseen"], "batch", "memory_length")
                y = attention.attend(attention.queries(normal), k, v, [unseen])
            else:
                attention = self.attention(layer / part, x.shape.dims[-1])
                here = mtf.rename_dimension(normal, "length", "memory_length")
                slots = [graph.tensor(caches[name], "batch", "heads", "memory_length", "d_kv") for name in names]
                pairs = zip(slots, attention.keys_and_values(here), strict=True)
                k, v = (_written(whole, part, at * self.width + prefix) for whole, part in pairs)
                made |= dict(zip(names, (k, v), strict=True))
                bias = biases[number // len(self.model.decoder.parts) % len(biases)]
                y = attention.attend(attention.queries(normal), k, v, [bias, visible])
            x = x + adapted(y, layer / part, part, self.model.trained)
        hidden = rms_norm(x, Scope(self.model.decoder.name, graph.get))
        made["logits"] = mtf.to_float(self.model.to_logits(hidden, graph.get))
        lowered = graph.lowered(made)
        return lowered.pop("logits"), lowered

    def layers(self, graph: "Graph") -> Iterator[tuple[str, Scope]]:
        """Yields kind and scope of each layer of the decoder, in order."""
        stack = self.model.decoder
        scope = Scope(stack.name, graph.get)
        for block in range(stack.num_blocks):
            for number, part in enumerate(stack.parts):
                yield part, layer_scope(scope, block, number, len(stack.parts))

    def attention(self, scope: Scope, d_model: Any) -> Attention:
        """Returns the attention layer at a scope."""
        return self.model.decoder.attention(scope, d_model)

    def reads(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the tokens that a step reads, and what it adds to the logits of attention to each slot.

        Where slots of inputs lie before those of the positions, the mask begins with these.
        """
        return tokens, tf.where(own, 0.0, INVISIBLE)

    def _biases(self, graph: "Graph", position: Any, prefix: int) -> list[Any]:
        """Returns the bias of relative positions for each slot, [heads, memory_length]: of all blocks, or of each."""
        stack = self.model.decoder
        slots = mtf.Dimension("memory_length", prefix + self.length)
        return [
            self._of_each_sequence(
                stack.relative_positions(Scope(stack.name, graph.get), block).bias_of_one_query(
                    position + prefix, slots
                ),
                prefix,
            )
            for block in range(stack.num_blocks if stack.config.per_layer_bias else 1)
        ]

    def _of_each_sequence(self, bias: Any, prefix: int) -> Any:
        """Repeats the bias of a position, behind the prefix, for each of the sequences side by side."""
        if self.width == 1:
            return bias
        size = prefix + self.length * self.width

        def repeat(bias: tf.Tensor) -> tf.Tensor:
            return tf.concat([bias[:, :prefix], tf.repeat(bias[:, prefix:], self.width, axis=1)], axis=1)

        shape = mtf.Shape([bias.shape.dims[0], mtf.Dimension("memory_length", size)])
        return mtf.slicewise(
            repeat, [bias], output_shape=shape, output_dtype=bias.dtype, splittable_dims=[], grad_function=0
        )


class Graph:
    """An mtf graph within a TensorFlow function."""

    def __init__(self, steps: EncoderDecoderSteps):
        self._steps = steps
        self._graph = mtf.Graph()
        self.mesh = mtf.Mesh(self._graph, "mesh")
        self.get = steps.model.variables(self.mesh)

    def tensor(self, value: tf.Tensor, *dimensions: str) -> Any:
        """Imports a tensor."""
        sizes = zip(dimensions, value.shape.as_list(), strict=True)
        return mtf.import_fully_replicated(self.mesh, value, mtf.Shape([mtf.Dimension(*pair) for pair in sizes]))

    def lowered(self, tensors: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Returns the values of mtf tensors."""
        lowering = Lowering(self._graph, GlobalMeshImpl(self._steps.mesh, self._steps.weights))
        return {name: lowering.export_to_tf_tensor(tensor) for name, tensor in tensors.items()}


def _written(whole: Any, part: Any, slot: Any) -> Any:
    """Returns keys or values with those of this position written from a slot on."""
    return mtf.slicewise(
        lambda whole, part, slot: written(whole, part, slot, axis=2),
        [whole, part, slot],
        output_shape=whole.shape,
        output_dtype=whole.dtype,
        splittable_dims=[],
        grad_function=0,
    )
