"""From predictions to metrics, baselines, standard errors, logs and reports.

seqio's names for it stand here, too; they are loaded when they are used, for the help of a command does without them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t5mix.evaluation.evaluator.evaluator import Evaluator as Evaluator
    from t5mix.evaluation.evaluator.inputs import _cache_and_measure_examples as _cache_and_measure_examples
    from t5mix.evaluation.evaluator.inputs import get_valid_eval_tasks as get_valid_eval_tasks
    from t5mix.evaluation.evaluator.outputs import ModelFnReturnType as ModelFnReturnType
    from t5mix.evaluation.evaluator.outputs import PredictFnReturnType as PredictFnReturnType
    from t5mix.evaluation.evaluator.outputs import ScoreFnReturnType as ScoreFnReturnType

_HOMES = {
    "Evaluator": "evaluator",
    "_cache_and_measure_examples": "inputs",
    "get_valid_eval_tasks": "inputs",
    "ModelFnReturnType": "outputs",
    "PredictFnReturnType": "outputs",
    "ScoreFnReturnType": "outputs",
}

__all__ = ["Evaluator", "ModelFnReturnType", "PredictFnReturnType", "ScoreFnReturnType", "get_valid_eval_tasks"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"t5mix.evaluation has no {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"t5mix.evaluation.evaluator.{_HOMES[name]}"), name)
