"""A compiled program's text, as XLA prints it, taken apart into computations and instructions.

Only the text says how often a loop runs, which operations were fused and what collectives there are: XLA's own cost
analysis counts a loop's body once.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence

_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (.*)$")
_SHAPE = re.compile(r"([a-z]+[0-9]*[a-z0-9]*)\[([\d,<=]*)\](\{[^}]*\})?")
_NAME = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"(?:calls|body|to_apply|called_computations|branch_computations)=\{?((?:%[\w.\-]+(?:, )?)+)")
_BRACKETS = {"(": 1, ")": -1}

# What an instruction only passes on.
_PASSING = frozenset({"copy", "bitcast", "copy-done", "copy-start", "opt-barrier", "reshape", "convert"})


@dataclasses.dataclass(frozen=True)
class Shape:
    """An array.

    Attributes:
        dtype: as XLA names it, "bf16".
        dims: its sizes.
        on_chip: whether it lies in the chip's own fast memory, and not in its main memory.
    """

    dtype: str
    dims: tuple[int, ...]
    on_chip: bool

    @property
    def size(self) -> int:
        """Its bytes, without padding."""
        bits = re.search(r"\d+", self.dtype)
        each = 8 if self.dtype == "pred" else int(bits[0]) if bits else 0
        return math.prod(self.dims) * each // 8


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a computation.

    Attributes:
        name: without its percent sign.
        opcode: "fusion", "all-reduce-start", ...
        shapes: of its result; several where that is a tuple.
        operands: names of what it takes.
        rest: its attributes, as text; of a constant or parameter with what stands in its brackets.
    """

    name: str
    opcode: str
    shapes: tuple[Shape, ...]
    operands: tuple[str, ...]
    rest: str

    @property
    def called(self) -> list[str]:
        """Names of the computations that it runs, a loop's condition left out."""
        return [name for found in _CALLED.findall(self.rest) for name in _NAME.findall(found)]

    def attribute(self, name: str) -> str | None:
        """Returns the text of an attribute that has no blanks; None where there is none of that name."""
        found = re.search(rf"\b{name}=([^\s]*?)(?:, |\s|$)", self.rest)
        return found[1] if found else None


@dataclasses.dataclass(frozen=True)
class Computation:
    """Instructions by name, in order; the last one marked ROOT is its result."""

    name: str
    instructions: Mapping[str, Instruction]
    root: str

    def operands(self, instruction: Instruction) -> list[Instruction]:
        """Returns what an instruction takes."""
        return [self.instructions[name] for name in instruction.operands if name in self.instructions]


@dataclasses.dataclass(frozen=True)
class Module:
    """A program: its computations by name, and which of them it begins with."""

    computations: Mapping[str, Computation]
    entry: str

    def trips(self, computation: Computation, loop: Instruction) -> int | None:
        """Returns how often a loop's body runs, at most; None where its text does not say.

        XLA says it itself, or the condition compares a counter with a constant; a loop that may end earlier too, such
        as that of decoding, has an end like that as well.

        Args:
            computation: that the loop is in.
            loop: a "while".
        """
        known = re.search(r'known_trip_count"?[=:]\s*\{"?n"?[=:]\s*"?(\d+)', loop.rest)
        if known:
            return int(known[1])
        condition = re.search(r"\bcondition=%?([\w.\-]+)", loop.rest)
        if condition is None or condition[1] not in self.computations:
            return None
        found = self._bounds(self.computations[condition[1]], computation, loop)
        return min(found, default=None)

    def _bounds(self, condition: Computation, outside: Computation, loop: Instruction) -> Iterator[int]:
        for one in condition.instructions.values():
            if one.opcode == "fusion":  # its operands are the condition's
                yield from self._bounds_in(self.computations[one.called[0]], condition.operands(one), outside, loop)
        yield from self._bounds_in(condition, (), outside, loop)

    def _bounds_in(
        self, inner: Computation, given: Sequence[Instruction], outside: Computation, loop: Instruction
    ) -> Iterator[int]:
        for compare in inner.instructions.values():
            direction = re.search(r"direction=(\w+)", compare.rest)
            if compare.opcode != "compare" or not direction or len(compare.operands) != 2:
                continue
            sides = [_given(one, given) for one in inner.operands(compare)]
            if len(sides) != 2 or sides[0].opcode != "get-tuple-element" or sides[1].opcode != "constant":
                continue
            start = _constant(_element(outside, loop, int(sides[0].attribute("index") or 0)))
            end = _constant(sides[1])
            if end is not None and start is None and direction[1] in ("LT", "LE"):
                start = 0
            if start is None or end is None:
                continue
            counts = {"LT": end - start, "LE": end - start + 1, "GE": start - end + 1, "GT": start - end}
            if counts.get(direction[1], -1) >= 0:
                yield counts[direction[1]]


def _given(one: Instruction, given: Sequence[Instruction]) -> Instruction:
    """Returns what a fusion's parameter stands for; another instruction as it is."""
    if one.opcode != "parameter":
        return one
    number = int(re.match(r"\d+", one.rest)[0])  # type: ignore[index]
    return given[number] if number < len(given) else one


def _element(computation: Computation, loop: Instruction, index: int) -> Instruction | None:
    """Returns what makes an element of the tuple that a loop starts with."""
    start = computation.operands(loop)
    if len(start) != 1 or start[0].opcode != "tuple" or index >= len(start[0].operands):
        return None
    found = computation.instructions.get(start[0].operands[index])
    while found is not None and found.opcode in _PASSING and found.operands:
        found = computation.instructions.get(found.operands[0])
    return found


def _constant(one: Instruction | None) -> int | None:
    if one is None or one.opcode != "constant":
        return None
    number = re.match(r"-?\d+(?=\))", one.rest)
    return int(number[0]) if number else None


def parse_module(text: str) -> Module:
    """Takes a program's text apart.

    Args:
        text: as `compiled.as_text()` of JAX gives it.

    Raises:
        ValueError: it has no entry.
    """
    computations: dict[str, Computation] = {}
    entry, name, root = "", "", ""
    instructions: dict[str, Instruction] = {}
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header:
            name, root, instructions = header[2], "", {}
            entry = name if header[1] else entry
        elif line.startswith("}") and name:
            computations[name] = Computation(name, instructions, root)
            name = ""
        elif name and (found := _INSTRUCTION.match(line)):
            one = _instruction(found[2], found[3])
            instructions[one.name] = one
            root = one.name if found[1] else root
    if not entry:
        raise ValueError("this is no compiled program: its text has no ENTRY")
    return Module(computations, entry)


def _instruction(name: str, text: str) -> Instruction:
    kind, rest = _split(text) if text.startswith("(") else text.split(" ", 1)
    opcode, rest = rest.strip().split("(", 1)
    inside, attributes = _split(f"({rest}")
    rest = f"{inside[1:]}{attributes}" if opcode in ("constant", "parameter") else attributes.lstrip(", ")
    return Instruction(name, opcode, shapes_in(kind), tuple(_NAME.findall(inside)), rest)


def _split(text: str) -> tuple[str, str]:
    """Splits a text behind the bracket that closes its first one."""
    depth = 0
    for found in re.finditer(r"[()]", text):
        depth += _BRACKETS[found[0]]
        if not depth:
            return text[: found.end()], text[found.end() :]
    return text, ""


@functools.lru_cache(maxsize=4096)
def shapes_in(text: str) -> tuple[Shape, ...]:
    """Returns all arrays that a text names: `(f32[4,8]{1,0:S(1)}, s32[])`."""
    return tuple(
        Shape(dtype, tuple(int(size.lstrip("<=")) for size in dims.split(",") if size), "S(1)" in (layout or ""))
        for dtype, dims, layout in _SHAPE.findall(text)
    )
