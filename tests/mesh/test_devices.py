"""Devices on the axes of a mesh: in order on the CPU; on a TPU what talks most is closest."""

import dataclasses

import numpy as np
import pytest

from t5mix.mesh.compiling.topology import topology_devices
from t5mix.mesh.devices import arranged, available_devices, device_mesh, jax
from t5mix.mesh.layouts import MeshConfig
from tests.mesh.compiling.topologies import needs_libtpu


def test_devices_of_a_cpu_come_in_order():
    available_devices()
    mesh = device_mesh(MeshConfig(shape="batch:2;model:2"))
    assert [device.id for device in mesh.devices.ravel()] == [device.id for device in jax.devices()[:4]]
    assert mesh.axis_names == ("batch", "model")


def chips_apart(devices) -> int:
    places = np.array([device.coords for device in devices])
    return int(np.abs(np.diff(places, axis=0)).sum(axis=1).max())


@needs_libtpu
@pytest.mark.parametrize("shape", ["batch:4;model:4", "model:4;batch:4", "batch:8;model:2", "batch:2;model:8"])
def test_neighbours_on_the_axis_of_weights_are_neighbours_on_the_wires(shape):
    mesh = MeshConfig(shape=shape)
    found = arranged(mesh, topology_devices("v5e:4x4"))
    assert found.shape == tuple(mesh.axes.values())
    assert len({device.id for device in found.ravel()}) == 16
    model = np.moveaxis(found, list(mesh.axes).index("model"), -1)
    assert all(chips_apart(line) <= 3 for line in model.reshape(-1, model.shape[-1]))
    if mesh.axes["model"] == 4:  # a whole side of the torus
        assert all(chips_apart(line) == 1 for line in model.reshape(-1, 4))


@needs_libtpu
def test_slices_share_out_the_batch():
    devices = topology_devices("v5e:2x2", 2)
    found = arranged(MeshConfig(shape="model:2;batch:4"), devices)
    of_slice = np.vectorize(lambda device: device.slice_index)(found)
    assert (of_slice[0] == of_slice[1]).all() and list(of_slice[0]) == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="make that axis a multiple of 2"):
        arranged(MeshConfig(shape="model:8"), devices)
    with pytest.raises(ValueError, match="make that axis a multiple of 2"):
        arranged(MeshConfig(shape="batch:1;model:8"), devices)


@dataclasses.dataclass(frozen=True)
class Core:
    """What a mesh asks of a device."""

    id: int
    platform: str


def test_a_part_of_the_devices_is_taken_in_order():
    cores = [Core(number, "tpu") for number in range(8)]
    assert [core.id for core in arranged(MeshConfig(shape="batch:4"), cores)] == [0, 1, 2, 3]
