"""Scores on examples of which nothing was found."""

import functools
import math

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.overlap.clean import CleanScore, check_examples, score_clean
from t5mix.evaluation.overlap.ledger_file import Found
from t5mix.evaluation.scoring.baselines import Baseline

ANSWERS = ["yes", "no", "yes", "no"]


def data(split: str, shuffle_files: bool):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": [f"q: {n}" for n in range(4)], "targets": ANSWERS})


def task(**tokenized) -> Task:
    return Task(
        "asked",
        source=t5mix.FunctionDataSource(data, ["test"]),
        preprocessors=[functools.partial(preprocessors.tokenize, **tokenized), preprocessors.append_eos_after_trim],
        output_features={name: t5mix.Feature(t5mix.ByteVocabulary()) for name in ("inputs", "targets")},
        metric_fns=[t5mix.metrics.accuracy],
    )


def score(**changed) -> Score:
    lengths = {"inputs": 16, "targets": 8}
    known = {"metrics": {"accuracy": 50.0}, "baseline": Baseline("none", math.nan), "standard_error": 1.0}
    return Score(**{"task": "asked", "split": "test", "step": 1, "limit": None, "num_examples": 4, "lengths": lengths,
                    "truncated_inputs": 0, **known, **changed})  # fmt: skip


def found(texts: dict[int, str], examples: int = 4, split: str = "test") -> Found:
    return Found("ledger.jsonl", {("asked", split): examples}, {("asked", split): texts})


def cleaned(task: Task, score: Score, outputs: list[str], ledger: Found) -> CleanScore:
    examples = check_examples(task, score.split, score.lengths or {}, score.limit, ledger)
    return score_clean(task, score, outputs, examples, ledger)


def test_what_was_found_does_not_count() -> None:
    outputs = ["yes", "no", "no", "yes"]  # the first two are right
    clean = cleaned(task(), score(), outputs, found({0: "0", 2: "2"}))
    assert (clean.value, clean.num_examples) == (50.0, 2)
    clean = cleaned(task(), score(), outputs, found({2: "2", 3: "q: 3"}))
    assert (clean.value, clean.num_examples, clean.standard_error) == (100.0, 2, 0.0)
    everything = cleaned(task(), score(), outputs, found({}))
    assert everything.value == 50.0 and everything.num_examples == 4


def test_of_the_first_examples_only_those_count() -> None:
    clean = cleaned(task(), score(limit=2), ["yes", "yes"], found({1: "1", 3: "3"}))
    assert (clean.value, clean.num_examples) == (100.0, 1)


def test_where_none_is_clean_there_is_no_number() -> None:
    clean = cleaned(task(), score(), ANSWERS, found({n: f"q: {n}" for n in range(4)}))
    assert math.isnan(clean.value) and clean.num_examples == 0


def test_where_a_metric_refuses_what_is_clean_there_is_no_number() -> None:
    def recall(targets, predictions):
        right = [given == "no" for target, given in zip(targets, predictions, strict=True) if target == "no"]
        return {"recall": sum(right) / len(right)}

    asked = task().replace(metric_fns=[recall])
    assert cleaned(asked, score(), ANSWERS, found({0: "0"})).value == 1.0
    clean = cleaned(asked, score(), ANSWERS, found({1: "1", 3: "3"}))
    assert math.isnan(clean.value) and math.isnan(clean.standard_error) and clean.num_examples == 2


@pytest.mark.parametrize("ledger", [found({}, examples=5), found({1: "2"})])
def test_a_ledger_of_other_examples_is_refused(ledger: Found) -> None:
    with pytest.raises(ValueError, match="its examples of 'asked', 'test', are others than those that are scored"):
        cleaned(task(), score(), ANSWERS, ledger)


def test_an_input_that_is_trimmed_is_known_though_no_text_is_kept() -> None:
    """The end of its text, by which the ledger knows it, is not among its ids."""
    short = score(lengths={"inputs": 3, "targets": 8})
    clean = cleaned(task(copy_pretokenized=False), short, ANSWERS, found({0: "0", 2: "2"}))
    assert (clean.value, clean.num_examples) == (100.0, 2)
