"""Settings that are refused in one line, before anything is built; what passes, and where fine-tuning starts."""

import dataclasses

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.mesh.layouts import MeshConfig
from t5mix.preprocessors import objectives
from t5mix.runs.preflight import checks
from tests.runs.conftest import hidden_digits
from tests.runs.preflight.begun import pretend_checkpoint, start

pytestmark = pytest.mark.usefixtures("toy")

REFUSED = {
    "misspelt mixture": ("Run.mixture = 'tyo'", "there is no task or mixture 'tyo'; did you mean .*toy"),
    "missing length": (
        "Run.sequence_length = {'inputs': 5}",
        "Run.sequence_length says nothing of 'targets', a feature of toy",
    ),
    "length of no feature": (
        "Run.sequence_length = {'inputs': 5, 'targets': 5, 'target': 5}",
        "Run.sequence_length names 'target', which is no feature of toy; did you mean 'targets'",
    ),
    "vocabulary too large": (
        "T5Config.vocab_size = 100",
        "T5Config.vocab_size is 100, but the vocabulary of 'inputs' of toy has 264 ids",
    ),
    "misspelt task": ("Finetuning.tasks = ['toy_c']", "there is no task or mixture 'toy_c'; did you mean"),
    "from scratch where a pre-training is": (
        "Finetuning.from_scratch = True",
        "Finetuning.from_scratch begins with new weights, and `t5mix train` fine-tunes what it has trained itself",
    ),
    "task without metrics": ("Finetuning.tasks = ['toy_plain']", "task 'toy_plain' has no metric_fns"),
    "split that a task lacks": (
        "Evaluation.split = 'tset'",
        r"task toy_a \(.*\) has no split 'tset', which Evaluation.split needs; it has train, test",
    ),
    "split that no task has": (
        "Evaluation.split = 'tset'\nRun.finetune = None",
        "toy has no split 'tset', which Evaluation.split names; did you mean 'test'.; its tasks with metrics have "
        "'test', 'train'",
    ),
    "schedule that ends before": (
        "Training.schedule = @linear_decay()\nlinear_decay.learning_rate = 0.1\nlinear_decay.total_steps = 4",
        r"Training.schedule, linear_decay\(.*\), has learning rate 0 from step 4 on, and Training.steps is 6: ",
    ),
    "schedule of fine-tuning that ends before": (
        "Finetuning.schedule = @linear_decay()\nlinear_decay.learning_rate = 0.1\nlinear_decay.total_steps = 2",
        "Finetuning.schedule, .*, has learning rate 0 from step 2 on, and Finetuning.steps is 3",
    ),
    "folder in a bucket": (
        "Run.folder = 'gs://bucket/run'",
        "Run.folder 'gs://bucket/run' is an address, and runs are written to and read from a file system",
    ),
    "checkpoint of another run": (
        "Finetuning.checkpoint = 'runs/x'",
        "Finetuning.checkpoint is 'runs/x', but `t5mix train` fine-tunes what it has trained itself",
    ),
    "batch that the mesh does not divide": (
        "MeshConfig.shape = 'batch:3'",
        "the mesh 'batch:3' splits batch in 3 .* but its size is 4; use a multiple of 3, such as 6",
    ),
    "heads that the mesh does not divide": (
        "MeshConfig.shape = 'model:4'",
        "the mesh 'model:4' splits heads in 4 .* but its size is 2",
    ),
    "decoding batch that the mesh does not divide": (
        "MeshConfig.shape = 'batch:2'\nEvaluation.batch_size = 3",
        "Evaluation.batch_size: the mesh 'batch:2' splits batch in 2",
    ),
    "axis over which nothing is split": (
        "MeshConfig.shape = 'bacth:2'",
        "MeshConfig.layout '.*' splits nothing over axis 'bacth': its devices would all do the same",
    ),
    "no pre-training": ("Run.train = None", "Run.train is None: bind Training.steps"),
    "missing declarations file": ("Run.include = ['nowhere.py']", "nowhere.py does not exist"),
}


