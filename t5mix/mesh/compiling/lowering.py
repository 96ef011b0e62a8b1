"""A Mesh-TensorFlow graph becomes a TensorFlow graph with sharding annotations.

Upstream executes a layout: it cuts every tensor into slices and writes the collectives itself. Here a layout is only
said. Every mtf tensor is one tensor of its full shape, annotated with the sharding that the layout gives it, and
XLA's SPMD partitioner cuts it and inserts the collectives (Xu et al. 2021, https://arxiv.org/abs/2105.04663). So a
program means the same on every mesh, dropout included.

Variables are arguments of the program, so no second copy of them exists; what changes them (optimizers/) returns their
new values.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.mesh import random
from t5mix.mesh.compiling.operations import dot_general
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.loop import LAYERS

# No block has more dropout masks.
_MASKS_TOGETHER = 16


class Whole:
    """What upstream calls a laid-out tensor, a list of slices: here of one, the whole."""

    def __init__(self, tensor_list: list[tf.Tensor]):
        self.tensor_list = self.all_slices = tensor_list

    @classmethod
    def from_tensor_list(cls, tensor_list: list[tf.Tensor]) -> "Whole":
        """Wraps a list of one tensor, as upstream makes its laid-out tensors."""
        return cls(tensor_list)

    @property
    def one_slice(self) -> tf.Tensor:
        """The tensor."""
        return self.tensor_list[0]

    @property
    def slice_shape(self) -> list[int]:
        """Its shape."""
        return self.one_slice.shape.as_list()

    def to_laid_out_tensor(self) -> "Whole":
        """Returns itself: upstream has lazy kinds that need this."""
        return self


class WholeVariable:
    """A variable while a graph is lowered: the program's argument."""

    def __init__(self, variable: Any, impl: "GlobalMeshImpl"):
        value = impl.annotate(impl.values[variable.name], impl.axes(variable.shape))
        self.laid_out_tensor = Whole([value])


