import dataclasses
import json
import math
import os

import pytest

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.examples import Example
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.scores.score_files import read_answers, read_predictions, read_score, write_score


def make_score(value=50.0, step=7, lengths=None):
    return Score(
        task="a",
        split="test",
        step=step,
        limit=None,
        num_examples=4,
        metrics={"f1": value, "accuracy": 25.0},
        baseline=Baseline("copy", 10.0),
        standard_error=2.5,
        truncated_inputs=1,
        lengths=lengths,
        predictions=(Prediction("in", "so", "só\n"),),
    )


@pytest.mark.parametrize("value", [50.0, math.nan])
def test_a_score_is_read_as_it_was_written(tmp_path, value):
    score = make_score(value)
    path = tmp_path / "a" / "7.json"
    write_score(path, score)
    assert "NaN" not in path.read_text()
    again = read_score(path)
    assert isinstance(again, Score)
    assert repr(again) == repr(score)
    assert again.metric == "f1"
    assert path.with_suffix(".predictions.jsonl").read_text() == (
        '{"inputs": "in", "target": "so", "output": "só\\n"}\n'
    )


def test_no_score_is_none_and_a_damaged_one_is_named(tmp_path):
    assert read_score(tmp_path / "7.json") is None
    (tmp_path / "7.json").write_text('{"task": "a"}')
    with pytest.raises(ValueError, match=r"7\.json is not a score that t5mix wrote"):
        read_score(tmp_path / "7.json")


@pytest.mark.parametrize(
    "changed",
    [
        {"made_of": []},
        {"made_of": "x"},
        {"made_of": {"examples": 5}},
        {"lengths": []},
        {"lengths": {"inputs": "5"}},
        {"metrics": []},
        {"metrics": {"f1": 10**400}},
        {"baseline": []},
        {"baseline": {"kind": [], "score": 1}},
        {"less_is_better": "no"},
        {"task": None},
        {"step": "7"},
        {"more": 1},
    ],
)
def test_a_score_of_other_types_is_named(tmp_path, changed):
    path = tmp_path / "7.json"
    write_score(path, make_score())
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(ValueError, match=r"7\.json is not a score that t5mix wrote \(.+\): delete it"):
        read_score(path)


def test_predictions_are_read_as_they_were_written(tmp_path):
    write_score(tmp_path / "7.json", make_score())
    assert read_predictions(tmp_path / "7.json") == [Prediction("in", "so", "só\n")]


@pytest.mark.parametrize(
    "content",
    [
        b'{"inputs": 5, "target": "a", "output": "b"}',
        b'{"inputs": "a", "target": null, "output": "b"}',
        b'{"inputs": "a", "target": "a"}',
        b'{"inputs": "a", "target": "a", "output": "b", "more": 1}',
        b"[]",
        b"5",
        b"{",
        b"[" * 100_000,
        b'"\xff"',
        None,
    ],
)
def test_predictions_that_are_none_are_named(tmp_path, content):
    file = tmp_path / "7.predictions.jsonl"
    if content is None:
        os.mkfifo(file)  # whoever reads it waits for ever
    else:
        file.write_bytes(content + b"\n")
    with pytest.raises(ValueError, match=r"7\.predictions\.jsonl does not hold predictions that t5mix wrote") as error:
        read_predictions(tmp_path / "7.json")
    assert "\n" not in str(error.value)


def test_the_score_of_an_answer_is_kept_where_there_is_one(tmp_path):
    given = (Prediction("in", "so", "so", -0.25), Prediction("in", "so", "no"))
    write_score(tmp_path / "7.json", dataclasses.replace(make_score(), predictions=given, version="002", asks="ab"))
    assert tuple(read_predictions(tmp_path / "7.json")) == given
    score = read_score(tmp_path / "7.json")
    assert score is not None and (score.version, score.asks) == ("002", "ab")


@pytest.mark.parametrize("asked", [["in", "on"], []])
def test_answers_to_other_examples_are_refused(tmp_path, asked):
    write_score(tmp_path / "7.json", make_score())
    examples = [Example((), text, "so", False, False, {}) for text in asked]
    with pytest.raises(ValueError, match=r"run x was scored on (other|1) examples.*score again"):
        read_answers(tmp_path / "7.json", "a", examples[1:], "run x")