@pytest.mark.parametrize(("params", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_training_is_refused(bind, tmp_path, params, message):
    with pytest.raises(ValueError, match=message) as error:
        checks.check_training(bind(*params.split("\n")).run)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"vocabularies": []}', '{"vocabularies": {"inputs": 1}}', "\xff", "1e9" * 9]
)
def test_a_damaged_record_is_named_in_one_line(bind, content):
    folder = start(bind).folder
    pretend_checkpoint(folder.pretraining, 6)
    folder.lineage.write_bytes(content.encode("latin-1"))
    for use in (lambda: checks.check_training(bind().run), lambda: checks.check_recorded(str(folder.path))):
        with pytest.raises(ValueError, match=rf"{folder.lineage} is damaged") as error:
            use()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("choice", ["Evaluation.patience = 2", "Evaluation.report_split = 'train'"])
def test_nothing_is_chosen_by_scores_that_there_are_none_of(bind, add_task, choice):
    add_task("hidden", data=hidden_digits)
    chosen = ["Run.mixture = 'hidden'", "Evaluation.every = 2", choice]
    for more in ([], ["Run.finetune = None"]):
        with pytest.raises(ValueError, match=r"by scores, .* on 'test', which has no published label \(hidden: "):
            checks.check_training(bind(*chosen, *more).run)
        checks.check_training(bind(*chosen, *more, "Evaluation.split = 'train'").run)
        checks.check_training(bind(*chosen[:2], *more).run)


def test_what_passes_comes_with_its_tasks(bind):
    checked = checks.check_training(bind().run)
    assert checked.provider.name == "toy"
    assert [task.name for task in checked.finetune_tasks] == ["toy_a", "toy_b"]
    one = checks.check_training(bind("Finetuning.tasks = ['toy_b']").run)
    assert [task.name for task in one.finetune_tasks] == ["toy_b"]
    assert checks.check_training(bind("Run.finetune = None").run).finetune_tasks == ()
    assert checks.check_training(bind("Run.mixture = 'toy_a'").run).provider.name == "toy_a"


def test_a_mixture_that_is_named_is_fine_tuned_on_as_one(bind, add_task):
    t5mix.MixtureRegistry.add("plain", ["toy_plain"], default_rate=1.0)
    add_task("toy_asked", splits=("test",))
    t5mix.MixtureRegistry.add("both", ["toy_plain", "toy_asked"], default_rate=1.0)
    checked = checks.check_training(bind("Finetuning.tasks = ['both', 'toy_b']").run)
    assert [each.name for each in checked.finetune_tasks] == ["both", "toy_b"]
    assert [task.name for task in checked.scored_tasks] == ["toy_asked", "toy_b"]
    with pytest.raises(ValueError, match=r"names the mixture 'plain', and no task of it has metrics .*; it has toy_pl"):
        checks.check_training(bind("Finetuning.tasks = ['plain']").run)
    with pytest.raises(ValueError, match=r"toy_asked .* has no split 'train' to fine-tune on: name what .* by --tasks"):
        checks.check_training(bind("Run.mixture = 'both'").run)


def test_fine_tuning_may_begin_with_new_weights(bind):
    checked = checks.check_finetuning(bind("Finetuning.from_scratch = True").run)
    assert checked.checkpoint is None and [task.name for task in checked.scored_tasks] == ["toy_a", "toy_b"]
    with pytest.raises(ValueError, match=r"Finetuning.checkpoint is 'x', and Finetuning.from_scratch begins with new"):
        bind("Finetuning.from_scratch = True", "Finetuning.checkpoint = 'x'")
    pretend_checkpoint(checked.folder.pretraining, 6)
    with pytest.raises(ValueError, match=r"has a pre-training of its own, and this run has none: choose another"):
        checks.check_finetuning(bind("Finetuning.from_scratch = True").run)


def test_a_mixture_without_metrics_can_not_be_fine_tuned(bind):
    with pytest.raises(ValueError, match=r"no task of toy_plain has metrics"):
        checks.check_training(bind("Run.mixture = 'toy_plain'").run)


