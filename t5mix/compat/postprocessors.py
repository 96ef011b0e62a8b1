"""Names of T5's module of this name."""

from t5mix.metrics.postprocessors import (
    lower_text,
    multirc,
    qa,
    rank_classification,
    record,
    remove_sentinels,
    span_qa,
    string_label_to_class_id,
    string_to_float,
    wsc_simple,
)

__all__ = [
    "lower_text",
    "multirc",
    "qa",
    "rank_classification",
    "record",
    "remove_sentinels",
    "span_qa",
    "string_label_to_class_id",
    "string_to_float",
    "wsc_simple",
]
