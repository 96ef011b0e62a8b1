"""What a run folder holds decides what may go on in it."""

import dataclasses
import json

import pytest

import t5mix
from t5mix.declarations import registry
from t5mix.runs.preflight import checks, folders, tasks
from tests.runs.preflight.begun import pretend_checkpoint, start

pytestmark = pytest.mark.usefixtures("toy")


def test_a_folder_that_can_not_be_written_is_refused(bind, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"Run.folder '.*file/run' can not be written \(.*irectory"):
        checks.check_training(bind(f"Run.folder = '{tmp_path}/file/run'").run)


def test_the_same_run_may_start_again_on_its_folder(bind):
    start(bind)
    checks.check_training(bind().run)


@pytest.mark.parametrize(
    "change",
    [
        "Training.steps = 60",
        "Training.log_every = 7",
        "MeshConfig.shape = 'batch:2'",
        "T5Config.block_loop = 'recomputed'",
        "Evaluation.split = 'train'",
        "Finetuning.tasks = ['toy_a']",
    ],
)
def test_what_does_not_change_the_numbers_may_change(bind, change):
    start(bind)
    checks.check_training(bind(change).run)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("Run.seed = 1", r"Run.seed \(0 there, 1 here\)"),
        ("Run.batch_size = 8", r"Run.batch_size \(4 there, 8 here\)"),
        ("T5Config.d_ff = 64", r"T5Config.d_ff \(32 there, 64 here\)"),
        ("constant.learning_rate = 0.5", r"Training.schedule \(constant\(learning_rate=0.01\) there, "),
        ("Finetuning.steps = 4", r"Finetuning.steps \(3 there, 4 here\)"),
        ("Run.finetune = None", r"Finetuning.steps \(3 there, not bound here\)"),
        ("Run.mixture = 'toy_a'", r"Run.mixture \('toy' there, 'toy_a' here\)"),
    ],
)
def test_another_configuration_on_the_same_folder_is_refused_by_name(bind, change, named):
    start(bind)
    with pytest.raises(ValueError, match=rf"holds a run with other settings: .*{named}"):
        checks.check_training(bind(change).run)


def test_fewer_steps_than_were_done_are_refused(bind):
    pretend_checkpoint(start(bind).folder.pretraining, 6)
    checks.check_training(bind().run)
    with pytest.raises(ValueError, match=r"Training.steps is 5, but .* has been trained for 6 steps already"):
        checks.check_training(bind("Training.steps = 5").run)


def test_checkpoints_without_a_record_are_nobody_s(bind):
    checked = checks.check_training(bind().run)
    pretend_checkpoint(checked.folder.pretraining, 6)
    with pytest.raises(ValueError, match=r"has checkpoints but no operative_config.gin"):
        checks.check_training(bind().run)


def test_resuming_with_another_vocabulary_is_refused(bind, add_task):
    start(bind)
    for name in ("toy_a", "toy_b", "toy_plain"):
        registry.TaskRegistry.remove(name)
        add_task(name, vocabulary=t5mix.ByteVocabulary(extra_ids=4))
    registry.MixtureRegistry.remove("toy")
    t5mix.MixtureRegistry.add("toy", ["toy_a", "toy_b", "toy_plain"], default_rate=1.0)
    with pytest.raises(ValueError, match=r"this run was started with another vocabulary of 'inputs'"):
        checks.check_training(bind().run)


def test_a_damaged_lineage_is_named(bind):
    checked = start(bind)
    checked.folder.lineage.write_text("{")
    with pytest.raises(ValueError, match=r"lineage.json is damaged"):
        checks.check_training(bind().run)


def test_the_lineage_says_where_data_comes_from(bind):
    folder = start(bind).folder
    lineage = json.loads(folder.lineage.read_text())
    assert lineage["mixture"] == "toy" and lineage["checkpoint"] is None
    assert list(lineage["tasks"]) == ["toy_a", "toy_b", "toy_plain"]
    task = lineage["tasks"]["toy_a"]
    assert task["share"] == pytest.approx(1 / 3)
    assert "conftest.py:" in task["declared_at"]
    assert set(task["source"]["splits"]) == {"train", "test"}
    assert task["vocabularies"]["inputs"]["fingerprint"] == lineage["vocabularies"]["inputs"]["fingerprint"]
    assert tasks.MODEL_FEATURES == tuple(lineage["vocabularies"])


def test_another_objective_does_not_resume(bind):
    checked = start(bind)
    changed = dataclasses.replace(checked.run, objective="prefix_lm")
    with pytest.raises(ValueError, match=r"Run.objective \(None there, 'prefix_lm' here\)"):
        folders.check_same_run(changed, checked.folder)


def test_a_folder_keeps_the_scores_of_one_pre_training(bind, tmp_path):
    own = start(bind).folder
    pretend_checkpoint(own.pretraining, 6)
    other = start(bind, f"Run.folder = '{tmp_path}/other'").folder
    pretend_checkpoint(other.pretraining, 6)
    for path in (own.path, own.path / "checkpoints/6"):
        checks.check_finetuning(bind(f"Finetuning.checkpoint = '{path}'").run)
    with pytest.raises(ValueError, match=r"has a pre-training of its own, and Finetuning.checkpoint is of '.*other'"):
        checks.check_finetuning(bind(f"Finetuning.checkpoint = '{other.path}'").run)
