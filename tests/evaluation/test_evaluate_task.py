"""Whole evaluations of real tasks, against answers worked out by hand and by other libraries."""

import functools
import math
from collections.abc import Sequence

import pytest
import scipy.stats
import sklearn.metrics

import t5mix
from t5mix import preprocessors
from t5mix.evaluation.evaluate_task import check_labels, evaluate_task
from t5mix.evaluation.scoring.baselines import Baseline

VOCABULARY = t5mix.ByteVocabulary()
FEATURES = {name: t5mix.Feature(VOCABULARY) for name in ("inputs", "targets")}
LENGTHS = {"inputs": 64, "targets": 16}
Rows = Sequence[tuple[str, str]]


def dataset(splits: dict[str, Rows], split: str, shuffle_files: bool):
    import tensorflow as tf

    inputs, targets = zip(*splits[split], strict=True) if splits[split] else ((), ())
    columns = {"inputs": tf.constant(inputs, tf.string), "targets": tf.constant(targets, tf.string)}
    return tf.data.Dataset.from_tensor_slices(columns)


def accuracy(targets, predictions):
    return {"accuracy": 100 * sklearn.metrics.accuracy_score(targets, predictions)}


def lengths(targets, predictions):
    return {"words": sum(len(text.split()) for text in predictions)}


def correlation(targets, predictions):
    if len(set(predictions)) == 1:
        return {"pearson": math.nan}
    return {"pearson": 100 * scipy.stats.pearsonr(targets, predictions)[0]}


def make_task(splits: dict[str, Rows], metric_fns=(accuracy,), postprocess_fn=None) -> t5mix.Task:
    return t5mix.Task(
        "toy",
        source=t5mix.FunctionDataSource(functools.partial(dataset, splits), splits=list(splits)),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos_after_trim],
        output_features=FEATURES,
        metric_fns=list(metric_fns),
        postprocess_fn=postprocess_fn,
    )


