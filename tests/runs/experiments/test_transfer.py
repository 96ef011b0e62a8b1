"""The transfer map: its runs, what it compares, and that it goes on where it was."""

import importlib.util
import json

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.declarations import registry
from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.examples import read_examples
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.experiments.transfer import check_transfer
from t5mix.runs.records.record import record_start
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.scores.score_files import write_score
from tests.runs.conftest import hidden_digits, register
from tests.runs.experiments.conftest import SETTINGS


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "small.gin"
    path.write_text(SETTINGS.replace("Run.folder = 'FOLDER'\n", "").replace("steps = 6", "steps = 2"))
    return path


def command(settings, folder, *more: str) -> list[str]:
    return ["transfer", "toy", "--gin_file", str(settings), "--run_folder", str(folder), "--format", "json", *more]


@pytest.mark.slow
def test_each_task_is_left_out_and_more_seeds_add_to_what_is_there(tasks, settings, tmp_path, capsys):
    folder = tmp_path / "map"
    capsys.readouterr()
    assert main(command(settings, folder)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((folder / "transfer.json").read_text())
    assert found["sources"] == ["toy_a", "toy_b", "toy_plain"] and found["targets"] == ["toy_a", "toy_b"]
    pairs = {(effect["source"], effect["target"]) for effect in found["effects"]}
    assert pairs == {(a, b) for a in found["sources"] for b in found["targets"] if a != b}
    assert all(effect["corrected"] >= effect["gain"]["p_value"] for effect in found["effects"])
    runs = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert runs == ["all_seed-0", *(f"without-{name}_seed-0" for name in found["sources"])]
    written = {path: path.stat().st_mtime_ns for path in folder.glob("*/checkpoints/*/manifest.json")}
    assert main(command(settings, folder, "--seeds", "2")) == 0
    more = json.loads(capsys.readouterr().out)
    assert more["seeds"] == [0, 1] and len(list(folder.glob("*_seed-1"))) == 4
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert main(command(settings, folder, "--pairs")) == 2
    assert "holds another transfer map: design" in capsys.readouterr().err


@pytest.mark.slow
def test_tasks_are_put_together_two_by_two(settings, tmp_path, tasks, capsys):
    with registry.overlay():
        t5mix.MixtureRegistry.add("two", ["toy_a", "toy_b"], default_rate=1.0)
        picture = tmp_path / "map.svg"
        arguments = ["transfer", "two", "--gin_file", str(settings), "--run_folder", str(tmp_path / "map"), "--pairs"]
        arguments += ["--gin_param", "Evaluation.split = 'test,train'"]
        if importlib.util.find_spec("matplotlib"):
            arguments += ["--picture", str(picture)]
        assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "two, pairs" in out and "+0.0" in out and "one seed" in out
    assert len(list((tmp_path / "map").glob("only-*"))) == 3
    effects = json.loads((tmp_path / "map" / "transfer.json").read_text())["effects"]
    assert [(effect["source"], effect["target"]) for effect in effects] == [("toy_a", "toy_b"), ("toy_b", "toy_a")]


def test_what_cannot_be_mapped_is_refused(tasks, settings, tmp_path):
    files = ["runs/transfer.gin", str(settings)]
    with pytest.raises(ValueError, match="toy_a is a task: a transfer map is of the tasks of a mixture"):
        check_transfer("toy_a", str(tmp_path / "map"), files, [])
    with registry.overlay():
        t5mix.MixtureRegistry.add("lonely", [("toy_a", 1.0), ("toy_b", 0.0)])
        with pytest.raises(ValueError, match="lonely draws from 1 task"):
            check_transfer("lonely", str(tmp_path / "map"), files, [])
        register("toy_other", start=300, metrics=())
        t5mix.MixtureRegistry.add("unscored", ["toy_plain", "toy_other"], default_rate=1.0)
        with pytest.raises(ValueError, match="no task of unscored has metrics"):
            check_transfer("unscored", str(tmp_path / "map"), files, [])
        register("toy_hidden", start=300, data=hidden_digits)
        t5mix.MixtureRegistry.add("hidden", ["toy_hidden", "toy_other"], default_rate=1.0)
        with pytest.raises(ValueError, match=r"those of hidden would be on 'test', which has no published label"):
            check_transfer("hidden", str(tmp_path / "map"), files, [])
        # Of pairs only those that are drawn from have a row, and toy_a is not.
        pairs = ["toy_hidden", "toy_other", ("toy_a", 0.0)]
        t5mix.MixtureRegistry.add("hidden_pairs", pairs, default_rate=1.0)
        check_transfer("hidden_pairs", str(tmp_path / "map"), files, [])
        with pytest.raises(ValueError, match="those of hidden_pairs would be on 'test'"):
            check_transfer("hidden_pairs", str(tmp_path / "map"), files, [], design="pairs")
    assert not (tmp_path / "map").exists()


def test_all_runs_are_checked_first_and_differ_in_one_thing(tasks, settings, tmp_path):
    files = ["runs/transfer.gin", str(settings)]
    study = check_transfer("toy", str(tmp_path / "map"), files, [], seeds=2, meaning="mask")
    assert len(study.runs) == 8
    for name, (_, checked) in study.runs.items():
        train = checked.run.train
        assert checked.run.seed == int(name[-1]) and train.rates is None
        assert [f"without-{task}_seed-{name[-1]}" for task in train.masked_tasks] in ([name], [])
    pairs = check_transfer("toy", str(tmp_path / "map"), files, [], design="pairs")
    assert len(pairs.runs) == 6
    drawn = [sorted(k for k, rate in c.provider.rates().items() if rate) for _, c in pairs.runs.values()]
    assert drawn == [
        ["toy_a"],
        ["toy_b"],
        ["toy_plain"],
        ["toy_a", "toy_b"],
        ["toy_a", "toy_plain"],
        ["toy_b", "toy_plain"],
    ]


def test_a_task_that_the_runs_leave_out_has_no_place_in_the_map(tasks, settings, tmp_path):
    files = ["runs/transfer.gin", str(settings)]
    study = check_transfer(
        "toy", str(tmp_path / "map"), files, ["Mixing.rates = {'toy_a': 1.0, 'toy_b': 1.0, 'toy_plain': 0}"]
    )
    assert list(study.runs) == ["all_seed-0", "without-toy_a_seed-0", "without-toy_b_seed-0"]


def test_runs_that_were_trained_otherwise_are_not_taken_for_these(tasks, settings, tmp_path):
    folder, files = tmp_path / "map", ["runs/transfer.gin", str(settings)]
    bound, checked = check_transfer("toy", str(folder), files, []).runs["without-toy_b_seed-0"]
    record_start(bound, checked, ["t5mix"])
    check_transfer("toy", str(folder), files, ["Training.steps = 4", "Training.log_every = 2"])
    for other in ("constant.learning_rate = 0.5", "T5Config.dropout_rate = 0.3", "Training.clip_norm = 1.0"):
        with pytest.raises(ValueError, match="without-toy_b_seed-0' holds a run with other settings"):
            check_transfer("toy", str(folder), files, [other])


def write_scores(run: RunFolder, *, unlabelled: str) -> None:
    """Writes scores of models that answer nothing; those of one task say that no label is published."""
    lengths = {"inputs": 16, "targets": 8}
    for name in ("toy_a", "toy_b"):
        examples = read_examples(t5mix.TaskRegistry.get(name), "test", lengths, 8)
        said = (
            {"metrics": {}, "no_score": "every target is -1"} if name == unlabelled else {"metrics": {"accuracy": 0.0}}
        )
        score = Score(
            task=name,
            split="test",
            step=2,
            limit=8,
            num_examples=8,
            baseline=Baseline("copy", 0.0),
            standard_error=0.0,
            truncated_inputs=0,
            lengths=lengths,
            predictions=tuple(Prediction(each.input_text, each.target_text, "") for each in examples),
            **said,
        )
        write_score(run.pretraining.scores("test", name, 2, 8), score)


def test_targets_without_published_labels_are_left_out_by_name(tasks, settings, tmp_path, capsys):
    folder, files = tmp_path / "map", ["runs/transfer.gin", str(settings)]
    study = check_transfer("toy", str(folder), files, ["Evaluation.split = 'test, train'"], design="pairs")
    for name in study.runs:
        write_scores(RunFolder(folder / name), unlabelled="toy_b")
    found = study.result()
    assert [(effect.source, effect.target) for effect in found.effects] == [("toy_b", "toy_a"), ("toy_plain", "toy_a")]
    assert found.targets == ["toy_a"] and found.split == "test"
    assert "not in the map, for they have no score that can be compared: toy_b" in capsys.readouterr().err


def test_a_run_whose_stream_ends_too_early_is_refused_before_the_first_is_done(tasks, settings, tmp_path):
    """Without a task the others reach their limit sooner."""
    files = ["runs/transfer.gin", str(settings)]
    with registry.overlay():
        t5mix.MixtureRegistry.add("once", ["toy_a", "toy_b", "toy_plain"], default_rate=1.0, max_epochs=1)
        study = check_transfer("once", str(tmp_path / "map"), files, ["Run.packing = False", "Training.steps = 11"])
        with pytest.raises(ValueError, match=r"Training\.steps is 11, but the stream of once ends after 10 steps"):
            study.carry_out(["t5mix"])
    assert not (tmp_path / "map").exists()
