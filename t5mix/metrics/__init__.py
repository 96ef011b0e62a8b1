"""Metrics: functions of (targets, predictions) that return numbers by name.

Names and scale are T5's: what is a share or correlation is given times 100.  All are deterministic.
"""

from t5mix.metrics.classification import (
    accuracy,
    f1_score_with_invalid,
    matthews_corrcoef,
    mean_multiclass_f1,
    sequence_accuracy,
)
from t5mix.metrics.correlation import pearson_corrcoef, spearman_corrcoef
from t5mix.metrics.question_answering import squad, trivia_qa
from t5mix.metrics.summarization import rouge
from t5mix.metrics.translation import bleu

__all__ = [
    "accuracy",
    "bleu",
    "f1_score_with_invalid",
    "matthews_corrcoef",
    "mean_multiclass_f1",
    "pearson_corrcoef",
    "rouge",
    "sequence_accuracy",
    "spearman_corrcoef",
    "squad",
    "trivia_qa",
]
