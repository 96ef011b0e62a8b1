"""The tree of a checkpoint: down to tasks, data and the checkpoint that it began with."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from t5mix.cli.main import main
from t5mix.declarations.registry import TaskRegistry
from t5mix.runs.config import binding
from t5mix.runs.finetune import _remember_start
from t5mix.runs.preflight import checks
from t5mix.runs.records.lineage import lineage_of
from t5mix.runs.records.record import record_start
from t5mix.runs.records.run_folder import RunFolder, find_checkpoint
from t5mix.training import checkpoint_files
from tests.runs.conftest import pretend_checkpoint

STREAM = {"stream": {"tasks": ["0a1b2c 0.25 toy_a", "0a1b2d 0.5 toy_b", "0a1b2e 0.25 toy_gone"]}}


@pytest.fixture
def run(toy, gin_file) -> RunFolder:
    """A pre-training of two starts, and a fine-tuning that began with its end."""
    bound = binding.bind([str(gin_file)])
    checked = checks.check_training(bound.run)
    folder = checked.folder
    record_start(bound, checked, ["t5mix", "train", "--gin_file", "é.gin"])
    pretend_checkpoint(folder.pretraining, 4, STREAM)
    record_start(bound, checked, ["t5mix", "train", "again"])
    pretend_checkpoint(folder.pretraining, 6, STREAM)
    trained = folder.finetuning("toy_a")
    _remember_start(trained, TaskRegistry.get("toy_a"), find_checkpoint(str(folder.path)))
    pretend_checkpoint(trained, 3, {"stream": {"tasks": ["0a1b2c 1 toy_a"]}})
    return folder


def test_a_fine_tuning_does_not_go_on_from_other_weights_of_the_same_name(run, tmp_path):
    trained, weights = run.finetuning("toy_b"), tmp_path / "trained.safetensors"
    start = dataclasses.replace(find_checkpoint(str(run.path)), trained_alone=str(tmp_path))
    for content in (b"some", b"some"):
        weights.write_bytes(content)
        _remember_start(trained, TaskRegistry.get("toy_b"), start)
    weights.write_bytes(b"others")
    with pytest.raises(
        ValueError, match=r"toy_b' was fine-tuned from what '.*' held then, and other weights are there"
    ):
        _remember_start(trained, TaskRegistry.get("toy_b"), start)


def test_a_fine_tuning_does_not_go_on_from_another_checkpoint_in_the_place_of_the_first(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task, checkpoint = TaskRegistry.get("toy_b"), run.pretraining.checkpoints / "6"
    own = RunFolder(run.path.relative_to(tmp_path)).finetuning("toy_b")
    other = RunFolder(tmp_path / "other").finetuning("toy_b")
    for trained in (other, own):
        _remember_start(trained, task, find_checkpoint(str(run.path)))
    shutil.rmtree(checkpoint)
    pretend_checkpoint(run.pretraining, 6, {**STREAM, "trained": "anew"})
    _remember_start(own, task, find_checkpoint(str(run.path)))  # a run's last checkpoint is made again, bit for bit
    with pytest.raises(ValueError, match=r"checkpoints/6' was then, and another checkpoint has its place now"):
        _remember_start(other, task, find_checkpoint(str(run.path)))


def test_a_fine_tuned_checkpoint_leads_back_to_initial_weights(run):
    found = lineage_of(str(run.finetuning("toy_a").path))
    assert (found["training"], found["name"], found["step"], found["seed"]) == ("fine-tuning", "toy_a", 3, 0)
    assert {name: task["share"] for name, task in found["tasks"].items()} == {"toy_a": 1.0}
    task = TaskRegistry.get("toy_a")
    assert found["declared_at"] == task.declared_at
    assert found["tasks"]["toy_a"]["source"]["splits"]["train"] == task.source.fingerprint("train")
    assert len(found["tasks"]["toy_a"]["file_sha256"]) == 64
    assert len(found["starts"]) == 2
    before = found["began_with"]
    assert (before["training"], before["name"], before["step"]) == ("pre-training", "toy", 6)
    assert before["sha256"] == checkpoint_files.identity(run.pretraining.checkpoints / "6")
    assert before["began_with"] is None


def test_shares_are_those_of_the_checkpoint(run):
    """The record of the run is of its last start, whose mixture may be another."""
    tasks = lineage_of(str(run.path))["tasks"]
    assert {name: task["share"] for name, task in tasks.items()} == {"toy_a": 0.25, "toy_b": 0.5, "toy_gone": 0.25}
    assert "source" in tasks["toy_b"] and "source" not in tasks["toy_gone"]


def test_a_checkpoint_knows_the_starts_up_to_it(run):
    commands = [
        [start["command"][-1] for start in lineage_of(str(run.pretraining.checkpoints / step))["starts"]]
        for step in ("4", "6")
    ]
    assert commands == [["é.gin"], ["é.gin", "again"]]


def test_a_run_folder_that_was_moved_leads_to_its_own_checkpoint(run, tmp_path):
    moved = RunFolder(tmp_path / "é moved")
    shutil.move(run.path, moved.path)
    before = lineage_of(str(moved.finetuning("toy_a").path))["began_with"]
    assert before["checkpoint"] == str(moved.pretraining.checkpoints / "6") and before["began_with"] is None


def test_another_checkpoint_in_the_place_of_the_first_is_not_taken_for_it(run):
    begun_with = run.pretraining.checkpoints / "6"
    shutil.rmtree(begun_with)
    fine_tuned = str(run.finetuning("toy_a").path)
    assert lineage_of(fine_tuned)["began_with"]["not_followed"] == "it is not there any more"
    pretend_checkpoint(run.pretraining, 6, {"stream": {}, "other": 1})
    assert lineage_of(fine_tuned)["began_with"]["not_followed"] == "another checkpoint has its place now"


def test_records_that_lead_in_a_circle_end(run):
    start = run.finetuning("toy_a").start
    itself = start.parent / "checkpoints" / "3"
    start.write_text(json.dumps({"task": "toy_a", "checkpoint": str(itself), "step": 3}))
    shutil.rmtree(run.pretraining.checkpoints)
    assert lineage_of(str(start.parent))["began_with"]["not_followed"] == "the records lead in a circle"


def test_a_mean_of_checkpoints_says_of_which(run, capsys):
    pretend_checkpoint(run.pretraining, 8, {**STREAM, "averaged": [4, 6]})
    assert lineage_of(str(run.path))["averaged"] == [4, 6]
    assert main(["lineage", str(run.path)]) == 0
    assert "mean of the checkpoints of steps 4, 6" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["../../..", None, [], "6"])
@pytest.mark.parametrize("checkpoint", [3, "gs://a/b", "a\0b", "/dev", ["x"]])
def test_a_start_that_says_something_else_is_not_followed(run, checkpoint, step):
    start = run.finetuning("toy_a").start
    start.write_text(json.dumps({"task": "toy_a", "checkpoint": checkpoint, "step": step}))
    before = lineage_of(str(start.parent))["began_with"]
    assert before["not_followed"] and before["checkpoint"] == checkpoint


def test_a_start_without_a_checkpoint_began_with_initial_weights(run):
    start = run.finetuning("toy_a").start
    start.write_text(json.dumps({"task": "toy_a", "checkpoint": None, "step": 0, "sha256": None}))
    assert lineage_of(str(start.parent))["began_with"] is None


def test_a_separator_within_an_argument_ends_no_line(run):
    with open(run.starts, "a") as file:
        file.write(json.dumps({"command": ["a\u2028b"], "step": 4}, ensure_ascii=False) + "\n")
    assert lineage_of(str(run.path))["starts"][-1]["command"] == ["a\u2028b"]


def test_the_command_prints_a_tree_and_json(run, capsys):
    assert main(["lineage", str(run.finetuning("toy_a").path)]) == 0
    tree = capsys.readouterr().out
    assert "fine-tuning on toy_a to step 3, seed 0, decoding's 0" in tree and "began with initial weights" in tree
    assert f"declared at {Path(TaskRegistry.get('toy_a').declared_at.rpartition(':')[0]).name}" in tree.replace(
        "tests/runs/", ""
    )
    assert "toy_gone  25.00% of the examples" in tree
    assert main(["lineage", str(run.path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "toy"


@pytest.mark.parametrize("content", ["[]", "{", '{"tasks": 3}', '{"tasks": {"toy_a": "\\u001b]0;x"}}', "\udcff"])
def test_damaged_records_are_one_line_or_less_is_said(run, capsys, content):
    run.lineage.write_text(content, errors="surrogateescape")
    status = main(["lineage", str(run.path)])
    captured = capsys.readouterr()
    assert (status == 2 and len(captured.err.splitlines()) == 1) or (status == 0 and "toy_b" in captured.out)
    assert "\x1b" not in captured.out + captured.err


def test_what_is_no_checkpoint_is_refused(tmp_path, capsys):
    for path in (tmp_path / "missing", tmp_path):
        assert main(["lineage", str(path)]) == 2
        assert "t5mix: error: no checkpoint" in capsys.readouterr().err
