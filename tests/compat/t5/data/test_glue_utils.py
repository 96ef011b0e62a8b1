"""T5's helpers for GLUE say what the shipped tasks are made of."""

import types

import pytest

import t5mix
from t5mix import metrics, postprocessors, preprocessors
from t5mix.t5.data import glue_utils, mixtures, tasks, utils

# The shipped tasks and the configs of TFDS that they read, with the labels of TFDS.
CONFIGS = {
    "glue_cola_v002": ("cola", ["unacceptable", "acceptable"]),
    "glue_mnli_matched_v002": ("mnli_matched", ["entailment", "neutral", "contradiction"]),
    "glue_ax_v002": ("ax", ["entailment", "neutral", "contradiction"]),
    "glue_stsb_v002": ("stsb", None),
    "super_glue_multirc_v102": ("multirc", ["False", "True"]),
    "super_glue_wic_v102": ("wic", ["False", "True"]),
    "super_glue_axg_v102": ("axg", ["entailment", "not_entailment"]),
    "super_glue_record_v102": ("record", None),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_steps_are_those_of_the_shipped_task(name: str) -> None:
    config, labels = CONFIGS[name]
    builder_config = types.SimpleNamespace(name=config, label_classes=labels)
    made = glue_utils.get_glue_text_preprocessor(builder_config)
    shipped = next(step for step in t5mix.TaskRegistry.get(name).preprocessors if _is_text(step))
    assert getattr(made, "func", made) is getattr(shipped, "func", shipped)
    assert _arguments(made) == _arguments(shipped)


def _arguments(step: object) -> dict[str, list[str]]:
    return {key: list(value) for key, value in getattr(step, "keywords", {}).items() if value is not None}


def _is_text(step: object) -> bool:
    function = getattr(step, "func", step)
    return function in (preprocessors.glue, preprocessors.stsb, preprocessors.record)


def test_postprocessors_and_metrics() -> None:
    labels = types.SimpleNamespace(name="rte", label_classes=["entailment", "not_entailment"])
    assert glue_utils.get_glue_postprocess_fn(labels)("not_entailment") == 1
    for name, function in (("stsb", postprocessors.string_to_float), ("record", postprocessors.record)):
        assert glue_utils.get_glue_postprocess_fn(types.SimpleNamespace(name=name)) is function
    for name in glue_utils.GLUE_METRICS:
        assert glue_utils.get_glue_metric(name) == t5mix.TaskRegistry.get(f"glue_{name}_v002").metric_fns
    assert glue_utils.get_super_glue_metric("boolq") == [metrics.accuracy]
    assert set(glue_utils.SUPERGLUE_METRICS) == {"boolq", "cb", "copa", "multirc", "record", "rte", "wic", "axb", "axg"}
    glue_utils.get_glue_metric("rte").append(metrics.bleu)
    try:
        assert glue_utils.get_glue_metric("qnli") == [metrics.accuracy]  # each has a list of its own
    finally:
        glue_utils.get_glue_metric("rte").pop()


def test_rates_are_those_of_the_shipped_mixtures() -> None:
    for name, mapping in (
        ("glue_v002_proportional", glue_utils.get_glue_weight_mapping()),
        ("super_glue_v102_proportional", glue_utils.get_super_glue_weight_mapping()),
        ("super_glue_v102_proportional_sentinel", glue_utils.get_super_glue_weight_mapping_sentinel()),
    ):
        assert dict(t5mix.MixtureRegistry.get(name).rate_per_task_name) == mapping
    assert mixtures.assign_weight_or_rate_num_examples("glue_rte_v002") == 2490
    assert mixtures._dedupe("super_glue_rte_v102") == 1245
    assert mixtures._dedupe("cnn_dailymail_v002") is utils.rate_num_examples


def test_t5s_vocabulary_features_and_configs() -> None:
    assert utils.get_default_vocabulary() == t5mix.T5Vocabulary()
    assert tasks.DEFAULT_OUTPUT_FEATURES == t5mix.TaskRegistry.get("glue_rte_v002").output_features
    found = [(year, config.name, version) for year, config, version in tasks.b_configs]
    assert found[0] == ("14", "de-en", "1.0.0") and len(found) == 5
    assert utils.rate_unsupervised(None, value=3.0) == 3.0
    with pytest.raises(AttributeError, match=r"has no 'c_configs'; it has .*b_configs"):
        _ = tasks.c_configs
