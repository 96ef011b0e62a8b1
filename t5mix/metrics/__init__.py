"""Metrics: functions of (targets, predictions), or (targets, scores), that return numbers by name.

Names and scale are T5's: what is a share or correlation is given times 100. All are deterministic. Beside them stand
seqio's kinds of values that a metric may return, and its metric objects.
"""

from t5mix.metrics.classification import (
    accuracy,
    f1_score_with_invalid,
    matthews_corrcoef,
    mean_multiclass_f1,
    sequence_accuracy,
    sklearn_metrics_wrapper,
)
from t5mix.metrics.correlation import pearson_corrcoef, spearman_corrcoef
from t5mix.metrics.directions import lower_is_better
from t5mix.metrics.generation import bleu, edit_distance, rouge, rouge_mean
from t5mix.metrics.groups import all_match, deduplicate_metric, mean_group_metric, multirc_f1_over_all_answers
from t5mix.metrics.metric_objects import (
    CollectingMetric,
    LegacyMetric,
    Metric,
    MetricFnCallable,
    ModelOutputType,
    PassthroughLegacyMetric,
    globally_sort_model_output,
    remove_padding_examples,
)
from t5mix.metrics.question_answering import ShardedSquad, coqa_f1, qa_metrics, span_squad, squad, trivia_qa
from t5mix.metrics.question_answering import coqa_tokens as _coqa_tokenize
from t5mix.metrics.question_answering import sequence_f1 as _sequence_f1
from t5mix.metrics.rank_classification import auc, rank_classification, score_auc
from t5mix.metrics.values import Audio, Generic, Histogram, Image, MetricValue, Scalar, Text

__all__ = [
    "Audio",
    "CollectingMetric",
    "Generic",
    "Histogram",
    "Image",
    "LegacyMetric",
    "Metric",
    "MetricFnCallable",
    "MetricValue",
    "ModelOutputType",
    "PassthroughLegacyMetric",
    "Scalar",
    "ShardedSquad",
    "Text",
    "_coqa_tokenize",  # T5's own tests call these two
    "_sequence_f1",
    "accuracy",
    "all_match",
    "auc",
    "bleu",
    "coqa_f1",
    "deduplicate_metric",
    "edit_distance",
    "f1_score_with_invalid",
    "globally_sort_model_output",
    "lower_is_better",
    "matthews_corrcoef",
    "mean_group_metric",
    "mean_multiclass_f1",
    "multirc_f1_over_all_answers",
    "pearson_corrcoef",
    "qa_metrics",
    "rank_classification",
    "remove_padding_examples",
    "rouge",
    "rouge_mean",
    "score_auc",
    "sequence_accuracy",
    "sklearn_metrics_wrapper",
    "span_squad",
    "spearman_corrcoef",
    "squad",
    "trivia_qa",
]
