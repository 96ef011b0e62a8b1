"""A run again, without a task or with other rates: the original bit for bit where nothing changes, and what does."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.data import Stream
from t5mix.declarations import registry
from t5mix.declarations.registry import get_mixture_or_task
from t5mix.evaluation.evaluate_task import Score
from t5mix.internal.files import write_json
from t5mix.runs.config import binding
from t5mix.runs.config.settings import Training
from t5mix.runs.experiments.what_if import Change, WhatIf, _check_start, check_what_if
from t5mix.runs.preflight.changed_mixture import with_changes
from t5mix.runs.preflight.checks import check_training
from t5mix.runs.preflight.dry_run import open_stream
from t5mix.runs.records.lineage import lineage_of
from t5mix.runs.records.record import record_start
from t5mix.runs.records.run_folder import RunFolder
from t5mix.runs.records.stream_of_run import stream_of_run
from t5mix.runs.scores.score_files import read_predictions, read_score, write_score
from t5mix.training.schedules import constant
from tests.runs.conftest import pretend_checkpoint, register
from tests.runs.preflight.begun import start


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def ask(*arguments: str) -> int:
    return main(["whatif", *map(str, arguments)])


def changed(**settings) -> t5mix.Mixture:
    train = Training(steps=1, schedule=constant(learning_rate=0.1), **settings)
    mixture = with_changes(get_mixture_or_task("toy"), train)
    assert isinstance(mixture, t5mix.Mixture)
    return mixture


@pytest.mark.slow
@pytest.mark.parametrize("start", [(), ("--from_step", "4")])
def test_without_a_change_it_is_the_original_bit_for_bit_and_says_so(original, start, capsys):
    capsys.readouterr()
    assert ask(original, *start, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["replay"]["equal"] is True and found["replay"]["differences"] == []
    assert found["replay"]["lines"] == 6 and found["replay"]["arrays"] > 20 and found["replay"]["answers"] == 2
    new = Path(found["run_folder"])
    assert new.name == ("original-replay_from-4" if start else "original-replay")
    assert (new / "metrics.jsonl").read_bytes() == (original / "metrics.jsonl").read_bytes()
    assert [row["difference"]["value"] for row in found["comparison"]["rows"]] == [0.0, 0.0]


@pytest.mark.slow
def test_what_is_not_equal_is_named(original, capsys):
    text = (original / "metrics.jsonl").read_text().splitlines(keepends=True)
    (original / "metrics.jsonl").write_text("".join([*text[:3], text[3].replace("0.01", "0.02"), *text[4:]]))
    assert ask(original, "--from_step", "2") == 1
    out = capsys.readouterr().out
    assert "not equal" in out and "metrics.jsonl differs from line 4 on" in out and "arrays differ" not in out


@pytest.mark.slow
def test_a_masked_task_is_read_and_reported_and_not_learned_from(original, tmp_path, capsys):
    new = tmp_path / "masked"
    assert ask(original, "--without", "toy_b", "--meaning", "mask", "--run_folder", new) == 0
    assert "toy_b" in capsys.readouterr().out  # the comparison
    before, after = metrics(original), metrics(new)
    assert [line["tokens"] for line in after] == [line["tokens"] for line in before]  # the same batches
    first = {name: value for name, value in before[0].items() if name != "gradient_norm"}
    assert {name: after[0][name] for name in first} == pytest.approx(first, rel=1e-6)
    assert after[0]["gradient_norm"] != pytest.approx(before[0]["gradient_norm"], rel=1e-3)
    assert after[-1]["loss/toy_b"] != before[-1]["loss/toy_b"]
    record = json.loads((new / "what_if.json").read_text())
    assert record["run"] == str(original)
    assert record["change"] == {"masked": ["toy_b"], "rates": {}, "from_step": None}
    # Started again it has nothing to do; the folder is that of one question; and it can be asked about, too.
    logged = (new / "metrics.jsonl").read_bytes()
    assert ask(original, "--without", "toy_b", "--meaning", "mask", "--run_folder", new) == 0
    assert (new / "metrics.jsonl").read_bytes() == logged
    assert ask(original, "--without", "toy_b", "--run_folder", new) == 2
    assert "another question: change" in capsys.readouterr().err
    assert ask(new, "--run_folder", tmp_path / "again") == 0
    assert "equal, bit for bit" in capsys.readouterr().out


@pytest.mark.slow
def test_from_a_checkpoint_on_a_task_is_drawn_no_more(original, tmp_path, capsys):
    new = tmp_path / "new"
    assert ask(original, "--without", "toy_b", "--from_step", "2", "--run_folder", new) == 0
    before, after = metrics(original), metrics(new)
    assert after[:2] == before[:2] and len(after) == len(before)
    assert any("loss/toy_b" in line for line in before[2:])
    assert not any("loss/toy_b" in line for line in after[2:])
    score = next((new / "scores" / "test" / "toy_b").glob("6*.json"))
    assert json.loads(score.read_text())["task"] == "toy_b"  # it is scored all the same
    fed = stream_of_run(str(new)).stream  # as `t5mix overlap --run` asks
    assert any(task == "toy_b" for step in (0, 1) for task, _, _ in fed.examples(step))
    assert not any(task == "toy_b" for step in range(2, 6) for task, _, _ in fed.examples(step))
    # Another start goes on from its own checkpoints.
    shutil.rmtree(new / "checkpoints" / "6")
    assert ask(original, "--without", "toy_b", "--from_step", "2", "--run_folder", new) == 0
    assert metrics(new) == after
    capsys.readouterr()
    assert ask(new, "--run_folder", tmp_path / "again") == 2
    assert "begun at step 2 of another run" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_asked_is_refused_before_anything_is_trained(original, tmp_path, capsys):
    def refusal(*arguments) -> str:
        capsys.readouterr()
        assert ask(*arguments) == 2
        return capsys.readouterr().err

    there = {path.name for path in tmp_path.iterdir()}
    assert "is no task of toy; did you mean" in refusal(original, "--without", "toy_bb")
    assert "3, and" in refusal(original, "--from_step", "3") and "2, 4" in refusal(original, "--from_step", "3")
    everything = ("--without", "toy_a", "toy_b", "toy_plain")
    assert "every task" in refusal(original, *everything)
    assert "every task" in refusal(original, *everything, "--meaning", "mask")
    assert "named twice" in refusal(original, "--without", "toy_a", "--rates", "toy_a=1")
    assert "--run_folder is" in refusal(original, "--run_folder", str(original))
    assert "is no run folder" in refusal(tmp_path)
    shutil.rmtree(original / "scores" / "test")
    assert "t5mix eval" in refusal(original, "--without", "toy_a")
    (original / "report.json").unlink()
    assert "train it first" in refusal(original, "--without", "toy_a")
    assert {path.name for path in tmp_path.iterdir()} == there


@pytest.mark.slow
def test_other_examples_than_the_originals_are_refused(original):
    with registry.overlay():
        t5mix.TaskRegistry.remove("toy_a")
        t5mix.MixtureRegistry.remove("toy")
        register("toy_a", start=7)
        t5mix.MixtureRegistry.add("toy", [("toy_a", 2.0), "toy_b", "toy_plain"], default_rate=1.0)
        with pytest.raises(ValueError, match="cannot go on with other examples: task 'toy_a'"):
            check_what_if(str(original), Change())


@pytest.mark.slow
def test_a_run_that_chose_by_earlier_scores_is_asked_from_the_start(original):
    record = original / "operative_config.gin"
    text = record.read_text()
    for name, value in (("every", 2), ("patience", 1)):
        assert f"Evaluation.{name} = None\n" in text
        text = text.replace(f"Evaluation.{name} = None\n", f"Evaluation.{name} = {value}\n")
    record.write_text(text)
    with pytest.raises(ValueError, match=r"chose by its scores beside training .* leave --from_step out"):
        check_what_if(str(original), Change(from_step=2))
    assert check_what_if(str(original), Change()).change.is_replay


@pytest.mark.slow
def test_of_several_splits_the_first_is_compared(original):
    record = original / "operative_config.gin"
    record.write_text(record.read_text().replace("Evaluation.split = 'test'", "Evaluation.split = 'test,train'"))
    found = check_what_if(str(original), Change())
    assert set(found.scores_of(found.original).files) == {"toy_a", "toy_b"}
    assert all("test" in path.parts for path in found.scores_of(found.original).files.values())


@pytest.mark.slow
def test_a_split_without_labels_is_refused_before_anything_is_trained_and_a_replay_needs_none(
    original, tmp_path, capsys
):
    for path in original.glob("scores/test/*/6-first-8.json"):
        write_score(path, dataclasses.replace(_whole(path), metrics={}, no_score="every target is -1"))
    there = {path.name for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert ask(original, "--without", "toy_b") == 2
    assert "has no score on 'test' of a task that the new run is to score" in capsys.readouterr().err
    found = check_what_if(str(original), Change())
    assert found.change.is_replay and not found.is_scored
    # Another split is compared where the original was scored on it.
    assert ask(original, "--without", "toy_b", "--split", "train") == 2
    assert "t5mix eval" in (said := capsys.readouterr().err) and "--split train" in said
    assert {path.name for path in tmp_path.iterdir()} == there
    assert main(["eval", "--run_folder", str(original), "--split", "train"]) == 0
    found = check_what_if(str(original), Change.without(["toy_b"], "mask"), split="train")
    assert found.is_scored and found.checked.run.evaluation.splits == ("test", "train")
    assert all("train" in path.parts for path in found.scores_of(found.original).files.values())
    # Where it is the split that best checkpoints are reported on, so it stays: the new run's last one is not scored.
    record = original / "operative_config.gin"
    text = record.read_text().replace("report_split = None", "report_split = 'train'")
    record.write_text(text.replace("Evaluation.every = None", "Evaluation.every = 2"))
    found = check_what_if(str(original), Change.without(["toy_b"], "mask"), split="train")
    evaluation = found.checked.run.evaluation
    assert found.is_scored and (evaluation.splits, evaluation.report_split) == (("test",), "train")


def _whole(path: Path) -> Score:
    score = read_score(path)
    assert score is not None
    return dataclasses.replace(score, predictions=tuple(read_predictions(path)))


@pytest.mark.slow
def test_other_test_examples_than_the_originals_are_refused_before_anything_is_trained(original, tmp_path):
    (path,) = original.glob("scores/test/toy_a/6-first-8.predictions.jsonl")
    path.write_text(path.read_text().replace("say 21", "say 12"))
    with pytest.raises(ValueError, match=r"task 'toy_a': .* was scored on other examples: its example 1 asks 'say 12'"):
        check_what_if(str(original), Change.without(["toy_b"], "mask"))


def drawn(mixture: t5mix.Mixture, cache: Path, steps: int = 40) -> dict[str, list[tuple[int, int]]]:
    """Returns the (epoch, index) of each task's examples, in the order in which they are fed."""
    stream = Stream(mixture, {"inputs": 16, "targets": 8}, 4, pack=False, cache_dir=cache)
    order: dict[str, list[tuple[int, int]]] = {}
    for step in range(steps):
        for task, epoch, index in stream.examples(step):
            order.setdefault(task, []).append((epoch, index))
    return order


