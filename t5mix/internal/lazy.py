"""Modules that are imported when they are first used.

Declaring a task needs the names of preprocessors, not TensorFlow, which takes seconds to import. A module that
declarations touch therefore writes

    from t5mix.internal.lazy import tensorflow as tf

and `t5mix list` answers at once. This is also the one place where start-up chatter is silenced.
"""

import contextlib
import functools
import gc
import importlib.machinery
import importlib.util
import logging
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from t5mix.internal.memo import no_collection

# TensorFlow and absl write banners from C++ as they load; a user asked for none of it. Set before the import,
# and only where the user has not chosen otherwise.
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "GRPC_VERBOSITY": "ERROR",
    "ABSL_MIN_LOG_LEVEL": "3",
}
# Of TensorFlow alone there are a million objects, all of which stay: Python need never look through them for cycles,
# neither after the import, nor later, nor at its end.
_LARGE = {"jax", "orbax.checkpoint", "tensorflow"}


class _LazyModule(types.ModuleType):
    """Stands for a module until one of its attributes is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        module = import_quietly(self.__name__)
        self.__dict__.update(module.__dict__)
        return getattr(module, attribute)

    def __dir__(self) -> list[str]:
        return dir(import_quietly(self.__name__))


def lazy_import(name: str) -> types.ModuleType:
    """Returns module `name`, imported already or at the first use of one of its attributes."""
    return sys.modules.get(name) or _LazyModule(name)


def import_quietly(name: str) -> types.ModuleType:
    """Imports module `name` now, without its start-up chatter."""
    silence()
    if name in sys.modules or name not in _LARGE:
        return importlib.import_module(name)
    with no_collection():
        gc.collect()  # what is garbage by now must not stay, too
        module = importlib.import_module(name)
        gc.freeze()
    return module


class _QuietTensorFlow:
    """Finds TensorFlow as Python would, and keeps back what it says while it is loaded, whoever imports it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        position = sys.meta_path.index(self)
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        # Some only ask whether there is a TensorFlow: this one stays, and is not asked again once it is loaded.
        sys.meta_path.insert(position, self)
        if spec is not None and spec.loader is not None:
            _load_quietly(spec.loader)
        return spec


def _load_quietly(loader: Any) -> None:
    load = loader.exec_module

    def exec_module(module: types.ModuleType) -> None:
        with _stderr_held_back():
            load(module)
        module.get_logger().setLevel("ERROR")

    loader.exec_module = exec_module


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keeps back what is written to the file behind standard error, and shows it only if the body fails.

    Some of what TensorFlow says while it is loaded obeys no setting.
    """
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        original = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


@functools.cache
def silence() -> None:
    """Tells TensorFlow, JAX and orbax, in advance, to be quiet; for programs that let others import them.

    Of their Python loggers only errors are shown: their warnings are about things that users can not fix. Whoever
    sets TF_CPP_MIN_LOG_LEVEL hears everything.
    """
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", _QUIET["TF_CPP_MIN_LOG_LEVEL"])
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    if level == _QUIET["TF_CPP_MIN_LOG_LEVEL"]:
        for logger in ("absl", "jax", "orbax"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        if "tensorflow" not in sys.modules:
            sys.meta_path.insert(0, _QuietTensorFlow())


if TYPE_CHECKING:
    import tensorflow as tensorflow
else:
    tensorflow = lazy_import("tensorflow")
