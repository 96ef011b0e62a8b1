"""The checks of tasks: a sound task passes each, and each kind of breakage is found by the check that is for it."""

import functools
import math
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics, preprocessors
from t5mix.evaluation.checks import CHECKS, Limits
from t5mix.evaluation.checks.check_task import check_task
from tests.evaluation.checks.yes_or_no import (
    BYTES,
    CLASSES,
    LIMITS,
    STEPS,
    WORDS,
    found,
    half,
    messages,
    rows,
    source,
    task,
)


def test_a_sound_task_passes_every_check() -> None:
    report = check_task(task(), LIMITS)
    assert found(report) == dict.fromkeys(CHECKS, "pass") and report.passed
    assert report.examples == {"train": 40, "validation": 40} and "yes_or_no.py:" in report.declared_at
    assert (
        messages(report, "labels") == "no 50.0%, yes 50.0%" and messages(report, "gold") == "validation: accuracy 100"
    )


# What is broken, the check that must find it, and words of its message.


def raising(split: str) -> list[tuple[str, str]]:
    raise OSError("the disk is gone")


@t5mix.map_over_dataset
def without_eos(example: dict[str, Any]) -> dict[str, Any]:
    return {**example, "targets": example["targets"][:-1]}


@t5mix.map_over_dataset
def padded(example: dict[str, Any]) -> dict[str, Any]:
    return {**example, "inputs": tf.concat([[0], example["inputs"]], 0)}


@t5mix.map_over_dataset
def outside(example: dict[str, Any]) -> dict[str, Any]:
    return {**example, "inputs": tf.concat([[BYTES.vocab_size], example["inputs"]], 0)}


def strict(text: str, example: Any = None, is_target: bool = False) -> int:
    return WORDS.index(text)


def other_way_round(text: str, example: Any = None, is_target: bool = False) -> int:
    return CLASSES(text) if is_target else 1 - CLASSES(text)


def not_a_number(targets: list[Any], predictions: list[Any]) -> dict[str, float]:
    right = sum(t == p for t, p in zip(targets, predictions, strict=True))
    return {"score": 100.0 if right else math.nan}


def fussy(targets: list[Any], predictions: list[Any]) -> dict[str, float]:
    if -1 in predictions:
        raise KeyError("no such class")
    return metrics.accuracy(targets, predictions)


EMPTY_SPLIT = source(lambda split: rows(split, 0 if split == "validation" else 9))
THREE = {name: t5mix.Feature(BYTES) for name in ("inputs", "targets", "third")}
UNKNOWN = source(lambda split: [(x, "<unk>") for x, _ in rows(split)])
EMPTY = source(lambda split: [(x, "") for x, _ in rows(split)])
LONG = source(lambda split: [(x, "yes indeed") for x, _ in rows(split)])

BROKEN = {
    "the source fails": ({"source": source(raising)}, "examples", "the disk is gone"),
    "a split is empty": ({"source": EMPTY_SPLIT}, "examples", "'validation'"),
    "text is not tokenized": ({"preprocessors": []}, "schema", "Got string, expected int32"),
    "everything is filtered out": (
        {"preprocessors": [lambda dataset: dataset.filter(lambda x: False), *STEPS]}, "schema", "no example"),
    "a feature is missing": ({"output_features": THREE}, "schema", "preprocessing: third"),
    "an id is outside": ({"preprocessors": [*STEPS, outside]}, "ids", f"id {BYTES.vocab_size}"),
    "padding is inside": ({"preprocessors": [*STEPS, padded]}, "ids", "id 0, which is padding"),
    "EOS is missing": ({"preprocessors": [*STEPS, without_eos]}, "eos", "in 80 of 80 examples"),
    "trimming takes EOS": ({"preprocessors": [preprocessors.tokenize_and_append_eos], "source": source(
        lambda split: [(x * 9, y) for x, y in rows(split)])}, "eos", "'inputs'"),
    "most targets are truncated": ({"source": LONG}, "truncation", "targets 100.0% over 8"),
    "labels are outside of label_names": ({"source": UNKNOWN}, "labels", "target is '<unk>'"),
    "targets are empty": ({"source": EMPTY}, "labels", "every target is empty"),
    "the postprocessor swaps labels": ({"postprocess_fn": other_way_round}, "gold", "accuracy 0, not 1 or 100"),
    "a metric cannot reach its best": ({"metric_fns": [metrics.accuracy, half]}, "gold", "half 50"),
    "a postprocessor fails on an empty text": ({"postprocess_fn": strict}, "survival", "empty prediction: Value"),
    "a metric fails on garbage": ({"metric_fns": [fussy]}, "survival", "metric fussy fails"),
    "a metric is NaN": ({"metric_fns": [not_a_number]}, "survival", "score nan"),
    "label_classes are other words": (
        {"postprocess_fn": functools.partial(CLASSES, label_classes=["False", "True"])}, "survival", "target 'no'"),
    "splits are the same": ({"source": source(lambda split: rows("any"))}, "splits", "share 60 (100.0% of train)"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(BROKEN))
def test_what_is_broken_is_found_by_its_check(what: str) -> None:
    changed, check, words = BROKEN[what]
    limits = Limits(LIMITS.lengths, LIMITS.examples, truncation=0.9)
    report = check_task(task(**changed), limits)
    assert not report.passed and found(report)[check] == "fail", report.findings
    assert words in messages(report, check) and "\n" not in messages(report, check)


# Real tasks.  `t5mix check 'glue_*' ...` looks at all; here one of each form.


REAL = {
    "glue_cola_v002": {"splits": "note"},  # 14 examples are in two splits
    "glue_ax_v002": {"gold": "skip", "splits": "skip"},
    "glue_stsb_v002": {},
    "super_glue_cb_v102_1_sentinel": {"gold": "pass", "survival": "pass"},
    "super_glue_wsc_v102_simple_eval": {"gold": "note"},
    "squad_v010_allanswers_span": {"gold": "pass"},
    "super_glue_record_v102": {"gold": "pass", "splits": "note"},  # this copy's test split is its validation split
    "c4_v220_full_lm": {"eos": "note"},
    "c4_prefix_lm_objective_encoder_decoder_architecture": {"ids": "pass"},
    "c4_v220_span_corruption": {"truncation": "skip"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REAL))
def test_on_published_data(name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T5MIX_T5_VOCAB", str(shared_data / "t5_vocab" / "spiece.model"))
    declared = t5mix.TaskRegistry.get(name)
    splits = declared.source._splits or None
    there = t5mix.TfdsDataSource(declared.source.tfds_name, str(shared_data / "tfds"), splits, read_only=True)
    report = check_task(declared.replace(source=there), Limits({"inputs": 512, "targets": 128}, 100))
    expected = REAL[name]
    failed = [finding for finding in report.findings if finding.result == "fail"]
    assert [finding.check for finding in failed] == [check for check in expected if expected[check] == "fail"]
    assert {**found(report), **expected} == found(report)


@pytest.mark.parametrize("name", ["offline_valence", "offline_questions"])
def test_on_the_offline_suite(name: str) -> None:
    report = check_task(t5mix.TaskRegistry.get(name), Limits({"inputs": 128, "targets": 64}, 50, overlap_examples=500))
    assert report.passed, report.findings
