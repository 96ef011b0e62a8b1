"""A whole run on toy tasks, through the command line: train, again, evaluate, predict, fine-tune."""

import json
import shutil

import numpy as np
import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.runs import pretrain
from t5mix.runs.answers import writing
from t5mix.runs.components import Components
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.records.stream_of_run import stream_of_run
from t5mix.training import checkpoint_files, starting
from t5mix.training.checkpoints import Checkpoints
from tests.runs.conftest import hidden_digits, register

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder into which one run is put, by the first test that needs it."""
    return tmp_path_factory.mktemp("done") / "run"


@pytest.fixture
def finished(toy, gin_file, done):
    """A copy of the folder of a finished run, where the settings of `gin_file` expect it."""
    folder = RunFolder(gin_file.parent / "run")
    if not done.exists():
        assert main(["train", "--gin_file", str(gin_file)]) == 0
        shutil.copytree(folder.path, done)
    elif not folder.path.exists():
        shutil.copytree(done, folder.path)
        for path in (folder.operative_config, folder.config):  # it was made in another test's folder
            text = path.read_text()
            first = text.index("Run.folder = ") + len("Run.folder = ")
            end = text.index("\nRun.", first)
            path.write_text(f"{text[:first]}{str(folder.path)!r}{text[end:]}")
    return folder


def snapshot(folder):
    """Bytes of every file that a second start must leave as it is; gin breaks lines where folders have long names."""
    again = ("command.txt", "starts.jsonl", "versions.json", "report.json")
    return {
        str(path.relative_to(folder.path)): path.read_bytes().replace(b"= \\\n    ", b"= ")
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and path.name not in again
    }


def rows_of(report):
    return json.loads(report.read_text())["rows"]


def test_the_report_has_a_row_for_each_task_with_metrics(finished, capsys):
    rows = rows_of(finished.report)
    assert [row["task"] for row in rows] == ["toy_a", "toy_b"]
    for row in rows:
        assert {"metric", "baseline", "multi_task", "fine_tuned", "standard_error"} <= set(row)
        assert row["metric"] == "accuracy" and row["test_examples"] == 20
        assert row["baseline"] == 100.0 and row["baseline_kind"] == "copy"
    assert finished.pretraining.steps()[-1] == 6
    assert finished.finetuning("toy_b").steps() == [3]


def test_a_finished_run_that_is_started_again_does_nothing_but_report(finished, gin_file, capsys):
    before, report = snapshot(finished), finished.report.read_bytes()
    assert main(["train", "--gin_file", str(gin_file)]) == 0
    assert "toy_b" in capsys.readouterr().out
    assert snapshot(finished) == before
    assert finished.report.read_bytes() == report
    assert len(finished.command.read_text().splitlines()) >= 2


def test_what_is_missing_is_done_again_and_the_rest_is_kept(finished, gin_file):
    before, report = snapshot(finished), finished.report.read_bytes()
    lost = finished.finetuning("toy_b")
    weights_before = checkpoint_files.identity(lost.checkpoints / "3")
    shutil.rmtree(lost.path)
    finished.report.unlink()
    kept = finished.finetuning("toy_a").checkpoints.stat().st_mtime_ns
    assert main(["train", "--gin_file", str(gin_file)]) == 0
    assert finished.finetuning("toy_a").checkpoints.stat().st_mtime_ns == kept
    assert finished.report.read_bytes() == report
    after, weights_after = snapshot(finished), checkpoint_files.identity(lost.checkpoints / "3")
    for name in before:
        if name.endswith("metrics.jsonl") or "/scores/" in name:
            # A score names the checkpoint it is of, by its files; TensorStore gives each of these a name of its own.
            assert after[name].replace(weights_after.encode(), weights_before.encode()) == before[name], name


def test_a_run_that_fails_leaves_no_report(finished, gin_file, monkeypatch):
    def fail(*args):
        raise RuntimeError("no machine")

    monkeypatch.setattr(pretrain, "finetune_tasks", fail)
    bound = binding.bind([str(gin_file)])
    with pytest.raises(RuntimeError, match="no machine"):
        pretrain.train_and_finetune(bound, checks.check_training(bound.run), ["t5mix"])
    assert not finished.report.exists()


def test_another_configuration_is_refused_in_one_line(finished, gin_file, capsys):
    assert main(["train", "--gin_file", str(gin_file), "--gin_param", "Run.seed = 5"]) == 2
    error = capsys.readouterr().err
    assert "Run.seed (0 there, 5 here)" in error and error.count("\n") == 1


def test_checkpoints_are_evaluated_and_the_best_of_each_task_is_shown(finished, capsys):
    command = ["eval", "--run_folder", str(finished.path), "--limit", "5"]
    assert main([*command, "--checkpoints", "4,6"]) == 0
    out = capsys.readouterr().out
    assert out.index("step 4") < out.index("step 6")
    assert main([*command, "--checkpoints", "best", "--mixture_or_task", "toy_a"]) == 0
    assert "best checkpoints: toy_a at step" in capsys.readouterr().out
    register("hidden", data=hidden_digits)
    assert main([*command, "--checkpoints", "best", "--mixture_or_task", "hidden"]) == 2
    said = capsys.readouterr().err
    assert "best is chosen by scores, and those would be on 'test', which has no published label" in said
    assert "scoring" not in said
    assert main(["eval", "--run_folder", str(finished.path / "finetune/toy_b"), "--limit", "5"]) == 0
    assert "toy_b" in capsys.readouterr().out


def test_the_best_checkpoint_by_one_split_is_scored_on_another_and_several_splits_are_scored_at_once(finished, capsys):
    command = ["eval", "--run_folder", str(finished.path), "--limit", "5", "--format", "json"]
    assert main([*command, "--checkpoints", "best", "--split", "train", "--report_split", "test"]) == 0
    chosen, reported = json.loads(capsys.readouterr().out)["groups"]
    assert reported["title"].startswith("best checkpoints chosen on train, on test: toy_a at step")
    by_task = {score["task"]: score for score in chosen["scores"]}
    assert [score["task"] for score in reported["scores"]] == ["toy_a", "toy_b"]
    for score in reported["scores"]:
        assert score["step"] == by_task[score["task"]]["step"] and score["split"] == "test"
        assert score["asks"] != by_task[score["task"]]["asks"]
        line = finished.pretraining.scores("test", score["task"], score["step"], 5).with_suffix(".predictions.jsonl")
        assert all(json.loads(each)["score"] <= 0 for each in line.read_text().splitlines())
    assert main([*command, "--split", "train,test"]) == 0
    titles = [group["title"] for group in json.loads(capsys.readouterr().out)["groups"]]
    assert titles == ["step 6, train", "step 6, test"]
    assert main([*command, "--stage", "fine-tuned"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert [(score["task"], score["step"]) for score in group["scores"]] == [("toy_a", 3), ("toy_b", 3)]
    # Nothing that was scored is left out: every checkpoint, and every split of the best ones.
    assert main([*command, "--stage", "fine-tuned", "--checkpoints", "all"]) == 0
    there = finished.finetuning("toy_a").steps()
    assert [group["title"] for group in json.loads(capsys.readouterr().out)["groups"]] == [
        f"step {step}" for step in there
    ]
    for more, splits in (([], ["train", "test"]), (["--report_split", "test"], ["train", "test"])):
        assert main([*command, "--checkpoints", "best", "--split", "train,test", *more]) == 0
        groups = json.loads(capsys.readouterr().out)["groups"]
        assert [{score["split"] for score in group["scores"]} for group in groups] == [{split} for split in splits]
        assert [[(score["task"], score["step"]) for score in group["scores"]] for group in groups] == [
            [(task, by_task[task]["step"]) for task in by_task]
        ] * 2
    assert main([*command, "--checkpoints", "best", "--split", "train", "--report_split", "tset"]) == 2
    assert "--report_split 'tset' is no split of toy_a, toy_b" in capsys.readouterr().err


def test_lines_are_answered_in_their_order(finished, tmp_path):
    (tmp_path / "in.txt").write_text("7\n8\n\n9\n")
    command = ["predict", "--checkpoint", str(finished.path / "finetune/toy_a"), "--prefix", "say "]
    assert main([*command, "--input_file", str(tmp_path / "in.txt"), "--output_file", str(tmp_path / "o.txt")]) == 0
    assert len((tmp_path / "o.txt").read_text().split("\n")) == 5


def test_beams_samples_and_choices_answer_lines_too(finished, tmp_path, capsys):
    (tmp_path / "in.txt").write_text("7\n8\n9\n")
    command = ["predict", "--checkpoint", str(finished.path), "--prefix", "say "]
    command += ["--input_file", str(tmp_path / "in.txt"), "--output_file", str(tmp_path / "o.txt")]
    for settings, count in (
        (["--beams", "3", "--best", "2"], 2),
        (["--temperature", "1.0", "--top_k", "5", "--best", "3", "--decoding_seed", "1"], 3),
        (["--scores"], 1),
        (["--choice", "7", "--choice", "8", "--scores"], 2),
    ):
        assert main([*command, *settings]) == 0
        lines = [json.loads(line)["answers"] for line in (tmp_path / "o.txt").read_text().splitlines()]
        assert [len(line) for line in lines] == [count] * 3
        for line in lines:
            assert sorted(line, key=lambda answer: -answer["score"]) == line
    assert main([*command, "--choice", "7", "--choice", "8"]) == 0
    assert set((tmp_path / "o.txt").read_text().splitlines()) <= {"7", "8"}
    capsys.readouterr()
    assert main([*command, "--beams", "3", "--best", "4"]) == 2
    error = capsys.readouterr().err
    assert "Decoding.best is 4, and there are 3 beams" in error and error.count("\n") == 1


def test_a_task_is_asked_and_scored_and_what_was_killed_goes_on(finished, tmp_path, capsys, monkeypatch):
    command = ["--checkpoint", str(finished.path / "finetune/toy_a"), "--task", "toy_a", "--output_file"]
    whole, again, scores = (str(tmp_path / f"{name}.jsonl") for name in ("whole", "again", "scores"))
    assert main(["predict", *command, whole, "--temperature", "1.0"]) == 0
    monkeypatch.setattr(writing, "PART", 8)
    append, written = writing._append, []

    def die(*arguments):
        append(*arguments)
        written.append(arguments)
        if len(written) == 3:  # the key and two parts
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_append", die)
        assert main(["predict", *command, again, "--temperature", "1.0"]) == 2
    assert main(["predict", *command, again, "--temperature", "1.0"]) == 0
    assert "16 of 20 are done" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert [line["output"] for line in lines] == [
        json.loads(line)["output"] for line in (tmp_path / "whole.jsonl").read_text().splitlines()
    ]
    assert [line["target"] for line in lines] == [str(number) for number in range(20, 40)]
    assert main(["score", *command, scores]) == 0
    found = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [line["inputs"] for line in found] == [line["inputs"] for line in lines]
    assert all(line["score"] < 0 and line["tokens"] == 3 for line in found)
    assert "60 target tokens" in capsys.readouterr().err


def test_scores_of_given_targets_are_those_of_choices(finished, tmp_path, capsys):
    (tmp_path / "in.tsv").write_text("inputs\ttargets\nsay 7\t7\nsay 7\t8\n")
    command = ["--checkpoint", str(finished.path), "--input_file"]
    assert main(["score", *command, str(tmp_path / "in.tsv")]) == 0
    seven, eight = map(float, capsys.readouterr().out.split())
    (tmp_path / "in.txt").write_text("say 7\n")
    assert main(["predict", *command, str(tmp_path / "in.txt"), "--choice", "7", "--choice", "8", "--scores"]) == 0
    answers = {each["text"]: each["score"] for each in json.loads(capsys.readouterr().out)["answers"]}
    assert answers == pytest.approx({"7": seven, "8": eight}, abs=1e-4)


def test_checkpoints_answer_together_by_mean_and_by_vote(finished, tmp_path, capsys):
    four, six = (str(finished.path / f"checkpoints/{step}") for step in (4, 6))
    together = str(tmp_path / "together")
    command = ["eval", "--run_folder", six, "--ensemble", four, "--limit", "5"]
    assert main(command) == 2
    assert "say where they go with --output_folder" in capsys.readouterr().err
    for combine in ("mean", "vote"):
        assert main([*command, "--output_folder", together, "--combine", combine]) == 0
        told = capsys.readouterr()
        assert "step 6" in told.out and (combine == "mean" or "with other decoding: it is scored anew" in told.err)
    assert json.loads((tmp_path / "together/ensemble.json").read_text())["members"] == [six, four]
    assert main(["compare", together, str(finished.path), "--limit", "5", "--stage", "multi-task"]) in (0, 2)
    (tmp_path / "in.txt").write_text("say 7\n")
    asked = ["--input_file", str(tmp_path / "in.txt"), "--scores"]
    alone, twice = [], []
    for found, more in ((alone, []), (twice, ["--ensemble", six])):
        assert main(["predict", "--checkpoint", six, *asked, *more]) == 0
        found += json.loads(capsys.readouterr().out)["answers"]
    assert twice[0]["text"] == alone[0]["text"] and twice[0]["score"] == pytest.approx(alone[0]["score"], abs=1e-3)
    capsys.readouterr()
    assert main(["predict", "--checkpoint", six, *asked, "--ensemble", four, "--combine", "vote"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["score"] in (0.5, 1.0)


def test_the_mean_of_checkpoints_is_a_checkpoint_for_every_command(finished, tmp_path, capsys):
    averaged = RunFolder(tmp_path / "averaged")
    command = ["average", str(finished.path), "--output", str(averaged.path)]
    assert main([*command, "--last", "9"]) == 2
    assert "--last 9: " in capsys.readouterr().err and not averaged.path.exists()
    assert main([*command, "--checkpoints", "4,6"]) == 0
    checked = checks.check_recorded(str(averaged.path))
    engine = Components(checked.run, checked.provider).engine()
    four, six, mean = (
        starting.as_written(Checkpoints(folder.pretraining.checkpoints), step, engine)
        for folder, step in ((finished, 4), (finished, 6), (averaged, 6))
    )
    moved = 0
    for name in six:
        expected = six[name] if "_slot_" in name else (np.asarray(four[name]) + np.asarray(six[name])) / 2
        np.testing.assert_allclose(mean[name], expected, rtol=1e-6, atol=1e-9)
        moved += not np.array_equal(four[name], six[name])
    assert moved
    capsys.readouterr()
    assert main(["eval", "--run_folder", str(averaged.path), "--limit", "5"]) == 0
    assert main(["lineage", str(averaged.path)]) == 0
    out = capsys.readouterr().out
    assert "toy_a" in out and str(finished.path / "checkpoints/6") in out.replace("\n", "")
    tuned = str(tmp_path / "tuned")
    config = ["--gin_file", str(averaged.operative_config), "--gin_file", "runs/finetune.gin", "--steps", "1"]
    config += ["--checkpoint", str(averaged.path), "--run_folder", tuned, "--tasks", "toy_b"]
    assert main(["finetune", *config]) == 0
    assert [row["task"] for row in rows_of(RunFolder(tmp_path / "tuned").report)] == ["toy_b"]
    assert main([*command, "--checkpoints", "6"]) == 2


def test_finetuning_from_a_finished_run_starts_with_its_weights(finished, tmp_path, capsys):
    config, folder = str(finished.operative_config), RunFolder(tmp_path / "tuned")
    command = ["finetune", "--gin_file", config, "--gin_file", "runs/finetune.gin", "--steps", "2"]
    command += ["--checkpoint", str(finished.path), "--run_folder", str(folder.path)]
    assert main([*command, "--mixture_or_task", "toy_a"]) == 0
    (row,) = rows_of(folder.report)
    (before,) = [r for r in rows_of(finished.report) if r["task"] == "toy_a"]
    assert row["task"] == "toy_a" and row["multi_task"] == before["multi_task"]
    assert json.loads(folder.lineage.read_text())["checkpoint"]["checkpoint"] == str(finished.path / "checkpoints/6")

    def slots_since(*params):
        other = [f"Run.folder = {str(tmp_path / 'other')!r}", *params]
        run = checks.check_finetuning(binding.bind([str(folder.operative_config)], other).run)
        return Components(run.run, run.provider).restore(run.checkpoint, run.run.finetune).slots_since

    assert slots_since() == 0  # new ones
    assert slots_since("Finetuning.new_slots = False") == -6  # those of the checkpoint
    assert main([*command, "--mixture_or_task", "toy_b"]) == 2
    assert "Run.mixture ('toy_a' there, 'toy_b' here)" in capsys.readouterr().err


def test_a_dry_run_shows_the_plan_and_trains_nothing(toy, gin_file, capsys):
    params = ["--gin_param", "Run.sequence_length = {'inputs': 5, 'targets': 8}"]
    assert main(["train", "--gin_file", str(gin_file), "--dry_run", *params]) == 0
    out = capsys.readouterr().out
    for words in ("toy_plain", "33.33%", "parameters", "batch:1", "6 steps on toy", "toy_a, toy_b"):
        assert words in out
    assert "toy_a: 20 of 20 examples have inputs longer than Run.sequence_length and are truncated" in out
    assert not (gin_file.parent / "run" / "checkpoints").exists()


def test_scores_on_clean_examples_stand_beside_those_on_all(finished, tmp_path, capsys):
    path = tmp_path / "ledger.jsonl"
    assert main(["overlap", "toy", "--output", str(path)]) == 0
    entry = {"task": "toy_a", "split": "test", "index": 3, "text": "23", "kind": "exact"}
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    capsys.readouterr()
    assert main(["eval", "--run_folder", str(finished.path), "--ledger", str(path)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    cells = {row[0]: row for row in table if row and row[0].startswith("toy_")}
    assert cells["toy_a"][-1] == "19" and cells["toy_b"][-1] == "20"
    # One that is named and knows nothing of what is scored is refused.
    assert main(["eval", "--run_folder", str(finished.path), "--ledger", str(path), "--split", "train"]) == 2
    assert "has looked at nothing that is scored, toy_a (train), toy_b (train)" in capsys.readouterr().err
    # In the run folder it needs no name, and one of other data is refused.
    (finished.path / "ledger.jsonl").write_text(path.read_text().replace('"23"', '"24"'))
    assert main(["eval", "--run_folder", str(finished.path)]) == 2
    assert "its examples of 'toy_a', 'test', are others" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["", "finetune/toy_b"])
def test_the_steps_that_fed_what_was_found_are_those_of_the_run(finished, tmp_path, capsys, part):
    fed = stream_of_run(str(finished.path / part))
    assert fed.steps == (3 if part else 6)
    first = {}
    for step in range(fed.steps):
        for task, _, index in fed.stream.examples(step):
            first.setdefault((task, index), step)
    path = tmp_path / "ledger.jsonl"
    # "20" stands in "120" and in "200": enough, where two characters are a run.
    command = ["overlap", "toy", "--characters", "2", "--output", str(path), "--run", str(finished.path / part)]
    capsys.readouterr()
    assert main([*command, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    entries = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    matches = [match for entry in entries for match in entry["matches"]]
    assert {match["task"] for match in matches} >= {"toy_b", "toy_plain"}
    assert all(match["first_step"] == first.get((match["task"], match["index"])) for match in matches)
    for entry in entries:
        steps = [match["first_step"] for match in entry["matches"] if match["first_step"] is not None]
        assert entry["first_step"] == min(steps, default=None)
    assert told["steps"] == fed.steps
    assert sum(row["fed"] for row in told["splits"]) == sum(entry["first_step"] is not None for entry in entries) > 0
    assert main(["overlap", "toy", "--characters", "2", "--run", str(finished.path / part)]) == 0
    assert "first at" in capsys.readouterr().out


def test_a_run_whose_tasks_have_changed_tells_no_steps(finished, add_task, capsys):
    t5mix.TaskRegistry.remove("toy_b")
    add_task("toy_b", start=300)
    t5mix.MixtureRegistry.remove("toy")
    t5mix.MixtureRegistry.add("toy", ["toy_a", "toy_b", "toy_plain"], default_rate=1.0)
    assert main(["overlap", "toy", "--run", str(finished.path)]) == 2
    assert "was fed other batches than its tasks give now: task 'toy_b' has other" in capsys.readouterr().err
