"""A program's text: instructions, shapes, and how often its loops run."""

import jax
import jax.numpy as jnp
import pytest

from t5mix.mesh.compiling.costs.hlo_text import parse_module, shapes_in
from t5mix.mesh.devices import available_devices

LOOP = """\
HloModule jit_f, is_scheduled=true

%condition (wide.param: (s32[], f32[8,4])) -> pred[] {
  %constant.9 = s32[]{:T(128)} constant(END), metadata={op_name="call"}
  %wide.param = (s32[]{:T(128)}, f32[8,4]{1,0:T(8,128)S(1)}) parameter(0)
  %get-tuple-element.1 = s32[]{:T(128)} get-tuple-element(%wide.param), index=0
  ROOT %Less = pred[]{:T(512)} compare(%get-tuple-element.1, %constant.9), direction=DIRECTION
}

%body (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  ROOT %p = (s32[]{:T(128)}, f32[8,4]{1,0:T(8,128)S(1)}) parameter(0)
}

ENTRY %main (a: f32[8,4]) -> f32[8,4] {
  %a = f32[8,4]{1,0:T(8,128)} parameter(0)
  %constant.1 = s32[]{:T(128)} constant(START)
  %copy.1 = s32[]{:T(128)} copy(%constant.1)
  %tuple = (s32[]{:T(128)}, f32[8,4]{1,0:T(8,128)}) tuple(%copy.1, %a)
  %while = (s32[], /*index=1*/f32[8,4]{1,0}) while(%tuple), condition=%condition, body=%body, metadata={op_name="(x)"}
  ROOT %out = f32[8,4]{1,0} get-tuple-element(%while), index=1
}
"""


@pytest.mark.parametrize(
    ("start", "end", "direction", "trips"),
    [
        (0, 24, "LT", 24),
        (2, 24, "LT", 22),
        (0, 24, "LE", 25),
        (23, 0, "GE", 24),
        (23, 0, "GT", 23),
        (0, 24, "NE", None),
    ],
)
def test_a_loop_runs_as_often_as_its_condition_says(start, end, direction, trips):
    text = LOOP.replace("START", str(start)).replace("END", str(end)).replace("DIRECTION", direction)
    module = parse_module(text)
    main = module.computations[module.entry]
    assert module.trips(main, main.instructions["while"]) == trips


def test_what_xla_says_itself_comes_first():
    text = LOOP.replace("START", "0").replace("END", "9").replace("DIRECTION", "LT")
    text = text.replace("body=%body,", 'body=%body, backend_config={"known_trip_count":{"n":"7"}},')
    module = parse_module(text)
    main = module.computations[module.entry]
    assert module.trips(main, main.instructions["while"]) == 7


def test_instructions_have_shapes_operands_and_what_they_call():
    module = parse_module(LOOP.replace("START", "0").replace("END", "9").replace("DIRECTION", "LT"))
    main = module.computations["main"]
    loop = main.instructions["while"]
    assert loop.opcode == "while" and loop.operands == ("tuple",) and loop.called == ["body"]
    assert [shape.dims for shape in loop.shapes] == [(), (8, 4)]
    assert main.root == "out"
    kept = module.computations["body"].instructions["p"].shapes[1]
    assert kept.on_chip and kept.size == 8 * 4 * 4
    assert not main.instructions["a"].shapes[0].on_chip


def test_sizes_of_types():
    shapes = shapes_in("(bf16[3,2]{1,0}, pred[5], s4[8], u32[], f8e4m3fn[6], c64[2], token[])")
    assert [shape.size for shape in shapes] == [12, 5, 4, 4, 6, 16, 0]


def test_the_installed_jax_prints_programs_that_are_understood():
    available_devices()  # as many as tests have; JAX counts them once

    def program(x):
        return jax.lax.fori_loop(0, 5, lambda _, y: jnp.tanh(y @ x), x)

    text = jax.jit(program).lower(jax.ShapeDtypeStruct((16, 16), jnp.float32)).compile().as_text()
    module = parse_module(text)
    found = [
        module.trips(computation, one)
        for computation in module.computations.values()
        for one in computation.instructions.values()
        if one.opcode == "while"
    ]
    assert found == [5]


def test_what_is_no_program_is_refused():
    with pytest.raises(ValueError, match="no ENTRY"):
        parse_module("HloModule empty\n")
