"""What t5mix needs of JAX is there, in the installed version; and a TensorFlow program runs by way of it."""

import importlib
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from t5mix.mesh.compiling.xla import stablehlo_to_jax, tensorflow_to_stablehlo
from t5mix.mesh.devices import configure_cpu
from t5mix.mesh.mesh_tensorflow import tf

ROOT = Path(__file__).resolve().parents[3]

# The names that few programs use, all in xla.py.
NAMES = [
    "jax.core.ShapedArray",
    "jax.extend.core.Primitive",
    "jax.extend.mlir.hlo_to_stablehlo",
    "jax.extend.mlir.ir.FlatSymbolRefAttr",
    "jax.extend.mlir.ir.Module.parse",
    "jax.extend.mlir.ir.Attribute.parse",
    "jax.extend.mlir.ir.InsertionPoint",
    "jax.extend.mlir.ir.Operation.create",
    "jax.extend.mlir.ir.RankedTensorType",
    "jax.extend.mlir.ir.StringAttr",
    "jax.extend.mlir.ir.SymbolTable",
    "jax.extend.mlir.ir.WalkResult.ADVANCE",
    "jax.extend.mlir.dialects.stablehlo.DotDimensionNumbers.get",
    "jax.extend.mlir.dialects.func.CallOp",
    "jax.interpreters.mlir.make_ir_context",
    "jax.interpreters.mlir.merge_mlir_modules",
    "jax.interpreters.mlir.register_lowering",
    "jax.export.export",
]


@pytest.mark.parametrize("name", NAMES)
def test_jax_has_what_t5mix_uses(name):
    module, found = name, None
    while found is None and "." in module:
        module = module.rpartition(".")[0]
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
    for part in name[len(module) + 1 :].split("."):
        found = getattr(found, part, None)
        assert found is not None, f"jax {jax.__version__} has no {name}, which t5mix/mesh/compiling/xla.py needs"


def test_nothing_private_of_jax_is_used():
    used = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in sorted((ROOT / "t5mix").rglob("*.py"))
        for found in re.findall(r"jax(?:lib)?\._[a-z]\w*|(?:from|import) jaxlib.*", path.read_text(encoding="utf-8"))
    ]
    assert not used, f"these may go with any release of JAX (here {jax.__version__}): {used}"


def test_a_tensorflow_program_runs_in_jax():
    configure_cpu()  # before the first use of JAX, for other tests of this process

    def program(x, y):
        return (tf.matmul(x, y), tf.reduce_sum(x))

    shapes = [jax.ShapeDtypeStruct(shape, np.float32) for shape in ((2, 3), (3, 4))]
    results = [jax.ShapeDtypeStruct(shape, np.float32) for shape in ((2, 4), ())]
    module = tensorflow_to_stablehlo(program, shapes)
    x, y = (np.arange(np.prod(s.shape), dtype=np.float32).reshape(s.shape) for s in shapes)
    product, total = jax.jit(stablehlo_to_jax(lambda inputs: module, results))(x, y)
    np.testing.assert_allclose(product, x @ y, err_msg=f"jax {jax.__version__}")
    assert float(total) == x.sum()
    # Twice in one program: the second module is merged under another name.
    call = stablehlo_to_jax(lambda inputs: module, results)
    twice = jax.jit(lambda x, y: call(x, y)[0] + call(x, y)[0])(x, y)
    np.testing.assert_allclose(twice, 2 * (x @ y), err_msg=f"jax {jax.__version__}")
