"""The four programs of a model: initialize, train one step, score, decode greedily.

Each is a TensorFlow function from tensors to tensors: the values of variables come in as arguments and, where they
change, go out as results.  It builds its mtf graph and lowers it as it is traced, so one trace is one XLA program.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5mix.mesh import random
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.lowering import GlobalMeshImpl, Lowering, variable_getter
from t5mix.mesh.mesh_tensorflow import mtf, mtf_optimize, tf
from t5mix.mesh.t5_config import T5Config
from t5mix.mesh.t5_model import Batch, T5Model

BATCH_FEATURES = ("inputs", "targets", "inputs_segment_ids", "targets_segment_ids")


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable of the model or of its optimizer.

    Attributes:
        name: upstream's name, such as "encoder/layer_000/SelfAttention/q"; optimizer slots end in "_slot_...".
        shape: its sizes.
        axes: for each dimension the number of the mesh axis that splits it, or -1.
        trainable: whether it is a weight; otherwise it is an optimizer slot.
        initializer: upstream's TensorFlow initializer.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    trainable: bool
    initializer: Any


class Programs:
    """The programs of one model on one mesh, for batches of one shape."""

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
            lengths: positions of `inputs` and `targets`.
            num_tasks: how many tasks `train_step` reports the loss of.
        """
        self.mesh, self.batch_size, self.lengths, self.num_tasks = (
            mesh,
            batch_size,
            dict(lengths),
            num_tasks,
        )
        self._model = T5Model(config)
        self.variables = self._find_variables()
        self.weights = [variable for variable in self.variables if variable.trainable]

    def initialize(self, key: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """First values of all variables, in order, each drawn from (key, its place among the variables).

        Args:
            key: uint32 [2].
        """
        impl = GlobalMeshImpl(self.mesh, {})
        return tuple(
            impl.annotate(_initial_value(variable, random.fold_in(_pair(key), number)), variable.axes)
            for number, variable in enumerate(self.variables)
        )

    def train_step(
        self,
        features: Mapping[str, tf.Tensor],
        rates: tf.Tensor,
        key: tf.Tensor,
        values: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, ...]:
        """One step of Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235).

        The loss is the mean over the real target tokens of the batch.

        Args:
            features: int32 tensors by name: `BATCH_FEATURES` and `targets_task`, the task of each target token.
            rates: float32 [2], the learning rate and Adafactor's decay rate at this step.
            key: uint32 [2] for dropout, different at every step.
            values: of all variables.

        Returns:
            (mean cross-entropy in nats [], summed nats per task [num_tasks], tokens per task [num_tasks], then the
            new values of all variables).
        """
        with self._graph() as (graph, mesh):
            batch = self._import(mesh, features)
            cross_entropy, loss = self._model.token_losses(batch, train=True)
            tokens = mtf.reduce_sum(mtf.to_float(mtf.not_equal(batch.targets_segment_ids, 0)))
            objective = mtf.reduce_sum(loss) / mtf.maximum(tokens, 1.0)
            weights = graph.trainable_variables
            gradients = mtf.gradients([objective], [weight.outputs[0] for weight in weights])
            optimizer = mtf_optimize.AdafactorOptimizer(learning_rate=rates[0], decay_rate=rates[1])
            optimizer.apply_grads(gradients, weights)
        old = dict(zip((variable.name for variable in self.variables), values, strict=True))
        impl = GlobalMeshImpl(self.mesh, old, _pair(key))
        lowering = Lowering(graph, impl)
        nats = lowering.export_to_tf_tensor(cross_entropy)
        task = features["targets_task"]
        task_nats = tf.math.unsorted_segment_sum(nats, task, self.num_tasks)
        task_tokens = tf.math.unsorted_segment_sum(tf.ones_like(nats), task, self.num_tasks)
        mean = tf.reduce_sum(nats) / tf.maximum(lowering.export_to_tf_tensor(tokens), 1.0)
        new = tuple(impl.new_values.get(name, value) for name, value in old.items())
        return (mean, task_nats, task_tokens, *new)

    def score(self, features: Mapping[str, tf.Tensor], weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Log-likelihood of each row's targets given its inputs: float32 [batch], in nats."""
        with self._graph() as (graph, mesh):
            cross_entropy, _ = self._model.token_losses(self._import(mesh, features), train=False)
        return -tf.reduce_sum(self._lower(graph, cross_entropy, weights), axis=1)

    def logits(self, features: Mapping[str, tf.Tensor], weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Logits of each target token: float32 [batch, targets length, padded vocabulary]."""
        with self._graph() as (graph, mesh):
            logits = self._model.logits(self._import(mesh, features), train=False)
        return self._lower(graph, logits, weights)

    def greedy_decode(self, inputs: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        """Greedy decoding: int32 [batch, targets length] from int32 [batch, inputs length]; see `T5Model.greedy`."""
        with self._graph() as (graph, mesh):
            shape = self._shape(self.lengths["inputs"])
            imported = mtf.import_fully_replicated(mesh, inputs, shape, "inputs")
            outputs = self._model.greedy(imported, self.lengths["targets"])
        return self._lower(graph, outputs, weights)

    def _lower(self, graph: Any, output: Any, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        values = dict(zip((variable.name for variable in self.weights), weights, strict=True))
        return Lowering(graph, GlobalMeshImpl(self.mesh, values)).export_to_tf_tensor(output)

    @contextlib.contextmanager
    def _graph(self) -> Iterator[tuple[Any, Any]]:
        """An empty mtf graph, with variable scopes in which no TensorFlow variable is made."""
        graph = mtf.Graph()
        with tf.compat.v1.variable_scope("", custom_getter=variable_getter, reuse=tf.compat.v1.AUTO_REUSE):
            yield graph, mtf.Mesh(graph, "mesh")

    def _shape(self, length: int) -> Any:
        return mtf.Shape([mtf.Dimension("batch", self.batch_size), mtf.Dimension("length", length)])

    def _import(self, mesh: Any, features: Mapping[str, tf.Tensor]) -> Batch:
        def tensor(name: str) -> Any:
            shape = self._shape(self.lengths[name.split("_")[0]])
            return mtf.import_fully_replicated(mesh, features[name], shape, name)

        return Batch(*(tensor(name) for name in BATCH_FEATURES))

    def _find_variables(self) -> list[Variable]:
        """Builds the training graph once and throws it away: weights first, then optimizer slots."""
        with tf.Graph().as_default(), self._graph() as (graph, mesh):
            features = {
                name: tf.zeros([self.batch_size, self.lengths[name.split("_")[0]]], tf.int32) for name in BATCH_FEATURES
            }
            _, loss = self._model.token_losses(self._import(mesh, features), train=True)
            weights = list(graph.trainable_variables)
            gradients = mtf.gradients([mtf.reduce_sum(loss)], [weight.outputs[0] for weight in weights])
            mtf_optimize.AdafactorOptimizer(learning_rate=0.0, decay_rate=0.0).apply_grads(gradients, weights)
            impl = GlobalMeshImpl(self.mesh, {})
            ordered = weights + [variable for variable in graph.all_variables if not variable.trainable]
            return [
                Variable(
                    name=variable.name,
                    shape=tuple(variable.shape.to_integer_list),
                    axes=tuple(impl.axes(variable.shape)),
                    trainable=variable.trainable,
                    initializer=variable.get_master().initializer,
                )
                for variable in ordered
            ]


def _pair(key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return key[0], key[1]


def _initial_value(variable: Variable, key: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Draws what upstream's initializer describes, with random numbers that no mesh changes."""
    initializer, shape = variable.initializer, variable.shape
    kind = type(initializer).__name__.lower()
    if initializer is None:  # TensorFlow's default for variables: glorot uniform
        limit = (6.0 / (shape[-2] + shape[-1])) ** 0.5
        return random.uniform(key, shape, -limit, limit)
    if "zeros" in kind or "ones" in kind:
        # From a run-time value: TensorFlow would make a constant of the variable's size.
        zero = tf.cast(key[0] & tf.constant(0, tf.uint32), tf.float32)
        return tf.broadcast_to(zero + float("ones" in kind), shape)
    if "truncatednormal" in kind:
        return random.truncated_normal(key, shape, initializer.mean, initializer.stddev)
    if "randomnormal" in kind:
        return random.normal(key, shape, initializer.mean, initializer.stddev)
    raise AssertionError(f"{variable.name} has an initializer that this engine does not know: {kind}")
