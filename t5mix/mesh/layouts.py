"""Meshes and layouts: which axis of the machine splits which named dimension.

A mesh is written `batch:2;model:4` (axes and their sizes), a layout `batch:batch,d_ff:model` (tensor dimension:
mesh axis), as Mesh-TensorFlow writes them (Shazeer et al. 2018, https://arxiv.org/abs/1811.02084).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

# Data parallelism over `batch`, and Megatron-like model parallelism over `model`: T5's own layout.
T5_LAYOUT = "batch:batch,vocab:model,d_ff:model,heads:model"

DIMENSIONS = ("batch", "length", "vocab", "d_model", "d_ff", "heads")

# No dimension of a tensor, but a rule: weights and optimizer slots are split over the axis as well, which may be that
# of `batch`. Each device then keeps a part of them, and gathers a weight when it is used: fully sharded data
# parallelism (Rajbhandari et al. 2020, ZeRO, https://arxiv.org/abs/1910.02054).
WEIGHTS = "weights"

# No tensor of the model has two of these, so one mesh axis may split all of them.
_NEVER_MEET = frozenset({"vocab", "d_ff", "heads"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """A mesh of devices and the layout of tensors on it.

    Attributes:
        shape: axes and sizes, `batch:2;model:4`; the product is the number of devices used.
        layout: rules, `dimension:axis`, separated by commas. A rule whose axis the mesh lacks splits nothing, so
            one layout serves every mesh. `weights:AXIS` splits weights and optimizer slots over one more axis.
    """

    shape: str = "batch:1"
    layout: str = T5_LAYOUT

    def __post_init__(self) -> None:
        for axis, size in _pairs("MeshConfig.shape", self.shape, ";"):
            if not size.isdecimal() or int(size) < 1:
                raise ValueError(f"MeshConfig.shape is {self.shape!r}: the size of axis {axis!r} must be a number >= 1")
        for dimension, _ in _pairs("MeshConfig.layout", self.layout, ","):
            if dimension not in (*DIMENSIONS, WEIGHTS):
                raise ValueError(
                    f"MeshConfig.layout is {self.layout!r}: no dimension {dimension!r}; "
                    f"choose from {', '.join((*DIMENSIONS, WEIGHTS))}"
                )
        for axis in self.axes:
            split = [dimension for dimension, other in self.rules.items() if other == axis and dimension != WEIGHTS]
            if len(split) > 1 and not _NEVER_MEET.issuperset(split):
                raise ValueError(
                    f"MeshConfig.layout is {self.layout!r}: axis {axis!r} splits {' and '.join(split)}, "
                    "which meet in one tensor; give each an axis of its own"
                )

        for axis, parts in self.axes.items():
            if parts > 1 and axis not in self.rules.values():
                raise ValueError(
                    f"MeshConfig.shape is {self.shape!r}, but MeshConfig.layout {self.layout!r} splits nothing over "
                    f"axis {axis!r}: its devices would all do the same; rename the axis, or add a rule"
                )

    @property
    def axes(self) -> dict[str, int]:
        """Size of each mesh axis, in order."""
        return {axis: int(size) for axis, size in _pairs("MeshConfig.shape", self.shape, ";")}

    @property
    def rules(self) -> dict[str, str]:
        """Mesh axis of each split dimension; only axes that the mesh has."""
        pairs = _pairs("MeshConfig.layout", self.layout, ",")
        return {dimension: axis for dimension, axis in pairs if axis in self.axes}

    @property
    def num_devices(self) -> int:
        """Devices that the mesh uses."""
        return math.prod(self.axes.values())

    def parts(self, dimension: str) -> int:
        """Returns into how many parts a dimension is split; 1 where no axis, or one of a single device, splits it."""
        return self.axes.get(self.rules.get(dimension, ""), 1)

    def axes_of_tensor(self, dimensions: Sequence[str]) -> list[int]:
        """Returns the number of the mesh axis that splits each dimension of a tensor; -1 where none does.

        An axis of one device splits nothing.

        Args:
            dimensions: their names.
        """
        numbers = {axis: number for number, axis in enumerate(self.axes)}
        return [numbers[self.rules[name]] if self.parts(name) > 1 else -1 for name in dimensions]

    def axes_of_weight(self, dimensions: Sequence[tuple[str, int]]) -> list[int]:
        """Returns the same for a weight, which `weights:AXIS` splits once more: its largest dimension that can be.

        A weight that has none stays as it is: those are small.

        Args:
            dimensions: names and sizes.
        """
        split = self.axes_of_tensor([name for name, _ in dimensions])
        axis = self.rules.get(WEIGHTS)
        number = list(self.axes).index(axis) if axis is not None else -1
        if axis is None or self.parts(WEIGHTS) == 1 or number in split:
            return split
        free = [place for place, (_, size) in enumerate(dimensions) if split[place] < 0 and not size % self.axes[axis]]
        if free:
            split[max(free, key=lambda place: dimensions[place][1])] = number
        return split

    def check(self, dimensions: Mapping[str, int], num_devices: int, lengths: Mapping[str, int] | None = None) -> None:
        """Refuses a mesh that the machine is too small for, or that does not divide a dimension that it splits.

        XLA would fill up a length that is not divided, and count the filling as tokens.

        Args:
            dimensions: sizes by name, `{"batch": 128, "d_ff": 2048, ...}`.
            num_devices: devices that there are.
            lengths: positions of each feature, `{"inputs": 512, "targets": 128}`, which are all of dimension "length".

        Raises:
            ValueError: naming the axis, the dimension and sizes that would do.
        """
        if self.num_devices > num_devices:
            raise ValueError(
                f"the mesh {self.shape!r} needs {self.num_devices} devices and this machine has {num_devices}; "
                "make an axis smaller (on CPU, T5MIX_CPU_DEVICES sets how many devices there are)"
            )
        for dimension, axis in self.rules.items():
            parts = self.axes[axis]
            sizes = {"its size": dimensions[dimension]} if dimension in dimensions else {}
            if dimension == "length":
                sizes |= {f"that of {name!r}": length for name, length in (lengths or {}).items()}
            for what, size in sizes.items():
                if size % parts:
                    below = f" or {size // parts * parts}" if size > parts else ""
                    raise ValueError(
                        f"the mesh {self.shape!r} splits {dimension} in {parts} (axis {axis!r}) but {what} is {size}; "
                        f"use a multiple of {parts}, such as {-(-size // parts) * parts}{below}"
                    )


def _pairs(name: str, text: str, separator: str) -> list[tuple[str, str]]:
    """Splits `a:b;c:d`; refuses what is not of that form, or names something twice."""
    pairs = []
    for item in text.split(separator):
        left, colon, right = item.strip().partition(":")
        if not (left and colon and right):
            raise ValueError(f"{name} is {text!r}: {item!r} is not of the form name:value (separator {separator!r})")
        pairs.append((left, right))
    names = [left for left, _ in pairs]
    twice = sorted({left for left in names if names.count(left) > 1})
    if twice:
        raise ValueError(f"{name} is {text!r}: {', '.join(twice)} is given twice")
    return pairs
