"""A Mesh-TensorFlow graph becomes a TensorFlow graph with sharding annotations.

Upstream executes a layout: it cuts every tensor into slices and writes the collectives itself.  Here a layout is only
said.  Every mtf tensor is one tensor of its full shape, annotated with the sharding that the layout gives it, and
XLA's SPMD partitioner cuts it and inserts the collectives (Xu et al. 2021, https://arxiv.org/abs/2105.04663).  So a
program means the same on every mesh, dropout included.

Variables are arguments and results of the program, so no second copy of them exists: `Variables` hands out their old
values and collects the new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from t5mix.mesh import random
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, mtf_ops, tf


class Whole:
    """What upstream calls a laid-out tensor, a list of slices: here of one, the whole."""

    def __init__(self, tensor_list: list[tf.Tensor]):
        self.tensor_list = self.all_slices = tensor_list

    @classmethod
    def from_tensor_list(cls, tensor_list: list[tf.Tensor]) -> "Whole":
        """Upstream's name for the constructor."""
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
        """Itself: upstream has lazy kinds that need this."""
        return self


class WholeVariable:
    """A variable while a graph is lowered: reads the program's argument, records the program's result."""

    def __init__(self, variable: Any, impl: "GlobalMeshImpl"):
        self._variable, self._impl = variable, impl
        value = impl.annotate(impl.values[variable.name], impl.axes(variable.shape))
        self.laid_out_tensor = Whole([value])

    def assign_to_slices(self, assign_fn: Callable, values: list[tf.Tensor], assign_to_tensor_list: Any = None) -> Any:
        """Applies one of upstream's three assignments to the value, once a program."""
        name = self._variable.name
        assert name not in self._impl.new_values, f"{name} is assigned twice in one program"
        old = self.laid_out_tensor.one_slice
        new = tf.cast(values[0], old.dtype)
        if assign_fn is mtf_ops.assign_add_slice:
            new = old + new
        elif assign_fn is mtf_ops.assign_sub_slice:
            new = old - new
        else:
            assert assign_fn is mtf_ops.assign_slice, f"unknown assignment {assign_fn} to {name}"
        self._impl.new_values[name] = self._impl.annotate(new, self._impl.axes(self._variable.shape))
        return tf.no_op()


class GlobalMeshImpl(mtf.MeshImpl):
    """A mesh implementation with a global view: to upstream it looks like a mesh of one device."""

    LaidOutTensor = Whole
    LaidOutVariable = WholeVariable
    supports_control_dependencies = False

    def __init__(self, mesh: MeshConfig, values: Mapping[str, tf.Tensor], key: Any = None):
        """Makes the implementation of one program.

        Args:
            mesh: axes and layout.
            values: old value of each variable that the program reads, by name.
            key: two uint32 scalars, from which every random tensor is drawn; None where a program draws none.
        """
        super().__init__(mtf.Shape([]), mtf.convert_to_layout_rules(""))
        self.values = values
        self.new_values: dict[str, tf.Tensor] = {}
        self._mesh, self._key, self._drawn = mesh, key, 0
        self._devices = np.arange(mesh.num_devices).reshape(list(mesh.axes.values()))

    def axes(self, shape: Any) -> list[int]:
        """For each dimension of an mtf shape, the number of the mesh axis that splits it; -1 where none does."""
        numbers = {axis: number for number, axis in enumerate(self._mesh.axes)}
        return [numbers[self._mesh.rules[d.name]] if d.name in self._mesh.rules else -1 for d in shape.dims]

    def annotate(self, tensor: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
        """The same tensor, annotated: dimension i is split by mesh axis `axes[i]`, or by none if that is -1."""
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

    def random(self, shape: Any, tf_fn: Callable, kwargs: dict) -> Whole:
        """Draws a tensor from this program's key and the number of tensors drawn before it."""
        assert self._key is not None, "this program draws random numbers but was given no key"
        draw = {"random_uniform": random.uniform, "random_normal": random.normal}[tf_fn.__name__]
        key = random.fold_in(self._key, self._drawn)
        self._drawn += 1
        return Whole([_rounded_down(draw(key, shape.to_integer_list), kwargs.get("dtype", tf.float32))])

    def allreduce(self, x: Whole, mesh_axes: Any, reduction_fn_string: str) -> Whole:
        """Nothing: a reduction over a whole tensor is already complete."""
        return x

    def laid_out_pnum(self) -> Whole:
        """The number of the only processor that upstream sees."""
        return Whole([tf.constant(0)])

    def import_tf_tensor(self, x: Any, tf_x: Any) -> Whole:
        """A TensorFlow tensor enters the graph whole."""
        return Whole([tf.convert_to_tensor(tf_x)])

    def export_to_tf_tensor(self, x: Any, laid_out_x: Whole) -> tf.Tensor:
        """A tensor leaves the graph whole."""
        return laid_out_x.one_slice

    def einsum(self, equation: str, *slices: tf.Tensor) -> tf.Tensor:
        """tf.einsum on whole tensors."""
        return tf.einsum(equation, *slices)


class Lowering(mtf.Lowering):
    """Upstream's lowering, with every tensor annotated as its layout says."""

    def __init__(self, graph: Any, impl: GlobalMeshImpl):
        """Lowers `graph`, whose one mesh is implemented by `impl`."""
        meshes = {operation.mesh for operation in graph.operations}
        super().__init__(graph, dict.fromkeys(meshes, impl), autostack=False)

    def set_tensor_lowering(self, tensor: Any, laid_out_tensor: Any) -> None:
        """Records the lowered tensor, annotated."""
        whole = laid_out_tensor.to_laid_out_tensor().one_slice
        impl = self.mesh_impl(tensor)
        annotated = impl.annotate(whole, impl.axes(tensor.shape))
        super().set_tensor_lowering(tensor, Whole([annotated]))


class VariableSpec:
    """Stands where upstream makes a TensorFlow variable: a name, a shape, a type and how to initialize it."""

    device = ""

    def __init__(self, name: str, shape: list[int], dtype: tf.DType, initializer: Any):
        self.name, self.shape, self.dtype, self.initializer = f"{name}:0", shape, dtype, initializer


def variable_getter(
    getter: Callable,
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    **unused: Any,
) -> VariableSpec:
    """A custom getter for tf.variable_scope that makes no variable."""
    return VariableSpec(name, shape, dtype, initializer)


def _rounded_down(draws: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Float32 draws in another type, towards zero: a uniform draw below 1 must not become 1.

    Dropout compares draws with the keep probability; rounding to nearest would keep fewer than it says.
    """
    if dtype == tf.bfloat16:  # the upper half of a float32
        draws = tf.bitcast(tf.bitcast(draws, tf.uint32) & tf.constant(0xFFFF0000, tf.uint32), tf.float32)
    return tf.cast(draws, dtype)
