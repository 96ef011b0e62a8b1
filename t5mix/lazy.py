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

import contextlib
import importlib
import os
import sys
import tempfile
import types
from collections.abc import Iterator
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
    is_chosen = os.environ["TF_CPP_MIN_LOG_LEVEL"] != _QUIET["TF_CPP_MIN_LOG_LEVEL"]
    if name != "tensorflow" or name in sys.modules or is_chosen:
        return importlib.import_module(name)
    with _stderr_held_back():
        module = importlib.import_module(name)
    module.get_logger().setLevel("ERROR")
    return module


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
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def silence() -> None:
    """Tells TensorFlow, in advance, to be quiet; for programs that let others import it."""
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
