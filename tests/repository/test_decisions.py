"""Decisions about what seqio and T5 do, of docs/for-seqio-users.md, which no other test shows."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors

ROOT = Path(__file__).parents[2]
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
    page = page.split("## Decisions")[1].split("\n## ")[0]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| what |")]
    assert len(rows) >= 100
    untested = []
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5, row
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cells[-1])
        if not named:
            assert cells[-1] == "–", f"the decision on {cells[0]} names no test"
            untested.append(cells[0])
        for file, function in named:
            assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), f"{cells[0]}: {file}::{function}"
    assert len(untested) <= 1, untested


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


def test_a_feature_that_is_none_is_refused_when_it_is_declared() -> None:
    source = t5mix.FunctionDataSource(lambda split, shuffle_files: None, ["train"])
    with pytest.raises(ValueError, match="'targets'"):
        t5mix.Task("no_feature", source, {"targets": None}, [preprocessors.tokenize])  # type: ignore[dict-item]


def test_a_function_without_a_seed_gets_none() -> None:
    assert texts(task("a").source.get_dataset("train", shuffle=False, seed=3).map(encoded), 9) == [
        "a0", "a1", "a2", "a3", "a4",
    ]  # fmt: skip


def encoded(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"targets": VOCABULARY.encode_tf(example["targets"])}


def test_features_of_two_axes_are_not_packed_by_custom_packing_either() -> None:
    dataset = tf.data.Dataset.from_tensors({"targets": tf.ones([2, 2], tf.int32)})
    for custom in (False, True):
        converter = t5mix.LMFeatureConverter(pack=True, use_custom_packing_ops=custom)
        with pytest.raises(ValueError, match="incorrect rank for feature 'targets'"):
            list(converter(dataset, {"targets": 4}))


def test_declaring_a_vocabulary_loads_no_tensorflow() -> None:
    code = (
        "import sys, t5mix; t5mix.UnigramVocabulary(['red']); t5mix.PartialCodepointVocabulary([97]); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_split_that_tfds_did_not_count_has_no_number_and_no_rate(tmp_path: Path) -> None:
    import tensorflow_datasets as tfds

    folder = tmp_path / "uncounted" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "uncounted-train.tfrecord-00000-of-00001").touch()
    template = tfds.core.ShardedFileTemplate(folder, dataset_name="uncounted", filetype_suffix="tfrecord")
    split = tfds.core.SplitInfo(
        name="train", shard_lengths=[0], num_bytes=0, filename_template=template.replace(split="train")
    )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder),
        features=tfds.features.FeaturesDict({"targets": tfds.features.Text()}),
        split_infos=[split],
        version="1.0.0",
        check_data=False,
    )
    uncounted = task("uncounted", t5mix.TfdsDataSource("uncounted:1.0.0", tfds_data_dir=str(tmp_path)))
    assert uncounted.num_input_examples("train") is None
    with pytest.raises(ValueError, match="uncounted"):
        t5mix.mixing_rate_num_examples(uncounted)


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


def test_a_text_names_one_split() -> None:
    source = t5mix.FunctionDataSource(lambda split, shuffle_files: None, splits="validation")
    assert source.splits == ("validation",) and source.list_shards("validation") == ["validation"]
    assert t5mix.TfdsDataSource("glue/sst2:2.0.0", splits="train").splits == ("train",)


def test_refusals_hold_the_originals_words() -> None:
    """A test of a task file that matches the original's message still passes."""
    source = t5mix.FunctionDataSource(lambda split, shuffle_files: None, splits=["train"])
    task, other = (
        t5mix.Task(name, source, {"targets": t5mix.Feature(t5mix.ByteVocabulary(extra))})
        for name, extra in (("one", 0), ("other", 5))
    )
    more = t5mix.Task("more", source, {key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")})
    features = {key: t5mix.Feature(t5mix.ByteVocabulary(100)) for key in ("inputs", "targets")}
    inner = t5mix.Mixture("inner", [task], 1)
    cases = {
        "does not support low-level sharding. Use tf.data.Dataset.shard instead": (
            lambda: source.get_dataset("train", shard_info=t5mix.ShardInfo(0, 2))
        ),
        "does not contain any Tasks": lambda: t5mix.Mixture("m", []),
        "need a rate for each task": lambda: t5mix.Mixture("m", [task]),
        "contains Tasks with different output features:": lambda: t5mix.Mixture("m", [task, more], 1),
        "'rate' for sub-mixture inner must be a number.": lambda: t5mix.Mixture("m", [(inner, len)]),
        "No datasets have a 'dev' split": lambda: inner.get_dataset(split="dev"),
        "Features across tasks in a mixture must use the same vocabulary.": (
            lambda: t5mix.Mixture("m", [task, other], 1)
        ),
        "Expected targets length for span corruption (114) is greater than configured targets length (9)": (
            lambda: t5mix.objectives.span_corruption.check(features, {"inputs": 512, "targets": 9})
        ),
    }
    for words, refused in cases.items():
        with pytest.raises(ValueError) as error:
            refused()
        assert words in str(error.value)
