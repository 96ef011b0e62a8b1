"""The equal blocks of a stack as one XLA loop, with a gradient that is a second loop, backwards.

The block's mtf operations are recorded once, with holes where its input and its weights come in. The weights of all
blocks lie in one variable each, stacked along a dimension "layers"; iteration i fills the holes with slice i and lowers
the recorded operations. So a program has one block's operations to trace and compile, whatever the number of blocks.

What the backward loop needs of the forward one is either kept in arrays [layers, ...] or computed again from what is
kept; a policy says which. Upstream's while_loop has no gradient, and its recompute_grad writes every layer out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import mtf, mtf_ops, tf
from t5mix.mesh.state import Initializer
from t5mix.mesh.t5.parameters import GetWeight, has_gradient

LAYERS = "layers"

# What the forward loop keeps for the backward loop: all that is not free to compute again; results of matrix products;
# or the input of each block alone.
POLICIES = ("kept", "products", "recomputed")

_FREE = (mtf_ops.ReshapeOperation, mtf_ops.BroadcastOperation, mtf_ops.ScalarMultiplyOperation)

# Builds a block: (input, shared tensors, where weights come from) -> output.
Build = Callable[[Any, list[Any], GetWeight], Any]


class BlockLoop(mtf_ops.Operation):
    """An mtf operation: one block applied `count` times, each time with its own slice of the stacked weights."""

    def __init__(self, x: Any, shared: Sequence[Any], build: Build, get: GetWeight, count: int, policy: str):
        """Records the block.

        Args:
            x: input of the first block; every block's output has its shape.
            shared: float tensors that every block reads and that have gradients.
            build: makes the block's operations; other tensors that it reads must have no gradient.
            get: where the stacked weights come from, of shape [layers, ...].
            count: how often the block is applied.
            policy: one of POLICIES.
        """
        super().__init__([x], mesh=x.mesh, name="block_loop")
        operations = self.graph.operations
        operations.pop()
        self.count, self.policy = count, policy
        self.x_in = self._hole(x)
        self.shared_in = [self._hole(tensor) for tensor in shared]
        stacked: dict[str, tuple[Any, Any]] = {}  # name -> (the weight's tensor, the hole for its slice)
        outside: list[Any] = []  # operations that make weights: they stand before the loop

        def get_slice(name: str, dimensions: Sequence[Any], initializer: Initializer) -> Any:
            if name not in stacked:
                first = len(operations)
                weight = get(name, [mtf.Dimension(LAYERS, count), *dimensions], initializer)
                outside.extend(operations[first:])
                del operations[first:]
                stacked[name] = weight, mtf_ops.Tensor(self, mtf.Shape(list(dimensions)), weight.dtype)
            return stacked[name][1]

        before = len(operations)
        self.y = build(self.x_in, self.shared_in, get_slice)
        self.body = operations[before:]
        del operations[before:]
        operations.extend([*outside, self])
        self.slices = [hole for _, hole in stacked.values()]
        self.trained = [has_gradient(weight) for weight, _ in stacked.values()]
        self.kept: list[Any] = []  # tensors of the body; the gradient, where there is one, says which
        self.saved: list[tf.Tensor] = []  # their values in all iterations, once lowered
        self._inputs = [x, *[weight for weight, _ in stacked.values()], *shared]
        self._outputs = [mtf_ops.Tensor(self, self.y.shape, self.y.dtype)]
        self._splittable_dims, self._unsplittable_dims = self._initialize_all_dimensions_as_splittable()

    @property
    def holes(self) -> list[Any]:
        """What stands in the body for the operation's inputs, in their order."""
        return [self.x_in, *self.slices, *self.shared_in]

    def gradient(self, grad_ys: list[Any]) -> list[Any]:
        """Returns the gradients of all inputs; none of weights that are not trained."""
        made = iter(BlockLoopGradient(self, grad_ys[0]).outputs)
        wanted = [True, *self.trained, *[True] * len(self.shared_in)]
        return [next(made) if of_use else None for of_use in wanted]

    def fill(self, lowering: Any, i: tf.Tensor, weights: Sequence[tf.Tensor], shared: Sequence[tf.Tensor]) -> None:
        """Gives the holes for weights and shared tensors their values at iteration i."""
        for hole, value in zip(self.slices, weights, strict=True):
            impl, one = lowering.mesh_impl(hole), _slice(value, i)
            if impl.weight_axes(hole.shape.dims) != impl.axes(hole.shape):  # one block's weights are gathered at a time
                one = impl.annotate(one, impl.axes(hole.shape))
            _set(lowering, hole, one)
        for hole, value in zip(self.shared_in, shared, strict=True):
            _set(lowering, hole, value)

    def lower(self, lowering: Any) -> None:
        """Lowers the forward loop."""
        impl = lowering.mesh_impl(self)
        x, *rest = _values(lowering, self._inputs)
        weights, shared = rest[: len(self.slices)], rest[len(self.slices) :]

        def body(i: tf.Tensor, x: tf.Tensor, saved: list[tf.Tensor]) -> tuple[Any, ...]:
            _set(lowering, self.x_in, x)
            self.fill(lowering, i, weights, shared)
            run(lowering, i, self.body)
            values = _values(lowering, self.kept)
            saved = [
                _with_slice(impl, whole, i, value, impl.axes(t.shape))
                for whole, value, t in zip(saved, values, self.kept, strict=True)
            ]
            return i + 1, _values(lowering, [self.y])[0], saved

        empty = [_zeros(impl, self.count, t, t.dtype, impl.axes(t.shape)) for t in self.kept]
        _, y, self.saved = tf.while_loop(lambda i, *_: i < self.count, body, (tf.constant(0), x, empty))
        lowering.set_tensor_lowering(self.outputs[0], impl.LaidOutTensor([y]))

    def _hole(self, tensor: Any) -> Any:
        return mtf_ops.Tensor(self, tensor.shape, tensor.dtype)


