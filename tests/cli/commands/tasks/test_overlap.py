"""`t5mix overlap` from declarations to the table."""

import json
from pathlib import Path

import pytest

from t5mix.cli.main import main
from t5mix.declarations import registry

DECLARATIONS = """
import functools

import t5mix
from t5mix import preprocessors

SENTENCE = "the quick brown fox jumps over the lazy dog and then sleeps until monday"
ROWS = {"train": ["other", SENTENCE, "another"], "test": [SENTENCE.title() + ".", "never seen"]}


def data(split, shuffle_files, name):
    import tensorflow as tf

    inputs = [f"{name}: {text}" for text in ROWS[split]]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": ["yes"] * len(inputs)})


for name, splits in (("overlap_a", ["train", "test"]), ("overlap_b", ["train"])):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(functools.partial(data, name=name), splits),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
        metric_fns=[t5mix.metrics.accuracy],
    )
t5mix.MixtureRegistry.add("overlapping", ["overlap_a", "overlap_b"], default_rate=1)
"""


@pytest.fixture
def declarations(tmp_path: Path):
    path = tmp_path / "declared.py"
    path.write_text(DECLARATIONS)
    with registry.overlay():
        yield str(path)


def test_json_and_the_file_of_finds(declarations: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.jsonl"
    arguments = ["overlap", "overlapping", "--include", declarations, "--format", "json", "--output", str(path)]
    assert main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)["splits"]
    assert row == {
        "task": "overlap_a",
        "split": "test",
        "examples": 2,
        "exact": 0,
        "normalized": 1,
        "run": 0,
        "same_target": 1,
        "clean": 1,
        "training_tasks": {"overlap_a": 1, "overlap_b": 1},
    }
    head, entry = map(json.loads, path.read_text().splitlines())
    assert head["splits"] == [{"task": "overlap_a", "split": "test", "examples": 2}]
    assert head["trained_on"] == {"overlap_a": 3, "overlap_b": 3}
    assert (entry["index"], entry["kind"], entry["training_examples"]) == (0, "normalized", 2)
    assert [match["index"] for match in entry["matches"]] == [1, 1]


def test_table(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlap", "overlap_b", "--against", "overlap_a", "--include", declarations]) == 0
    table = capsys.readouterr().out
    assert "3 training examples of 1 task" in table
    assert "overlap_b 1" in table
    assert "50.0%" in table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["overlap_b"], "no task of overlap_b has metrics and such a split"),
        (["overlap_a", "--split", "dev"], "no task of overlap_a has metrics and such a split"),
        (["overlap_a", "--output", "/nowhere/ledger.jsonl"], "can not be written: there is no folder '/nowhere'"),
        (["overlap_a", "--output", "/"], "is a folder; choose another"),
        (["overlap_a", "--output", "gs://bucket/ledger.jsonl"], "is an address"),
        (["overlap_c"], "overlap_c"),
    ],
)
def test_refusals(declarations: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlap", "--include", declarations, *arguments]) == 2
    assert words in capsys.readouterr().err


EMPTY = """
import functools

import t5mix
from t5mix import preprocessors

ROWS = {"train": ["what is trained"], "dev": [], "test": ["what is trained"], "other": []}


def data(split, shuffle_files):
    import tensorflow as tf

    inputs = tf.constant(ROWS[split], tf.string)
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": inputs})


for name, cached, splits in (
    ("full", PERMITTED, ["train", "dev", "test"]),
    ("empty", PERMITTED, ["train", "dev", "other"]),
):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(data, splits, caching_permitted=cached),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")},
        metric_fns=[t5mix.metrics.accuracy],
    )
"""


@pytest.fixture(params=[True, False], ids=["cached", "not cached"])
def with_empty_splits(request: pytest.FixtureRequest, tmp_path: Path):
    path = tmp_path / "empty.py"
    path.write_text(EMPTY.replace("PERMITTED", str(request.param)))
    with registry.overlay():
        yield str(path)


def test_splits_without_examples_are_named_and_left_out(with_empty_splits: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "ledger.jsonl"
    assert main(["overlap", "full", "--include", with_empty_splits, "--output", str(path)]) == 0
    captured = capsys.readouterr()
    assert "left out, since these have no example: full, dev" in captured.err
    assert "100.0%" not in captured.out and "0.0%" in captured.out
    assert len(path.read_text().splitlines()) == 2  # and the line before all others


def test_no_example_at_all_is_refused_before_training_examples_are_read(
    with_empty_splits: str, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "ledger.jsonl"
    assert main(["overlap", "empty", "--include", with_empty_splits, "--output", str(path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "there is none in empty, dev, empty, other" in said
    assert not path.exists()