def test_finetuning_starts_from_a_checkpoint_that_is_there(bind, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"\(--checkpoint\): no checkpoint 'nowhere': there is no such folder"):
        checks.check_finetuning(bind("Finetuning.checkpoint = 'nowhere'").run)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*: it holds no folder checkpoints/STEP"):
        checks.check_finetuning(bind(f"Finetuning.checkpoint = '{tmp_path}'").run)
    with pytest.raises(ValueError, match=r"Run.finetune is None"):
        checks.check_finetuning(bind("Run.finetune = None").run)


def finetune_params(tmp_path, checkpoint):
    return f"Finetuning.checkpoint = '{checkpoint}'", f"Run.folder = '{tmp_path}/finetuned'"


def test_finetuning_takes_the_newest_checkpoint_or_the_one_named(bind, tmp_path):
    checked = start(bind)
    for step in (2, 4, 6):
        pretend_checkpoint(checked.folder.pretraining, step)
    (checked.folder.pretraining.checkpoints / "8.orbax-checkpoint-tmp").mkdir()
    folder = checked.folder.path
    assert checks.check_finetuning(bind(*finetune_params(tmp_path, folder)).run).checkpoint.step == 6
    params = finetune_params(tmp_path, folder / "checkpoints/4")
    found = checks.check_finetuning(bind(*params).run).checkpoint
    assert found.step == 4 and str(found) == str(folder / "checkpoints/4")
    with pytest.raises(FileNotFoundError, match=r"no such folder"):
        checks.check_finetuning(bind(*finetune_params(tmp_path, folder / "checkpoints/5")).run)


def test_finetuning_another_model_is_refused_by_name(bind, tmp_path):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    params = finetune_params(tmp_path, checked.folder.path)
    checks.check_finetuning(bind(*params, "T5Config.dropout_rate = 0.3").run)
    with pytest.raises(ValueError, match=r"is of another model: T5Config.d_ff \(32 there, 64 here\); put --gin_file"):
        checks.check_finetuning(bind(*params, "T5Config.d_ff = 64").run)


def test_finetuning_with_another_vocabulary_is_refused(bind, other, tmp_path):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    params = finetune_params(tmp_path, checked.folder.path)
    with pytest.raises(ValueError, match=r"was trained with another vocabulary of 'inputs'.*than other has"):
        checks.check_finetuning(bind(*params, "Run.mixture = 'other'").run)


def test_a_fine_tuned_task_with_another_vocabulary_is_refused(bind, other):
    with pytest.raises(
        ValueError, match=r"Finetuning.tasks names other_a, whose vocabulary of 'inputs'.*not that of toy"
    ):
        checks.check_training(bind("Finetuning.tasks = ['toy_a', 'other_a']").run)


def test_a_larger_vocabulary_than_the_checkpoint_s_is_named_as_such(bind, add_task):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    add_task("larger", vocabulary=t5mix.ByteVocabulary(extra_ids=500))
    with pytest.raises(ValueError, match=r"was trained with another vocabulary of 'inputs'.*than larger has"):
        checks.check_recorded(str(checked.folder.path), gin_params=["Run.mixture = 'larger'"])


def test_a_recorded_checkpoint_comes_with_its_settings(bind, other, tmp_path):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    pretend_checkpoint(checked.folder.finetuning("toy_b"), 3)
    folder = checked.folder.path
    found = checks.check_recorded(str(folder), gin_params=["Evaluation.limit = 5"])
    assert found.run == dataclasses.replace(checked.run, evaluation=found.run.evaluation)
    assert found.run.evaluation.limit == 5 and found.checkpoint.step == 6
    fine = checks.check_recorded(str(folder / "finetune/toy_b"))
    assert fine.provider.name == "toy_b" and fine.checkpoint.is_fine_tuned
    assert fine.checkpoint.run.path == folder
    with pytest.raises(FileNotFoundError, match=r"there is no such folder"):
        checks.check_recorded(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"with another vocabulary of 'inputs'"):
        checks.check_recorded(str(folder), gin_params=["Run.mixture = 'other'"])


