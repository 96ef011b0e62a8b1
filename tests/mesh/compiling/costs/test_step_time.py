"""Estimates follow from published figures by arithmetic that can be done by hand."""

import dataclasses

import numpy as np
import pytest

from t5mix.mesh.compiling.costs.chips import CHIPS, chip_of, cores_per_chip
from t5mix.mesh.compiling.costs.program_costs import Collective, Operation, ProgramCosts
from t5mix.mesh.compiling.costs.step_time import Wires, collective_seconds, step_time


@dataclasses.dataclass(frozen=True)
class Core:
    """A device as a topology describes it."""

    coords: tuple[int, int, int]
    device_kind: str
    core_on_chip: int = 0
    slice_index: int = 0


def wires(kind: str, batch: int, model: int, slices: int = 1) -> Wires:
    """A plane of chips: the model's axis along its first side."""
    cores = [
        [Core((x, y % (batch // slices), 0), kind, 0, y // (batch // slices)) for x in range(model)]
        for y in range(batch)
    ]
    devices = np.empty((batch, model), object)
    devices[:] = cores
    return Wires(devices, ("batch", "model"), (model, batch // slices, 1))


def collective(kind: str, axes: tuple[str, ...], group: int, size: int, overlapped: bool = False) -> Collective:
    return Collective(kind, axes, group, overlapped, 1, size)


def costs(*operations: Operation, collectives: tuple[Collective, ...] = ()) -> ProgramCosts:
    return ProgramCosts(operations, collectives, 0)


def test_each_operation_takes_the_longer_of_computing_and_memory():
    chip = CHIPS["TPU v5 lite"]
    computing = Operation(flops=chip.peak / 100, moved=8, cycles=0, times=3)
    moving = Operation(flops=1.0, moved=int(chip.memory_rate / 50), cycles=0, times=2)
    found = step_time(costs(computing, moving), wires("TPU v5 lite", 2, 2))
    assert found.seconds == pytest.approx(3 / 100 + 2 / 50)
    assert found.compute == pytest.approx(3 / 100, rel=1e-6) and found.memory == pytest.approx(2 / 50, rel=1e-6)
    assert found.limit == "memory" and found.compiler is None


def test_cores_share_what_a_chip_has():
    chip = CHIPS["TPU v3"]
    both = wires("TPU v3", 2, 2)
    devices = np.array(
        [[dataclasses.replace(core, core_on_chip=n % 2) for n, core in enumerate(row)] for row in both.devices]
    )
    assert cores_per_chip(list(devices.ravel())) == 2 and chip_of(list(devices.ravel())) == chip
    found = step_time(costs(Operation(chip.peak, 0, 0, 1)), dataclasses.replace(both, devices=devices))
    assert found.compute == pytest.approx(2)


def test_rings_send_both_ways_and_lines_one():
    chip = CHIPS["TPU v4"]
    size = int(50e9)
    line, ring = wires("TPU v4", 2, 2), wires("TPU v4", 4, 4)
    reduce = lambda group: collective("all-reduce", ("model",), group, size)  # noqa: E731
    assert collective_seconds(reduce(2), line, chip) == pytest.approx(2 * (1 / 2))
    assert collective_seconds(reduce(4), ring, chip) == pytest.approx(2 * (3 / 4) / 2)
    gather = collective("all-gather", ("batch", "model"), 16, size)
    assert collective_seconds(gather, ring, chip) == pytest.approx((15 / 16) / 4)
    assert collective_seconds(collective("all-gather", (), 1, size), ring, chip) == 0


def test_between_slices_the_network_counts():
    chip = CHIPS["TPU v4"]
    size = int(chip.network_rate)
    found = collective_seconds(collective("all-reduce", ("batch",), 8, size), wires("TPU v4", 8, 4, slices=2), chip)
    within = 2 * size * (3 / 4) / (2 * chip.link_rate)
    assert found == pytest.approx(within + 2 * (1 / 2) / 4)


def test_collectives_beside_computation_cost_what_it_does_not_cover():
    chip = CHIPS["TPU v4"]
    work = Operation(chip.peak, 0, 0, 1)  # one second
    beside = collective("all-gather", ("model",), 2, int(chip.link_rate), overlapped=True)  # half a second
    waited = collective("all-gather", ("model",), 2, int(chip.link_rate))
    on = wires("TPU v4", 2, 2)
    assert step_time(costs(work, collectives=(beside,)), on).seconds == pytest.approx(1.0)
    found = step_time(costs(work, collectives=(beside, waited)), on)
    assert found.seconds == pytest.approx(1.5) and found.interconnect == {"model": pytest.approx(1.0)}
    assert found.limit == "compute"


def test_a_device_of_which_nothing_is_published_is_refused():
    with pytest.raises(ValueError, match="no published figures are known of the device 'cpu'"):
        chip_of([Core((0, 0, 0), "cpu")])
