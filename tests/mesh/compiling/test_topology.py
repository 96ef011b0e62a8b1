"""Topologies of TPUs on a machine without one."""

import importlib.util
import os

import pytest

from t5mix.mesh.compiling.costs.chips import chip_of, cores_per_chip
from t5mix.mesh.compiling.topology import topology_devices
from tests.mesh.compiling.topologies import needs_libtpu


@pytest.mark.parametrize("name", ["v5e", "v5e:4", "v5e:4x", "v9:2x2", "4x4", "", "v4:2x2x2x2"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="such as v5e:4x4"):
        topology_devices(name)


def test_without_libtpu_one_line_says_what_to_install():
    if importlib.util.find_spec("libtpu"):
        pytest.skip("libtpu is installed")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 't5mix\[tpu\]'"):
        topology_devices("v5e:2x2")


@needs_libtpu
@pytest.mark.parametrize(
    ("name", "slices", "chips", "cores", "generation"),
    [
        ("v2:4x4", 1, 16, 2, "v2"),
        ("v3:4x4", 1, 16, 2, "v3"),
        ("v4:2x2x2", 1, 8, 1, "v4"),
        ("v5e:4x4", 1, 16, 1, "v5e"),
        ("v5e:1x1", 1, 1, 1, "v5e"),
        ("v5p:2x2x2", 1, 8, 1, "v5p"),
        ("v6e:2x4", 1, 8, 1, "v6e"),
        ("v5e:4x4", 2, 32, 1, "v5e"),
    ],
)
def test_topologies_have_their_chips(name, slices, chips, cores, generation):
    devices = topology_devices(name, slices)
    assert len(devices) == chips * cores and cores_per_chip(devices) == cores
    assert chip_of(devices).name == generation


@needs_libtpu
def test_libtpu_is_told_to_ask_nobody():
    topology_devices("v5e:2x2")
    assert os.environ["TPU_SKIP_MDS_QUERY"] == "1"


@needs_libtpu
def test_a_topology_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="none that libtpu knows"):
        topology_devices("v4:3x2x1")
