"""The checks of tasks: a sound task passes each, and each kind of breakage is found by the check that is for it."""

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tensorflow as tf

import t5mix
from t5mix import metrics, postprocessors, preprocessors
from t5mix.cli.main import main
from t5mix.evaluation.checks import CHECKS, Limits, Report
from t5mix.evaluation.checks.check_task import check_task
from t5mix.internal import paths
from t5mix.preprocessors import objectives

WORDS = ["no", "yes"]
BYTES = t5mix.ByteVocabulary(extra_ids=20)
LIMITS = Limits({"inputs": 24, "targets": 8}, examples=40)
STEPS = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), preprocessors.append_eos_after_trim]
CLASSES = functools.partial(postprocessors.string_label_to_class_id, label_classes=WORDS)


def rows(split: str, count: int = 60) -> list[tuple[str, str]]:
    """Inputs that begin with the split's name, so that splits share none."""
    return [(f"{split} {i}", WORDS[i % 2]) for i in range(count)]


def source(
    make: Callable[[str], list[tuple[str, str]]] = rows, splits: tuple[str, ...] = ("train", "validation")
) -> Any:
    def examples(split: str, shuffle_files: bool) -> tf.data.Dataset:
        inputs, targets = zip(*made, strict=True) if (made := make(split)) else ([], [])
        data = {"inputs": tf.constant(inputs, tf.string), "targets": tf.constant(targets, tf.string)}
        return tf.data.Dataset.from_tensor_slices(data)

    return t5mix.FunctionDataSource(examples, splits)


def task(**changed: Any) -> t5mix.Task:
    declared: dict[str, Any] = {
        "source": source(),
        "output_features": {"inputs": t5mix.Feature(BYTES), "targets": t5mix.Feature(BYTES)},
        "preprocessors": STEPS,
        "postprocess_fn": CLASSES,
        "metric_fns": [metrics.accuracy],
    }
    return t5mix.Task("yes_or_no", **{**declared, **changed})


def found(report: Report) -> dict[str, str]:
    return {finding.check: finding.result for finding in report.findings}


def messages(report: Report, check: str) -> str:
    return next(finding.message for finding in report.findings if finding.check == check)


def test_a_sound_task_passes_every_check() -> None:
    report = check_task(task(), LIMITS)
    assert found(report) == dict.fromkeys(CHECKS, "pass") and report.passed
    assert report.examples == {"train": 40, "validation": 40} and report.declared_at.startswith(__file__)
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


def half(targets: list[Any], predictions: list[Any]) -> dict[str, float]:
    return {"half": 50 * sum(t == p for t, p in zip(targets, predictions, strict=True)) / len(targets)}


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


def test_a_label_that_the_vocabulary_cannot_say_is_found(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["no yes train validation 0 1 2 3 4 5 6 7 8 9"] * 20),
        model_prefix=str(tmp_path / "small"), vocab_size=45, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    vocabulary = t5mix.SentencePieceVocabulary(str(tmp_path / "small.model"))
    features = {name: t5mix.Feature(vocabulary) for name in ("inputs", "targets")}
    assert found(check_task(task(output_features=features), LIMITS))["labels"] == "pass"
    for wrong, words in (("{yes}", "holds what"), ("yes  no", "comes out of")):
        made = source(lambda split, wrong=wrong: [(x, y.replace("yes", wrong)) for x, y in rows(split)])
        report = check_task(task(output_features=features, source=made), LIMITS)
        assert found(report)["labels"] == "fail" and f"label {wrong!r} {words}" in messages(report, "labels")


def test_duplicates_are_counted_and_only_many_fail() -> None:
    shared = source(lambda split: [*rows(split), *rows("any", 2)])
    report = check_task(task(source=shared), LIMITS)
    assert found(report)["splits"] == "note" and "share 2 (3.2% of train)" in messages(report, "splits")
    strictly = Limits(LIMITS.lengths, LIMITS.examples, overlap=0.03)
    assert found(check_task(task(source=shared), strictly))["splits"] == "fail"
    # Equal inputs with other targets, such as a template without content, are no duplicates.
    same_inputs = source(lambda split: [("same", f"{split} {i}") for i in range(40)])
    assert found(check_task(task(source=same_inputs, postprocess_fn=None), LIMITS))["splits"] == "pass"


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("validation", "test", "note"),
        ("dev_matched", "test2019", "note"),
        ("train", "test", "fail"),
        ("train_dev", "test", "fail"),
        ("latest", "test", "fail"),
        ("a", "b", "fail"),
    ],
)
def test_equal_splits_fail_unless_both_are_held_out(one: str, other: str, result: str) -> None:
    same = task(source=source(lambda split: rows("any"), (one, other)))
    report = check_task(same, LIMITS)
    assert found(report)["splits"] == result and f"{one} and {other} share 60 (100.0%" in messages(report, "splits")
    assert ("neither is trained on" in messages(report, "splits")) is (result == "note")
    limited = check_task(same, Limits(LIMITS.lengths, LIMITS.examples, overlap=1, held_out_overlap=0.5))
    assert found(limited)["splits"] == ("fail" if result == "note" else "note")
    assert ("raise --held_out_overlap_limit" in messages(limited, "splits")) is (result == "note")


