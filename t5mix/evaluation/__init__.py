"""From predictions to metrics, baselines, standard errors, logs and reports."""

from t5mix.evaluation.evaluator.evaluator import Evaluator
from t5mix.evaluation.evaluator.inputs import _cache_and_measure_examples as _cache_and_measure_examples
from t5mix.evaluation.evaluator.inputs import get_valid_eval_tasks
from t5mix.evaluation.evaluator.outputs import ModelFnReturnType, PredictFnReturnType, ScoreFnReturnType

__all__ = ["Evaluator", "ModelFnReturnType", "PredictFnReturnType", "ScoreFnReturnType", "get_valid_eval_tasks"]
