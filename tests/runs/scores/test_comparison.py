"""`t5mix compare`, from score files on disk to the table."""

import dataclasses
import json
import random
from pathlib import Path

import pytest

from t5mix.cli.main import main
from t5mix.declarations import discovery, registry
from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.internal.files import write_json
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.scores.comparison import check_comparable, find_scores
from t5mix.runs.scores.score_files import write_score

DECLARATIONS = """
import functools

import t5mix
from t5mix import preprocessors


def data(split, shuffle_files, name):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(
        {"inputs": [f"{name}: {i}" for i in range(200)], "targets": [str(i % 2) for i in range(200)]}
    )


def accuracy(targets, predictions):
    return {"accuracy": 100 * sum(t == p for t, p in zip(targets, predictions)) / len(targets)}


for name in ("compared_a", "compared_b"):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(functools.partial(data, name=name), ["train", "test"]),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
        metric_fns=[accuracy],
    )
t5mix.MixtureRegistry.add("compared", ["compared_a", "compared_b"], default_rate=1)
"""


@pytest.fixture
def declarations(tmp_path: Path):
    path = tmp_path / "declared.py"
    path.write_text(DECLARATIONS)
    with registry.overlay():
        yield str(path)


def score(task: str, right: float, seed: int, step: int = 5) -> Score:
    """The score of a model that answers a share of the examples rightly; others it does not answer."""
    generator = random.Random(seed)
    asked = [(f"{task}: {i}", str(i % 2)) for i in range(200)]
    answers = [target if generator.random() < right else "" for _, target in asked]
    value = 100 * sum(answer != "" for answer in answers) / 200
    return Score(
        task=task,
        split="test",
        step=step,
        limit=None,
        num_examples=200,
        metrics={"accuracy": value},
        baseline=Baseline("majority", 50.0),
        standard_error=1.0,
        truncated_inputs=0,
        lengths={"inputs": 64, "targets": 8},
        version="002",
        asks="c0ffee",
        predictions=tuple(Prediction(*pair, answer) for pair, answer in zip(asked, answers, strict=True)),
    )


def write_run(folder: Path, *scores: Score, fine_tuned: bool = False) -> str:
    run = RunFolder(folder)
    for each in scores:
        trained = run.finetuning(each.task) if fine_tuned else run.pretraining
        write_score(trained.scores("test", each.task, each.step), each)
    return str(folder)


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["compare", "--format", "json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_two_runs(declarations, tmp_path, capsys):
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1), score("compared_b", 0.5, 2))
    two = write_run(tmp_path / "two", score("compared_a", 0.9, 3), score("compared_b", 0.5, 2))
    found = compare(capsys, "--include", declarations, one, two)
    a, b = found["rows"]
    assert (a["task"], a["run"], a["metric"], a["examples"]) == ("compared_a", two, "accuracy", 200)
    assert a["difference"]["value"] == pytest.approx(a["second"] - a["first"])
    assert a["difference"]["low"] > 20
    assert a["corrected"] < 0.01
    assert b["difference"]["value"] == 0
    assert b["corrected"] == 1
    assert found["means"][two]["value"] == pytest.approx(a["difference"]["value"] / 2)
    assert (a["version"], a["asks"]) == ("002", "c0ffee")
    assert main(["compare", "--include", declarations, one, two]) == 0
    table = capsys.readouterr().out
    assert "better" in table
    assert "mean of the tasks" in table
    # Both answered the same to every example of compared_b: what that test set could show is not known.
    [line] = [line for line in table.splitlines() if "compared_b" in line]
    assert line.split()[-1] == "-"


def test_less_of_an_error_is_better(tmp_path, capsys):
    errors = DECLARATIONS.replace("def accuracy", "def error_rate").replace(
        '{"accuracy": 100 * sum(t == p', '{"error_rate": 100 * sum(t != p'
    )
    (tmp_path / "errors.py").write_text(errors.replace("[accuracy]", "[error_rate]"))
    runs = []
    for run, right in (("one", 0.5), ("two", 0.9)):
        made = score("compared_a", right, 1)
        made = dataclasses.replace(made, metrics={"error_rate": 100 - made.value}, less_is_better=True)
        hidden = dataclasses.replace(score("compared_b", 0.5, 2), metrics={}, no_score="every target is '<unk>'")
        runs.append(write_run(tmp_path / run, made, hidden))
    with registry.overlay():
        found = compare(capsys, "--include", str(tmp_path / "errors.py"), *runs)
        assert main(["compare", *runs]) == 0
    (row,) = found["rows"]
    assert row["less_is_better"] and row["difference"]["value"] < 0 and row["metric"] == "error_rate"
    table = capsys.readouterr().out
    assert "error_rate, less is better" in " ".join(table.split()) and " better " in table and "worse" not in table


