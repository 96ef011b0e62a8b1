"""Names of T5's module of this name."""

from ...postprocessors import *  # noqa: F403
from ...postprocessors import __all__ as __all__
