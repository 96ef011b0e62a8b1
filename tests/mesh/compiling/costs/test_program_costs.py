"""What a program costs: products, bytes and collectives, loops counted out; on meshes of the CPU, and in TPU's text."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from t5mix.mesh.compiling.costs.program_costs import program_costs
from t5mix.mesh.devices import device_mesh
from t5mix.mesh.layouts import MeshConfig

AXES = {"batch": 2, "model": 2}


@functools.cache
def compiled_text() -> str:
    """Seven times a feed-forward layer as T5's layout splits it, and a sum over the batch."""
    mesh = device_mesh(MeshConfig(shape="batch:2;model:2"))
    rows, columns = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("batch", None), (None, "model")))
    across = NamedSharding(mesh, PartitionSpec("model", None))

    def program(x, w, v):
        layer = lambda _, y: jax.lax.with_sharding_constraint(jnp.tanh((y @ w) @ v), rows)  # noqa: E731
        return jax.lax.fori_loop(0, 7, layer, x).sum()

    specs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((32, 16), (16, 64), (64, 16))]
    return jax.jit(program, in_shardings=(rows, columns, across)).lower(*specs).compile().as_text()


def test_products_in_a_loop_count_as_often_as_it_runs():
    # A core has half the rows and half of the wide dimension.
    assert program_costs(compiled_text(), AXES).flops == 7 * 2 * (2 * 16 * 16 * 32)


def test_collectives_have_kind_axis_bytes_and_number():
    found = program_costs(compiled_text(), AXES)
    by_axes = {one.axes: one for one in found.collectives}
    layer = by_axes["model",]
    assert (layer.kind, layer.group, layer.count, layer.size) == ("all-reduce", 2, 7, 7 * 16 * 16 * 4)
    assert by_axes["batch",].size == 4 and by_axes["batch",].count == 1
    assert found.unknown_loops == 0


def tpu(*lines: str, before: str = "") -> str:
    return "\n".join(["HloModule jit_f", "", before, "ENTRY %main (a: f32[]) -> f32[] {", *lines, "}"])


def test_products_that_tpus_write_as_convolutions():
    # A weight's: [8, 128, 256] x [256, 64]; its gradient: sums over batch and length; heads as dilated dimensions.
    plain = tpu(
        "  %x = bf16[8,128,256]{2,1,0} parameter(0)",
        "  %w = bf16[256,64,1]{0,1,2} parameter(1)",
        "  ROOT %convolution.1 = bf16[8,128,64]{1,2,0} convolution(%x, %w), window={size=1}, dim_labels=0bf_io0->0bf",
    )
    assert program_costs(plain, AXES).flops == 2 * 8 * 128 * 256 * 64
    gradient = tpu(
        "  %x = bf16[8,128,256]{2,1,0} parameter(0)",
        "  %y = bf16[8,128,64]{2,1,0} parameter(1)",
        "  ROOT %convolution.2 = bf16[256,64,1]{1,0,2} convolution(%x, %y), window={size=8}, dim_labels=0fb_0io->bf0",
    )
    assert program_costs(gradient, AXES).flops == 2 * 8 * 128 * 256 * 64
    heads = tpu(
        "  %x = bf16[8,2,64,128]{3,2,1,0} parameter(0)",
        "  %y = bf16[8,2,128,32]{3,2,1,0} parameter(1)",
        "  ROOT %convolution.3 = bf16[8,2,64,32]{3,2,1,0} convolution(%x, %y), "
        "window={size=8x2 stride=7x1 lhs_dilate=8x2}, dim_labels=01bf_01io->01bf",
    )
    assert program_costs(heads, AXES).flops == 2 * 8 * 2 * 64 * 128 * 32