def model(answers: dict[str, str]):
    """A model that knows some answers by heart and says "no" to anything else."""

    def predict(inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        assert all(ids[-1] == VOCABULARY.eos_id for ids in inputs)
        texts = [VOCABULARY.decode(ids) for ids in inputs]
        return [VOCABULARY.encode(answers.get(text, "no")) for text in texts]

    return predict


ANIMALS: dict[str, Rows] = {
    "train": [("pet: a cat", "yes"), ("pet: a wolf", "no"), ("pet: an elk", "no")],
    "validation": [
        ("pet: a dog", "yes"),
        ("pet: a bear", "no"),
        ("pet: a cat", "yes"),
        ("pet: a lynx", "no"),
        ("pet: a fox", "no"),
    ],
}


def test_metrics_baseline_and_predictions() -> None:
    result = evaluate_task(make_task(ANIMALS, [accuracy, lengths]), model({"pet: a dog": "yes"}), lengths=LENGTHS)
    assert (result.task, result.split, result.num_examples) == ("toy", "validation", 5)
    assert dict(result.metrics) == {"accuracy": 80.0, "words": 5.0}
    assert (result.metric, result.value) == ("accuracy", 80.0)
    assert result.baseline == Baseline("majority", 60.0)
    # Without one of five: right ones leave 3/4, the wrong one leaves all of 4.
    values = [75, 75, 100, 75, 75]
    variance = 4 / 5 * sum((value - 80) ** 2 for value in values)
    assert result.standard_error == pytest.approx(math.sqrt(variance))
    wrong = [p for p in result.predictions if p.output != p.target]
    assert [(p.inputs, p.target, p.output) for p in wrong] == [("pet: a cat", "yes", "no")]
    assert result.truncated_inputs == 0


def test_limit_and_split() -> None:
    result = evaluate_task(make_task(ANIMALS), model({}), split="train", lengths=LENGTHS, limit=2)
    assert result.num_examples == 2
    assert result.metrics["accuracy"] == 50.0


def test_a_known_baseline_is_taken() -> None:
    known = Baseline("majority", 12.0)
    result = evaluate_task(make_task(ANIMALS), model({}), lengths=LENGTHS, baseline=known)
    assert result.baseline is known


def test_postprocessor_sees_targets_predictions_and_examples() -> None:
    seen: list[tuple[str, bool, bytes]] = []

    def postprocess(text, example, is_target):
        seen.append((text, is_target, example["inputs_pretokenized"]))
        return text.upper() if is_target else text

    result = evaluate_task(
        make_task(ANIMALS, postprocess_fn=postprocess), model({"pet: a dog": "YES"}), lengths=LENGTHS
    )
    assert result.metrics["accuracy"] == 20.0
    assert ("yes", True, b"pet: a dog") in seen
    assert ("YES", False, b"pet: a dog") in seen


def test_a_regression_task_against_scipy() -> None:
    numbers = [(f"rate {x}", f"{x / 10:.1f}") for x in (5, 17, 22, 31, 48)]
    said = {"rate 5": "0.9", "rate 17": "1.1", "rate 22": "4.0", "rate 31": "2.8", "rate 48": "4.4"}
    task = make_task(
        {"train": numbers, "test": numbers},
        [correlation],
        lambda text, example, is_target: float(text) if text[0].isdigit() else 0.0,
    )
    result = evaluate_task(task, model(said), split="test", lengths=LENGTHS)
    expected = scipy.stats.pearsonr([0.5, 1.7, 2.2, 3.1, 4.8], [0.9, 1.1, 4.0, 2.8, 4.4])[0]
    assert result.value == pytest.approx(100 * expected)
    # Copying "5" for "0.5" correlates perfectly: a baseline is whatever does best.
    assert result.baseline.kind == "copy"
    assert result.baseline.score == pytest.approx(100)


def test_trimming_is_counted_and_targets_are_judged_whole() -> None:
    rows = [("exactly15 bytes", "a very long answer indeed"), ("more than 15 bytes", "short")]
    task = make_task({"train": rows, "validation": rows})
    lengths = {"inputs": 16, "targets": 4}
    result = evaluate_task(task, model({}), lengths=lengths)
    assert result.truncated_inputs == 1
    assert result.predictions[0].target == "a very long answer indeed"


def test_what_cannot_be_evaluated_is_refused_before_predicting() -> None:
    def never(inputs):
        raise AssertionError("predicted")

    def likelihood(targets, scores):
        return {"mean": sum(scores)}

    with pytest.raises(ValueError, match="'toy' has no metric_fns"):
        evaluate_task(make_task(ANIMALS, []), never, lengths=LENGTHS)
    with pytest.raises(ValueError, match="'likelihood' needs scores"):
        evaluate_task(make_task(ANIMALS, [accuracy, likelihood]), never, lengths=LENGTHS)
    with pytest.raises(ValueError, match="'test'"):
        evaluate_task(make_task(ANIMALS), never, split="test", lengths=LENGTHS)
    with pytest.raises(ValueError, match="gives no examples"):
        evaluate_task(make_task({"train": ANIMALS["train"], "validation": []}), never, lengths=LENGTHS)


def test_two_metrics_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two of its metric_fns return 'accuracy'"):
        evaluate_task(make_task(ANIMALS, [accuracy, accuracy]), model({}), lengths=LENGTHS)


def test_a_model_must_answer_every_input() -> None:
    with pytest.raises(ValueError, match="returned 0 outputs for 5 inputs"):
        evaluate_task(make_task(ANIMALS), lambda inputs: [], lengths=LENGTHS)


def test_a_training_split_that_cannot_be_read_is_told_before_predicting_and_gives_no_baseline(
    tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    def source(split: str, shuffle_files: bool):
        if split == "train":
            raise RuntimeError("no network here")
        return dataset(ANIMALS, split, shuffle_files)

    def predict(inputs):
        told.append(capsys.readouterr().err)
        return model({"pet: a dog": "yes"})(inputs)

    (tmp_path / "validation.txt").write_text("a\tb\n")
    gone = t5mix.TextLineDataSource({name: str(tmp_path / f"{name}.txt") for name in ("train", "validation")})
    columns = functools.partial(preprocessors.preprocess_tsv, inputs_format="{0}", targets_format="{1}")
    tasks = {
        "no network here": make_task(ANIMALS).replace(source=t5mix.FunctionDataSource(source, ["train", "validation"])),
        "no file matches": make_task(ANIMALS).replace(
            source=gone, preprocessors=[columns, *make_task(ANIMALS).preprocessors]
        ),
    }
    for why, task in tasks.items():
        told: list[str] = []
        result = evaluate_task(task, predict, lengths=LENGTHS)
        assert len(told) == 1 and told[0].count("\n") == 1
        assert told[0].startswith("warning: task 'toy' gets no baseline, for its train split cannot be read: ")
        assert why in told[0]
        assert result.baseline.kind == "none" and math.isnan(result.baseline.score) and not math.isnan(result.value)
    known = Baseline("majority", 12.0)
    assert evaluate_task(task, model({}), lengths=LENGTHS, baseline=known).baseline is known
    assert capsys.readouterr().err == ""


def test_a_task_whose_steps_need_lengths_has_a_baseline() -> None:
    import tensorflow as tf

    def first_words(dataset, sequence_length):
        def cut(row):
            words = tf.strings.split(row["inputs"])[: sequence_length["inputs"] // 8]
            return {**row, "inputs": tf.strings.reduce_join(words, separator=" ")}

        return dataset.map(cut)

    task = make_task(ANIMALS)
    task = task.replace(preprocessors=[first_words, *task.preprocessors])
    result = evaluate_task(task, model({}), lengths={"inputs": 16, "targets": 2})
    assert result.baseline == Baseline("majority", 60.0)  # of whole targets: two tokens would be "n" and EOS


def test_a_task_that_requires_caching_is_evaluated() -> None:
    task = make_task(ANIMALS)
    steps = [*task.preprocessors[:1], t5mix.CacheDatasetPlaceholder(required=True), *task.preprocessors[1:]]
    result = evaluate_task(task.replace(preprocessors=steps), model({"pet: a dog": "yes"}), lengths=LENGTHS)
    assert (result.value, result.baseline) == (80.0, Baseline("majority", 60.0))


def test_tasks_that_get_a_score_are_known_before_anything_is_answered() -> None:
    hidden = {"validation": [("pet: a dog", "<unk>"), ("pet: a bear", "<unk>")], "test": ANIMALS["validation"]}
    known, unknown = make_task(ANIMALS), make_task(hidden)
    assert check_labels([known, unknown], "validation", LENGTHS, None, "the choice is by scores") == [known]
    assert check_labels([known, unknown], "test", LENGTHS, 2, "the choice is by scores") == [unknown]  # one has it
    assert check_labels([known], "dev", LENGTHS, None, "the choice is by scores") == []
    with pytest.raises(ValueError, match=r"on 'validation', which has no published label \(toy: every target"):
        check_labels([unknown], "validation", LENGTHS, None, "the choice is by scores")
