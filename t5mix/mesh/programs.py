"""The programs of a model: first values, one training step, score, logits and decoding.

Each is a TensorFlow function from tensors to tensors: the values of variables come in as arguments and, where they
change, go out as results. It builds its mtf graph and lowers it as it is traced, so one trace is one XLA program.
"""

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.mesh import random
from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.decoding.answers import decode
from t5mix.mesh.decoding.decoder_only import DecoderOnlySteps
from t5mix.mesh.decoding.encoder_decoder import EncoderDecoderSteps
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.decoding.target_scores import target_scores
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.optimizers import adafactor
from t5mix.mesh.state import Stored, Variable
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.loop import LAYERS
from t5mix.mesh.t5.model import Batch, DecoderBatch, T5Model
from t5mix.mesh.t5.parameters import ZEROS


class Programs:
    """The programs of one model on one mesh, for batches of one shape.

    Attributes:
        features: names of a batch's arrays, in the order in which programs take them.
    """

    def __init__(
        self,
        config: T5Config,
        mesh: MeshConfig,
        batch_size: int,
        lengths: Mapping[str, int],
        num_tasks: int,
    ):
        """Finds out which variables there are.

        Args:
            config: the model.
            mesh: axes and layout.
            batch_size: rows of a batch.
            lengths: positions of `inputs` and `targets`; a row of a decoder alone has as many as they have together.
            num_tasks: how many tasks `train_step` reports the loss of.
        """
        self.config = config
        self.mesh, self.batch_size, self.lengths, self.num_tasks = (
            mesh,
            batch_size,
            dict(lengths),
            num_tasks,
        )
        self._model = T5Model(config)
        self.features = self._model.features
        self._written_out = T5Model(dataclasses.replace(config, block_loop="off"))  # decoding is not a loop
        weights = self._find_weights()
        self.stored = weights + [slot for weight in weights for slot in _slots(weight)]

    def length_of(self, feature: str) -> int:
        """Returns the positions of one of a batch's arrays, or of the inputs of decoding."""
        if self.config.decoder_only and feature != "inputs":
            return sum(self.lengths.values())
        return self.lengths[feature.split("_")[0]]

    @property
    def stored_weights(self) -> list[Stored]:
        """Those of `stored` that are weights, in order."""
        return [one for one in self.stored if one.trainable]

    @property
    def variables(self) -> list[Variable]:
        """All variables as they are on disk, weights first."""
        return [variable for one in self.stored for variable in one.variables]

    @property
    def weights(self) -> list[Variable]:
        """Those of `variables` that are weights, in order."""
        return [variable for variable in self.variables if variable.trainable]

    def draw(self, one: Stored, key: tf.Tensor, names: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        """Draws the first value of an array, each of its variables drawn from (key, its name).

        Everything but shape and distribution comes in as a tensor, so that one program serves all arrays alike.

        Args:
            one: the array.
            key: uint32 [2].
            names: uint32 [number of variables], a hash of each name; see `hash_of_name`.
            scale: float32 [], the initializer's.
        """
        word = lambda x: tf.reshape(x, [-1] + [1] * len(one.variables[0].shape))  # noqa: E731
        first, second = random.fold_in(_pair(key), names)
        values = _drawn((word(first), word(second)), one.variables[0], len(one.variables)) * scale
        values = values if one.stacked else values[0]
        return GlobalMeshImpl(self.mesh, {}).annotate(values, one.axes)

    def train_step(
        self,
        features: Mapping[str, tf.Tensor],
        rates: tf.Tensor,
        key: tf.Tensor,
        values: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, ...]:
        """Does one step of Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235).

        The loss is the mean over the tokens of the batch that have one; see `T5Model.has_loss`.

        Args:
            features: int32 tensors by name: `features` and `targets_task`, the task of each target token.
            rates: float32 [2], the learning rate and Adafactor's decay rate at this step.
            key: uint32 [2] for dropout, different at every step.
            values: of `stored`.

        Returns:
            (mean cross-entropy in nats [], norm of the gradient [], summed nats per task [num_tasks], tokens per task
            [num_tasks], then the new values of `stored`, or the old ones where the norm is not finite).
        """
        graph, mesh = _empty_graph()
        batch = self._import(mesh, features)
        cross_entropy, loss = self._model.token_losses(batch, train=True)
        tokens = mtf.reduce_sum(self._model.has_loss(batch, train=True))
        objective = mtf.reduce_sum(loss) / mtf.maximum(tokens, 1.0)
        weights = list(graph.trainable_variables)
        gradients = mtf.gradients([objective], [weight.outputs[0] for weight in weights])
        old = dict(zip((one.name for one in self.stored), values, strict=True))
        lowering = Lowering(graph, GlobalMeshImpl(self.mesh, old, _pair(key)))
        nats = lowering.export_to_tf_tensor(cross_entropy)
        task = features["targets_task"]
        task_nats = tf.math.unsorted_segment_sum(nats, task, self.num_tasks)
        task_tokens = tf.math.unsorted_segment_sum(tf.ones_like(nats), task, self.num_tasks)
        mean = tf.reduce_sum(nats) / tf.maximum(lowering.export_to_tf_tensor(tokens), 1.0)
        lowered = {
            weight.name: lowering.export_to_tf_tensor(gradient)
            for weight, gradient in zip(weights, gradients, strict=True)
        }
        norm, new = self._updated(old, lowered, rates)
        return (mean, norm, task_nats, task_tokens, *new)

    def _updated(
        self, old: Mapping[str, tf.Tensor], gradients: Mapping[str, tf.Tensor], rates: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the norm of all gradients, and the optimizer's new values of `stored`, in order.

        Where the norm is not finite, nothing changes. So every new value depends on all gradients, and therefore
        comes after the last reading of every old one: XLA writes it in its place. Without that it copies all weights.
        """
        new: dict[str, tf.Tensor] = {}
        squares = []
        for one in self.stored_weights:
            names = [slot.name for slot in adafactor.slots(one.variables[0].shape)]
            slots = {name: old[one.name + name] for name in names}
            step = adafactor.update(old[one.name], gradients[one.name], slots, rates[0], rates[1], stacked=one.stacked)
            new |= {one.name: step.weight, **{one.name + name: value for name, value in step.slots.items()}}
            squares.append(step.squared_norm)
        norm = tf.sqrt(tf.add_n(squares))
        finite, impl = tf.math.is_finite(norm), GlobalMeshImpl(self.mesh, {})
        return norm, [impl.annotate(tf.where(finite, new[one.name], old[one.name]), one.axes) for one in self.stored]

    def score(self, features: Mapping[str, tf.Tensor], weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the log-likelihood of each row's targets given its inputs: float32 [batch], in nats."""
        graph, mesh = _empty_graph()
        cross_entropy, _ = self._model.token_losses(self._import(mesh, features), train=False)
        return -tf.reduce_sum(self._lower(graph, cross_entropy, self._by_name(weights)), axis=1)

    def logits(self, features: Mapping[str, tf.Tensor], weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the logits of each target token: float32 [batch, positions of the decoder, padded vocabulary]."""
        graph, mesh = _empty_graph()
        logits = self._model.logits(self._import(mesh, features), train=False)
        return self._lower(graph, logits, self._by_name(weights))

    def greedy_decode(self, inputs: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Decodes greedily: int32 [batch, targets length] from int32 [batch, inputs length]; 0 follows an EOS.

        Args:
            inputs: padded with 0.
            weights: of `weights`: here those of each block come by themselves.
        """
        numbers, key = tf.zeros([self.batch_size], tf.int32), tf.zeros([2], tf.uint32)
        return self.decode(inputs, numbers, key, weights, Decoding())[0][:, 0]

    def decode(
        self,
        inputs: tf.Tensor,
        numbers: tf.Tensor,
        key: tf.Tensor,
        weights: Sequence[tf.Tensor],
        decoding: Decoding,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the answers to each input and their scores; see `mesh.decoding.answers.decode`.

        Args:
            inputs: int32 [batch, inputs length], padded with 0.
            numbers: int32 [batch], of the inputs; negative where a row is not to be decoded.
            key: uint32 [2], of the seed.
            weights: of `weights`: here those of each block come by themselves.
            decoding: the settings.
        """
        steps = self._steps(weights, decoding.width, self.lengths["targets"])
        return decode(steps, inputs, numbers, key, decoding, split="batch" in self.mesh.rules)

    def target_scores(
        self, inputs: tf.Tensor, numbers: tf.Tensor, targets: tf.Tensor, *weights: tf.Tensor
    ) -> tuple[tf.Tensor]:
        """Returns the log-likelihood of several targets of each input; see `mesh.decoding.target_scores`.

        Args:
            inputs: int32 [batch, inputs length], padded with 0.
            numbers: int32 [batch]; negative where a row is left out.
            targets: int32 [batch, targets, length], padded with 0.
            weights: of `weights`.
        """
        _, width, length = targets.shape
        steps = self._steps(weights, width, length)
        return target_scores(steps, inputs, numbers, targets, split="batch" in self.mesh.rules)

    def _steps(self, weights: Sequence[tf.Tensor], width: int, length: int) -> EncoderDecoderSteps:
        by_name = dict(zip((variable.name for variable in self.weights), weights, strict=True))
        kind = DecoderOnlySteps if self.config.decoder_only else EncoderDecoderSteps
        return kind(self._written_out, self.mesh, by_name, width=width, length=length)

    def _by_name(self, weights: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        return dict(zip((one.name for one in self.stored_weights), weights, strict=True))

    def _lower(self, graph: Any, output: Any, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return Lowering(graph, GlobalMeshImpl(self.mesh, values)).export_to_tf_tensor(output)

    def _shape(self, length: int) -> Any:
        return mtf.Shape([mtf.Dimension("batch", self.batch_size), mtf.Dimension("length", length)])

    def _import(self, mesh: Any, features: Mapping[str, tf.Tensor]) -> Batch | DecoderBatch:
        def tensor(name: str) -> Any:
            return mtf.import_fully_replicated(mesh, features[name], self._shape(self.length_of(name)), name)

        return self._model.batch([tensor(name) for name in self.features])

    def _find_weights(self) -> list[Stored]:
        """Builds the forward graph once and throws it away."""
        with tf.Graph().as_default():
            graph, mesh = _empty_graph()
            features = {name: tf.zeros([self.batch_size, self.length_of(name)], tf.int32) for name in self.features}
            self._model.logits(self._import(mesh, features), train=False)
            impl = GlobalMeshImpl(self.mesh, {})
            layers = self._model.layers_of_a_block
            return [_stored(weight, impl, layers) for weight in graph.trainable_variables]


def hash_of_name(variable: Variable) -> int:
    """Returns a number in [0, 2^32) that stands for a variable's name where its first value is drawn."""
    return zlib.crc32(variable.name.encode())


def _stored(weight: Any, impl: GlobalMeshImpl, layers: Mapping[str, int]) -> Stored:
    """Returns what an mtf variable is: one weight, or those of all blocks, stacked.

    Args:
        weight: the variable.
        impl: of the mesh.
        layers: of a block of each stack.
    """
    dimensions, axes = weight.shape.dims, impl.axes(weight.shape)
    stacked = dimensions[0].name == LAYERS
    names = _names_of_blocks(weight.name, dimensions[0].size, layers) if stacked else [weight.name]
    shape = tuple(d.size for d in dimensions)[int(stacked) :]
    initializer = weight.initializer
    return Stored(
        tuple(Variable(name, shape, tuple(axes[int(stacked) :]), True, initializer) for name in names), stacked
    )


def _slots(weight: Stored) -> list[Stored]:
    """Returns the optimizer slots of a weight."""

    def slot_of(variable: Variable, slot: adafactor.Slot) -> Variable:
        shape, axes = (tuple(x[d] for d in slot.dimensions) for x in (variable.shape, variable.axes))
        return Variable(variable.name + slot.name, shape, axes, False, ZEROS)

    return [
        Stored(tuple(slot_of(variable, slot) for variable in weight.variables), weight.stacked)
        for slot in adafactor.slots(weight.variables[0].shape)
    ]


def _names_of_blocks(name: str, count: int, layers: Mapping[str, int]) -> list[str]:
    """Returns T5's names of all blocks' variables, from that of the first: layers are counted through a stack."""
    stack, layer, rest = name.split("/", 2)
    number = int(layer.removeprefix("layer_"))
    return [f"{stack}/layer_{number + block * layers[stack]:03d}/{rest}" for block in range(count)]


def _empty_graph() -> tuple[Any, Any]:
    """Returns an mtf graph without operations, and its mesh."""
    graph = mtf.Graph()
    return graph, mtf.Mesh(graph, "mesh")


def _pair(key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return key[0], key[1]


def _drawn(key: tuple[tf.Tensor, tf.Tensor], variable: Variable, count: int) -> tf.Tensor:
    """Draws values of scale 1, [count, *shape], by random numbers that no mesh changes; keys are [count, 1, ..]."""
    shape, kind = variable.shape, variable.initializer.kind
    if kind in ("zeros", "ones"):
        # From a run-time value: TensorFlow would make a constant of the variable's size.
        zero = tf.cast(key[0] & tf.constant(0, tf.uint32), tf.float32)
        return tf.broadcast_to(zero + float(kind == "ones"), [count, *shape])
    if kind == "uniform":
        return random.uniform(key, shape, -1.0, 1.0)
    return random.truncated_normal(key, shape) if kind == "truncated_normal" else random.normal(key, shape)
