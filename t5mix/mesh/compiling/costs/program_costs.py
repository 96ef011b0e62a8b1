"""What a compiled program does on one core: operations of matrix products, bytes, and collectives, loops counted out.

Counted from the program's text. What matrix products cost follows from their shapes alone; bytes are those of each
operation's inputs and outputs that lie in main memory, where a fusion reads a slice of an array only the slice.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from t5mix.mesh.compiling.costs.hlo_text import Computation, Instruction, Module, Shape, parse_module
from t5mix.mesh.compiling.costs.replica_groups import first_group, pairs

COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "ragged-all-to-all",
    "collective-permute",
    "collective-broadcast",
)

# What moves no bytes by itself.
_FREE = frozenset(
    "parameter constant get-tuple-element tuple bitcast while conditional call after-all partition-id replica-id "
    "opt-barrier iota async-start async-update async-done".split()
)


@dataclasses.dataclass(frozen=True)
class Collective:
    """Collectives of one kind over the same axes.

    Attributes:
        kind: "all-reduce", ...
        axes: mesh axes that they are over.
        group: cores that take part together.
        overlapped: whether the program computes meanwhile.
        count: how many a run of the program does.
        size: bytes of the whole array that each core sends or gets parts of, summed over all of them.
    """

    kind: str
    axes: tuple[str, ...]
    group: int
    overlapped: bool
    count: int
    size: int


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation that the core does at once, such as a fusion.

    Attributes:
        flops: of its matrix products.
        moved: bytes between main memory and core.
        cycles: of the core, as the compiler estimated them; 0 where it did not.
        times: how often a run of the program does it.
    """

    flops: float
    moved: int
    cycles: int
    times: int


@dataclasses.dataclass(frozen=True)
class ProgramCosts:
    """What one run of a program costs on one core.

    Attributes:
        operations: everything but collectives.
        collectives: those of a kind and axis together, largest first.
        unknown_loops: loops whose text does not say how often they run; they are counted once.
    """

    operations: tuple[Operation, ...]
    collectives: tuple[Collective, ...]
    unknown_loops: int

    @property
    def flops(self) -> float:
        """Of all matrix products."""
        return sum(one.flops * one.times for one in self.operations)

    @property
    def moved(self) -> int:
        """Bytes between main memory and core."""
        return sum(one.moved * one.times for one in self.operations)

    @property
    def cycles(self) -> int:
        """What the compiler estimated, collectives left out."""
        return sum(one.cycles * one.times for one in self.operations)


def program_costs(text: str, axes: Mapping[str, int]) -> ProgramCosts:
    """Counts what a program costs.

    Args:
        text: of the program, compiled for one core of the mesh, as XLA prints it.
        axes: sizes of the mesh's axes, by name, in order.
    """
    counter = _Counter(parse_module(text), axes)
    counter.count(counter.module.computations[counter.module.entry], 1)
    found = [
        Collective(kind, over, group, overlapped, count, size)
        for (kind, over, group, overlapped), (count, size) in counter.collectives.items()
    ]
    found.sort(key=lambda one: (-one.size, one.kind, one.axes))
    return ProgramCosts(tuple(counter.operations), tuple(found), counter.unknown_loops)


