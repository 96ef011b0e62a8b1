"""The meshes that a search tries."""

import pytest

from t5mix.mesh.layouts import T5_LAYOUT
from t5mix.runs.preflight.plans.rehearsal.meshes import fully_sharded, shapes_of_meshes


@pytest.mark.parametrize(
    ("layout", "cores", "shapes"),
    [
        (T5_LAYOUT, 8, ["batch:8", "batch:4;model:2", "batch:2;model:4", "model:8"]),
        (T5_LAYOUT, 1, ["batch:1"]),
        (T5_LAYOUT, 6, ["batch:6", "batch:3;model:2", "batch:2;model:3", "model:6"]),
        ("batch:rows", 4, ["rows:4"]),
        ("d_ff:wide", 4, ["wide:4"]),
        ("batch:rows,heads:wide", 4, ["rows:4", "rows:2;wide:2", "wide:4"]),
    ],
)
def test_cores_are_shared_out_between_the_batch_and_the_model(layout, cores, shapes):
    assert list(shapes_of_meshes(layout, cores)) == shapes


@pytest.mark.parametrize(
    ("shape", "layout", "sharded"),
    [
        ("batch:4;model:2", T5_LAYOUT, [f"{T5_LAYOUT},weights:batch"]),
        ("rows:4", "batch:rows", ["batch:rows,weights:rows"]),
        ("model:8", T5_LAYOUT, []),
        ("batch:1;model:8", T5_LAYOUT, []),
        ("batch:8", f"{T5_LAYOUT}, weights:batch", []),  # it is already
        ("wide:4", "d_ff:wide", []),
    ],
)
def test_weights_are_split_over_the_axis_of_the_batch_where_they_are_not_yet(shape, layout, sharded):
    assert [mesh.layout for mesh in fully_sharded(shape, layout)] == sharded
