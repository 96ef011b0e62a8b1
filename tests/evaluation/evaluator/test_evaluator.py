"""Evaluator on real tasks: answers worked out by hand, and the traps that are refused."""

import dataclasses
import functools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import t5mix
from t5mix import metrics, preprocessors
from t5mix.metrics import ModelOutputType

VOCABULARY = t5mix.ByteVocabulary()
ROWS = {
    "validation": [("1 + 1", "two"), ("a longer sum", "seventeen"), ("2 + 2", "four")],
    "test": [("3 + 3", "six")],
}


@pytest.fixture(autouse=True)
def own_registrations():
    with t5mix.overlay():
        yield


def rows(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
    inputs, targets = zip(*ROWS[split], strict=True)
    return tf.data.Dataset.from_tensor_slices({"inputs": list(inputs), "targets": list(targets)})


def add(name: str = "sums", **changes: Any) -> t5mix.Task:
    given = {
        "source": t5mix.FunctionDataSource(rows, splits=["validation", "test"]),
        "preprocessors": [preprocessors.tokenize, preprocessors.append_eos],
        "output_features": {key: t5mix.Feature(VOCABULARY) for key in ("inputs", "targets")},
        "metric_fns": [metrics.sequence_accuracy],
    }
    return t5mix.TaskRegistry.add(name, **{**given, **changes})


def evaluator(provider: Any = "sums", **changes: Any) -> t5mix.Evaluator:
    return t5mix.Evaluator(provider, t5mix.EncDecFeatureConverter(pack=False), **changes)


def says(*texts: str) -> Callable[[tf.data.Dataset], list[tuple[int, list[int]]]]:
    """A model that answers with these texts, the last one first."""

    def predict(dataset: tf.data.Dataset) -> list[tuple[int, list[int]]]:
        indices = [int(index) for index, _ in dataset]
        return [(index, VOCABULARY.encode(text)) for index, text in zip(indices, texts, strict=True)][::-1]

    return predict


def evaluated(which: t5mix.Evaluator, **functions: Any) -> Mapping[str, Any]:
    found, _ = which.evaluate(compute_metrics=True, **functions)
    return found.result()[which.eval_tasks[0].name]


def length_score(targets: Sequence[str], scores: np.ndarray) -> dict[str, float]:
    return {"weighted": float(scores @ np.array([len(text) for text in targets]))}


def test_lengths_are_those_of_the_longest_example() -> None:
    add()
    shapes = evaluator().model_feature_shapes
    assert shapes["encoder_input_tokens"] == (13,) and shapes["decoder_target_tokens"] == (10,)
    assert evaluator(eval_split="test").model_feature_shapes["encoder_input_tokens"] == (6,)
    given = evaluator(sequence_length={"inputs": 4}).model_feature_shapes
    assert given["encoder_input_tokens"] == (4,) and given["decoder_target_tokens"] == (10,)


def test_outputs_come_back_in_the_order_of_the_examples() -> None:
    add()
    made = evaluator()
    found, outputs = made.evaluate(compute_metrics=True, predict_fn=says("two", "17", "four"))
    assert found.result() == {"sums": {"sequence_accuracy": pytest.approx(200 / 3)}}
    ids = outputs["sums"][ModelOutputType.PREDICTION]
    assert [VOCABULARY.decode(each) for each in ids] == ["two", "17", "four"]
    assert made.cached_targets == {"sums": ["two", "seventeen", "four"]}


def test_metrics_are_not_computed_unless_asked_for() -> None:
    add(metric_fns=[lambda targets, predictions: 1 / 0])
    found, outputs = evaluator().evaluate(compute_metrics=False, predict_fn=says("a", "b", "c"))
    assert found.result() is None and len(outputs["sums"][ModelOutputType.PREDICTION]) == 3


@pytest.mark.parametrize("in_thread", [True, False])
def test_scores_predictions_and_values_beside_them(in_thread: bool) -> None:
    def sure(targets, predictions, aux_values):
        right = [target == prediction for target, prediction in zip(targets, predictions, strict=True)]
        return {"sure_and_right": float(sum(aux_values["confidence"][right]))}

    add(metric_fns=[metrics.sequence_accuracy, length_score, sure])
    found = evaluated(
        evaluator(async_compute_metrics=in_thread),
        predict_fn=says("two", "no", "no"),
        score_fn=lambda dataset: [(2, -3.0), (0, -1.0), (1, -2.0)],
        predict_with_aux_fn=lambda dataset: (says("two", "no", "four")(dataset), {"confidence": [0.25, 0.5, 1.0]}),
    )
    # The model answers backwards: the confidence of "two" is the last one.
    assert found == {"sequence_accuracy": pytest.approx(100 / 3), "weighted": -3 - 18 - 12, "sure_and_right": 1.25}


def test_scores_with_intermediates_are_sorted_with_them() -> None:
    seen = []
    add(metric_fns=[lambda targets, scores: seen.append(scores) or {"m": 0.0}])
    evaluated(evaluator(), score_fn=lambda dataset: ([(1, 5.0), (2, 6.0), (0, 4.0)], {"deep": {"x": [1, 2, 0]}}))
    scores, beside = seen[0]
    assert list(scores) == [4, 5, 6] and list(beside["deep"]["x"]) == [0, 1, 2]


def test_several_predictions_of_an_example_are_decoded_each() -> None:
    add(metric_fns=[lambda targets, predictions: {"m": metrics.Text(repr(predictions))}])
    tops = [["two", "2"], ["no", "never"], ["four", "4"]]
    encoded = [(place, [VOCABULARY.encode(text) for text in texts]) for place, texts in enumerate(tops)]
    assert evaluated(evaluator(), predict_fn=lambda dataset: encoded)["m"].textdata == repr(tops)


def test_a_ranking_task_from_raw_answers_to_accuracy() -> None:
    """The model prefers short answers: right for the first question, wrong for the second."""

    def questions(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        answers = [["yes", "not at all"], ["it is", "perhaps so"]]
        return tf.data.Dataset.from_tensor_slices({"question": ["a", "b"], "answers": answers, "label": [0, 1]})

    rank = functools.partial(
        preprocessors.rank_classification,
        inputs_fn=lambda x: tf.fill([2], x["question"]),
        targets_fn=lambda x: x["answers"],
        is_correct_fn=lambda x: tf.one_hot(x["label"], 2),
    )
    add(
        source=t5mix.FunctionDataSource(questions, splits=["validation"]),
        preprocessors=[rank, preprocessors.tokenize, preprocessors.append_eos],
        postprocess_fn=t5mix.postprocessors.rank_classification,
        metric_fns=[functools.partial(metrics.rank_classification, num_classes=2)],
    )

    def score(dataset: tf.data.Dataset) -> list[tuple[int, float]]:
        return [(int(index), -float(sum(x["decoder_loss_weights"]))) for index, x in dataset.as_numpy_iterator()]

    found = evaluated(evaluator(), score_fn=score)
    assert found["accuracy"] == 50


# Metric objects.


@dataclasses.dataclass(frozen=True)
class Longest(metrics.Metric):
    model_output_type: ModelOutputType = ModelOutputType.PREDICTION
    longest: int = 0

    @classmethod
    def from_model_output(cls, inputs, model_output, features, target_field_name="targets", mask=None, indices_2d=None):
        return cls(longest=max(len(ids) for ids in model_output))

    def compute(self):
        return {"longest": self.longest}


@dataclasses.dataclass(frozen=True)
class Outputs(metrics.CollectingMetric):
    model_output_type: ModelOutputType = ModelOutputType.SCORE

    def actual_compute(
        self, task_dataset_as_numpy, task_output_features, target_field_name="targets", cached_targets=None
    ):
        scores = self.values["model_output"]
        return {"best": metrics.Text(str(int(np.argmax(scores))))}, {"targets": ["t"] * len(scores), "score": scores}


def test_metric_objects_beside_functions() -> None:
    upper = metrics.PassthroughLegacyMetric.from_metric_fn(
        lambda targets, predictions: {"upper": float(targets[0] == "TWO")},
        lambda text, example, is_target: text.upper(),
    )
    task = add(metric_objs=[Longest, Outputs.empty(), upper])
    assert [type(each).__name__ for each in task.metric_objs[:2]] == ["Longest", "Outputs"]
    made = evaluator()
    for _ in range(2):  # the second time with targets that were kept, of each postprocessor its own
        found = evaluated(made, predict_fn=says("two", "7", "four"), score_fn=lambda ds: [(0, 1.0), (1, 9.0), (2, 0.0)])
        assert found.pop("best") == metrics.Text("1")
        assert found == {"longest": 4, "upper": 1.0, "sequence_accuracy": pytest.approx(200 / 3)}
    assert task.replace(name="copy").metric_objs[0] == task.metric_objs[0]
    with pytest.raises(ValueError, match="'Longest' is an object of its own"):
        from t5mix.evaluation.scoring.scorer import check_metrics

        check_metrics(task)


# Loggers.


def test_loggers_get_everything(tmp_path: Path) -> None:
    add(metric_fns=[metrics.sequence_accuracy, length_score])
    made = evaluator(
        logger_cls=[t5mix.JSONLogger, t5mix.PyLoggingLogger, t5mix.TensorBoardLogger], log_dir=str(tmp_path)
    )
    evaluated(made, step=0, predict_fn=says("two", "x", "y"), score_fn=lambda ds: [(0, 1), (1, 2), (2, 3)])
    assert len(made.loggers) == 3
    row = json.loads((tmp_path / "sums-metrics.jsonl").read_text())
    assert row == {"step": 0, "sequence_accuracy": pytest.approx(100 / 3), "weighted": 33.0}
    lines = [json.loads(line) for line in (tmp_path / "sums-000000.jsonl").read_text().splitlines()]
    assert [line["target"] for line in lines] == ["two", "seventeen", "four"]
    assert [line["prediction"] for line in lines] == ["two", "x", "y"]
    assert [line["score"] for line in lines] == [1, 2, 3]
    assert lines[0]["input"]["inputs_pretokenized"] == "1 + 1"
    assert list((tmp_path / "sums").glob("events.out.tfevents.*"))


# What is refused, and what is said aloud.


def test_tasks_that_are_left_out_are_named(caplog: pytest.LogCaptureFixture) -> None:
    parts = [add(), add("silent", metric_fns=[]), add("short", source=t5mix.FunctionDataSource(rows, splits=["test"]))]
    t5mix.MixtureRegistry.add("all", [task.name for task in parts], default_rate=1)
    with caplog.at_level(logging.WARNING):
        made = evaluator("all")
    assert [task.name for task in made.eval_tasks] == ["sums"]
    assert "task silent has no metrics" in caplog.text and "task short has no split 'validation'" in caplog.text
    with caplog.at_level(logging.WARNING):
        nothing = evaluator("silent")
    assert "nothing is evaluated" in caplog.text
    found, outputs = nothing.evaluate(compute_metrics=True)
    assert found.result() == {} and outputs == {}


def test_lengths_that_truncate_are_said(caplog: pytest.LogCaptureFixture) -> None:
    add()
    evaluator(sequence_length={"inputs": 20})
    assert "truncated" not in caplog.text
    evaluator(sequence_length={"inputs": 4})
    assert "some inputs fill the given length of 4" in caplog.text


REFUSED = {
    "split": ({"eval_split": "valid"}, r"'sums' has no split 'valid' to evaluate; its splits: test, validation"),
    "logs without a folder": ({"logger_cls": [t5mix.JSONLogger]}, "'log_dir' must be provided"),
    "no examples": ({"num_examples": 0}, "num_examples is 0"),
    "another order each time": ({"shuffle": True, "use_memory_cache": False}, "another order"),
    "length of nothing": ({"sequence_length": {"input": 3}}, "sequence_length has 'input'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_evaluated_is_refused(case: str) -> None:
    add()
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        evaluator(**arguments)


def test_packing_is_refused_before_anything_is_read() -> None:
    def never(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        raise AssertionError("read")

    add(source=t5mix.FunctionDataSource(never, splits=["validation"]))
    with pytest.raises(ValueError, match="pack=False"):
        t5mix.Evaluator("sums", t5mix.EncDecFeatureConverter())


def test_lengths_that_preprocessors_need_must_be_given() -> None:
    def cut(dataset: tf.data.Dataset, sequence_length: Mapping[str, int]) -> tf.data.Dataset:
        return dataset.map(lambda x: {**x, "inputs": x["inputs"][: sequence_length["inputs"]]})

    add(preprocessors=[preprocessors.tokenize, cut])
    with pytest.raises(ValueError, match="Preprocessor 'cut' in task 'sums' has a `sequence_length` argument"):
        evaluator()
    assert evaluator(sequence_length={"inputs": 3, "targets": 5}).model_feature_shapes["encoder_input_tokens"] == (3,)


ANSWERS = {
    "one missing": ([(0, [5]), (2, [5])], "nothing for example 1"),
    "one twice": ([(0, [5]), (0, [5]), (1, [5])], "twice for example 0"),
    "the last missing": ([(0, [5]), (1, [5])], "nothing for example 2"),
    "one too many": ([(0, [5]), (1, [5]), (2, [5]), (3, [5])], "an output for example 3, and they are 0 to 2"),
    "no index": ([[5, 6, 7], [5, 6, 7], [5, 6, 7]], r"return \(index, output\)"),
    "short beside": (([(0, [5]), (1, [5]), (2, [5])], {"x": [1]}), "beside them a list of 1"),
    "long beside": (([(0, [5]), (1, [5]), (2, [5])], {"x": [1, 2, 3, 4]}), "beside them a list of 4"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_model_must_answer_each_example_once(case: str) -> None:
    add()
    returned, message = ANSWERS[case]
    with pytest.raises(ValueError, match=message):
        evaluated(evaluator(), predict_fn=lambda dataset: returned)
    with pytest.raises(ValueError, match=message):  # also where no metric looks at them
        evaluator().evaluate(compute_metrics=False, predict_fn=lambda dataset: returned)


def test_a_missing_function_is_refused_before_the_model_runs() -> None:
    def never(dataset: tf.data.Dataset) -> None:
        raise AssertionError("ran")

    add(metric_fns=[metrics.sequence_accuracy, length_score])
    with pytest.raises(ValueError, match="metric 'length_score' needs score outputs of the model; give score_fn"):
        evaluator().evaluate(compute_metrics=True, predict_fn=never)


def test_two_metrics_of_one_name_and_errors_in_metrics_come_out() -> None:
    add(metric_fns=[metrics.sequence_accuracy, metrics.sequence_accuracy])
    with pytest.raises(ValueError, match="Duplicate metric key 'sequence_accuracy' in Task 'sums'"):
        evaluated(evaluator(), predict_fn=says("a", "b", "c"))
    add("broken", metric_fns=[lambda targets, predictions: {"m": 1 / 0}])
    made = evaluator("broken")
    made.evaluate(compute_metrics=True, predict_fn=says("a", "b", "c"))
    with pytest.raises(ZeroDivisionError):  # also when nobody asks for the result
        made.close()


def test_an_evaluator_goes_on_after_an_error_in_a_metric_without_a_thread() -> None:
    add(metric_fns=[lambda targets, predictions: {"m": 1 / targets.count(predictions[0])}])
    made = evaluator(async_compute_metrics=False)
    with pytest.raises(ZeroDivisionError):
        made.evaluate(compute_metrics=True, predict_fn=says("?", "b", "c"))
    # Nothing may be left to wait for: that would be for ever.
    assert made._metrics_future is None
    made.close()


def test_unlike_features_are_refused() -> None:
    tasks = [add(), add("lm", output_features={"targets": t5mix.Feature(VOCABULARY)})]
    with pytest.raises(ValueError, match="task 'sums' has the features inputs, targets, task 'lm' has targets"):
        from t5mix.evaluation.evaluator.inputs import cache_and_measure_examples

        cache_and_measure_examples(tasks, lambda task: task.get_dataset(split="test"), {})


def test_shuffling_chooses_the_same_examples_by_seed() -> None:
    add()

    def chosen(seed: int) -> list[bytes]:
        made = evaluator(shuffle=True, num_examples=2, seed=seed)
        texts = [
            [x["inputs_pretokenized"] for x in made.cached_task_datasets["sums"].as_numpy_iterator()] for _ in "ab"
        ]
        assert texts[0] == texts[1] and len(made.cached_model_datasets["sums"]) == 2
        return texts[0]

    assert chosen(1) == chosen(1)
    assert len({tuple(chosen(seed)) for seed in range(4)}) > 1
