"""A TensorFlow function becomes a function that JAX compiles and runs.

TensorFlow's compiler bridge turns the function into HLO; its StableHLO is merged into the module that JAX lowers, and
PJRT runs it: CPU, GPU or TPU, one process or many.  The HLO is portable, so TensorFlow is asked for it on CPU always
(jax.experimental.jax2tf.call_tf would ask TensorFlow for the kernels of JAX's platform, which it may not have).

This file alone touches parts of JAX that are not public; the JAX version is pinned for it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax._src.interpreters import mlir as mlir_internal
from jax._src.lib import _jax
from jax._src.lib.mlir import ir
from jax._src.lib.mlir.dialects import func as func_dialect
from jax.extend import core as jax_core
from jax.interpreters import mlir

from t5mix.mesh.mesh_tensorflow import tf


def tensorflow_to_jax(
    tf_function: Callable[..., Sequence[Any]], outputs: Sequence[jax.ShapeDtypeStruct]
) -> Callable[..., list[jax.Array]]:
    """Wraps a TensorFlow function of tensors as a JAX function of arrays.

    Args:
        tf_function: takes tensors, returns a sequence of tensors; traced when JAX lowers.
        outputs: shapes and dtypes of what it returns.

    Returns:
        A function of arrays that returns a list of arrays; to be called within `jax.jit`.
    """
    primitive = jax_core.Primitive("tensorflow_program")
    primitive.multiple_results = True
    primitive.def_abstract_eval(lambda *inputs: [jax.core.ShapedArray(x.shape, x.dtype) for x in outputs])

    def lower(context: Any, *operands: Any) -> Sequence[Any]:
        module = ir.Module.parse(_stablehlo(tf_function, context.avals_in))
        results = ir.SymbolTable(module.operation)["main"].type.results
        assert len(results) == len(outputs), f"the program returns {len(results)} tensors, not {len(outputs)}"
        name = mlir_internal.merge_mlir_modules(
            context.module_context.module,
            "tensorflow_program",
            module,
            dst_symtab=context.module_context.symbol_table,
        )
        return list(func_dialect.CallOp(results, ir.FlatSymbolRefAttr.get(name), operands).results)

    mlir.register_lowering(primitive, lower)
    return lambda *arrays: primitive.bind(*arrays)


def _stablehlo(tf_function: Callable, inputs: Sequence[Any]) -> str:
    specs = [tf.TensorSpec(x.shape, tf.as_dtype(x.dtype)) for x in inputs]
    traced = tf.function(tf_function, jit_compile=True, autograph=False)
    hlo = traced.experimental_get_compiler_ir(*specs)(stage="hlo_serialized", platform_name="CPU")
    return _jax.mlir.hlo_to_stablehlo(hlo)
