"""Names of T5's module of this name."""

from t5mix.preprocessors import *  # noqa: F403
from t5mix.preprocessors import __all__ as __all__