FUSED = """\
%fused (param_0: f32[24,256,64], param_1: s32[], param_2: f32[8,256]) -> f32[8,64] {
  %param_0 = f32[24,256,64]{2,1,0} parameter(0)
  %param_1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  %slice = f32[1,256,64]{2,1,0} dynamic-slice(%param_0, %param_1, %zero, %zero), dynamic_slice_sizes={1,256,64}
  %weight = f32[256,64]{1,0} bitcast(%slice)
  %param_2 = f32[8,256]{1,0} parameter(2)
  ROOT %dot = f32[8,64]{1,0} dot(%param_2, %weight), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
"""


def test_a_fusion_that_takes_one_block_of_stacked_weights_reads_that_block():
    text = tpu(
        "  %w = f32[24,256,64]{2,1,0} parameter(0)",
        "  %i = s32[] parameter(1)",
        "  %x = f32[8,256]{1,0:T(8,128)S(1)} parameter(2)",
        "  ROOT %f = f32[8,64]{1,0} fusion(%w, %i, %x), kind=kOutput, calls=%fused, "
        'backend_config={"estimated_cycles":"9"}',
        before=FUSED,
    )
    found = program_costs(text, AXES)
    assert found.flops == 2 * 8 * 256 * 64
    # The block and the result; the number lies beside; x lies in the chip's fast memory.
    assert found.moved == pytest.approx(4 * (256 * 64 + 8 * 64), abs=8)
    assert found.cycles == 9


def test_an_update_in_place_moves_what_it_writes():
    text = tpu(
        "  %all = f32[24,256]{1,0} parameter(0)",
        "  %one = f32[1,256]{1,0} parameter(1)",
        "  %i = s32[] parameter(2)",
        "  ROOT %u = f32[24,256]{1,0} dynamic-update-slice(%all, %one, %i, %i)",
    )
    assert program_costs(text, AXES).moved == 2 * 4 * 256


def test_collectives_beside_computation_are_told_apart():
    text = tpu(
        "  %x = bf16[4,256]{1,0} parameter(0)",
        "  %s = (bf16[4,256], bf16[8,256]) all-gather-start(%x), replica_groups={{0,2},{1,3}}, dimensions={0}",
        "  %d = bf16[8,256]{1,0} all-gather-done(%s)",
        "  %r = f32[2,256]{1,0} reduce-scatter(%y), replica_groups=[2,2]<=[4], dimensions={0}, to_apply=%add",
        "  %y = f32[4,256]{1,0} parameter(1)",
        "  ROOT %p = bf16[8,256]{1,0} collective-permute(%d), source_target_pairs={{0,1},{1,0},{2,3},{3,2}}",
    )
    found = {one.kind: one for one in program_costs(text, AXES).collectives}
    gather, scatter, permute = (found[kind] for kind in ("all-gather", "reduce-scatter", "collective-permute"))
    assert (gather.axes, gather.overlapped, gather.size) == (("batch",), True, 2 * 8 * 256)
    assert (scatter.axes, scatter.overlapped, scatter.size) == (("model",), False, 4 * 4 * 256)
    assert (permute.axes, permute.size) == (("model",), 2 * 8 * 256)


def test_a_loop_of_unknown_length_is_counted_once_and_said():
    text = compiled_text()
    without = text.replace("known_trip_count", "not_known").replace("direction=LT", "direction=NE")
    found = program_costs(without, AXES)
    assert found.unknown_loops == 1
    assert found.flops * 7 == program_costs(text, AXES).flops


def test_meetings_of_a_padded_convolution():
    text = tpu(
        "  %x = f32[1,5,3]{2,1,0} parameter(0)",
        "  %k = f32[3,3,2]{2,1,0} parameter(1)",
        "  ROOT %c = f32[1,5,2]{2,1,0} convolution(%x, %k), window={size=3 pad=1_1}, dim_labels=b0f_0io->b0f",
    )
    pairs = sum(0 <= out + k - 1 < 5 for out in range(5) for k in range(3))
    assert program_costs(text, AXES).flops == 2 * pairs * 3 * 2
    assert np.isclose(program_costs(text, AXES).moved, 4 * (15 + 18 + 10))
