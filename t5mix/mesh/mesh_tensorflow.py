"""mesh-tensorflow 0.1.21 on TensorFlow 2.21.

Upstream was written for TensorFlow 1.15 and reaches for names that TensorFlow has since moved or removed: one function
that registers tensor conversions, and tf.estimator, of which only a mode constant and two base classes are touched
outside upstream's own training loop. They are put back before the import. Everything in t5mix imports
mesh-tensorflow from here:

    from t5mix.mesh.mesh_tensorflow import mtf, tf
"""

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from t5mix.internal.lazy import import_quietly

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = import_quietly("tensorflow")
tf1 = tf.compat.v1


class _Modes:
    """tf.estimator.ModeKeys, as TensorFlow 2.15 had it."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


def _put_back_names() -> None:
    from tensorflow.python import tpu
    from tensorflow.python.framework import ops, tensor_conversion_registry

    if not hasattr(ops, "register_tensor_conversion_function"):
        ops.register_tensor_conversion_function = tensor_conversion_registry.register_tensor_conversion_function
    if not hasattr(tf1, "estimator"):
        estimator: Any = types.ModuleType("tensorflow.compat.v1.estimator")
        estimator.ModeKeys = _Modes
        estimator.SessionRunHook = tf1.train.SessionRunHook
        estimator.CheckpointSaverListener = tf1.train.CheckpointSaverListener
        tf.estimator = tf1.estimator = sys.modules[estimator.__name__] = estimator
    for name in ("tpu_estimator", "tpu_config"):
        if not hasattr(tpu, name):
            module = types.ModuleType(f"tensorflow.python.tpu.{name}")
            sys.modules[module.__name__] = module
            setattr(tpu, name, module)


@contextlib.contextmanager
def _without_pkg_resources() -> Iterator[None]:
    """Puts an empty module in the place of pkg_resources, while the body runs.

    Upstream's training loop imports it, setuptools no longer ships it, and nothing here calls it.
    """
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
        if before is not None:
            sys.modules["pkg_resources"] = before


_put_back_names()
with _without_pkg_resources():
    mtf: Any = importlib.import_module("mesh_tensorflow")
    mtf_ops: Any = importlib.import_module("mesh_tensorflow.ops")