class GlobalMeshImpl(mtf.MeshImpl):
    """A mesh implementation with a global view: to upstream it looks like a mesh of one device."""

    LaidOutTensor = Whole
    LaidOutVariable = WholeVariable
    supports_control_dependencies = False

    def __init__(
        self,
        mesh: MeshConfig,
        values: Mapping[str, tf.Tensor],
        key: Any = None,
        rows: tuple[tf.Tensor, int] | None = None,
    ):
        """Makes the implementation of one program.

        Args:
            mesh: axes and layout.
            values: old value of each variable that the program reads, by name.
            key: two uint32 scalars, from which dropout masks are drawn; None where a program draws none.
            rows: where the program computes a part of a batch: its first row, and how many rows the batch has. Masks
                are those that these rows have in the whole batch.
        """
        super().__init__(mtf.Shape([]), mtf.convert_to_layout_rules(""))
        self.values = values
        self._mesh, self._key, self._rows = mesh, key, rows
        self._block: tf.Tensor | None = None
        self._mask_keys: dict[tuple[int, int], tuple[Any, list[random.Key]]] = {}
        self._devices = np.arange(mesh.num_devices).reshape(list(mesh.axes.values()))

    def axes(self, shape: Any) -> list[int]:
        """Returns the number of the mesh axis that splits each dimension of an mtf shape; -1 where none does."""
        if shape.dims and shape.dims[0].name == LAYERS:  # weights of all blocks, or their gradients
            return [-1, *self.weight_axes(shape.dims[1:])]
        return self._mesh.axes_of_tensor([d.name for d in shape.dims])

    def weight_axes(self, dimensions: Sequence[Any]) -> list[int]:
        """Returns the same for a weight, or a slot, as it lies in memory; in use, it is split by `axes` alone."""
        return self._mesh.axes_of_weight([(d.name, d.size) for d in dimensions])

    def annotate(self, tensor: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
        """Annotates a tensor: dimension i is split by mesh axis `axes[i]`, or by none if that is -1."""
        if self._devices.size == 1 or not axes:
            return tensor
        from tensorflow.python.compiler.xla.experimental import xla_sharding

        return xla_sharding.mesh_split(tensor, self._devices, list(axes), use_sharding_op=True)

    def slicewise(self, fn: Callable, *inputs: Any) -> Any:
        """Applies `fn` to whole tensors."""
        result = fn(*[x.one_slice if isinstance(x, Whole) else x for x in inputs])
        if isinstance(result, tuple):
            return tuple(Whole([tensor]) for tensor in result)
        return Whole([result])

    @contextlib.contextmanager
    def in_block(self, block: tf.Tensor) -> Iterator[None]:
        """Gives a loop's body, while it is lowered, the masks of `block`, an int32 scalar."""
        before, self._block = self._block, block
        try:
            yield
        finally:
            self._block = before

    def dropout_mask(self, shape: Any, dtype: tf.DType, rate: float, number: int, block: int | None) -> tf.Tensor:
        """Draws a mask that scales by 1 / (1 - rate), or zeroes with probability `rate`.

        Args:
            shape: mtf shape.
            dtype: of the mask.
            rate: in [0, 1).
            number: of the mask within its block.
            block: number of the block; None in a loop, whose counter it is.
        """
        assert self._key is not None, "this program draws random numbers but was given no key"
        place = self._block if block is None else block
        assert place is not None, "a mask of a loop's body is drawn outside the loop"
        key = self._mask_key(number, place)
        part = self._rows if shape.dims and shape.dims[0].name == "batch" else None
        kept = random.bits(key, shape.to_integer_list, part) >= tf.constant(round(rate * 2**32), tf.uint32)
        kept = self.annotate(kept, self.axes(shape))
        return tf.where(kept, tf.constant(1.0 / (1.0 - rate), dtype), tf.constant(0.0, dtype))

    def _mask_key(self, number: int, block: int | tf.Tensor) -> random.Key:
        """Returns the key of a mask; those of its neighbours are made with it."""
        group, within = divmod(number, _MASKS_TOGETHER)
        place = group, id(block)
        if place not in self._mask_keys:
            keys = random.keys_of_places(self._key, group * _MASKS_TOGETHER, _MASKS_TOGETHER, block)
            self._mask_keys[place] = block, keys  # while the block is kept, no other has its id
        return self._mask_keys[place][1][within]

    def allreduce(self, x: Whole, mesh_axes: Any, reduction_fn_string: str) -> Whole:
        """Returns `x` as it is: a reduction over a whole tensor is already complete."""
        return x

    def laid_out_pnum(self) -> Whole:
        """Returns the number of the only processor that upstream sees."""
        return Whole([tf.constant(0)])

    def import_tf_tensor(self, x: Any, tf_x: Any) -> Whole:
        """Takes a TensorFlow tensor into the graph, whole."""
        return Whole([tf.convert_to_tensor(tf_x)])

    def export_to_tf_tensor(self, x: Any, laid_out_x: Whole) -> tf.Tensor:
        """Returns a tensor of the graph, whole."""
        return laid_out_x.one_slice

    def einsum(self, equation: str, *slices: tf.Tensor) -> tf.Tensor:
        """Multiplies whole tensors: by one XLA product where there are two of them."""
        inputs, output = equation.split("->")
        terms = inputs.split(",")
        if len(slices) != 2 or any(len(set(term)) != len(term) for term in terms):
            return tf.einsum(equation, *slices)
        # The operand whose dimensions the result begins with goes first, else the result would be transposed; for the
        # gradient of a weight that would be a copy of the activations' gradient.
        own = [[d for d in output if d in term and d not in other] for term, other in (terms, terms[::-1])]
        if own[0] and own[1] and output.index(own[1][0]) < output.index(own[0][0]):
            terms, slices = terms[::-1], slices[::-1]
        return dot_general(terms[0], terms[1], output, slices[0], slices[1])


class Lowering(mtf.Lowering):
    """Upstream's lowering, with every tensor annotated as its layout says."""

    def __init__(self, graph: Any, impl: GlobalMeshImpl):
        """Lowers `graph`, whose one mesh is implemented by `impl`."""
        meshes = {operation.mesh for operation in graph.operations}
        super().__init__(graph, dict.fromkeys(meshes, impl), autostack=False)

    def set_tensor_lowering(self, tensor: Any, laid_out_tensor: Any) -> None:
        """Records the lowered tensor, annotated.

        What comes from outside is left as it lies: to upstream its dimensions have no names yet, so it would be said
        to be whole on each device, and gathered there, before it is split. The next operation names them.
        """
        whole = laid_out_tensor.to_laid_out_tensor().one_slice
        if isinstance(tensor.operation, mtf.ImportOperation):
            super().set_tensor_lowering(tensor, Whole([whole]))
            return
        impl = self.mesh_impl(tensor)
        annotated = impl.annotate(whole, impl.axes(tensor.shape))
        super().set_tensor_lowering(tensor, Whole([annotated]))
