"""Metric objects: functions adapted, outputs sorted and decoded."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics
from t5mix.metrics.metric_objects import as_arrays, decode, target_text

VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {"targets": t5mix.Feature(VOCABULARY)}
EXAMPLES = [{"targets": np.array(VOCABULARY.encode(text), np.int32)} for text in ("a", "bc")]


def ids(text: str) -> list[int]:
    return VOCABULARY.encode(text)


def hits(targets, predictions, weight=1):
    return {"hits": weight * sum(t == p for t, p in zip(targets, predictions, strict=True))}


def test_a_function_sees_targets_and_predictions_in_the_order_of_the_examples() -> None:
    empty = metrics.PassthroughLegacyMetric.from_metric_fn(functools.partial(hits, weight=3))
    places = np.array([[1, 0], [0, 1], [0, 0]])
    taken = empty.from_model_output(
        EXAMPLES, [ids("bc"), ids("filler"), ids("a")], FEATURES, mask=[1, 0, 1], indices_2d=places
    )
    values, compared = taken.actual_compute(EXAMPLES, FEATURES)
    assert values == {"hits": 6}
    assert compared == {"targets": ["a", "bc"], "output": ["a", "bc"], "prediction": ["a", "bc"]}
    assert empty.values == {} and taken.empty() == empty  # nothing is kept between evaluations
    assert metrics.LegacyMetric.empty(hits).from_model_output(EXAMPLES, ["a", "x"], FEATURES).actual_compute(
        EXAMPLES, FEATURES
    )[0] == {"hits": 1}


def test_each_function_says_what_it_needs() -> None:
    kinds = {
        lambda targets, predictions: {}: "prediction",
        lambda targets, scores, scale=2: {}: "score",
        lambda targets, predictions, aux_values: {}: "prediction_with_aux",
    }
    for function, name in kinds.items():
        kind = metrics.PassthroughLegacyMetric.from_metric_fn(function).model_output_type
        assert metrics.ModelOutputType.to_str(kind) == name
    with pytest.raises(ValueError, match=r"takes \(predictions, targets\); a metric takes \(targets, predictions\)"):
        metrics.PassthroughLegacyMetric.from_metric_fn(lambda predictions, targets: {})


def test_an_output_for_each_example() -> None:
    taken = metrics.PassthroughLegacyMetric.from_metric_fn(hits).from_model_output(EXAMPLES, [ids("a")], FEATURES)
    with pytest.raises(ValueError, match="'hits': 1 outputs of the model for 2 examples"):
        taken.actual_compute(EXAMPLES, FEATURES)


def test_what_is_decoded() -> None:
    cases = [
        (ids("ab"), "ab"),
        (np.array([*ids("ab"), 1, 0, 0]), "ab"),
        (tf.constant(ids("ab")), "ab"),
        ([], ""),
        ([ids("a"), ids("b")], ["a", "b"]),
        (np.array([ids("a"), ids("b")]), ["a", "b"]),
        ("text", "text"),
        (["one", "two"], ["one", "two"]),
        (np.array(["x"])[0], "x"),
        ({"value": 1}, {"value": 1}),
        (4, 4),
    ]
    for output, expected in cases:
        assert decode(output, VOCABULARY) == expected
    assert type(decode(np.array(["x"])[0], VOCABULARY)) is str


def test_a_target_is_what_was_written() -> None:
    assert target_text({"targets": np.array(ids("short"))}, FEATURES) == "short"
    whole = {"targets": np.array(ids("sho")), "targets_pretokenized": "süß".encode()}
    assert target_text(whole, FEATURES) == "süß"


def test_arrays_where_entries_are_of_one_shape() -> None:
    ragged = [[1], [2, 3]]
    made = as_arrays(([1.0, 2.0], {"deep": {"r": ragged, "s": [[1], [2]]}}))
    assert made[0].shape == (2,) and made[1]["deep"]["r"] is ragged and made[1]["deep"]["s"].shape == (2, 1)


def test_a_metric_of_ones_own_must_define_its_parts() -> None:
    class Nothing(metrics.Metric):
        model_output_type = metrics.ModelOutputType.SCORE

    with pytest.raises(NotImplementedError, match="Nothing must define from_model_output"):
        Nothing.from_model_output([], [], {})
    with pytest.raises(NotImplementedError, match="Nothing must define compute"):
        Nothing.empty().compute()
    with pytest.raises(NotImplementedError, match="actual_compute"):
        metrics.CollectingMetric.empty().actual_compute([], {})
