"""Modules that are imported when they are first used.

Declaring a task needs the names of preprocessors, not TensorFlow, which takes seconds to import.  A module that
declarations touch therefore writes

    from typing import TYPE_CHECKING
    from t5mix.lazy import lazy_import

    if TYPE_CHECKING:
        import tensorflow as tf
    else:
        tf = lazy_import("tensorflow")

and `t5mix list` answers at once.  This is also the one place where start-up chatter is silenced.
"""

import importlib
import os
import sys
import types
from typing import Any

# TensorFlow and absl write banners from C++ as they load; a user asked for none of it.  Set before the import,
# and only where the user has not chosen otherwise.
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "GRPC_VERBOSITY": "ERROR",
    "ABSL_MIN_LOG_LEVEL": "3",
}


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
    module = importlib.import_module(name)
    if name == "tensorflow":
        module.get_logger().setLevel("ERROR")
    return module


def silence() -> None:
    """Tells TensorFlow, in advance, to be quiet; for programs that let others import it."""
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
