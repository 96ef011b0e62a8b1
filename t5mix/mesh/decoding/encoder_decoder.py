"""An encoder-decoder, one position at a time, in mtf operations.

The sequences of an input stand where the model's layers have positions, in dimension "length": a step has one token of
each. Keys and values of the inputs are computed once, and all sequences of an input read them together.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.decoding.steps import Tensors, written
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.attention import INVISIBLE, Attention
from t5mix.mesh.t5.feed_forward import feed_forward
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

    def start(self, inputs: tf.Tensor) -> tuple[Tensors, Tensors]:
        """Encodes the inputs; see `Steps.start`."""
        graph = _Graph(self)
        ids = graph.tensor(inputs, "batch", "length")
        memory, segments = self.model.encode(ids, graph.get)
        unseen = mtf.to_float(mtf.equal(segments, 0)) * INVISIBLE
        caches: dict[str, tf.Tensor] = {}
        made = {"unseen": unseen}
        for number, (part, layer) in enumerate(self._layers(graph)):
            if part == "EncDecAttention":
                k, v = self._attention(layer / part, memory.shape.dims[-1]).keys_and_values(memory)
                made |= {f"k{number:03d}": k, f"v{number:03d}": v}
        lowered = graph.lowered(made)
        config = self.model.config
        shape = [inputs.shape[0], config.num_heads, self.length * self.width, config.d_kv]
        for number, (part, _) in enumerate(self._layers(graph)):
            if part == "SelfAttention":
                empty = tf.zeros(shape, tf.as_dtype(config.activation_dtype))
                caches |= {f"k{number:03d}": empty, f"v{number:03d}": empty}
        return lowered, caches

    def step(
        self, tokens: tf.Tensor, position: tf.Tensor, own: tf.Tensor, memory: Tensors, caches: Tensors
    ) -> tuple[tf.Tensor, Tensors]:
        """Reads one token of each sequence; see `Steps.step`."""
        graph = _Graph(self)
        x = self.model.embedding(graph.get).vectors(graph.tensor(tokens, "batch", "length"))
        at = mtf.import_fully_replicated(graph.mesh, position, mtf.Shape([]), "position")
        added = [self._bias(graph, at), graph.tensor(tf.where(own, 0.0, INVISIBLE), "batch", "length", "memory_length")]
        unseen = [graph.tensor(memory["unseen"], "batch", "memory_length")]
        made: dict[str, Any] = {}
        for number, (part, layer) in enumerate(self._layers(graph)):
            normal = rms_norm(x, layer)
            names = [f"k{number:03d}", f"v{number:03d}"]
            if part == "DenseReluDense":
                d_ff = mtf.Dimension("d_ff", self.model.config.d_ff)
                y = feed_forward(normal, layer / part, d_ff, self.model.config.activations, Dropout(0.0, 0))
            elif part == "EncDecAttention":
                attention = self._attention(layer / part, x.shape.dims[-1])
                k, v = (graph.tensor(memory[name], "batch", "heads", "memory_length", "d_kv") for name in names)
                y = attention.attend(attention.queries(normal), k, v, unseen)
            else:
                attention = self._attention(layer / part, x.shape.dims[-1])
                here = mtf.rename_dimension(normal, "length", "memory_length")
                slots = [graph.tensor(caches[name], "batch", "heads", "memory_length", "d_kv") for name in names]
                pairs = zip(slots, attention.keys_and_values(here), strict=True)
                k, v = (_written(whole, part, at * self.width) for whole, part in pairs)
                made |= dict(zip(names, (k, v), strict=True))
                y = attention.attend(attention.queries(normal), k, v, added)
            x = x + y
        hidden = rms_norm(x, Scope(self.model.decoder.name, graph.get))
        made["logits"] = mtf.to_float(self.model.to_logits(hidden, graph.get))
        lowered = graph.lowered(made)
        return lowered.pop("logits"), lowered

    def _layers(self, graph: "_Graph") -> Iterator[tuple[str, Scope]]:
        """Yields kind and scope of each layer of the decoder, in order."""
        stack = self.model.decoder
        scope = Scope(stack.name, graph.get)
        for block in range(stack.num_blocks):
            for number, part in enumerate(stack.parts):
                yield part, layer_scope(scope, block, number, len(stack.parts))

    def _attention(self, scope: Scope, d_model: Any) -> Attention:
        return self.model.decoder.attention(scope, d_model)

    def _bias(self, graph: "_Graph", position: Any) -> Any:
        """Returns the bias of relative positions for each slot: [heads, memory_length]."""
        stack = self.model.decoder
        positions = mtf.Dimension("memory_length", self.length)
        bias = stack.relative_positions(Scope(stack.name, graph.get)).bias_of_one_query(position, positions)
        if self.width == 1:
            return bias
        heads = bias.shape.dims[0]
        each = mtf.broadcast(bias, mtf.Shape([heads, positions, mtf.Dimension("width", self.width)]))
        return mtf.reshape(each, mtf.Shape([heads, mtf.Dimension("memory_length", self.length * self.width)]))


class _Graph:
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
