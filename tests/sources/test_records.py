"""Sources of records: `tf.train.Example`s and records of the user's own."""

from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix.sources import ShardInfo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of two records each; a record is a text."""
    for part in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"train-{part}.records")) as writer:
            for item in "ab":
                writer.write(f"{part}{item}".encode())
    return tmp_path


def decode(record: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"targets": tf.strings.lower(record)}


def texts(dataset: tf.data.Dataset) -> list[str]:
    return [example["targets"].decode() for example in dataset.as_numpy_iterator()]


def test_a_record_becomes_what_the_function_makes_of_it(folder: Path) -> None:
    source = t5mix.ProtoDataSource({"train": str(folder / "*.records")}, decode, block_length=2)
    assert texts(source.get_dataset(shuffle=False)) == ["0a", "0b", "1a", "1b", "2a", "2b"]
    parts = [texts(source.get_dataset(shuffle=False, shard_info=ShardInfo(i, 2))) for i in range(2)]
    assert parts == [["0a", "0b", "2a", "2b"], ["1a", "1b"]]
    with pytest.raises(ValueError, match="3 files and cannot be read in 4 shards"):
        source.get_dataset(shard_info=ShardInfo(0, 4))
    with pytest.raises(ValueError, match="decode_proto_fn is 'x'"):
        t5mix.ProtoDataSource({"train": "x"}, "x")  # type: ignore[arg-type]


def test_a_reader_may_give_keys_too(folder: Path) -> None:
    def keyed(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path).enumerate()

    source = t5mix.ProtoDataSource({"train": str(folder / "*-1.records")}, decode, reader_cls=keyed)
    assert texts(source.get_dataset()) == ["1a", "1b"]


def test_the_fingerprint_follows_the_function(folder: Path) -> None:
    def other(record: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"targets": tf.strings.upper(record)}

    patterns = {"train": str(folder / "*.records")}
    first, same, changed = (t5mix.ProtoDataSource(patterns, fn).fingerprint("train") for fn in (decode, decode, other))
    assert first == same != changed


def test_the_fingerprint_follows_the_reader(folder: Path) -> None:
    def but_first(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path).skip(1)

    def reader(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path)

    but_first.__name__ = reader.__name__ = "reader"
    found = {
        t5mix.TFExampleDataSource({"train": str(folder / "*.records")}, {}, each).fingerprint("train")
        for each in (None, reader, but_first)
    }
    assert len(found) == 3


def test_patterns_keep_their_order_and_a_file_is_read_once(folder: Path) -> None:
    patterns = [str(folder / "train-2.records"), str(folder / "*.records")]
    source = t5mix.ProtoDataSource({"train": patterns}, decode, block_length=2)
    assert texts(source.get_dataset(shuffle=False)) == ["2a", "2b", "0a", "0b", "1a", "1b"]


def test_sources_say_what_they_read(folder: Path) -> None:
    patterns = {"train": str(folder / "*.records")}
    source = t5mix.ProtoDataSource(patterns, decode, num_input_examples={"train": 6})
    assert str(source) == f"ProtoDataSource({patterns})"
    assert "num_input_examples={'train': 6}" in repr(source) and "cycle_length=16" in repr(source)
    described = t5mix.TFExampleDataSource(patterns, {"a": tf.io.FixedLenFeature([], tf.int64)})
    assert "feature_description={'a': FixedLenFeature" in str(described)


def test_a_source_may_shuffle_well_enough_for_a_task(folder: Path) -> None:
    feature = t5mix.Feature(t5mix.PassThroughVocabulary(9), dtype="string", rank=0)
    for enough in (True, False):
        source = t5mix.FileDataSource(
            lambda path: tf.data.TFRecordDataset(path).map(decode),
            {"train": str(folder / "*.records")},
            performs_internal_shuffling=enough,
            block_length=2,
        )
        task = t5mix.Task("t", source, {"targets": feature}, shuffle_buffer_size=None)
        if enough:  # whole files are shuffled, and nothing else
            assert {tuple(texts(task.get_dataset(seed=seed))[:2]) for seed in range(9)} == {
                ("0a", "0b"),
                ("1a", "1b"),
                ("2a", "2b"),
            }
        else:
            with pytest.raises(ValueError, match="Shuffling is disallowed"):
                task.get_dataset()
