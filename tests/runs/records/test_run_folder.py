import json
from pathlib import Path

import pytest

from t5mix.runs.records.run_folder import RunFolder, Trained, check_links, find_checkpoint
from tests.runs.conftest import pretend_checkpoint


@pytest.fixture
def folder(tmp_path):
    """A run folder with checkpoints of pre-training and of one fine-tuning."""
    run = RunFolder(tmp_path / "run")
    for trained, steps in ((run.pretraining, (5, 10)), (run.finetuning("a"), (3,))):
        for step in steps:
            pretend_checkpoint(trained, step)
    run.operative_config.write_text("")
    return run


def test_a_training_knows_its_steps_and_nothing_unfinished(folder):
    (folder.pretraining.checkpoints / "12.orbax-checkpoint-tmp").mkdir()
    assert folder.pretraining.steps() == [5, 10]
    assert RunFolder(Path("nowhere")).pretraining.steps() == []


@pytest.mark.parametrize(
    ("within", "trained", "step"),
    [
        ("", "", 10),
        ("checkpoints", "", 10),
        ("checkpoints/5", "", 5),
        ("finetune/a", "finetune/a", 3),
        ("finetune/a/checkpoints/3", "finetune/a", 3),
    ],
)
def test_a_checkpoint_is_found_by_any_of_its_paths(folder, within, trained, step):
    found = find_checkpoint(str(folder.path / within))
    assert (found.trained.path, found.step) == (folder.path / trained, step)
    assert found.run.path == folder.path
    assert found.is_fine_tuned == bool(trained)


def test_a_relative_path_is_found_too(folder, monkeypatch):
    for inside, path in (("finetune/a", "."), ("finetune", "a"), ("finetune/a/checkpoints", "3"), ("", "finetune/a")):
        monkeypatch.chdir(folder.path / inside)
        found = find_checkpoint(path)
        assert (found.step, found.is_fine_tuned, found.trained.path.name) == (3, True, "a"), path
    monkeypatch.chdir(folder.path)
    assert find_checkpoint(".").step == 10


def test_checkpoints_outside_of_a_run_folder_are_refused(tmp_path):
    pretend_checkpoint(Trained(tmp_path / "x"), 5)
    with pytest.raises(FileNotFoundError, match=r"has checkpoints but no operative_config\.gin"):
        find_checkpoint(str(tmp_path / "x"))


def test_scores_of_a_part_do_not_replace_those_of_the_whole():
    trained = Trained(Path("x"))
    assert trained.scores("test", "a", 5) != trained.scores("test", "a", 5, limit=3)


def test_a_damaged_newest_checkpoint_is_said_and_the_last_whole_one_taken(folder, capsys):
    newest = folder.pretraining.checkpoints / "10"
    (newest / "weights").write_text("others")
    found = find_checkpoint(str(folder.path))
    assert found.step == 5
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: the checkpoint") and "10' is damaged" in warning
    assert "weights does not match its checksum" in warning and warning.endswith("taking step 5, the last whole one")
    with pytest.raises(ValueError, match=r"10' is damaged: weights does not match its checksum"):
        find_checkpoint(str(newest))
    (folder.pretraining.checkpoints / "5" / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole: .*; .*5' has no manifest\.json"):
        find_checkpoint(str(folder.path))


@pytest.mark.parametrize("name", ["finetune/a/checkpoints/3/weights", "lineage.json", "scores", ".lock", "finetune/b"])
def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(folder, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    check_links(folder.path)
    (folder.path / "within").symlink_to(folder.path / "finetune")
    check_links(folder.path)
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(outside)
    with pytest.raises(ValueError, match=rf"{name}' is a link that leads out of the run folder"):
        find_checkpoint(str(folder.path))


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder.path)
    assert find_checkpoint(str(tmp_path / "link")).step == 10


@pytest.mark.parametrize("address", ["gs://bucket/run", "s3://bucket/run/checkpoints/5", "file:///run"])
def test_an_address_is_no_folder(address):
    with pytest.raises(ValueError, match="is an address, and runs are written to and read from a file system"):
        find_checkpoint(address)


@pytest.mark.parametrize(
    "name", ["..", "../../x", "a" * 300, "\u4e2d" * 300, "a/b", ".hidden", "train[:50]", "\x1b[2J"]
)
def test_no_name_of_a_task_or_split_leads_elsewhere(folder, name):
    paths = [folder.finetuning(name).path, folder.pretraining.scores(name, "a", 5)]
    paths.append(folder.pretraining.scores("test", name, 5))
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert path.resolve().is_relative_to(folder.path / "finetune") or path.resolve().is_relative_to(
            folder.path / "scores"
        )
    assert len({str(path) for path in paths}) == 3


def test_a_fine_tuning_knows_its_task_by_its_record(folder):
    name = "long" * 100
    trained = folder.finetuning(name)
    pretend_checkpoint(trained, 7)
    trained.start.write_text(json.dumps({"task": name, "step": 5}))
    assert find_checkpoint(str(trained.path)).task == name
    assert find_checkpoint(str(folder.finetuning("a").path)).task == "a"
