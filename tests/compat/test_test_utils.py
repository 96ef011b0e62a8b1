"""The utilities for tests of users' tasks; docs/testing-your-tasks.md is run as it stands."""

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics, preprocessors
from t5mix.compat import test_utils

PAGE = Path(__file__).parents[2] / "docs" / "testing-your-tasks.md"
VOCABULARY = t5mix.ByteVocabulary()


@pytest.fixture(autouse=True)
def own_registrations():
    with t5mix.overlay():
        yield


def add(**changes: Any) -> t5mix.Task:
    def never(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        raise AssertionError("the task's own source was read")

    given = {
        "source": t5mix.FunctionDataSource(never, splits=["train", "validation"]),
        "preprocessors": [preprocessors.tokenize, preprocessors.append_eos],
        "output_features": {key: t5mix.Feature(VOCABULARY) for key in ("inputs", "targets")},
        "metric_fns": [metrics.sequence_accuracy],
    }
    return t5mix.TaskRegistry.add("mine", **{**given, **changes})


ONE = {"inputs": "in", "targets": "out"}
TWO = {"inputs": "longer", "targets": "o"}


def test_the_page_is_true() -> None:
    code = "\n\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    names: dict[str, Any] = {"__name__": "my_tasks_test"}
    exec(compile(code, str(PAGE), "exec"), names)
    tests = [function for name, function in names.items() if name.startswith("test_") and callable(function)]
    assert len(tests) == 6
    for test in tests:
        test()
    assert names["CompletionTest"]("test_what_the_tasks_give").run().wasSuccessful()


def test_pytest_does_not_take_them_for_tests(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    module = tmp_path / "test_names_of_seqio.py"
    names = "test_postprocessing, test_preprocessing, test_preprocessing_single, test_task, test_text_preprocessor"
    module.write_text(f"from t5mix.test_utils import {names}\n\ndef test_mine():\n    pass\n")
    assert pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(module)]) == 0
    assert "1 test collected" in capsys.readouterr().out


def test_the_task_itself_is_not_touched() -> None:
    task = add()
    with test_utils.DataInjector("mine", {"test": [ONE, TWO]}):
        inside = t5mix.TaskRegistry.get("mine")
        assert inside.splits == ("test",) and inside.metric_fns == task.metric_fns
        texts = [
            VOCABULARY.decode(x["inputs"]) for x in inside.get_dataset(split="test", shuffle=False).as_numpy_iterator()
        ]
        assert texts == ["in", "longer"]
    assert t5mix.TaskRegistry.get("mine") is task
    with pytest.raises(KeyError), test_utils.DataInjector("mine", {"test": ONE}):
        raise KeyError
    assert t5mix.TaskRegistry.get("mine") is task


