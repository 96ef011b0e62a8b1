"""A TensorFlow function becomes a function that JAX compiles and runs.

TensorFlow's compiler bridge turns the function into HLO; its StableHLO, with what `operations` has left to it, is
merged into the module that JAX lowers, and PJRT runs it: CPU, GPU or TPU, one process or many. The HLO is portable, so
TensorFlow is asked for it on CPU always (jax.experimental.jax2tf.call_tf would ask TensorFlow for the kernels of JAX's
platform, which it may not have).

Of JAX, t5mix uses public names alone. Those that few programs use are all in this file, and its test says by name and
version which of them a release of JAX has taken away.
"""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend import core as jax_core
from jax.extend import mlir as jax_mlir
from jax.extend.mlir import ir
from jax.extend.mlir.dialects import func as func_dialect
from jax.extend.mlir.dialects import stablehlo
from jax.interpreters import mlir

from t5mix.internal.memo import no_collection


def stablehlo_to_jax(
    module_of: Callable[[Sequence[Any]], str | bytes], outputs: Sequence[jax.ShapeDtypeStruct]
) -> Callable[..., list[jax.Array]]:
    """Wraps a StableHLO module as a JAX function of arrays.

    Args:
        module_of: gives the module, as text or bytecode, from the shapes and dtypes of the arguments; called when JAX
            lowers.
        outputs: shapes and dtypes of what its function "main" returns.

    Returns:
        A function of arrays that returns a list of arrays; to be called within `jax.jit`.
    """
    primitive = jax_core.Primitive("tensorflow_program")
    primitive.multiple_results = True
    primitive.def_abstract_eval(lambda *inputs: [jax.core.ShapedArray(x.shape, x.dtype) for x in outputs])

    def lower(context: Any, *operands: Any) -> Sequence[Any]:
        module = ir.Module.parse(module_of(context.avals_in))
        results = ir.SymbolTable(module.operation)["main"].type.results
        assert len(results) == len(outputs), f"the program returns {len(results)} tensors, not {len(outputs)}"
        name = mlir.merge_mlir_modules(
            context.module_context.module,
            "tensorflow_program",
            module,
            dst_symtab=context.module_context.symbol_table,
        )
        return list(func_dialect.CallOp(results, ir.FlatSymbolRefAttr.get(name), operands).results)

    mlir.register_lowering(primitive, lower)
    return lambda *arrays: primitive.bind(*arrays)


def tensorflow_to_stablehlo(tf_function: Callable, inputs: Sequence[Any]) -> bytes:
    """Traces a TensorFlow function of tensors that returns a sequence of tensors.

    Args:
        tf_function: the function.
        inputs: something with shape and dtype for each argument.

    Returns:
        StableHLO whose function "main" takes and returns the same, as MLIR bytecode.
    """
    from t5mix.mesh.compiling import operations
    from t5mix.mesh.mesh_tensorflow import tf

    specs = [tf.TensorSpec(x.shape, tf.as_dtype(x.dtype)) for x in inputs]
    traced = tf.function(tf_function, jit_compile=True, autograph=False)
    with no_collection(), operations.left_to_stablehlo():
        hlo = traced.experimental_get_compiler_ir(*specs)(stage="hlo_serialized", platform_name="CPU")
    return _with_operations(jax_mlir.hlo_to_stablehlo(hlo))


def _with_operations(module: str | bytes) -> bytes:
    """Puts StableHLO's operations in the places of calls that stand for them, see `operations`; returns bytecode."""
    from t5mix.mesh.compiling.operations import PREFIX

    with mlir.make_ir_context():
        parsed = ir.Module.parse(module)
        calls: list[Any] = []

        def keep_if_ours(operation: Any) -> Any:
            if operation.name == "stablehlo.custom_call" and _target(operation).startswith(PREFIX):
                calls.append(operation)
            return ir.WalkResult.ADVANCE

        parsed.operation.walk(keep_if_ours)
        for call in calls:
            with ir.InsertionPoint(call), call.location:
                made = _operation(_target(call).removeprefix(PREFIX), call)
            call.results[0].replace_all_uses_with(made.results[0])
            call.erase()
        parsed.operation.verify()  # before anybody keeps it
        written = io.BytesIO()
        parsed.operation.write_bytecode(written)
    return written.getvalue()


def _target(call: Any) -> str:
    return ir.StringAttr(call.attributes["call_target_name"]).value


def _operation(name: str, call: Any) -> Any:
    """Makes what a call stands for, where the insertion point is."""
    kind, attributes = call.results[0].type, {}
    if name == "zeros":
        element = str(ir.RankedTensorType(kind).element_type)
        zero = "false" if element == "i1" else "0.0" if "f" in element else "0"
        name, attributes = "constant", {"value": ir.Attribute.parse(f"dense<{zero}> : {kind}")}
    elif name == "dot_general":
        numbers = json.loads(ir.StringAttr(call.attributes["backend_config"]).value)
        attributes["dot_dimension_numbers"] = stablehlo.DotDimensionNumbers.get(
            lhs_batching_dimensions=numbers["lhs_batch_dimensions"],
            rhs_batching_dimensions=numbers["rhs_batch_dimensions"],
            lhs_contracting_dimensions=numbers["lhs_contracting_dimensions"],
            rhs_contracting_dimensions=numbers["rhs_contracting_dimensions"],
        )
    else:
        assert name in ("rsqrt", "sqrt", "exponential", "tanh"), name
    return ir.Operation.create(f"stablehlo.{name}", [kind], list(call.operands), attributes)