class _Counter:
    """Goes through a program as it runs."""

    def __init__(self, module: Module, axes: Mapping[str, int]) -> None:
        self.module, self._axes = module, axes
        self.operations: list[Operation] = []
        self.collectives: dict[tuple[str, tuple[str, ...], int, bool], tuple[int, int]] = {}
        self.unknown_loops = 0

    def count(self, computation: Computation, times: int) -> None:
        """Counts a computation that runs so often."""
        for one in computation.instructions.values():
            self._collectives(computation, one, times)
            if one.opcode == "while":
                trips = self.module.trips(computation, one)
                self.unknown_loops += trips is None
                for name in one.called:
                    self.count(self.module.computations[name], times * (1 if trips is None else trips))
            elif one.opcode in ("call", "conditional", "async-start"):
                for name in one.called:
                    self.count(self.module.computations[name], times)
            elif one.opcode not in _FREE and not _kind(one):
                self._operation(computation, one, times)

    def _operation(self, computation: Computation, one: Instruction, times: int) -> None:
        flops = sum(_flops(inner, product) for inner, product in self._products(computation, one))
        cycles = re.search(r'"estimated_cycles":"(\d+)"', one.rest)
        moved = self._moved(computation, one)
        self.operations.append(Operation(flops, moved, int(cycles[1]) if cycles else 0, times))

    def _products(self, computation: Computation, one: Instruction) -> Iterator[tuple[Computation, Instruction]]:
        """Yields the matrix products of an operation, with those of fusions within fusions."""
        if one.opcode in ("dot", "convolution"):
            yield computation, one
        if one.opcode == "fusion":
            for name in one.called:
                inner = self.module.computations[name]
                for each in inner.instructions.values():
                    yield from self._products(inner, each)

    def _collectives(self, computation: Computation, one: Instruction, times: int) -> None:
        """Counts an instruction's collective, or those of a fusion."""
        kind = _kind(one)
        if kind:
            axes, group = self._over(one)
            overlapped = one.opcode.endswith("-start")
            size = _size(computation, one, kind, group)
            key = (kind, axes, group, overlapped)
            count, before = self.collectives.get(key, (0, 0))
            self.collectives[key] = (count + times, before + size * times)
        elif one.opcode == "fusion":
            for name in one.called:
                inner = self.module.computations[name]
                for each in inner.instructions.values():
                    self._collectives(inner, each, times)

    def _over(self, one: Instruction) -> tuple[tuple[str, ...], int]:
        """Returns the mesh axes along which the cores of a collective differ, and how many cores a group has."""
        sizes, number = list(self._axes.values()), math.prod(self._axes.values())
        if one.opcode.startswith("collective-permute"):
            groups, size = pairs(one.rest), 2
        else:
            group = first_group(one.rest, number)
            groups, size = [group], len(group)
        places = [np.stack(np.unravel_index(group, sizes), axis=1) for group in groups if max(group) < number]
        differ = np.zeros(len(sizes), bool)
        for place in places:
            differ |= (place != place[0]).any(axis=0)
        return tuple(name for name, differs in zip(self._axes, differ, strict=True) if differs), size

    def _moved(self, computation: Computation, one: Instruction) -> int:
        """Returns the bytes that an operation reads from main memory and writes there."""
        if one.opcode.endswith("-done") or (one.opcode == "custom-call" and "AllocateBuffer" in one.rest):
            return 0
        if one.opcode.endswith("-start"):  # the result is (written, read, ...)
            return sum(_in_memory(shape) for shape in one.shapes)
        if one.opcode == "fusion" and len(one.called) == 1:
            return self._moved_by_fusion(computation, one)
        return _moved_by_one(one, computation.operands(one))

    def _moved_by_fusion(self, computation: Computation, one: Instruction) -> int:
        inner, total = self.module.computations[one.called[0]], 0
        root = inner.instructions[inner.root]
        results = inner.operands(root) if root.opcode == "tuple" else [root]
        updated: set[str] = set()
        for result, shape in zip(results, one.shapes, strict=False):
            update = _update(inner, result)
            total += _in_memory(update.shapes[0], shape) if update else _in_memory(shape)
            if update:
                updated.add(_source(inner, result))
        for parameter in inner.instructions.values():
            if parameter.opcode != "parameter" or parameter.name in updated:
                continue
            number = int(parameter.rest.split(")")[0])
            given = computation.instructions.get(one.operands[number]) if number < len(one.operands) else None
            if given is not None and given.shapes:
                total += _read(inner, parameter, given.shapes[0])
        return total


def _kind(one: Instruction) -> str | None:
    """Returns which collective begins here; None where none does."""
    kind = one.opcode.removesuffix("-start")
    return kind if kind in COLLECTIVES else None


def _size(computation: Computation, one: Instruction, kind: str, group: int) -> int:
    """Returns the bytes of the whole array that a collective is about."""
    given = sum(shape.size for each in computation.operands(one) for shape in each.shapes)
    made = sum(shape.size for shape in one.shapes)
    if one.opcode.endswith("-start") and kind != "all-reduce":
        made -= given
    if kind == "all-gather":
        return made
    if kind == "reduce-scatter":
        return given or made * group
    return given or made


