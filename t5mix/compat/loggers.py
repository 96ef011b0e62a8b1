"""Names of seqio's module of this name."""

from t5mix.evaluation.evaluator.loggers import (
    JSONLogger,
    Logger,
    PyLoggingLogger,
    TensorAndNumpyEncoder,
    TensorBoardLogger,
    TensorBoardLoggerV1,
    skip_none_value_dict_factory,
)

__all__ = [
    "JSONLogger",
    "Logger",
    "PyLoggingLogger",
    "TensorAndNumpyEncoder",
    "TensorBoardLogger",
    "TensorBoardLoggerV1",
    "skip_none_value_dict_factory",
]