def test_the_newest_score_counts_and_a_run_alone_shows_its_stages(declarations, tmp_path, capsys):
    newer = score("compared_a", 0.6, 1, step=10)
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1, step=9), newer)
    write_run(tmp_path / "one", score("compared_a", 0.8, 2, step=15), fine_tuned=True)
    (row,) = compare(capsys, "--include", declarations, one)["rows"]
    assert row["first"] == newer.value
    assert row["run"] == f"{one} (fine-tuned)"


def test_a_model_that_was_fine_tuned_on_another_task_stands_for_none_that_has_a_score_of_its_own(tmp_path):
    run = RunFolder(tmp_path / "run")
    for trained, task in (
        (run.pretraining, "a"),
        (run.pretraining, "b"),
        (run.finetuning("b"), "b"),
        (run.finetuning("z"), "a"),  # as `t5mix eval --run_folder run/finetune/z --mixture_or_task a` leaves it
        (run.finetuning("z"), "b"),
        (run.finetuning("z"), "c"),
        (run.finetuning("z"), "z"),
        (run.finetuning("mixed"), "z"),
        (run.finetuning("mixed"), "d"),
        (run.finetuning("mixed"), "e"),  # a task of the mixture that has a test split alone
        (run.pretraining, "e"),
    ):
        write_score(trained.scores("test", task, 5), score(task, 0.5, 1))
    write_json(run.finetuning("mixed").data, {"d": {}, "z": {}})
    for task in ("b", "z"):
        write_json(run.finetuning(task).data, {task: {}})

    def found(stage=None):
        return {
            task: path.relative_to(run.path).as_posix().partition("scores")[0]
            for task, path in find_scores(str(run.path), "test", stage).files.items()
        }

    mixed = dict.fromkeys("de", "finetune/mixed/")
    tuned = {"b": "finetune/b/", "z": "finetune/z/", "c": "finetune/z/", **mixed}
    assert found() == {"a": "", **tuned}
    assert found("multi-task") == {"a": "", "b": "", "e": ""}
    assert found("fine-tuned") == {**tuned, "a": "finetune/z/"}


def test_runs_beside_the_baselines(declarations, tmp_path, capsys):
    one = write_run(tmp_path / "one", score("compared_a", 0.9, 1), score("compared_b", 0.2, 2))
    two = write_run(tmp_path / "two", score("compared_a", 0.5, 3), score("compared_b", 0.5, 2))
    found = compare(capsys, "--include", declarations, "--baselines", one, two)
    assert found["reference"] == "the baselines" and list(found["means"]) == [one, two]
    rows = {(row["run"], row["task"]): row for row in found["rows"]}
    # Half of the targets are "0", which the majority says each time.
    assert {(row["baseline"], row["first"]) for row in rows.values()} == {("majority", 50.0)}
    assert rows[one, "compared_a"]["difference"]["low"] > 30
    assert rows[one, "compared_b"]["difference"]["high"] < -20
    assert rows[two, "compared_a"]["corrected"] > 0.05
    # A run alone is compared by the last of its stages.
    write_run(tmp_path / "one", score("compared_a", 0.5, 7, step=9), fine_tuned=True)
    (row,) = compare(capsys, "--baselines", one, "--mixture_or_task", "compared_a")["rows"]
    assert row["second"] == score("compared_a", 0.5, 7).value
    assert main(["compare", "--baselines", one]) == 0
    table = " ".join(capsys.readouterr().out.split())
    assert f"{one} (second) beside the baselines (baseline), on test" in table and "majority 50.0" in table


def test_tasks_that_one_run_lacks_are_named(declarations, tmp_path, capsys):
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1), score("compared_b", 0.5, 2))
    two = write_run(tmp_path / "two", score("compared_a", 0.9, 3))
    assert compare(capsys, "--include", declarations, one, two)["left_out"] == {one: ["compared_b"]}
    assert main(["compare", "--include", declarations, one, two, "--mixture_or_task", "compared_b"]) == 2
    assert "no task of those that are named was scored in all runs" in capsys.readouterr().err