def test_draws_of_a_task_go_to_the_others_whose_own_order_stays(tasks, private_cache):
    before = drawn(get_mixture_or_task("toy"), private_cache)
    after = drawn(changed(rates={"toy_b": 0.0}), private_cache)
    assert set(after) == {"toy_a", "toy_plain"}
    for name, order in after.items():
        assert len(order) > len(before[name]) and order[: len(before[name])] == before[name]
    assert len(after["toy_a"]) == pytest.approx(2 * len(after["toy_plain"]), abs=3)  # in proportion
    other = drawn(changed(rates={"toy_b": 4.0}), private_cache)
    for name, order in other.items():
        both = min(len(order), len(before[name]))
        assert order[:both] == before[name][:both]


def test_from_a_step_on_the_others_go_on_where_they_stood(tasks, private_cache):
    """Without packing to the example; packed, an example may have been moved within its window."""
    before = drawn(get_mixture_or_task("toy"), private_cache, 10)
    after = drawn(changed(rates={"toy_b": 0.0}, rates_since=10), private_cache, 40)
    assert after["toy_b"] == before["toy_b"]
    whole = drawn(get_mixture_or_task("toy"), private_cache, 60)
    for name in ("toy_a", "toy_plain"):
        assert after[name][: len(before[name])] == before[name]
        both = min(len(after[name]), len(whole[name]))
        assert after[name][:both] == whole[name][:both] and both > len(before[name])


