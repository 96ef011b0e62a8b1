"""The programs of a model: first values, one training step, score, logits and decoding.

Each is a TensorFlow function from tensors to tensors: the values of variables come in as arguments and, where they
change, go out as results. It builds its mtf graph and lowers it as it is traced, so one trace is one XLA program.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.mesh import random
from t5mix.mesh.compiling import operations
from t5mix.mesh.compiling.arrays import COUNTED, Arrays
from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.decoding.answers import decode
from t5mix.mesh.decoding.models.decoder_only import DecoderOnlySteps
from t5mix.mesh.decoding.models.encoder_decoder import EncoderDecoderSteps
from t5mix.mesh.decoding.models.ensemble import EnsembleSteps
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.decoding.steps import Steps
from t5mix.mesh.decoding.target_scores import target_scores
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.optimizers.update import new_values, slot_arrays
from t5mix.mesh.state import Stored, Variable
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.selection import check_selection, is_trained
from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing
from t5mix.mesh.t5.fine_tuning.unfreezing import first_steps
from t5mix.mesh.t5.loop import LAYERS
from t5mix.mesh.t5.model import Batch, DecoderBatch, T5Model


class Programs:
    """The programs of one model on one mesh, for batches of one shape.

    Attributes:
        arrays: what they take and return.
    """

    def __init__(
        self,
        config: T5Config,
        mesh: MeshConfig,
        batch_size: int,
        lengths: Mapping[str, int],
        num_tasks: int,
        step: StepConfig = StepConfig(),  # noqa: B008 - frozen
    ):
        """Finds out which variables there are.

        Args:
            config: the model.
            mesh: axes and layout.
            batch_size: rows of a batch.
            lengths: positions of `inputs` and `targets`; a row of a decoder alone has as many as they have together.
            num_tasks: how many tasks `train_step` reports the loss of.
            step: what a training step does.

        Raises:
            ValueError: the model has nothing of what is to be trained.
        """
        self.config, self.mesh, self.step = config, mesh, step
        self.batch_size, self.lengths, self.num_tasks = batch_size, dict(lengths), num_tasks
        self._model = T5Model(config, step.trained)
        self._written_out = T5Model(dataclasses.replace(config, block_loop="off"), step.trained)  # as decoding is
        weights = self._find_weights()
        check_selection(step.trained, [variable.name for one in weights for variable in one.variables])
        if any(len({is_trained(step.trained, variable.name) for variable in one.variables}) > 1 for one in weights):
            # A loop treats all blocks alike, and here some blocks of a stack are trained and some are not.
            self._model = self._written_out
            weights = self._find_weights()
        trained = [one for one in weights if is_trained(step.trained, one.name)]
        slots = [slot for weight in trained for slot in slot_arrays(weight, step.optimizer)]
        first = self._first_steps([variable.name for one in trained for variable in one.variables])
        self.arrays = Arrays(self._model.features, tuple(weights), (*trained, *slots), first)

    def _first_steps(self, names: Sequence[str]) -> tuple[int, ...] | None:
        trained = self.step.trained
        if not isinstance(trained, gradual_unfreezing):
            return None
        return tuple(first_steps(trained, names, self._model.layers_of_a_block))

    def length_of(self, feature: str) -> int:
        """Returns the positions of one of a batch's arrays, or of the inputs of decoding."""
        return self.config.positions(feature, self.lengths)

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
        """Does one step of the optimizer.

        Args:
            features: int32 tensors by name: `features` and `targets_task`, each token's; it may have `COUNTED`.
            rates: float32, the learning rate and the optimizer's numbers at this step; see `new_values`.
            key: uint32 [2] for dropout, different at every step.
            values: of `frozen`, then of `changing`.

        Returns:
            (mean cross-entropy in nats [], norm of the gradient [], summed nats per task [num_tasks], tokens per task
            [num_tasks], then the new values of `changing`, or the old ones where loss or norm are not finite).
        """
        old = dict(zip((one.name for one in [*self.arrays.frozen, *self.arrays.changing]), values, strict=True))
        tokens = self._tokens_with_loss(features)
        nats, task_nats, task_tokens, *gradients = self._losses_and_gradients(features, tokens, key, old)
        mean = nats / tokens
        weights = self.arrays.trained_weights
        by_name = dict(zip((one.name for one in weights), gradients, strict=True))
        norm, new = new_values(weights, old, by_name, rates, self.step)
        # Where a number is not finite, nothing changes. So every new value depends on all gradients, and therefore
        # comes after the last reading of every old one: XLA writes it in its place, and need not copy all weights.
        finite = tf.math.logical_and(tf.math.is_finite(norm), tf.math.is_finite(mean))
        impl = GlobalMeshImpl(self.mesh, {})
        changing = self.arrays.changing
        changed = [impl.annotate(tf.where(finite, new[one.name], old[one.name]), one.axes) for one in changing]
        return (mean, norm, task_nats, task_tokens, *changed)

    def gradients(
        self, features: Mapping[str, tf.Tensor], key: tf.Tensor, values: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, ...]:
        """Returns the gradients of `trained_weights` at a step, in float32, before they are clipped.

        Args:
            features: as of `train_step`. The loss is divided by what the whole batch's is: gradients of parts add up.
            key: of the step.
            values: of `frozen`, then of `trained_weights`.
        """
        old = dict(zip((one.name for one in [*self.arrays.frozen, *self.arrays.trained_weights]), values, strict=True))
        _, _, _, *found = self._losses_and_gradients(features, self._tokens_with_loss(features), key, old)
        return tuple(tf.cast(gradient, tf.float32) for gradient in found)

    def _losses_and_gradients(
        self, features: Mapping[str, tf.Tensor], tokens: tf.Tensor, key: tf.Tensor, old: Mapping[str, tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns what `_part` does, of the whole batch, with so many tokens that have a loss."""
        given = (features, self._denominator(tokens), key, old)
        return self._part(*given, None) if self.step.micro_batches == 1 else self._parts(*given)

    def _tokens_with_loss(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns how many tokens of the batch have a loss, at least 1; see `T5Model.has_loss`."""
        graph, mesh = _empty_graph()
        counted = mtf.reduce_sum(self._model.has_loss(self._import(mesh, features), train=True))
        return tf.maximum(self._lower(graph, counted, {}), 1.0)

    def _denominator(self, tokens: tf.Tensor) -> tf.Tensor:
        chosen = self.step.loss_denominator
        if chosen == "tokens":
            return tokens
        return tf.constant(self.batch_size * self.length_of("targets") if chosen == "positions" else chosen, tf.float32)

    def _part(
        self,
        features: Mapping[str, tf.Tensor],
        denominator: tf.Tensor,
        key: tf.Tensor,
        old: Mapping[str, tf.Tensor],
        first_row: tf.Tensor | None,
    ) -> list[tf.Tensor]:
        """Returns summed nats, those and tokens by task, and the gradients of `trained_weights`, of some rows.

        Args:
            features: of these rows.
            denominator: what the summed loss is divided by.
            key: of the step.
            old: values of all variables.
            first_row: where the rows are a part of the batch, which one.
        """
        graph, mesh = _empty_graph()
        batch = self._import(mesh, features)
        cross_entropy, loss = self._model.token_losses(batch, train=True)
        if COUNTED in features:
            counted = tf.cast(features[COUNTED], tf.float32)
            loss *= mtf.import_fully_replicated(mesh, counted, loss.shape, COUNTED)
        objective = mtf.reduce_sum(loss) / mtf.import_fully_replicated(mesh, denominator, mtf.Shape([]), "denominator")
        variables = {variable.name: variable for variable in graph.trainable_variables}
        weights = [variables[one.name].outputs[0] for one in self.arrays.trained_weights]
        gradients = mtf.gradients([objective], weights)
        rows = None if first_row is None else (first_row, self.batch_size)
        lowering = Lowering(graph, GlobalMeshImpl(self.mesh, old, _pair(key), rows))
        nats, task = lowering.export_to_tf_tensor(cross_entropy), features["targets_task"]
        task_nats = tf.math.unsorted_segment_sum(nats, task, self.num_tasks)
        task_tokens = tf.math.unsorted_segment_sum(tf.ones_like(nats), task, self.num_tasks)
        lowered = map(lowering.export_to_tf_tensor, gradients)
        return [tf.reduce_sum(nats), task_nats, task_tokens, *lowered]

    def _parts(
        self, features: Mapping[str, tf.Tensor], denominator: tf.Tensor, key: tf.Tensor, old: Mapping[str, tf.Tensor]
    ) -> list[tf.Tensor]:
        """Returns the sums of `_part` over the micro batches, one after the other; gradients are float32."""
        count, impl = self.step.micro_batches, GlobalMeshImpl(self.mesh, {})
        size = self.batch_size // count
        parts = {name: tf.reshape(array, [count, size, array.shape[1]]) for name, array in features.items()}
        axes = impl.axes(mtf.Shape([mtf.Dimension("batch", size), mtf.Dimension("length", 1)]))

        def body(number: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            rows = {name: impl.annotate(tf.gather(array, number), axes) for name, array in parts.items()}
            found = self._part(rows, denominator, key, old, number * size)
            added = [total + tf.cast(value, tf.float32) for total, value in zip(sums, found, strict=True)]
            return number + 1, added

        tasks = tf.zeros([self.num_tasks])
        empty = [
            impl.annotate(operations.zeros(one.shape, tf.float32), one.axes) for one in self.arrays.trained_weights
        ]
        start = (tf.constant(0), [tf.zeros([]), tasks, tasks, *empty])
        return tf.while_loop(lambda number, _: number < count, body, start)[1]

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
        return self.decode(Decoding(), inputs, numbers, key, *weights)[0][:, 0]

    def decode(
        self, decoding: Decoding, inputs: tf.Tensor, numbers: tf.Tensor, key: tf.Tensor, *weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the answers to each input and their scores; see `mesh.decoding.answers.decode`.

        Args:
            decoding: the settings.
            inputs: int32 [batch, inputs length], padded with 0.
            numbers: int32 [batch], of the inputs; negative where a row is not to be decoded.
            key: uint32 [2], of the seed.
            weights: of `weights`: here those of each block come by themselves; of an ensemble model after model.
        """
        steps = self._steps(weights, decoding.width, self.lengths["targets"])
        return decode(steps, inputs, numbers, key, decoding, split=self.mesh.parts("batch") > 1)

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
        return target_scores(steps, inputs, numbers, targets, split=self.mesh.parts("batch") > 1)

    def _steps(self, weights: Sequence[tf.Tensor], width: int, length: int) -> Steps:
        """Returns the steps of a model, or of an ensemble where there are the weights of several."""
        names = [variable.name for variable in self.arrays.weights]
        kind = DecoderOnlySteps if self.config.decoder_only else EncoderDecoderSteps
        each = [weights[start : start + len(names)] for start in range(0, len(weights), len(names))]
        members = [
            kind(self._written_out, self.mesh, dict(zip(names, own, strict=True)), width=width, length=length)
            for own in each
        ]
        return members[0] if len(members) == 1 else EnsembleSteps(members)

    def _by_name(self, weights: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        return dict(zip((one.name for one in self.arrays.stored_weights), weights, strict=True))

    def _lower(self, graph: Any, output: Any, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return Lowering(graph, GlobalMeshImpl(self.mesh, values)).export_to_tf_tensor(output)

    def _shape(self, length: int, rows: int | None = None) -> Any:
        return mtf.Shape([mtf.Dimension("batch", rows or self.batch_size), mtf.Dimension("length", length)])

    def _import(self, mesh: Any, features: Mapping[str, tf.Tensor]) -> Batch | DecoderBatch:
        def tensor(name: str) -> Any:
            shape = self._shape(self.length_of(name), features[name].shape[0])
            return mtf.import_fully_replicated(mesh, features[name], shape, name)

        return self._model.batch([tensor(name) for name in self._model.features])

    def _find_weights(self) -> list[Stored]:
        """Builds the forward graph once and throws it away."""
        with tf.Graph().as_default():
            graph, mesh = _empty_graph()
            names = self._model.features
            features = {name: tf.zeros([self.batch_size, self.length_of(name)], tf.int32) for name in names}
            self._model.logits(self._import(mesh, features), train=False)
            impl = GlobalMeshImpl(self.mesh, {})
            layers = self._model.layers_of_a_block
            return [_stored(weight, impl, layers) for weight in graph.all_variables]


def _stored(weight: Any, impl: GlobalMeshImpl, layers: Mapping[str, int]) -> Stored:
    """Returns what an mtf variable is: one weight, or those of all blocks, stacked.

    Args:
        weight: the variable.
        impl: of the mesh.
        layers: of a block of each stack.
    """
    dimensions = weight.shape.dims
    stacked = dimensions[0].name == LAYERS
    axes = impl.weight_axes(dimensions[int(stacked) :])
    names = _names_of_blocks(weight.name, dimensions[0].size, layers) if stacked else [weight.name]
    shape = tuple(d.size for d in dimensions)[int(stacked) :]
    initializer = weight.initializer
    return Stored(tuple(Variable(name, shape, tuple(axes), True, initializer) for name in names), stacked)


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
