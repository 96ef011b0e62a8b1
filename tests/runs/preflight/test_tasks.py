"""Names, files, vocabularies and the mesh: what a task must have, and which tasks are scored."""

import json

import pytest

import t5mix
from t5mix.runs.preflight import checks
from t5mix.runs.preflight.tasks import check_mesh, model_vocab_size
from tests.runs.preflight.begun import pretend_checkpoint, start

pytestmark = pytest.mark.usefixtures("toy")


def test_a_mesh_larger_than_the_machine_is_refused(bind):
    run = bind("MeshConfig.shape = 'batch:4'").run
    check_mesh(run, available=lambda: 4)
    with pytest.raises(ValueError, match=r"the mesh 'batch:4' needs 4 devices and this machine has 3"):
        check_mesh(run, available=lambda: 3)


def test_a_length_that_the_mesh_does_not_divide_is_refused(bind):
    mesh = ["MeshConfig.shape = 'batch:1;long:4'", "MeshConfig.layout = 'batch:batch,length:long'"]
    check_mesh(bind(*mesh).run, available=lambda: 4)
    with pytest.raises(ValueError, match=r"splits length in 4 \(axis 'long'\) but that of 'targets' is 6; .* 8 or 4$"):
        checks.check_training(bind(*mesh, "Run.sequence_length = {'inputs': 16, 'targets': 6}").run)
    prompt = ["Finetuning.trained = @prompt_tuning()", "prompt_tuning.length = 5", "Run.packing = False"]
    with pytest.raises(ValueError, match=r"that of 'inputs with their prompt' is 21; use a multiple of 4, such as 24"):
        checks.check_training(bind(*mesh, *prompt).run)


def test_files_of_a_task_that_are_missing_are_named(bind, tmp_path):
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    t5mix.TaskRegistry.add(
        "lines",
        source=t5mix.TextLineDataSource({"train": str(tmp_path / "nothing*.txt"), "test": "x"}),
        output_features={"inputs": feature, "targets": feature},
        metric_fns=[lambda targets, predictions: {}],
    )
    with pytest.raises(ValueError, match=r"no file matches '.*nothing\*.txt' of split 'train'"):
        checks.check_training(bind("Run.mixture = 'lines'").run)


def test_whatever_a_source_raises_is_shown_with_its_task(bind, add_task):
    class Damaged(t5mix.FunctionDataSource):
        def list_shards(self, split):
            return json.loads("{")  # whose error is not made of one text

    source = Damaged(lambda split, shuffle_files: None, splits=["train", "test"])
    t5mix.TaskRegistry.add_provider("damaged", add_task("whole").replace(name="damaged", source=source))
    with pytest.raises(ValueError, match=r"task damaged \(.*\): Expecting property name .*"):
        checks.check_training(bind("Run.mixture = 'damaged'").run)


def test_a_vocabulary_whose_file_is_missing_is_named(bind, add_task):
    add_task("pieces", vocabulary=t5mix.SentencePieceVocabulary("nowhere/pieces.model"))
    with pytest.raises(ValueError, match=r"cannot read 'nowhere/pieces.model'"):
        checks.check_training(bind("Run.mixture = 'pieces'").run)


def test_the_model_needs_inputs_and_targets(bind):
    t5mix.TaskRegistry.add(
        "only_targets",
        source=t5mix.FunctionDataSource(lambda split, shuffle_files: None, splits=["train"]),
        output_features={"targets": t5mix.Feature(t5mix.ByteVocabulary())},
    )
    with pytest.raises(ValueError, match=r"only_targets has no feature 'inputs'"):
        checks.check_training(bind("Run.mixture = 'only_targets'").run)


def test_the_decoder_s_end_of_sequence_must_be_the_vocabulary_s(bind, add_task):
    add_task("other_end", vocabulary=t5mix.PassThroughVocabulary(100, eos_id=7))
    with pytest.raises(ValueError, match=r"ends sequences with id 7 and pads with 0: T5 needs 1 and 0"):
        checks.check_training(bind("Run.mixture = 'other_end'").run)


def test_the_model_s_vocabulary_holds_every_feature_s():
    assert model_vocab_size("toy", ()) == 264


def test_what_cannot_be_scored_is_said_before_training(bind, mixed, capsys):
    checked = checks.check_training(bind("Run.mixture = 'mixed'", "Run.finetune = None").run)
    assert [task.name for task in checked.scored_tasks] == ["toy_a"]
    said = capsys.readouterr().err.splitlines()
    assert [line.split("'")[1] for line in said if line.startswith("not scored: task ")] == ["by_score", "train_alone"]
    assert [task.name for task in checks.check_training(bind().run).scored_tasks] == ["toy_a", "toy_b"]


def test_tasks_that_cannot_be_scored_are_left_out_of_an_evaluation(bind, mixed, capsys):
    checked = start(bind, "Run.mixture = 'mixed'", "Run.finetune = None")
    pretend_checkpoint(checked.folder.pretraining, 6)
    capsys.readouterr()
    recorded = checks.check_recorded(str(checked.folder.path))
    assert [task.name for task in checks.check_scoring(recorded, "latest")[1]] == ["toy_a"]
    assert capsys.readouterr().err.count("not scored: task ") == 2


def test_files_that_scoring_needs_are_missed_before_training(bind, tmp_path):
    (tmp_path / "lines.txt").write_text("a\n")
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    files = {"train": str(tmp_path / "lines.txt"), "test": str(tmp_path / "nothing.txt")}
    task = {"source": t5mix.TextLineDataSource(files), "output_features": {"inputs": feature, "targets": feature}}
    t5mix.TaskRegistry.add("lines", **task, metric_fns=[lambda targets, predictions: {}])
    t5mix.TaskRegistry.add("plain_lines", **task)
    with pytest.raises(ValueError, match=r"task lines .*: .*no file matches '.*nothing.txt' of split 'test'"):
        checks.check_training(bind("Run.mixture = 'lines'", "Run.finetune = None").run)
    # A split that the run does not read may be missing.
    folder = start(bind, "Run.mixture = 'plain_lines'", "Run.finetune = None").folder
    splits = json.loads(folder.lineage.read_text())["tasks"]["plain_lines"]["source"]["splits"]
    assert splits["train"] and splits["test"] is None
