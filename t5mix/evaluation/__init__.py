"""From predictions to metrics, baselines, standard errors, logs and reports."""

from t5mix.evaluation.cached_examples import _cache_and_measure_examples as _cache_and_measure_examples
from t5mix.evaluation.cached_examples import get_valid_eval_tasks
from t5mix.evaluation.evaluator import Evaluator
from t5mix.evaluation.model_outputs import ModelFnReturnType, PredictFnReturnType, ScoreFnReturnType

__all__ = ["Evaluator", "ModelFnReturnType", "PredictFnReturnType", "ScoreFnReturnType", "get_valid_eval_tasks"]
