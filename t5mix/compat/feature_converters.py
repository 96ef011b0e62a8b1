"""Names of seqio's module of this name."""

from t5mix.data.feature_converters import *  # noqa: F403
from t5mix.data.feature_converters import __all__ as __all__
