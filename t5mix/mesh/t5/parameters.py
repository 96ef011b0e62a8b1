"""Where a layer gets its weights from: by name, shape and first value.

A layer asks its scope for a weight and does not know whether the block is written out or stands in a loop: written
out, the weight is a variable; in a loop it is one layer's slice of a variable that holds all of them (loop.py).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from t5mix.mesh.mesh_tensorflow import mtf, mtf_ops
from t5mix.mesh.state import Initializer

# Gives the mtf tensor of a weight: (full name, dimensions, initializer) -> tensor.
GetWeight = Callable[[str, Sequence[Any], Initializer], Any]


@dataclasses.dataclass(frozen=True)
class Scope:
    """A place in the tree of weights, "encoder/layer_000".

    Example:
        >>> scope = Scope("encoder", get) / "layer_000" / "DenseReluDense"
        >>> kernel = scope.weight("wo/kernel", [d_ff, d_model], Initializer("truncated_normal", 0.03))
    """

    path: str
    get: GetWeight

    def __truediv__(self, name: str) -> "Scope":
        return Scope(f"{self.path}/{name}" if self.path else name, self.get)

    def weight(self, name: str, dimensions: Sequence[Any], initializer: Initializer) -> Any:
        """Returns the weight of that name here, an mtf tensor of the activations' type."""
        return self.get((self / name).path, dimensions, initializer)


def layer_scope(stack: Scope, block: int, part: int, num_parts: int) -> Scope:
    """Returns the scope of part `part` of block `block`: T5 counts the parts of all blocks of a stack in one row."""
    return stack / f"layer_{block * num_parts + part:03d}"


def shared_with_encoder(get: GetWeight) -> GetWeight:
    """Returns a GetWeight that gives a decoder its encoder's weights where both have such a layer.

    Self-attention and feed-forward, with the norms before them, are one weight each, which has the encoder's name. The
    relative bias is not among them: a decoder's buckets look back only.
    """

    def name_in_encoder(name: str) -> str:
        stack, layer, *rest = name.split("/")
        if stack != "decoder" or not layer.startswith("layer_") or rest[-1] == "relative_attention_bias":
            return name
        block, part = divmod(int(layer.removeprefix("layer_")), 3)
        if part == 1:  # attention to the encoder's output
            return name
        return "/".join([layer_scope(Scope("encoder", get), block, part // 2, 2).path, *rest])

    return lambda name, dimensions, initializer: get(name_in_encoder(name), dimensions, initializer)


class Weight(mtf_ops.Variable):
    """An mtf variable with an Initializer, behind which stands no TensorFlow variable.

    Attributes:
        initializer: how its first value is drawn.
    """

    def __init__(self, mesh: Any, name: str, shape: Any, dtype: Any, initializer: Initializer, *, trained: bool):
        """Adds the variable to the graph of `mesh`."""
        mtf_ops.Operation.__init__(self, [], mesh, name=name)
        self._name, self._dtype, self._trainable, self.initializer = name, dtype, trained, initializer
        self._outputs = [mtf_ops.Tensor(self, shape, dtype.activation_dtype)]
        self._splittable_dims, self._unsplittable_dims = self._initialize_all_dimensions_as_splittable()
        self.graph.all_variables.append(self)
        if trained:
            self.graph.trainable_variables.append(self)


def has_gradient(weight: Any) -> bool:
    """Tells whether the gradient of a tensor that a GetWeight gave is of use: a weight that is not trained has none."""
    return not isinstance(weight.operation, Weight) or weight.operation.trainable


def variables(mesh: Any, dtype: Any, is_trained: Callable[[str], bool] = lambda name: True) -> GetWeight:
    """Returns a GetWeight that makes (or finds) an mtf variable for each name.

    Args:
        mesh: the mtf mesh, whose graph the variables belong to.
        dtype: an mtf.VariableDType.
        is_trained: whether the variable of a name is trained.
    """
    known = mesh.graph.name_to_variable

    def get(name: str, dimensions: Sequence[Any], initializer: Initializer) -> Any:
        if name not in known:
            shape = mtf.Shape(list(dimensions))
            known[name] = Weight(mesh, name, shape, dtype, initializer, trained=is_trained(name))
        return known[name].outputs[0]

    return get
