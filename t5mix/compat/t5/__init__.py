"""T5's modules, `t5mix.t5.data` in place of `t5.data` and so on; and what tasks share.

`t5.steps` and `t5.features` are short for what T5's own tasks write out. The modules in here import each other by
relative names: they are found as `t5mix.t5.data`, and must not be read a second time as `t5mix.compat.t5.data`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from t5mix.declarations.t5 import features, steps

if TYPE_CHECKING:
    from . import data as data
    from . import evaluation as evaluation

__all__ = ["data", "evaluation", "features", "steps"]


def __getattr__(name: str) -> Any:
    """Loads a module when it is first used: the shipped tasks need none of them."""
    if name in ("data", "evaluation"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"{__name__} has no {name!r}; it has {', '.join(__all__)}")
