"""Metrics from predictions, as `t5mix eval --from_predictions` computes them."""

import dataclasses
import json
import math

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.evaluation.evaluate_task import ask
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.scores.rescoring import rescore
from t5mix.runs.scores.score_files import read_predictions, read_score, write_score

LENGTHS = {"inputs": 16, "targets": 8}


@pytest.fixture
def folder(toy, tmp_path):
    """Scores of toy_a by a model that is right every other time, on two splits, and of a fine-tuned toy_b."""
    run = RunFolder(tmp_path / "run")
    for task, trained, split in (
        ("toy_a", run.pretraining, "test"),
        ("toy_a", run.pretraining, "train"),
        ("toy_b", run.finetuning("toy_b"), "test"),
    ):
        asked = ask(t5mix.TaskRegistry.get(task), split=split, lengths=LENGTHS)
        answers = asked.answers(lambda inputs: [[_answer(ids, n)] for n, ids in enumerate(inputs)])
        score = dataclasses.replace(asked.score(answers, step=7), made_of={"decoding": "greedily"})
        write_score(trained.scores(split, task, 7), score)
    return run


def _answer(ids, number):
    from t5mix.evaluation.decoding import Answer

    return Answer(list(ids[4:-1]) if number % 2 else [70], -1.0)


def test_a_changed_metric_is_computed_from_the_answers(folder, add_task, capsys):
    path = folder.pretraining.scores("test", "toy_a", 7)
    before, answers = read_score(path), path.with_suffix(".predictions.jsonl").read_bytes()
    assert before.metrics == {"accuracy": 50.0} and before.asks
    t5mix.TaskRegistry.remove("toy_a")
    add_task("toy_a", metrics=[lambda targets, predictions: {"wrong": sum(map(str.__ne__, targets, predictions))}])
    assert main(["eval", "--run_folder", str(folder.path), "--from_predictions", "--split", "test"]) == 0
    out = capsys.readouterr().out
    assert "wrong" in out and "step 7" in out and "toy_b" in out
    after = read_score(path)
    assert after.metrics == {"wrong": 10.0} and after.asks == before.asks
    assert after.made_of["decoding"] == "greedily" and after.made_of["examples"]
    assert path.with_suffix(".predictions.jsonl").read_bytes() == answers
    assert read_predictions(path)[1].score == -1.0


def test_stages_splits_and_tasks_are_chosen(folder):
    def found(**chosen):
        return [(score.task, score.split, stage) for score, stage in rescore(str(folder.path), **chosen)]

    tuned = ("toy_b", "test", "fine-tuned")
    assert sorted(found()) == [("toy_a", "test", "multi-task"), ("toy_a", "train", "multi-task"), tuned]
    assert found(stage="fine-tuned") == found(tasks=["toy_b"]) == [tuned]
    assert found(splits=["train"]) == [("toy_a", "train", "multi-task")]
    assert [each[2] for each in rescore_of(folder.finetuning("toy_b").path)] == ["fine-tuned"]


def rescore_of(path):
    return [(score.task, score.split, stage) for score, stage in rescore(str(path))]


def test_json_on_standard_output_is_json_alone(folder, capsys):
    assert main(["eval", "--run_folder", str(folder.path), "--from_predictions", "--format", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {score["task"] for group in content["groups"] for score in group["scores"]} == {"toy_a", "toy_b"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "validation"], "no scores of validation in"),
        (["--limit", "5"], "so there are no predictions"),
        (["--beams", "4"], "decodes nothing and reads no settings: leave out --beams"),
        (["--checkpoints", "all"], "leave out --checkpoints"),
        (["--without_metrics"], "decodes nothing and reads no settings: leave out --without_metrics"),
        (["--report_split", "test"], "--report_split is for the best of several checkpoints"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder, capsys, more, message):
    assert main(["eval", "--run_folder", str(folder.path), "--from_predictions", *more]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_answers_to_other_examples_are_not_scored(folder, capsys):
    path = folder.pretraining.scores("test", "toy_a", 7)
    before = path.read_bytes()
    answers = path.with_suffix(".predictions.jsonl")
    answers.write_text(answers.read_text().replace("say 21", "say 99"))
    assert main(["eval", "--run_folder", str(folder.path), "--from_predictions"]) == 2
    assert "was scored on other examples" in capsys.readouterr().err
    assert path.read_bytes() == before and not math.isnan(read_score(path).value)


def test_scores_of_the_first_examples_need_no_limit_where_there_is_one(folder, capsys):
    for split in ("test", "train"):
        path = folder.pretraining.scores(split, "toy_a", 7)
        for ending in (".json", ".predictions.jsonl"):
            path.with_suffix(ending).rename(path.with_name(f"7-first-20{ending}"))
    assert len(rescore(str(folder.path), stage="multi-task")) == 2
    for ending in (".json", ".predictions.jsonl"):
        other = folder.pretraining.scores("test", "toy_a", 7, 20).with_suffix(ending)
        other.with_name(f"7-first-3{ending}").write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=r"was scored on the first 3, 20 examples: say which with --limit"):
        rescore(str(folder.path))
    assert len(rescore(str(folder.path), stage="multi-task", limit=20)) == 2