def _flops(computation: Computation, one: Instruction) -> float:
    """Returns multiplications and additions of a matrix product."""
    operands = computation.operands(one)
    if len(operands) != 2:
        return 0.0
    left, right = (each.shapes[0].dims for each in operands)
    made = one.shapes[0].dims
    if one.opcode == "dot":
        summed = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", one.rest)
        return 2.0 * math.prod(made) * math.prod(left[int(d)] for d in summed[1].split(",") if d) if summed else 0.0
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", one.rest)
    if not labels:
        return 0.0
    of_left, of_right, of_made = labels.groups()
    products: float = made[of_made.index("b")] * made[of_made.index("f")] * right[of_right.index("i")]
    groups = re.search(r"batch_group_count=(\d+)", one.rest)
    products /= int(groups[1]) if groups else 1
    window = _window(one.rest)
    for number, label in enumerate(sorted(label for label in of_made if label.isdigit())):
        sizes = left[of_left.index(label)], right[of_right.index(label)], made[of_made.index(label)]
        products *= _meetings(*sizes, {name: values[number] for name, values in window.items()})
    return 2.0 * products


def _window(rest: str) -> dict[str, list[str]]:
    found = re.search(r"window=\{([^}]*)\}", rest)
    parts = dict(part.split("=") for part in found[1].split()) if found else {}
    return {name: values.split("x") for name, values in parts.items()}


def _meetings(size: int, kernel: int, made: int, window: Mapping[str, str]) -> int:
    """Counts the pairs of a result's position and a kernel's that meet an element, in one dimension.

    XLA writes a product with batch dimensions as a convolution with strides and dilations, in which most pairs meet
    nothing but padding.
    """
    stride, spread = int(window.get("stride", 1)), int(window.get("lhs_dilate", 1))
    apart, low = int(window.get("rhs_dilate", 1)), int(window.get("pad", "0_0").split("_")[0])
    at = np.arange(made)[:, None] * stride - low + np.arange(kernel)[None, :] * apart
    return int(((at >= 0) & (at <= (size - 1) * spread) & (at % spread == 0)).sum())


def _in_memory(shape: Shape, where: Shape | None = None) -> int:
    return 0 if (where or shape).on_chip else shape.size


def _moved_by_one(one: Instruction, operands: list[Instruction]) -> int:
    shapes = [shape for each in operands for shape in each.shapes]
    if one.opcode in ("dynamic-slice", "slice", "gather"):
        return sum(_in_memory(shape) for shape in one.shapes) + (_in_memory(one.shapes[0], shapes[0]) if shapes else 0)
    if one.opcode in ("dynamic-update-slice", "scatter") and len(shapes) > 1:
        written = shapes[1] if one.opcode == "dynamic-update-slice" else shapes[-1]
        return _in_memory(written) + _in_memory(written, one.shapes[0])
    return sum(map(_in_memory, [*shapes, *one.shapes]))


def _update(inner: Computation, result: Instruction) -> Instruction | None:
    """Returns what a fusion writes into a part of an array; None where it writes the whole."""
    while result.opcode in ("bitcast", "reshape", "copy") and inner.operands(result):
        result = inner.operands(result)[0]
    operands = inner.operands(result)
    return operands[1] if result.opcode == "dynamic-update-slice" and len(operands) > 1 else None


def _source(inner: Computation, result: Instruction) -> str:
    while result.opcode in ("bitcast", "reshape", "copy", "dynamic-update-slice") and inner.operands(result):
        result = inner.operands(result)[0]
    return result.name


def _read(inner: Computation, parameter: Instruction, given: Shape) -> int:
    """Returns the bytes that a fusion reads of what it is given: those of slices, where it only takes slices."""
    if given.on_chip:
        return 0
    total, waiting = 0, [parameter]
    while waiting:
        now = waiting.pop()
        for user in inner.instructions.values():
            if now.name not in user.operands:
                continue
            if user.opcode in ("bitcast", "reshape"):
                waiting.append(user)
            elif user.opcode in ("dynamic-slice", "slice", "gather") and user.operands[0] == now.name:
                total += user.shapes[0].size
            else:
                return given.size
    return min(total, given.size)