def test_other_rates_keep_stages_units_and_limits(tasks):
    with registry.overlay():
        declared = t5mix.MixtureRegistry.add(
            "staged", [("toy_a", {0: 1.0, 8: 2.0}), ("toy_b", 1.0), ("toy_plain", 1.0)], max_epochs={"toy_b": 3.0}
        )
        train = Training(steps=1, schedule=constant(learning_rate=0.1), rates={"toy_b": 0.0}, rates_since=4)
        made = with_changes(declared, train)
        assert isinstance(made, t5mix.Mixture) and made.rate_steps == (0, 4, 8)
        assert [made.get_rate("toy_a", step) for step in (0, 4, 8)] == [1.0, 1.0, 2.0]
        assert [made.get_rate("toy_b", step) for step in (0, 4, 8)] == [1.0, 0.0, 0.0]
        assert made.max_epochs == declared.max_epochs and made.unit == declared.unit


def test_a_run_that_went_on_with_a_changed_mixture_is_asked_from_there(tmp_path):
    folder = RunFolder(tmp_path / "run")
    for step in (2, 4, 6):
        pretend_checkpoint(folder.pretraining, step)
    write_json(folder.report, {})
    write_json(folder.pretraining.shares, {"stages": [], "changed_at": [4]})
    for step in (None, 2):
        with pytest.raises(ValueError, match=r"a changed mixture at step 4, so .* give --from_step 4"):
            _check_start(folder, Change(from_step=step))
    _check_start(folder, Change(from_step=4))