def test_fields_may_differ_in_length() -> None:
    def join(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset.map(lambda x: {"inputs": tf.strings.reduce_join(x["words"]), "targets": x["words"][0]})

    add(preprocessors=[join, preprocessors.tokenize, preprocessors.append_eos])
    raw = {"train": [{"words": ["a", "b"]}, {"words": ["c", "d", "e"]}]}
    assert [x["inputs_pretokenized"] for x in test_utils.test_preprocessing("mine", raw)] == [b"ab", b"cde"]


def test_metrics_of_scores() -> None:
    def best(targets, scores):
        return {"best": int(np.argmax(scores))}

    add(metric_fns=[best])
    raw = {"validation": [ONE, TWO]}
    assert test_utils.test_postprocessing("mine", raw, score_output=[-5.0, -1.0]) == {"best": 1}
    with pytest.raises(ValueError, match="metric 'best' needs outputs of a model; give score_output"):
        test_utils.test_postprocessing("mine", raw, predict_output=["a", "b"])


def test_a_language_model_needs_no_converter() -> None:
    add(output_features={"targets": t5mix.Feature(VOCABULARY)})
    _, found = test_utils.test_task("mine", {"validation": {"targets": "only"}})
    assert found == {"sequence_accuracy": 100}


def test_predictions_by_hand() -> None:
    add()
    assert test_utils.encode_str("mine", "hi") == VOCABULARY.encode("hi")
    with test_utils.DataInjector("mine", {"validation": ONE}):
        made = t5mix.Evaluator("mine", t5mix.EncDecFeatureConverter(pack=False))
        found, _ = made.evaluate(
            compute_metrics=True, predict_fn=lambda ds: test_utils.create_prediction("mine", "out")
        )
    assert found.result() == {"mine": {"sequence_accuracy": 100}}


REFUSED = {
    "two splits": ({"train": ONE, "validation": ONE}, r"has the splits \['train', 'validation'\]; give one"),
    "no split": ({}, "give one"),
    "no examples": ({"validation": []}, "split 'validation' has no raw examples"),
    "other fields": ({"validation": [ONE, {"inputs": "x"}]}, "raw example 1 of split 'validation' has"),
    "other dtype": ({"validation": [ONE, {**ONE, "inputs": 3}]}, "same dtype and rank"),
    "too few answers": ({"validation": [ONE, TWO]}, "1 outputs are given, and preprocessing made 2 examples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_raw_examples_that_cannot_work_are_refused(case: str) -> None:
    raw, message = REFUSED[case]
    add()
    with pytest.raises(ValueError, match=message):
        test_utils.test_postprocessing("mine", raw, predict_output=["out"])


def test_one_example_means_one() -> None:
    add()
    with pytest.raises(AssertionError, match="made 2 examples"):
        test_utils.test_preprocessing_single("mine", {"train": [ONE, TWO]})
    t5mix.MixtureRegistry.add("mix", ["mine"], default_rate=1)
    with pytest.raises(ValueError, match="'mix' is a mixture"):
        test_utils.DataInjector("mix", {"train": ONE})


# Datasets compared.

EXAMPLE = {"ids": [1, 2], "text": "ä", "share": 0.25, "deep": {"flag": True}}
DIFFERENT = {
    "value": {**EXAMPLE, "ids": [1, 3]},
    "length": {**EXAMPLE, "ids": [1, 2, 0]},
    "text": {**EXAMPLE, "text": "a"},
    "float": {**EXAMPLE, "share": 0.251},
    "nested": {**EXAMPLE, "deep": {"flag": False}},
    "missing": {"ids": [1, 2]},
    "further": {**EXAMPLE, "more": 1},
    # NumPy's assert_array_equal, and so seqio's assert_dataset, take one value for many.
    "one value for many": {**EXAMPLE, "text": ["ä"]},
}


def test_equal_datasets() -> None:
    dataset = tf.data.Dataset.from_tensors(EXAMPLE)
    test_utils.assert_dataset(dataset, EXAMPLE)
    test_utils.assert_dataset(
        dataset, [{**EXAMPLE, "text": "ä".encode(), "ids": np.array([1, 2]), "share": 0.25 + 1e-9}]
    )
    test_utils.assert_dataset(dataset, {**EXAMPLE, "share": 0.3}, atol=0.1)
    test_utils.assert_dataset(dataset, EXAMPLE, expected_dtypes={"ids": tf.int32, "text": tf.string})
    test_utils.assert_datasets_eq(dataset, tf.data.Dataset.from_tensors(EXAMPLE))
    ragged = tf.data.Dataset.from_tensor_slices({"r": tf.ragged.constant([[[1.0, 2.0], [3.0]]])})
    test_utils.assert_dataset(ragged, {"r": [[1.0, 2.0], [3.0]]})
    with pytest.raises(AssertionError, match="same examples"):
        test_utils.assert_datasets_neq(dataset, dataset)


@pytest.mark.parametrize("case", DIFFERENT)
def test_different_datasets(case: str) -> None:
    dataset = tf.data.Dataset.from_tensors(EXAMPLE)
    with pytest.raises(AssertionError):
        test_utils.assert_dataset(dataset, DIFFERENT[case])
    test_utils.assert_datasets_neq(dataset, tf.data.Dataset.from_tensors(DIFFERENT[case]))


def test_number_order_and_dtype_of_examples() -> None:
    dataset = test_utils.create_default_dataset([{"inputs": [1], "targets": [2, 3]}, {"inputs": [4], "targets": []}])
    examples = [{"inputs": [1], "targets": [2, 3]}, {"inputs": [4], "targets": []}]
    test_utils.assert_dataset(dataset, examples)
    with pytest.raises(AssertionError, match="has 2 examples, expected are 1"):
        test_utils.assert_dataset(dataset, examples[:1])
    with pytest.raises(AssertionError, match=r"example 0, 'inputs'"):
        test_utils.assert_dataset(dataset, examples[::-1])
    with pytest.raises(AssertionError, match="'inputs' is int32, expected is int64"):
        test_utils.assert_dataset(dataset, examples, expected_dtypes={"inputs": tf.int64})
    floats = functools.partial(test_utils.create_default_dataset, feature_names=["x"], output_shapes={"x": []})
    test_utils.assert_dataset(floats([{"x": 0.5}], output_types={"x": tf.float32}), {"x": 0.5})


def test_outputs_that_are_one_text_are_refused() -> None:
    add()
    with pytest.raises(ValueError, match="predict_output is the text 'out'; give a list"):
        test_utils.test_postprocessing("mine", {"validation": ONE}, predict_output="out")


def test_what_fails_on_the_way_in_leaves_nothing_behind() -> None:
    task = add()
    injector = test_utils.DataInjector("mine", {"validation": ONE})
    t5mix.TaskRegistry.remove("mine")  # so that there is nothing to stand in for
    with pytest.raises(ValueError, match="mine"), injector:
        pass
    t5mix.TaskRegistry.add_provider("mine", task)
    assert t5mix.TaskRegistry.get("mine") is task
    with injector:
        assert t5mix.TaskRegistry.get("mine") is not task
    assert t5mix.TaskRegistry.get("mine") is task
