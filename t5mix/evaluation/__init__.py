"""From predictions to metrics, baselines, standard errors, logs and reports.

seqio's names for it stand here, too; they are loaded when they are used, for the help of a command does without them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t5mix.data.feature_converters import EncDecFeatureConverter as EncDecFeatureConverter
    from t5mix.data.feature_converters import FeatureConverter as FeatureConverter
    from t5mix.declarations.task import Task as Task
    from t5mix.evaluation.evaluator.evaluator import Evaluator as Evaluator
    from t5mix.evaluation.evaluator.inputs import _cache_and_measure_examples as _cache_and_measure_examples
    from t5mix.evaluation.evaluator.inputs import get_valid_eval_tasks as get_valid_eval_tasks
    from t5mix.evaluation.evaluator.outputs import ModelFnReturnType as ModelFnReturnType
    from t5mix.evaluation.evaluator.outputs import PredictFnReturnType as PredictFnReturnType
    from t5mix.evaluation.evaluator.outputs import ScoreFnReturnType as ScoreFnReturnType
    from t5mix.evaluation.evaluator.types import AllMetricsFuture as AllMetricsFuture
    from t5mix.evaluation.evaluator.types import AllMetricsType as AllMetricsType
    from t5mix.evaluation.evaluator.types import AllOutputAuxValuesType as AllOutputAuxValuesType
    from t5mix.evaluation.evaluator.types import AllOutputScoresType as AllOutputScoresType
    from t5mix.evaluation.evaluator.types import AllOutputTokensType as AllOutputTokensType
    from t5mix.evaluation.evaluator.types import MetricsAndOutputsType as MetricsAndOutputsType
    from t5mix.evaluation.evaluator.types import ModelFnCallable as ModelFnCallable
    from t5mix.evaluation.evaluator.types import PredictFnCallable as PredictFnCallable
    from t5mix.evaluation.evaluator.types import ScoreFnCallable as ScoreFnCallable
    from t5mix.evaluation.evaluator.types import TaskMetricsType as TaskMetricsType
    from t5mix.metrics.output_types import ModelOutputType as ModelOutputType

_NAMES = {
    "t5mix.data.feature_converters": ["EncDecFeatureConverter", "FeatureConverter"],
    "t5mix.declarations.task": ["Task"],
    "t5mix.evaluation.evaluator.evaluator": ["Evaluator"],
    "t5mix.evaluation.evaluator.inputs": ["_cache_and_measure_examples", "get_valid_eval_tasks"],
    "t5mix.evaluation.evaluator.outputs": ["ModelFnReturnType", "PredictFnReturnType", "ScoreFnReturnType"],
    "t5mix.evaluation.evaluator.types": [
        *("AllMetricsFuture", "AllMetricsType", "AllOutputAuxValuesType", "AllOutputScoresType", "AllOutputTokensType"),
        *("MetricsAndOutputsType", "ModelFnCallable", "PredictFnCallable", "ScoreFnCallable", "TaskMetricsType"),
    ],
    "t5mix.metrics.output_types": ["ModelOutputType"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [name for name in _HOMES if not name.startswith("_")]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"t5mix.evaluation has no {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
