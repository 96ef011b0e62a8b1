import dataclasses
import math

import pytest

from t5mix.evaluation.baselines import Baseline
from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.mesh.decoding.settings import Decoding
from t5mix.runs.evaluate import best_of_each_task
from t5mix.runs.scores.score_files import decoding_record, read_score, write_score


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


def test_the_best_score_is_a_number_where_there_is_one():
    steps = zip((1, 2, 3, 4), (math.nan, 20.0, 20.0, math.nan), strict=True)
    scores = [make_score(value, step) for step, value in steps]
    assert [score.step for score in best_of_each_task(scores)] == [2]
    assert [score.step for score in best_of_each_task(scores[:1])] == [1]


def test_a_score_with_other_lengths_is_not_read(tmp_path, capsys):
    lengths = {"inputs": 16, "targets": 8}
    path = tmp_path / "7.json"
    for recorded, wanted, found in (
        (lengths, lengths, True),
        (lengths, {**lengths, "inputs": 32}, False),
        (None, lengths, True),  # of an earlier version
    ):
        write_score(path, make_score(lengths=recorded))
        assert (read_score(path, wanted) is not None) is found
    assert read_score(tmp_path / "8.json", lengths) is None
    assert capsys.readouterr().err.count("was scored with lengths {'inputs': 16, 'targets': 8}: it is") == 1


def test_a_score_of_outputs_that_were_decoded_otherwise_is_not_read(tmp_path, capsys):
    path, beams = tmp_path / "7.json", Decoding(beams=4)
    for recorded, wanted, found in (
        (Decoding(), Decoding(seed=1), True),
        (Decoding(), beams, False),
        (beams, Decoding(), False),
        (beams, Decoding(beams=4), True),
        (beams, Decoding(beams=4, length_penalty=1.0), False),
        (Decoding(temperature=1.0), Decoding(temperature=1.0, seed=1), False),
    ):
        write_score(path, dataclasses.replace(make_score(), decoding=decoding_record(recorded)))
        assert (read_score(path, decoding=wanted) is not None) is found
    assert capsys.readouterr().err.count("was scored with other settings of Decoding: it is scored anew") == 4