class BlockLoopGradient(mtf_ops.Operation):
    """An mtf operation: gradients of a BlockLoop's inputs, from the last iteration to the first.

    Of its weights only those count that are trained.
    """

    def __init__(self, loop: BlockLoop, dy: Any):
        """Records the gradient of one block, and tells the loop what to keep for it."""
        super().__init__([*loop.inputs, dy], mesh=dy.mesh, name="block_loop_gradient")
        operations = self.graph.operations
        operations.pop()
        self.loop, before = loop, len(operations)
        self.dy_in = mtf_ops.Tensor(self, dy.shape, dy.dtype)
        self.trained = [hole for hole, of_use in zip(loop.slices, loop.trained, strict=True) if of_use]
        holes = [loop.x_in, *self.trained, *loop.shared_in]
        self.gradients = mtf_ops.gradients([loop.y], holes, grad_ys=[self.dy_in], operations=loop.body)
        backward = operations[before:]
        del operations[before:]
        operations.append(self)
        loop.kept, again = divide(loop.body, _needed(backward, self.gradients), [loop.x_in], loop.policy)
        self.body = [*again, *backward]
        # Gradients of weights are float32, as sums over iterations are.
        dtypes = [loop.x_in.dtype, *[tf.float32] * len(self.trained), *[hole.dtype for hole in loop.shared_in]]
        x, *rest = loop.inputs
        weights, shared = rest[: len(loop.slices)], rest[len(loop.slices) :]
        weights = [weight for weight, of_use in zip(weights, loop.trained, strict=True) if of_use]
        pairs = zip([x, *weights, *shared], dtypes, strict=True)
        self._outputs = [mtf_ops.Tensor(self, tensor.shape, dtype) for tensor, dtype in pairs]
        self._splittable_dims, self._unsplittable_dims = self._initialize_all_dimensions_as_splittable()

    def lower(self, lowering: Any) -> None:
        """Lowers the backward loop."""
        loop, impl = self.loop, lowering.mesh_impl(self)
        number, kept_axes = len(self.trained), [impl.weight_axes(hole.shape.dims) for hole in self.trained]
        rest = _values(lowering, loop.inputs[1:])
        weights, shared = rest[: len(loop.slices)], rest[len(loop.slices) :]
        (dy,) = _values(lowering, self.inputs[-1:])

        def body(i: tf.Tensor, dy: tf.Tensor, of_weights: list[tf.Tensor], of_shared: list[tf.Tensor]) -> Any:
            for tensor, saved in zip(loop.kept, loop.saved, strict=True):
                _set(lowering, tensor, _slice(saved, i))
            loop.fill(lowering, i, weights, shared)
            _set(lowering, self.dy_in, dy)
            run(lowering, i, self.body)
            dx, *others = [None if g is None else _values(lowering, [g])[0] for g in self.gradients]
            of_weights = [
                total
                if g is None
                else _with_slice(impl, total, i, tf.cast(g, tf.float32), impl.weight_axes(hole.shape.dims))
                for total, g, hole in zip(of_weights, others[:number], self.trained, strict=True)
            ]
            of_shared = [
                total if g is None else total + tf.cast(g, tf.float32)
                for total, g in zip(of_shared, others[number:], strict=True)
            ]
            return i - 1, dx, of_weights, of_shared

        pairs = zip(self.trained, kept_axes, strict=True)
        totals = [_zeros(impl, loop.count, hole, tf.float32, axes) for hole, axes in pairs]
        pairs = zip(shared, loop.shared_in, strict=True)
        sums = [
            impl.annotate(operations.zeros(value.shape, tf.float32), impl.axes(tensor.shape)) for value, tensor in pairs
        ]
        start = (tf.constant(loop.count - 1), dy, totals, sums)
        _, dx, totals, sums = tf.while_loop(lambda i, *_: i >= 0, body, start)
        for tensor, value in zip(self.outputs, [dx, *totals, *sums], strict=True):
            lowering.set_tensor_lowering(tensor, impl.LaidOutTensor([tf.cast(value, tensor.dtype)]))


