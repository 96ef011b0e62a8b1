"""The checks of features: dtypes, ids, lengths."""

from typing import Any

import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.evaluation.checks import CHECKS
from t5mix.evaluation.checks.check_task import check_task
from t5mix.internal import paths
from t5mix.preprocessors import objectives
from tests.evaluation.checks.yes_or_no import BYTES, LIMITS, STEPS, found, messages, rows, source, task


def test_truncation_is_counted_without_the_limit() -> None:
    long = source(lambda split: [(x * (9 if i % 4 == 0 else 1), y) for i, (x, y) in enumerate(rows(split))])
    report = check_task(task(source=long), LIMITS)
    assert report.passed and messages(report, "truncation").startswith("inputs 25.0% over 24 ")
    noisy = task(preprocessors=[*STEPS[:-1], objectives.span_corruption, STEPS[-1]], metric_fns=[], postprocess_fn=None)
    assert messages(check_task(noisy, LIMITS), "truncation").startswith("span_corruption makes")


def packed(**changed: Any) -> t5mix.Task:
    """Makes the features of an encoder-decoder itself, as a feature converter would, padded to 24 and 8."""

    def convert(dataset: tf.data.Dataset) -> tf.data.Dataset:
        converter = t5mix.EncDecFeatureConverter(pack=True)
        taken = dataset.map(lambda x: {name: tf.cast(x[name], tf.int32) for name in ("inputs", "targets")})
        return converter(taken, {"inputs": 24, "targets": 8})

    converter = t5mix.EncDecFeatureConverter
    features = {name: t5mix.Feature(BYTES, add_eos=False) for name in converter.MODEL_FEATURES}
    features |= {name: t5mix.ContinuousFeature(dtype="int32") for name in converter.PACKING_FEATURE_DTYPES}
    features |= {name: t5mix.Feature(BYTES, required=False) for name in ("inputs", "targets")}
    more = changed.pop("steps", [])
    declared: dict[str, Any] = {"preprocessors": [*STEPS, convert, *more], "output_features": features}
    return task(**{**declared, "postprocess_fn": None, "metric_fns": [], **changed})


def test_a_models_own_features_are_padded() -> None:
    report = check_task(packed(), LIMITS)
    assert found(report)["ids"] == "pass" and "decoder_loss_weights below" in messages(report, "ids")
    assert "positions" not in messages(report, "ids")  # numbers that are no ids

    @t5mix.map_over_dataset
    def nothing(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, "encoder_input_tokens": tf.zeros_like(example["encoder_input_tokens"])}

    @t5mix.map_over_dataset
    def too_great(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, "encoder_input_tokens": example["encoder_input_tokens"] + BYTES.vocab_size}

    for step, words in (
        (nothing, "'encoder_input_tokens' is nothing but padding"),
        (too_great, f"its vocabulary has {BYTES.vocab_size}"),
    ):
        report = check_task(packed(steps=[step]), LIMITS)
        assert found(report)["ids"] == "fail" and words in messages(report, "ids")


def test_numbers_that_are_no_ids_are_declared_so() -> None:
    @t5mix.map_over_dataset
    def with_places(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, "places": tf.range(tf.size(example["inputs"]))}

    texts = {name: t5mix.Feature(BYTES) for name in ("inputs", "targets")}
    steps = [*STEPS, with_places]
    as_ids = {**texts, "places": t5mix.Feature(BYTES, add_eos=False)}
    report = check_task(task(preprocessors=steps, output_features=as_ids), LIMITS)
    assert found(report)["ids"] == "fail" and "ContinuousFeature" in messages(report, "ids")
    as_numbers = {**texts, "places": t5mix.ContinuousFeature(dtype="int32")}
    assert check_task(task(preprocessors=steps, output_features=as_numbers), LIMITS).passed


def test_ids_that_are_no_text_fail_and_end_no_report() -> None:
    @t5mix.map_over_dataset
    def negative(example: dict[str, Any]) -> dict[str, Any]:
        return {"inputs": example["inputs"], "targets": tf.constant([-1])}

    vocabulary = t5mix.SentencePieceVocabulary(str(paths.shipped("tasks") / "offline.model"))
    features = {name: t5mix.Feature(vocabulary, add_eos=False) for name in ("inputs", "targets")}
    report = check_task(task(output_features=features, preprocessors=[preprocessors.tokenize, negative]), LIMITS)
    assert found(report)["ids"] == "fail" and "id -1" in messages(report, "ids")
    assert found(report).keys() == CHECKS.keys() and found(report)["gold"] == "fail"