def test_every_pair_of_splits_that_fails_is_named() -> None:
    three = source(lambda split: rows("any" if split != "other" else "other"), ("train", "validation", "test", "other"))
    message = messages(check_task(task(source=three), LIMITS), "splits")
    assert "train and validation share 60" in message and "train and test share 60" in message
    assert "validation and test" not in message and "other" not in message


def test_truncation_is_counted_without_the_limit() -> None:
    long = source(lambda split: [(x * (9 if i % 4 == 0 else 1), y) for i, (x, y) in enumerate(rows(split))])
    report = check_task(task(source=long), LIMITS)
    assert report.passed and messages(report, "truncation").startswith("inputs 25.0% over 24 ")
    noisy = task(preprocessors=[*STEPS[:-1], objectives.span_corruption, STEPS[-1]], metric_fns=[], postprocess_fn=None)
    assert messages(check_task(noisy, LIMITS), "truncation").startswith("span_corruption makes")


def test_metrics_with_another_best_and_of_scores() -> None:
    report = check_task(task(postprocess_fn=None, metric_fns=[metrics.edit_distance]), LIMITS)
    assert found(report)["gold"] == "pass"

    def errors(targets: list[str], predictions: list[str]) -> dict[str, float]:
        return {"errors": sum(t != p for t, p in zip(targets, predictions, strict=True))}

    assert found(check_task(task(postprocess_fn=None, metric_fns=[errors]), LIMITS))["gold"] == "fail"
    errors.best = 0  # type: ignore[attr-defined]
    assert found(check_task(task(postprocess_fn=None, metric_fns=[errors]), LIMITS))["gold"] == "pass"
    assert found(check_task(task(metric_fns=[metrics.score_auc]), LIMITS))["gold"] == "pass"


def named(text: str, example: Any = None, is_target: bool = False) -> int:
    """As WSC's: a target says whether the noun proposed is right, and a prediction whether it names that noun."""
    return int(example["right"]) if is_target else int(text == example["targets_pretokenized"].decode())


def test_ids_that_are_no_text_fail_and_end_no_report() -> None:
    @t5mix.map_over_dataset
    def negative(example: dict[str, Any]) -> dict[str, Any]:
        return {"inputs": example["inputs"], "targets": tf.constant([-1])}

    vocabulary = t5mix.SentencePieceVocabulary(str(paths.shipped("tasks") / "offline.model"))
    features = {name: t5mix.Feature(vocabulary, add_eos=False) for name in ("inputs", "targets")}
    report = check_task(task(output_features=features, preprocessors=[preprocessors.tokenize, negative]), LIMITS)
    assert found(report)["ids"] == "fail" and "id -1" in messages(report, "ids")
    assert found(report).keys() == CHECKS.keys() and found(report)["gold"] == "fail"


def test_splits_are_compared_after_random_steps_and_steps_that_need_lengths() -> None:
    @t5mix.map_over_dataset(num_seeds=1)
    def one_of_two(example: dict[str, Any], seed: tf.Tensor) -> dict[str, Any]:
        drawn = tf.random.stateless_uniform([], seed, maxval=2, dtype=tf.int32)
        return {**example, "inputs": tf.strings.join([example["inputs"], tf.as_string(drawn)], separator=" ")}

    def first_letters(dataset: tf.data.Dataset, sequence_length: dict[str, int]) -> tf.data.Dataset:
        length = sequence_length["inputs"]
        return dataset.map(lambda row: {**row, "inputs": tf.strings.substr(row["inputs"], 0, length)})

    same = source(lambda split: rows("a"))
    message = messages(check_task(task(source=same, preprocessors=[one_of_two, *STEPS]), LIMITS), "splits")
    assert "train and validation share 60 (100.0%" in message  # the same noise each time
    report = check_task(
        task(preprocessors=[first_letters, STEPS[0], STEPS[2]]), Limits({"inputs": 7, "targets": 8}, examples=40)
    )
    assert found(report)["splits"] == "pass", messages(report, "splits")


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


