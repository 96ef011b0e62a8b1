"""Decisions about what seqio and T5 do, of docs/for-seqio-users.md, which no other test shows."""

import itertools
import re
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors

ROOT = Path(__file__).parents[1]
VOCABULARY = t5mix.ByteVocabulary()


def task(name: str, source: t5mix.DataSource | None = None) -> t5mix.Task:
    def data(split: str, shuffle_files: bool) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices({"targets": [f"{name}{i}" for i in range(5)]})

    source = source or t5mix.FunctionDataSource(data, ["train"])
    return t5mix.Task(name, source, {"targets": t5mix.Feature(VOCABULARY)}, [preprocessors.tokenize])


def texts(dataset: tf.data.Dataset, count: int) -> list[str]:
    return [VOCABULARY.decode(row["targets"]) for row in dataset.take(count).as_numpy_iterator()]


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "for-seqio-users.md").read_text(encoding="utf-8")
    rows = [line for line in page.split("## Decisions")[1].splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 30
    for row in rows:
        what, *_, tests = (cell.strip() for cell in row.strip("|").split("|"))
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert named, f"the decision on {what} names no test"
        for file, function in named:
            assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), f"{what}: {file}::{function}"


def test_a_mixture_repeats_without_end_and_a_task_does_not() -> None:
    one = task("a")
    assert len(texts(one.get_dataset(), 100)) == 5
    assert len(texts(t5mix.Mixture("m", [one], 1).get_dataset(), 100)) == 100
    with t5mix.overlay():
        t5mix.TaskRegistry.add_provider("a", one)
        converter = t5mix.LMFeatureConverter(pack=False)
        assert len(list(t5mix.get_dataset("a", {"targets": 8}, converter, verbose=False).take(100))) == 5


def test_tasks_stand_by_name_whatever_order_declares_them() -> None:
    made = [task(name) for name in "abc"]
    drawn = []
    for order in itertools.permutations(made):
        mixture = t5mix.Mixture("m", [(each, 1 + "abc".index(each.name)) for each in order])
        assert [each.name for each in mixture.tasks] == ["a", "b", "c"]
        drawn.append(texts(mixture.get_dataset(seed=3), 30))
    assert all(each == drawn[0] for each in drawn)


# Files of records.


def records(folder: Path, count: int = 20) -> Path:
    file = folder / "train.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for number in range(count):
            text = tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"record {number}".encode()]))
            writer.write(tf.train.Example(features=tf.train.Features(feature={"targets": text})).SerializeToString())
    return file


def of_records(file: Path) -> t5mix.Task:
    described = {"targets": tf.io.FixedLenFeature([], tf.string)}
    return task("records", t5mix.TFExampleDataSource({"train": str(file)}, described))


def test_a_flipped_bit_ends_reading_with_an_error(tmp_path: Path) -> None:
    file = records(tmp_path)
    assert len(texts(of_records(file).get_dataset(shuffle=False), 100)) == 20
    content = bytearray(file.read_bytes())
    content[content.index(b"record 9") + 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        texts(of_records(file).get_dataset(shuffle=False), 100)


def test_errors_of_reading_are_ignored_nowhere() -> None:
    folders = ("t5mix", "tasks", "mixtures")
    found = [
        file for folder in folders for file in (ROOT / folder).rglob("*.py") if "ignore_errors(" in file.read_text()
    ]
    assert not found


def test_an_empty_record_file_is_refused(tmp_path: Path) -> None:
    file = records(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"train.tfrecord of split 'train' is empty"):
        of_records(file).get_dataset()


# Text of tasks.


def test_rte_has_two_formats_under_one_prefix() -> None:
    rows = {
        "glue_rte_v002": {"sentence1": "It rains.", "sentence2": "It is wet.", "idx": 0, "label": 0},
        "super_glue_rte_v102": {"premise": "It rains.", "hypothesis": "It is wet.", "idx": 0, "label": 0},
    }
    made = {}
    for name, row in rows.items():
        text_format = t5mix.TaskRegistry.get(name).preprocessors[0]
        made[name] = next(text_format(tf.data.Dataset.from_tensors(row)).as_numpy_iterator())["inputs"].decode()
    assert made == {
        "glue_rte_v002": "rte sentence1: It rains. sentence2: It is wet.",
        "super_glue_rte_v102": "rte hypothesis: It is wet. premise: It rains.",
    }