def test_tasks_without_a_score_are_named_with_the_reason(declarations, tmp_path, capsys):
    """Where a test split has no published label there are predictions and no score; the task is not dropped unsaid."""
    runs = []
    for run, right in (("one", 0.5), ("two", 0.9)):
        hidden = dataclasses.replace(score("compared_b", 0.5, 2), metrics={}, no_score="every target is '<unk>'")
        runs.append(write_run(tmp_path / run, score("compared_a", right, 1), hidden))
    why = "every target is '<unk>', no label is published"
    found = compare(capsys, "--include", declarations, *runs)
    assert [row["task"] for row in found["rows"]] == ["compared_a"]
    assert found["left_out"] == {run: ["compared_b"] for run in runs}
    assert found["no_score"] == {"compared_b": why}
    assert main(["compare", "--include", declarations, *runs]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"not compared, since there is no score: compared_b ({why})" in said
    assert "not all runs scored it" not in said
    assert main(["compare", "--include", declarations, *runs, "--mixture_or_task", "compared_b"]) == 2
    assert f"compared_b has no score: {why}" in " ".join(capsys.readouterr().err.split())


def test_a_task_without_a_score_in_one_run_is_named_for_both(declarations, tmp_path, capsys):
    hidden = dataclasses.replace(score("compared_b", 0.5, 2), metrics={}, no_score="every target is '<unk>'")
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1), score("compared_b", 0.5, 2))
    two = write_run(tmp_path / "two", score("compared_a", 0.9, 1), hidden)
    found = compare(capsys, "--include", declarations, one, two)
    assert found["left_out"] == {one: ["compared_b"], two: ["compared_b"]}
    assert list(found["no_score"]) == ["compared_b"]


def test_a_named_task_that_no_run_scored_is_said(declarations, tmp_path, capsys):
    runs = [write_run(tmp_path / run, score("compared_a", right, 1)) for run, right in (("one", 0.5), ("two", 0.9))]
    found = compare(capsys, "--include", declarations, *runs, "--mixture_or_task", "compared")
    assert found["no_score"] == {"compared_b": "no run was scored on it"}
    assert compare(capsys, "--include", declarations, *runs)["no_score"] == {}


def test_other_examples_are_refused(declarations, tmp_path, capsys):
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1))
    other = score("compared_a", 0.5, 1)
    changed = (Prediction("compared_a: 0", "1", "1"), *other.predictions[1:])
    two = write_run(tmp_path / "two", dataclasses.replace(other, predictions=changed))
    assert main(["compare", "--include", declarations, one, two]) == 2
    assert "was scored on other examples: its example 0 asks" in capsys.readouterr().err
    shorter = dataclasses.replace(other, predictions=other.predictions[:-1])
    three = write_run(tmp_path / "three", shorter)
    assert main(["compare", "--include", declarations, one, three]) == 2
    assert "199 examples, and the split has 200" in capsys.readouterr().err


def test_one_example_is_no_comparison(declarations, tmp_path, capsys):
    runs = []
    for number in (1, 2):
        made = score("compared_a", 0.5, number)
        made = dataclasses.replace(made, limit=1, num_examples=1, predictions=made.predictions[:1])
        run = RunFolder(tmp_path / str(number))
        write_score(run.pretraining.scores("test", "compared_a", 5, 1), made)
        runs.append(str(run.path))
    assert main(["compare", "--include", declarations, "--limit", "1", *runs]) == 2
    assert "task 'compared_a' has one example on 'test' that can be compared" in capsys.readouterr().err


def test_runs_without_scores_say_how_to_make_them(declarations, tmp_path, capsys):
    one = write_run(tmp_path / "one", score("compared_a", 0.5, 1))
    for again in (one, f"{one}/"):
        assert main(["compare", one, again]) == 2
        assert "named twice" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["compare", one, str(tmp_path / "empty")]) == 2
    assert "it has no scores; make them with `t5mix eval --run_folder" in capsys.readouterr().err
    assert main(["compare", one, str(tmp_path / "gone"), "--split", "test"]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert main(["compare", one, "--split", "dev"]) == 2
    assert "it has scores of test" in capsys.readouterr().err


def test_whether_a_run_can_be_compared_is_known_from_it_alone(declarations, tmp_path):
    discovery.include(declarations)
    a, b = score("compared_a", 0.5, 1), score("compared_b", 0.5, 2)
    hidden = dataclasses.replace(b, metrics={}, no_score="every target is -1")
    run = find_scores(write_run(tmp_path / "run", a, hidden), "test")
    assert check_comparable(run, "test", ["compared_a", "compared_b", "compared_c"])
    assert not check_comparable(run, "test", ["compared_b"])
    other = dataclasses.replace(b, predictions=(Prediction("compared_b: x", "1", "1"), *b.predictions[1:]))
    run = find_scores(write_run(tmp_path / "other", a, other), "test")
    assert check_comparable(run, "test", ["compared_a"])
    with pytest.raises(ValueError, match=r"'compared_b': .* was scored on other examples: its example 0 asks"):
        check_comparable(run, "test", ["compared_a", "compared_b"])
