"""Meshes and layouts: what is read from them, and what is refused."""

import pytest

from t5mix.mesh.layouts import MeshConfig


def test_axes_rules_and_devices():
    mesh = MeshConfig(shape="batch:2;model:4")
    assert mesh.axes == {"batch": 2, "model": 4}
    assert mesh.num_devices == 8
    assert mesh.rules == {"batch": "batch", "vocab": "model", "d_ff": "model", "heads": "model"}
    assert MeshConfig(shape="batch:2").rules == {"batch": "batch"}
    assert [mesh.parts(dimension) for dimension in ("batch", "d_ff", "length")] == [2, 4, 1]
    assert MeshConfig().parts("batch") == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shape": "batch"}, "'batch' is not of the form name:value"),
        ({"shape": "batch:0"}, "must be a number >= 1"),
        ({"shape": "batch:two"}, "must be a number >= 1"),
        ({"shape": "batch:2;batch:2"}, "batch is given twice"),
        ({"layout": "bach:batch"}, "no dimension 'bach'"),
        ({"layout": "batch:batch,d_ff:batch"}, "splits batch and d_ff, which meet in one tensor"),
        ({"shape": "bacth:2"}, "splits nothing over axis 'bacth'"),
        ({"shape": "model:2", "layout": "d_model:model,heads:model"}, "splits d_model and heads"),
    ],
)
def test_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        MeshConfig(**settings)


def test_a_mesh_must_fit_the_machine_and_divide_what_it_splits():
    mesh = MeshConfig(shape="batch:2;model:2")
    mesh.check({"batch": 8, "d_ff": 64, "heads": 4, "vocab": 128}, num_devices=4)
    with pytest.raises(ValueError, match="needs 4 devices and this machine has 2"):
        mesh.check({}, num_devices=2)
    with pytest.raises(ValueError, match=r"splits batch in 2 .* its size is 7; use a multiple of 2, such as 8"):
        mesh.check({"batch": 7}, num_devices=4)
    with pytest.raises(ValueError, match=r"its size is 7; use a multiple of 2, such as 8 or 6$"):
        mesh.check({"batch": 7}, num_devices=4)
    with pytest.raises(ValueError, match="splits heads in 2"):
        mesh.check({"batch": 8, "heads": 3}, num_devices=4)


def test_a_mesh_must_divide_every_length_that_it_splits():
    lengths = {"inputs": 16, "targets": 6}
    MeshConfig(shape="batch:4").check({}, 4, lengths)
    mesh = MeshConfig(shape="batch:1;long:4", layout="batch:batch,length:long")
    mesh.check({}, 4, {**lengths, "targets": 8})
    with pytest.raises(ValueError, match=r"splits length in 4 \(axis 'long'\) but that of 'targets' is 6; .* 8 or 4$"):
        mesh.check({}, 4, lengths)
    with pytest.raises(ValueError, match=r"that of 'inputs' is 3; use a multiple of 4, such as 4$"):
        mesh.check({}, 4, {"inputs": 3, "targets": 8})


def test_an_axis_of_one_device_splits_nothing():
    one, two = (MeshConfig(shape=f"batch:{size};model:2", layout="batch:batch,heads:model") for size in (1, 2))
    assert one.axes_of_tensor(["batch", "heads", "length"]) == [-1, 1, -1]
    assert two.axes_of_tensor(["batch", "heads", "length"]) == [0, 1, -1]