def divide(body: Sequence[Any], needed: set[Any], given: Iterable[Any], policy: str) -> tuple[list[Any], list[Any]]:
    """Decides what a loop keeps for its gradient.

    Args:
        body: operations of the forward body, in order.
        needed: tensors that the backward body reads.
        given: tensors from outside the body that must be kept when they are needed, such as its input.
        policy: one of POLICIES.

    Returns:
        (tensors to keep, operations to do again, in order).
    """
    needed, kept, again = set(needed), [], []
    for operation in reversed(body):
        outputs = [tensor for tensor in operation.outputs if tensor in needed]
        if outputs and _keeps(operation, policy):
            kept.extend(outputs)
        elif outputs:
            again.append(operation)
            needed.update(operation.inputs)
    return [tensor for tensor in given if tensor in needed] + kept[::-1], again[::-1]


def _keeps(operation: Any, policy: str) -> bool:
    if policy == "kept":
        return bool(operation.inputs) and not isinstance(operation, _FREE)
    return policy == "products" and isinstance(operation, mtf_ops.EinsumOperation)


def _needed(operations: Sequence[Any], results: Sequence[Any]) -> set[Any]:
    """Returns what operations and results read, in the order of the operations."""
    return {tensor for operation in operations for tensor in operation.inputs} | {t for t in results if t is not None}


def run(lowering: Any, i: tf.Tensor, operations: Sequence[Any]) -> None:
    """Lowers operations in the body of iteration i; dropout masks are those of block i."""
    impl = lowering.mesh_impl(operations[0])
    with impl.in_block(i):
        for operation in operations:
            with tf.name_scope(operation.name):
                operation.lower(lowering)


def _set(lowering: Any, tensor: Any, value: tf.Tensor) -> None:
    lowering.set_tensor_lowering(tensor, lowering.mesh_impl(tensor).LaidOutTensor([value]))


def _values(lowering: Any, tensors: Sequence[Any]) -> list[tf.Tensor]:
    return [lowering.tensors[tensor].to_laid_out_tensor().one_slice for tensor in tensors]


def _zeros(impl: Any, count: int, tensor: Any, dtype: tf.DType, axes: Sequence[int]) -> tf.Tensor:
    shape = [count, *tensor.shape.to_integer_list]
    return impl.annotate(operations.zeros(shape, dtype), [-1, *axes])


def _slice(stacked: tf.Tensor, i: tf.Tensor) -> tf.Tensor:
    """Returns stacked[i], as XLA's dynamic slice: [layers, ...] to [...]."""
    shape = stacked.shape.as_list()
    start = tf.concat([[i], tf.zeros([len(shape) - 1], tf.int32)], 0)
    return tf.reshape(tf.slice(stacked, start, [1, *shape[1:]]), shape[1:])


def _with_slice(impl: Any, stacked: tf.Tensor, i: tf.Tensor, value: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Returns `stacked` with [i] replaced by `value`, whose dimensions these mesh axes split."""
    start = tf.concat([[i], tf.zeros([len(stacked.shape) - 1], tf.int32)], 0)
    result = _xla_ops().xla_dynamic_update_slice(input=stacked, update=value[None], indices=start)
    return impl.annotate(result, [-1, *axes])


def _xla_ops() -> Any:
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops
