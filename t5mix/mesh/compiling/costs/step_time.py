"""How long a program would take on its chips, from what is published of them: an estimate, and what it is made of.

Each operation takes the longer of two times: its matrix products at the chip's peak, its bytes at the memory's rate.
Collectives are those of rings over the wires that their axis lies on, and wait for nothing but their turn; those that
the compiler has put beside computation cost only what that does not cover. `LEFT_OUT` says what is not in it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5mix.mesh.compiling.costs.chips import Chip, chip_of, cores_per_chip
from t5mix.mesh.compiling.costs.program_costs import Collective, ProgramCosts

LEFT_OUT = (
    "operations other than matrix products (softmax, random numbers), matrices that do not fill the matrix unit, the "
    "start of each operation, rings that share a wire, checkpoints, evaluation, and waiting for input"
)


@dataclasses.dataclass(frozen=True)
class StepTime:
    """An estimate in seconds.

    Attributes:
        compute: all matrix products at the chip's peak.
        memory: all bytes at the memory's rate.
        interconnect: all collectives, by what their axes are called ("batch+model"), one after the other.
        seconds: of one run of the program.
        compiler: what the compiler estimates for everything but collectives, and the collectives; None where it says
            nothing.
    """

    compute: float
    memory: float
    interconnect: dict[str, float]
    seconds: float
    compiler: float | None

    @property
    def limit(self) -> str:
        """What takes longest: "compute", "memory" or "interconnect"."""
        times = {"compute": self.compute, "memory": self.memory, "interconnect": sum(self.interconnect.values())}
        return max(times, key=lambda name: times[name])


@dataclasses.dataclass(frozen=True)
class Wires:
    """How devices of a mesh are linked.

    Attributes:
        devices: in the mesh's shape.
        axes: names of its dimensions.
        sides: chips of the topology in each direction of the torus.
    """

    devices: np.ndarray
    axes: Sequence[str]
    sides: tuple[int, ...]

    def rates(self, over: Sequence[str], chip: Chip) -> tuple[float, int, int]:
        """Returns how fast a chip gets bytes along mesh axes, how many chips that are in a slice, and how many slices.

        A ring sends both ways; a line, whose ends are not linked, gets everything from one side at its ends.

        Args:
            over: names of axes.
            chip: of the devices.
        """
        index = tuple(slice(None) if axis in over else 0 for axis in self.axes)
        group = list(np.ravel(self.devices[index]))
        places = np.array([device.coords for device in group])
        spanned = [place for place in range(places.shape[1]) if len(set(places[:, place])) > 1]
        ways = sum(2 if self.sides[place] >= chip.wraps_from else 1 for place in spanned)
        slices = {getattr(device, "slice_index", 0) for device in group}
        return max(ways, 1) * chip.link_rate, len(group) // len(slices), len(slices)


def wires_of(mesh: Any) -> Wires:
    """Returns how the devices of a mesh are linked.

    Args:
        mesh: JAX's, of TPU devices.
    """
    coordinates = np.array([device.coords for device in mesh.devices.ravel()])
    return Wires(mesh.devices, mesh.axis_names, tuple(int(side) for side in coordinates.max(axis=0) + 1))


def step_time(costs: ProgramCosts, wires: Wires) -> StepTime:
    """Estimates how long one run of a program takes.

    Args:
        costs: of the program on one core.
        wires: of the mesh that it was compiled for.
    """
    devices = list(wires.devices.ravel())
    chip, cores = chip_of(devices), cores_per_chip(devices)
    peak, rate = chip.peak / cores, chip.memory_rate / cores
    operations = sum(max(one.flops / peak, one.moved / rate) * one.times for one in costs.operations)
    waiting, beside, by_axes = 0.0, 0.0, dict[str, float]()
    for one in costs.collectives:
        seconds = collective_seconds(one, wires, chip)
        name = "+".join(one.axes) or "none"
        by_axes[name] = by_axes.get(name, 0.0) + seconds
        if one.overlapped:
            beside += seconds
        else:
            waiting += seconds
    cycles = costs.cycles / clock(chip)
    return StepTime(
        compute=costs.flops / peak,
        memory=costs.moved / rate,
        interconnect=by_axes,
        seconds=max(operations, beside) + waiting,
        compiler=max(cycles, beside) + waiting if cycles else None,
    )


def clock(chip: Chip) -> float:
    """Returns cycles a second of a chip's cores."""
    return _CLOCKS[chip.name]


# v2, v3 and v4 as published; of the others what their peak says of matrix units of 128 x 128 (256 x 256 from v6e on).
_CLOCKS = {"v2": 0.7e9, "v3": 0.94e9, "v4": 1.05e9, "v5e": 1.5e9, "v5p": 1.75e9, "v6e": 1.75e9, "tpu7x": 1.9e9}


def collective_seconds(one: Collective, wires: Wires, chip: Chip) -> float:
    """Returns how long collectives of a kind take, each of which sends its parts around a ring.

    Args:
        one: the collectives, together.
        wires: of the mesh.
        chip: of its devices.
    """
    if one.group < 2 or not one.axes:
        return 0.0
    rate, within, slices = wires.rates(one.axes, chip)
    if one.kind in ("collective-permute", "collective-broadcast"):
        return one.size / (chip.link_rate if slices == 1 else chip.network_rate)
    rounds = 2 if one.kind == "all-reduce" else 1
    group = min(one.group, within)
    part = one.size * rounds * (group - 1) / group / rate
    if one.kind.endswith("all-to-all"):
        part *= max(1.0, group / 8)  # each sends to each, and what goes far passes many wires
    # Between slices each chip sends its own part of the array.
    return part + one.size * rounds * (slices - 1) / slices / group / chip.network_rate