def test_a_run_with_rates_of_its_own_is_used_for_each_task_and_other_mixtures(bind, add_task):
    checked = start(bind, "Mixing.rates = {'toy_a': 1.0, 'toy_b': 2.0, 'toy_plain': 0}")
    assert checked.provider.rates()["toy_b"] == 2 / 3
    pretend_checkpoint(checked.folder.pretraining, 6)
    pretend_checkpoint(checked.folder.finetuning("toy_b"), 3)
    path = str(checked.folder.path)
    assert checks.check_recorded(f"{path}/finetune/toy_b").provider.name == "toy_b"
    assert checks.check_recorded(path, gin_params=["Run.mixture = 'toy_a'"]).provider.name == "toy_a"
    t5mix.MixtureRegistry.add("fewer", ["toy_a", "toy_plain"], default_rate=1.0)
    assert checks.check_recorded(path, gin_params=["Run.mixture = 'fewer'"]).provider.name == "fewer"


def test_checkpoints_are_chosen_by_name_or_step(bind):
    checked = start(bind)
    for step in (2, 4, 6):
        pretend_checkpoint(checked.folder.pretraining, step)
    recorded = checks.check_recorded(str(checked.folder.path))
    chosen = {which: checks.check_scoring(recorded, which)[0] for which in ("latest", "all", "best", "4", "6, 2,2")}
    assert chosen == {"latest": [6], "all": [2, 4, 6], "best": [2, 4, 6], "4": [4], "6, 2,2": [2, 6]}
    assert [task.name for task in checks.check_scoring(recorded, "all")[1]] == ["toy_a", "toy_b"]
    with pytest.raises(ValueError, match=r"--checkpoints is 'newest': give latest, all, best, or steps"):
        checks.check_scoring(recorded, "newest")
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of step 5 in .*; there are 2, 4, 6"):
        checks.check_scoring(recorded, "5")


def test_scoring_needs_metrics_and_the_split(bind):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    plain = checks.check_recorded(str(checked.folder.path), gin_params=["Run.mixture = 'toy_plain'"])
    with pytest.raises(ValueError, match=r"task 'toy_plain' has no metric_fns"):
        checks.check_scoring(plain, "latest")
    split = checks.check_recorded(str(checked.folder.path), gin_params=["Evaluation.split = 'dev'"])
    with pytest.raises(ValueError, match=r"has no split 'dev'"):
        checks.check_scoring(split, "latest")


def test_the_mesh_may_be_another_one_when_a_checkpoint_is_used(bind):
    checked = start(bind)
    pretend_checkpoint(checked.folder.pretraining, 6)
    run = checks.check_recorded(str(checked.folder.path), gin_params=["MeshConfig.shape = 'batch:2'"]).run
    assert run.mesh == MeshConfig(shape="batch:2")


def test_metrics_that_a_run_cannot_compute_are_refused_before_training(bind, mixed):
    with pytest.raises(
        ValueError, match=r"'by_score': metric .* needs scores.*name the other tasks in Finetuning.tasks"
    ):
        checks.check_training(bind("Run.mixture = 'mixed'").run)


def test_a_model_is_used_on_tasks_that_leave_no_objective_open(bind, add_task):
    steps = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(), objectives.unsupervised]
    t5mix.TaskRegistry.add_provider("open", add_task("closed").replace(name="open", preprocessors=steps, metric_fns=[]))
    t5mix.MixtureRegistry.add("partly_open", ["toy_a", "open"], default_rate=1.0)
    folder = start(bind, "Run.mixture = 'partly_open'", "Run.objective = 'prefix_lm'").folder
    pretend_checkpoint(folder.pretraining, 6)
    pretend_checkpoint(folder.finetuning("toy_a"), 3)
    assert checks.check_recorded(str(folder.path / "finetune/toy_a")).provider.name == "toy_a"
    recorded = checks.check_recorded(str(folder.path))
    assert objectives.unsupervised not in recorded.provider.tasks[0].preprocessors
    assert checks.check_recorded(str(folder.path), gin_params=["Run.mixture = 'toy_b'"]).provider.name == "toy_b"
