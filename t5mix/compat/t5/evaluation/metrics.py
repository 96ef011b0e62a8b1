"""Names of T5's module of this name."""

from t5mix.metrics import *  # noqa: F403
from t5mix.metrics import __all__ as __all__
