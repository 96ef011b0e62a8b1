"""What differs between two runs, by their records."""

import json

import pytest

from t5mix.cli.main import main
from t5mix.declarations import registry
from t5mix.runs.config import binding
from t5mix.runs.preflight import checks
from t5mix.runs.preflight.same_data import SameData
from t5mix.runs.records.difference import difference
from t5mix.runs.records.record import record_start
from tests.runs.conftest import register


@pytest.fixture
def start(toy, gin_file, tmp_path):
    """Records a start in a folder of its own, as training does, and returns the folder."""

    def record(name, *params):
        bound = binding.bind([str(gin_file)], [f"Run.folder = {str(tmp_path / name)!r}", *params])
        checked = checks.check_training(bound.run)
        record_start(bound, checked, ["t5mix", "train"])
        SameData(checked.provider, checked.folder.pretraining, bound.run.train).record()
        return str(checked.folder.path)

    return record


def test_two_runs_alike(start, capsys):
    first, second = start("a"), start("b")
    found = difference(first, second)
    assert (found.settings, found.tasks, found.data, found.computed_by) == ((), (), (), ())
    assert main(["diff", first, second]) == 0
    assert capsys.readouterr().out == "no difference: settings, tasks, data, computed by\n"


def test_settings_by_their_names(start):
    first = start("a")
    second = start("b", "Run.seed = 3", "constant.learning_rate = 0.02", "Run.finetune = None")
    changes = {change.name: (change.first, change.second) for change in difference(first, second).settings}
    assert changes["Run.seed"] == ("0", "3")
    assert changes["Training.schedule"] == ("constant(learning_rate=0.01)", "constant(learning_rate=0.02)")
    assert changes["Finetuning.steps"] == ("3", None) and changes["Run.finetune"] == (None, "None")
    assert not [name for name in changes if name.startswith(("T5Config", "Run.folder"))]


def test_tasks_rates_and_data_by_their_names(start, capsys):
    first = start("a")
    with registry.overlay():
        for name in ("toy_a", "toy"):
            (registry.TaskRegistry if name == "toy_a" else registry.MixtureRegistry).remove(name)
        register("toy_a", start=7)
        register("toy_new")
        registry.MixtureRegistry.add("toy", ["toy_a", "toy_b", ("toy_new", 2.0)], default_rate=1.0)
        second = start("b")
    found = difference(first, second)
    tasks = {(change.name, change.what): (change.first, change.second) for change in found.tasks}
    assert tasks["toy_plain", ""] == ("there", None) and tasks["toy_new", ""] == (None, "there")
    assert tasks["toy_b", "share"] == (str(1 / 3), "0.25")
    assert {what for name, what in tasks if name == "toy_a"} == {
        "declared_at",
        "share",
        "source.splits.train",
        "source.splits.test",
    }
    assert [change.what for change in found.data] == [
        "task 'toy_a': its source has other content, or is read otherwise"
    ]
    assert main(["diff", first, second]) == 0
    table = capsys.readouterr().out
    assert "toy_new" in table and "its source has other content" in table and "no difference: settings" in table
    assert main(["diff", first, second, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"][0]["name"] == "pre-training"


def test_what_is_no_run_is_refused(start, tmp_path, capsys):
    first = start("a")
    (tmp_path / "empty").mkdir()
    for other, words in (("missing", "there is no such folder"), ("empty", "is no run folder")):
        assert main(["diff", first, str(tmp_path / other)]) == 2
        assert words in capsys.readouterr().err


def test_damaged_records_are_named(start, tmp_path, capsys):
    first, second = start("a"), start("b")
    for name in ("lineage.json", "data.json"):
        path = tmp_path / "b" / name
        before = path.read_text()
        path.write_text('{"toy_a": 3}' if name == "data.json" else "{")
        assert main(["diff", first, second]) == 2
        captured = capsys.readouterr().err
        assert name in captured and len(captured.splitlines()) == 1
        path.write_text(before)