def test_the_lineage_of_a_run_that_begins_at_a_step_leads_to_the_original(toy, gin_file, tmp_path):
    checked = start(lambda *params: binding.bind([str(gin_file)], params))
    original = checked.folder
    pretend_checkpoint(original.pretraining, 2, {"stream": open_stream(checked.run, checked.provider).state(2)})
    change = [f"Run.folder = {str(tmp_path / 'new')!r}", "Training.masked_tasks = ('toy_b',)"]
    bound = binding.bind([str(gin_file)], change)
    new = check_training(bound.run)
    WhatIf(original, checked.provider, Change(("toy_b",), from_step=2), bound, new, "test")._prepare()
    record_start(bound, new, ["t5mix", "whatif"])
    began = lineage_of(str(tmp_path / "new"))["began_with"]
    assert (began["checkpoint"], began["began_with"]) == (str(original.pretraining.checkpoints / "2"), None)


def test_a_change_names_its_folder():
    assert Change().name() == "replay"
    assert Change.without(["a", "b"], "mask").name() == "mask-a_mask-b"
    assert Change.without(["a"], "renormalize", 100).name() == "without-a_from-100"
    assert Change(rates={"a": 0.5}).name() == "0.5-a"
    many = Change.without([f"task_{number}" for number in range(40)], "mask")
    assert many.name().startswith("what-if-") and len(many.name()) < 40


def test_rates_and_masked_tasks_are_those_of_the_mixture(tasks):
    assert changed(rates={"toy_a": 1.0}).rates() == pytest.approx(dict.fromkeys(("toy_a", "toy_b", "toy_plain"), 1 / 3))
    assert changed() is get_mixture_or_task("toy")
    with pytest.raises(ValueError, match=r"Training\.masked_tasks names 'toy', which is no task of toy"):
        changed(masked_tasks=("toy",))
    with pytest.raises(ValueError, match="every task that toy draws from"):
        changed(masked_tasks=("toy_a",), rates={"toy_b": 0, "toy_plain": 0})
    with pytest.raises(ValueError, match=r"Training\.rates gives 'toy_a' the rate -1"):
        Training(steps=1, schedule=constant(learning_rate=0.1), rates={"toy_a": -1})
    with pytest.raises(ValueError, match="is a task, not a mixture"):
        with_changes(
            get_mixture_or_task("toy_a"),
            Training(steps=1, schedule=constant(learning_rate=0.1), rates={"toy_a": 1}),
        )
