"""Splits that come from several TFDS data sets, and the folder that replaces every source's own."""

from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix.sources import ShardInfo
from t5mix.sources.data_dirs import data_dirs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prepared data sets: "low" counts from 0, "high" from 100; each with "train" and "test"."""
    folder = tmp_path_factory.mktemp("tfds")
    for name, start in (("low", 0), ("high", 100)):
        prepare(
            folder / name / "1.0.0", name, {"train": range(start, start + 4), "test": range(start + 50, start + 54)}
        )
    return folder


def prepare(folder: Path, name: str, splits: dict[str, range]) -> None:
    """Writes a data set of one int64, "n", as TFDS prepares it: its records, and what it says of them."""
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict({"n": tf.int64})
    template = tfds.core.ShardedFileTemplate(folder, dataset_name=name, filetype_suffix="tfrecord")
    infos = []
    for split, numbers in splits.items():
        with tf.io.TFRecordWriter(str(folder / f"{name}-{split}.tfrecord-00000-of-00001")) as writer:
            for number in numbers:
                writer.write(features.serialize_example({"n": number}))
        of_split = template.replace(split=split)
        infos.append(
            tfds.core.SplitInfo(name=split, shard_lengths=[len(numbers)], num_bytes=9, filename_template=of_split)
        )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder), features=features, split_infos=infos, version="1.0.0", check_data=False
    )


def numbers(source: t5mix.TfdsDataSource, split: str, **arguments: object) -> list[int]:
    examples = source.get_dataset(split, shuffle=False, **arguments)  # type: ignore[arg-type]
    return [int(example["n"]) for example in examples.as_numpy_iterator()]


def test_splits_come_from_several_data_sets(folder: Path) -> None:
    source = t5mix.TfdsDataSource(
        splits={
            "train": t5mix.TfdsSplit("low:1.0.0", "train[:3]", str(folder)),
            "test": t5mix.TfdsSplit("high:1.0.0", "test", str(folder)),
        }
    )
    assert source.splits == ("train", "test") and source.tfds_name is None
    assert numbers(source, "train") == [0, 1, 2] and numbers(source, "test") == [150, 151, 152, 153]
    assert source.num_input_examples("train") == 3 and len(source.list_shards("test")) == 1
    assert source.fingerprint("train") == one_of(folder, "low", "train[:3]").fingerprint("train")
    assert source.fingerprint("train") != source.fingerprint("test")
    with pytest.raises(ValueError, match=r"builder_of\(split\)"):
        _ = source.builder
    with pytest.raises(ValueError, match="no split 'dev'"):
        source.get_dataset("dev")


def one_of(folder: Path, name: str, instruction: str) -> t5mix.TfdsDataSource:
    return t5mix.TfdsDataSource(f"{name}:1.0.0", str(folder), {"train": instruction})


def test_data_sets_are_named_once_and_with_their_version() -> None:
    split = t5mix.TfdsSplit("low:1.0.0", "train")
    with pytest.raises(ValueError, match="version"):
        t5mix.TfdsSplit("low", "train")
    with pytest.raises(ValueError, match="split is None"):
        t5mix.TfdsSplit("low:1.0.0", None)
    for arguments in ({"tfds_name": "low:1.0.0"}, {"tfds_data_dir": "somewhere"}):
        with pytest.raises(ValueError, match="leave out tfds_name and tfds_data_dir"):
            t5mix.TfdsDataSource(splits={"train": split}, **arguments)
    with pytest.raises(ValueError, match="or for each a TfdsSplit"):
        t5mix.TfdsDataSource(splits={"train": split, "test": "train[:1%]"})  # type: ignore[dict-item]


def test_a_folder_of_one_prepared_version_needs_no_name(folder: Path) -> None:
    source = t5mix.TfdsDataSource(tfds_data_dir=str(folder / "low" / "1.0.0"))
    assert set(source.splits) == {"train", "test"} and numbers(source, "train") == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="leave out tfds_builder_kwargs"):
        t5mix.TfdsDataSource(tfds_data_dir=str(folder), tfds_builder_kwargs={"config": "x"})


def test_one_folder_and_one_way_of_reading_for_every_source(folder: Path, tmp_path: Path) -> None:
    import tensorflow_datasets as tfds

    elsewhere = t5mix.TfdsDataSource("low:1.0.0", str(tmp_path), read_only=True)
    with pytest.raises(ValueError, match="low"):
        elsewhere.get_dataset("train")
    with data_dirs.undone():
        t5mix.set_tfds_data_dir_override(folder)
        assert numbers(elsewhere, "train") == [0, 1, 2, 3]
        t5mix.set_tfds_read_config_override(tfds.ReadConfig(add_tfds_id=True))
        example = next(iter(elsewhere.get_dataset("train", shuffle=False)))
        assert "tfds_id" in example
        t5mix.set_tfds_read_config_override(None)
        t5mix.set_tfds_data_dir_override(None)
        with pytest.raises(ValueError, match="low"):
            elsewhere.get_dataset("train")


def test_more_shards_than_files_are_cut_from_the_examples_of_a_task(folder: Path) -> None:
    vocabulary = t5mix.PassThroughVocabulary(1000)
    task = t5mix.Task(
        "t",
        one_of(folder, "low", "train"),
        {"n": t5mix.Feature(vocabulary, dtype="int64", rank=0)},
    )
    parts = [
        [int(example["n"]) for example in task.get_dataset(shuffle=False, shard_info=ShardInfo(i, 3))] for i in range(3)
    ]
    assert parts == [[0, 3], [1], [2]]


def test_the_variable_of_tfds_is_read_when_a_source_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = t5mix.TfdsDataSource("high:1.0.0", read_only=True)
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    assert numbers(source, "train") == [100, 101, 102, 103]
