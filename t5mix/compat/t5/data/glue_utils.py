"""Names of T5's module of this name: how it asks and judges the tasks of GLUE and SuperGLUE, and their rates.

A builder config is what TFDS lists in `tfds.text.glue.Glue.builder_configs`; its `name` and `label_classes` are used.
"""

import collections
import functools
from collections.abc import Callable, Mapping
from typing import Any

from t5mix import metrics, preprocessors
from t5mix.metrics import postprocessors

__all__ = [
    "GLUE_METRICS",
    "GLUE_WEIGHT_MAPPING",
    "SUPERGLUE_METRICS",
    "SUPER_GLUE_WEIGHT_MAPPING",
    "SUPER_GLUE_WEIGHT_MAPPING_SENTINEL",
    "get_glue_metric",
    "get_glue_postprocess_fn",
    "get_glue_text_preprocessor",
    "get_glue_weight_mapping",
    "get_super_glue_metric",
    "get_super_glue_weight_mapping",
    "get_super_glue_weight_mapping_sentinel",
]

# Training examples of each task; the splits that are only evaluated have 0.
GLUE_WEIGHT_MAPPING = {
    "glue_cola_v002": 8_551.0,
    "glue_sst2_v002": 67_349.0,
    "glue_mrpc_v002": 3_668.0,
    "glue_qqp_v002": 363_849.0,
    "glue_stsb_v002": 5_749.0,
    "glue_mnli_v002": 392_702.0,
    "glue_qnli_v002": 104_743.0,
    "glue_rte_v002": 2_490.0,
    "glue_mnli_mismatched_v002": 0.0,
    "glue_mnli_matched_v002": 0.0,
    "glue_ax_v002": 0.0,
}
SUPER_GLUE_WEIGHT_MAPPING = {
    "dpr_v001_simple": 1_322.0,
    "super_glue_wsc_v102_simple_train": 259.0,
    "super_glue_wsc_v102_simple_eval": 0.0,
    "super_glue_boolq_v102": 9_427.0,
    "super_glue_cb_v102": 250.0,
    "super_glue_copa_v102": 400.0,
    "super_glue_multirc_v102": 27_243.0,
    "super_glue_record_v102": 138_854.0,
    "super_glue_rte_v102": 2_490.0,
    "super_glue_wic_v102": 5_428.0,
    "super_glue_axb_v102": 0.0,
    "super_glue_axg_v102": 0.0,
}


def _with_sentinel(name: str) -> str:
    """Returns the name of the task with a sentinel: the mark stands before "_train" and "_eval"."""
    for ending in ("_train", "_eval"):
        if name.endswith(ending):
            return name.removesuffix(ending) + "_1_sentinel" + ending
    return f"{name}_1_sentinel"


SUPER_GLUE_WEIGHT_MAPPING_SENTINEL = {_with_sentinel(name): rate for name, rate in SUPER_GLUE_WEIGHT_MAPPING.items()}

GLUE_METRICS: Mapping[str, list[Callable[..., Any]]] = collections.OrderedDict(
    cola=[metrics.matthews_corrcoef],
    sst2=[metrics.accuracy],
    mrpc=[metrics.f1_score_with_invalid, metrics.accuracy],
    stsb=[metrics.pearson_corrcoef, metrics.spearman_corrcoef],
    qqp=[metrics.f1_score_with_invalid, metrics.accuracy],
    mnli=[metrics.accuracy],
    mnli_matched=[metrics.accuracy],
    mnli_mismatched=[metrics.accuracy],
    qnli=[metrics.accuracy],
    rte=[metrics.accuracy],
    wnli=[metrics.accuracy],
    ax=[],  # it has a test split alone, without labels
)
SUPERGLUE_METRICS: Mapping[str, list[Callable[..., Any]]] = collections.OrderedDict(
    boolq=[metrics.accuracy],
    cb=[metrics.mean_multiclass_f1(num_classes=3), metrics.accuracy],
    copa=[metrics.accuracy],
    multirc=[metrics.multirc_f1_over_all_answers, metrics.mean_group_metric(metrics.all_match)],
    record=[metrics.deduplicate_metric(metrics.squad)],
    rte=[metrics.accuracy],
    wic=[metrics.accuracy],
    axb=[],  # as ax
    axg=[],
)

# What is asked as another task is.
_ASKED_AS = {"ax": "mnli", "axb": "rte", "axg": "rte"}
# Features in another order than sorted.
_FEATURES = {"multirc": ("question", "answer", "paragraph"), "wic": ("sentence1", "sentence2", "word")}
_OWN_PREPROCESSORS = {"stsb": preprocessors.stsb, "wsc.fixed": preprocessors.wsc, "record": preprocessors.record}
_OWN_POSTPROCESSORS: Mapping[str, Callable[..., Any]] = {
    "stsb": postprocessors.string_to_float,
    "multirc": postprocessors.multirc,
    "record": postprocessors.record,
}


def get_glue_text_preprocessor(builder_config: Any) -> Callable[..., Any]:
    """Returns the preprocessor that makes text of a task of GLUE or SuperGLUE."""
    name = builder_config.name
    if name in _OWN_PREPROCESSORS:
        return _OWN_PREPROCESSORS[name]
    return functools.partial(
        preprocessors.glue,
        benchmark_name="mnli" if "mnli" in name else _ASKED_AS.get(name, name),
        label_names=builder_config.label_classes,
        feature_names=_FEATURES.get(name),
    )


def get_glue_postprocess_fn(builder_config: Any) -> Callable[..., Any]:
    """Returns the postprocessor of a task of GLUE or SuperGLUE: the number of the label, for most."""
    own = _OWN_POSTPROCESSORS.get(builder_config.name)
    return own or functools.partial(postprocessors.string_label_to_class_id, label_classes=builder_config.label_classes)


def get_glue_metric(task_name: str) -> list[Callable[..., Any]]:
    """Returns the metrics of a task of GLUE by the name of its config, such as "cola"."""
    return GLUE_METRICS[task_name]


def get_super_glue_metric(task_name: str) -> list[Callable[..., Any]]:
    """Returns the metrics of a task of SuperGLUE by the name of its config, such as "boolq"."""
    return SUPERGLUE_METRICS[task_name]


def get_glue_weight_mapping() -> dict[str, float]:
    """Returns the rates of GLUE's tasks by name."""
    return GLUE_WEIGHT_MAPPING


def get_super_glue_weight_mapping() -> dict[str, float]:
    """Returns the rates of SuperGLUE's tasks by name."""
    return SUPER_GLUE_WEIGHT_MAPPING


def get_super_glue_weight_mapping_sentinel() -> dict[str, float]:
    """Returns the rates of SuperGLUE's tasks with a sentinel, by name."""
    return SUPER_GLUE_WEIGHT_MAPPING_SENTINEL