def test_a_target_text_may_be_declared_a_wrong_answer() -> None:
    @t5mix.map_over_dataset
    def judge(example: dict[str, Any]) -> dict[str, Any]:
        return {**example, "right": tf.equal(example["targets"], "yes")}

    proposed: dict[str, Any] = {"preprocessors": [judge, *STEPS], "postprocess_fn": named}
    report = check_task(task(**proposed), LIMITS)
    assert found(report)["gold"] == "note" and "accuracy 100; 20 of 40 by another text" in messages(report, "gold")
    assert found(check_task(task(**proposed, metric_fns=[half]), LIMITS))["gold"] == "fail"


def test_one_class_alone_does_not_fail_a_correlation() -> None:
    one = source(lambda split: [(x, "yes") for x, _ in rows(split)])
    report = check_task(task(source=one, metric_fns=[metrics.matthews_corrcoef]), LIMITS)
    assert report.passed and "40 equal targets" in messages(report, "gold")


def test_more_examples_are_read_for_a_rare_class() -> None:
    rare = source(lambda split: [(f"{split} {i}", WORDS[i > 50]) for i in range(100)])
    f1 = [metrics.mean_multiclass_f1(2)]
    assert found(check_task(task(source=rare, metric_fns=f1), Limits(LIMITS.lengths, 53)))["gold"] == "pass"


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


# The command.


DECLARATIONS = """
import t5mix
from t5mix import metrics, preprocessors

def data(split, shuffle_files):
    import tensorflow as tf
    inputs = [f"{split} {i}" for i in range(9)]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": list("ababababa")})

def add(name, *steps, splits=("train", "test")):
    t5mix.TaskRegistry.add(
        name, t5mix.FunctionDataSource(data, splits),
        {key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
        [preprocessors.tokenize, *steps], metric_fns=[metrics.accuracy],
    )

add("check_good", preprocessors.append_eos)
add("check_bad")
t5mix.MixtureRegistry.add("check_both", ["check_good", "check_bad"], default_rate=1)
add("train_alone", preprocessors.append_eos, splits=["train"])
t5mix.MixtureRegistry.add("some_with_test", ["check_good", "train_alone"], default_rate=1)
"""


@pytest.fixture
def declarations(tmp_path: Path) -> Any:
    path = tmp_path / "checked.py"
    path.write_text(DECLARATIONS)
    with t5mix.overlay():
        yield str(path)


def test_the_exit_status_tells(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "check_good", "--include", declarations]) == 0
    printed = capsys.readouterr().out
    assert "task check_good" in printed and "test: accuracy 100" in printed and "1 task passed" in printed
    assert main(["check", "check_both", "--include", declarations, "--examples", "5"]) == 1
    lines = " ".join(capsys.readouterr().out.split())
    assert "FAIL: check_bad: eos: feature 'inputs' does not end with EOS in 10 of 10 examples" in lines
    assert "1 task passed; 1 failed: check_bad" in lines
    for wrong in (
        ["--lengths", "inputs"],
        ["--truncation_limit", "2"],
        ["--held_out_overlap_limit", "2"],
        ["--examples", "0"],
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["check", "check_good", "--include", declarations, *wrong])
        assert stopped.value.code == 2
    capsys.readouterr()
    for wrong in (["--split", "tset"], ["--lengths", "input=5"]):
        assert main(["check", "check_good", "--include", declarations, *wrong]) == 2
    assert main(["check", "check_g*", "no_such_*", "--include", declarations]) == 2
    errors = capsys.readouterr().err
    assert (
        "no task has a split 'tset'" in errors
        and "--lengths names input," in errors
        and "no task matches 'no_such_*'" in errors
    )


def test_tasks_without_the_split_fail_only_when_no_task_has_it(
    declarations: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("  train_alone")] == [["train_alone", "-"]]
    assert lines[-1] == "1 task passed; 1 without the split: train_alone"
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test", "--format", "json"]) == 0
    described = {each["name"]: each for each in json.loads(capsys.readouterr().out)["tasks"]}
    assert described["check_good"]["checked"] and not described["train_alone"]["checked"]
    (finding,) = described["train_alone"]["findings"]
    assert (finding["check"], finding["message"]) == ("examples", "no split test; there are train")
    # Of two splits asked for, the one that is there is checked.
    assert main(["check", "some_with_test", "--include", declarations, "--split", "test", "--split", "train"]) == 0
    assert "2 tasks passed" in capsys.readouterr().out
    assert main(["check", "train_alone", "--include", declarations, "--split", "test"]) == 2
    assert "no task has a split 'test'; their splits: train" in capsys.readouterr().err


def test_json_holds_every_finding(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "check_*", "--include", declarations, "--format", "json", "--split", "test"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is False
    bad, good = printed["tasks"]
    assert (bad["name"], bad["passed"], good["passed"]) == ("check_bad", False, True)
    assert [finding["check"] for finding in good["findings"]] == list(CHECKS) and good["examples"] == {"test": 9}
