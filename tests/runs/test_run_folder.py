from pathlib import Path

import pytest

from t5mix.runs.run_folder import RunFolder, Trained, find_checkpoint


@pytest.fixture
def folder(tmp_path):
    """A run folder with checkpoints of pre-training and of one fine-tuning."""
    run = RunFolder(tmp_path / "run")
    for trained, steps in ((run.pretraining, (5, 10)), (run.finetuning("a"), (3,))):
        for step in steps:
            (trained.checkpoints / str(step)).mkdir(parents=True)
    run.operative_config.write_text("")
    return run


def test_a_training_knows_its_steps_and_nothing_unfinished(folder):
    (folder.pretraining.checkpoints / "12.orbax-checkpoint-tmp").mkdir()
    assert folder.pretraining.steps() == [5, 10]
    assert RunFolder(Path("nowhere")).pretraining.steps() == []
    assert folder.finetuned_tasks() == ["a"]


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
    (tmp_path / "x/checkpoints/5").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"has checkpoints but no operative_config\.gin"):
        find_checkpoint(str(tmp_path / "x"))


def test_scores_of_a_part_do_not_replace_those_of_the_whole():
    trained = Trained(Path("x"))
    assert trained.scores("test", "a", 5) != trained.scores("test", "a", 5, limit=3)
