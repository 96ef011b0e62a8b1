"""Caches that seqio made: read only when named and asked for, and refused when they are not whole."""

import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import t5mix
from t5mix import preprocessors
from t5mix.declarations import rates
from t5mix.sources import ShardInfo
from t5mix.sources.data_dirs import data_dirs

FEATURES = {
    "targets": {"shape": [None], "dtype": "int32"},
    "targets_plaintext": {"shape": [], "dtype": "string"},
    "pair": {"shape": [2], "dtype": "int32"},
    "flag": {"shape": [], "dtype": "bool"},
    "ragged": {"shape": [None, None, 2], "dtype": "int32"},
    "weight": {"shape": [None, 2], "dtype": "float32"},
}
ROWS = [
    {"targets": [n, n + 1], "flag": [n % 2], "pair": [n, 7], "ragged": [n, 1, 2, 3, 4, 5], "_rl:0:ragged": [1, 2],
     "weight": [0.5, n, 1.0, 2.0]}
    for n in range(5, 10)
]  # fmt: skip


def ints(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def record(row: dict[str, list]) -> bytes:
    features = {name: ints(values) for name, values in row.items() if name != "weight"}
    features["weight"] = tf.train.Feature(float_list=tf.train.FloatList(value=row["weight"]))
    text = f"text {row['targets'][0]}".encode()
    features["targets_plaintext"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write(folder: Path, **info: object) -> None:
    """Writes a cache as seqio does: three shards, the last of them empty."""
    folder.mkdir(parents=True)
    for shard, rows in enumerate((ROWS[:3], ROWS[3:], [])):
        with tf.io.TFRecordWriter(str(folder / f"train.tfrecord-{shard:05d}-of-00003")) as writer:
            for row in rows:
                writer.write(record(row))
    about = {"features": FEATURES, "num_shards": 3, "seqio_version": "0.0.20", **info}
    (folder / "info.train.json").write_text(json.dumps(about))
    (folder / "stats.train.json").write_text(json.dumps({"examples": 5, "targets_chars": 1000}))
    (folder / "COMPLETED").write_text("")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    write(tmp_path / "group" / "counted")
    with data_dirs.undone():
        yield tmp_path


def on_the_fly(split: str, shuffle_files: bool) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors({"targets": "made anew"})


def task(name: str = "group:counted", **placeholder: Any) -> t5mix.Task:
    source = t5mix.FunctionDataSource(on_the_fly, ["train", "test"], {"train": 77})
    steps = [preprocessors.tokenize, t5mix.CacheDatasetPlaceholder(**placeholder), preprocessors.append_eos]
    return t5mix.Task(name, source, {"targets": t5mix.Feature(t5mix.ByteVocabulary())}, steps)


def firsts(dataset: tf.data.Dataset) -> list[int]:
    return [int(example["targets"][0]) for example in dataset.as_numpy_iterator()]


def test_nothing_is_read_unless_it_is_named_and_asked_for(place: Path) -> None:
    anew = [ord("m") + 3]
    assert firsts(task().get_dataset(use_cached=True)) == anew and task().cache_dir is None
    t5mix.set_global_cache_dirs([place])
    assert task().cache_dir == str(place / "group" / "counted")
    assert firsts(task().get_dataset()) == anew
    assert firsts(task().get_dataset(use_cached=True, shuffle=False)) == [5, 6, 7, 8, 9]


def test_the_steps_behind_the_cache_run_and_every_kind_of_feature_is_read(place: Path) -> None:
    t5mix.set_global_cache_dirs([place])
    example = next(iter(task().get_dataset({"targets": 9}, use_cached=True, shuffle=False)))
    assert example["targets"].numpy().tolist() == [5, 6, 1] and example["targets"].dtype == tf.int32
    assert example["targets_pretokenized"] == b"text 5" and "targets_plaintext" not in example
    assert example["flag"].dtype == tf.bool and bool(example["flag"]) and example["pair"].numpy().tolist() == [5, 7]
    assert example["ragged"].to_list() == [[[5, 1]], [[2, 3], [4, 5]]]
    assert example["weight"].numpy().tolist() == [[0.5, 5.0], [1.0, 2.0]]


def test_shards_partition_a_cache(place: Path) -> None:
    t5mix.add_global_cache_dirs([place / "nothing here", place])
    for count in (2, 3, 5):  # fewer, as many, and more than it has files
        parts = [
            firsts(task().get_dataset(use_cached=True, shuffle=False, shard_info=ShardInfo(i, count)))
            for i in range(count)
        ]
        assert sorted(itertools.chain(*parts)) == [5, 6, 7, 8, 9]


def test_a_cache_that_is_not_there_is_refused_by_name(place: Path) -> None:
    t5mix.set_global_cache_dirs([place])
    for refused in (task("other").assert_cached, lambda: task("other").get_dataset(use_cached=True)):
        with pytest.raises(t5mix.NotCachedError, match=r"'other' does not exist in any of the task cache directories"):
            refused()
    with pytest.raises(AssertionError):  # what users of seqio catch
        task("other").get_cached_stats()
    with pytest.raises(ValueError, match=r"Stats do not exist for .* split: test"):
        task().get_cached_stats("test")
    with pytest.raises(ValueError, match=r"(?s)Info do not exist for .*info\.test\.json"):
        task().get_dataset(split="test", use_cached=True)
    (place / "group" / "counted" / "COMPLETED").unlink()
    assert task().cache_dir is None


def test_a_cache_without_all_its_shards_is_refused(place: Path) -> None:
    t5mix.set_global_cache_dirs([place])
    folder = place / "group" / "counted"
    (folder / "train.tfrecord-00001-of-00003").unlink()
    with pytest.raises(ValueError, match="2 shards of split 'train', and 3 were written"):
        task().get_dataset(use_cached=True)
    for shard in range(3):
        (folder / f"train.tfrecord-{shard:05d}-of-00003").write_bytes(b"")
    with pytest.raises(ValueError, match="only empty files"):
        task().get_dataset(use_cached=True)


def test_a_shard_that_is_cut_short_is_refused(place: Path) -> None:
    """Also within the length of its last record, where TensorFlow takes it for a shorter file."""
    t5mix.set_global_cache_dirs([place])
    file = place / "group" / "counted" / "train.tfrecord-00001-of-00003"
    content = file.read_bytes()
    (first,) = struct.unpack_from("<Q", content)
    file.write_bytes(content[: 12 + first + 4 + 7])
    with pytest.raises(ValueError, match=rf"00001-of-00003, byte {12 + first + 4}: it ends within a record"):
        task().get_dataset(use_cached=True)


def test_a_cache_of_another_kind_of_feature_is_refused(place: Path) -> None:
    write(place / "floats", features={**FEATURES, "targets": {"shape": [None], "dtype": "int64"}})
    t5mix.set_global_cache_dirs([place])
    with pytest.raises(ValueError, match=r"'targets' after preprocessing: Got int64, expected int32"):
        task("floats").get_dataset(use_cached=True)


def test_old_caches_say_int64_and_mean_int32(place: Path) -> None:
    folder = place / "old"
    write(folder, features={**FEATURES, "targets": {"shape": [None], "dtype": "int64"}})
    info = json.loads((folder / "info.train.json").read_text())
    del info["seqio_version"]
    (folder / "info.train.json").write_text(json.dumps(info))
    t5mix.set_global_cache_dirs([place])
    assert firsts(task("old").get_dataset(use_cached=True, shuffle=False)) == [5, 6, 7, 8, 9]


def test_a_required_cache_is_read(place: Path) -> None:
    t5mix.set_global_cache_dirs([place])
    required = task(required=True, file_shuffle_buffer_size=2)
    with pytest.raises(ValueError, match="requires caching"):
        required.get_dataset()
    assert sorted(firsts(required.get_dataset(use_cached=True, seed=1))) == [5, 6, 7, 8, 9]


def test_rates_count_what_was_cached(place: Path) -> None:
    assert rates.mixing_rate_num_examples(task()) == 77
    with pytest.raises(t5mix.NotCachedError, match="fallback_to_num_input_examples"):
        rates.mixing_rate_num_examples(task(), fallback_to_num_input_examples=False)
    with pytest.raises(t5mix.NotCachedError, match="task cache directories"):
        t5mix.mixing_rate_num_characters(task())
    t5mix.set_global_cache_dirs([place])
    assert rates.mixing_rate_num_examples(task(), scale=4, temperature=2) == pytest.approx(20**0.5)
    assert rates.mixing_rate_num_examples(task("other")) == 77
    characters = t5mix.mixing_rate_num_characters(task(), temperature=3, char_count_name="targets_chars")
    assert characters == pytest.approx(10)
    with pytest.raises(ValueError, match="no such count for 'train', but examples, targets_chars"):
        t5mix.mixing_rate_num_characters(task())


def test_folders_are_named_as_a_list_each_once(tmp_path: Path) -> None:
    with data_dirs.undone():
        t5mix.set_global_cache_dirs(["a", "b", "a"])
        t5mix.add_global_cache_dirs([tmp_path, "b"])
        assert t5mix.get_global_cache_dirs() == ("a", "b", str(tmp_path))
        with pytest.raises(ValueError, match=r"give a list, \['a'\]"):
            t5mix.set_global_cache_dirs("a")
    assert t5mix.get_global_cache_dirs() == ()
