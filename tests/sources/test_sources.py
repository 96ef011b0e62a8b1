"""Sources: examples, shards, refusals, and fingerprints that follow the content."""

import bz2
import functools
import gzip
import itertools
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix.internal import text_files
from t5mix.sources import ShardInfo


def numbers(split: str, shuffle_files: bool, seed: int | None = None, start: int = 0) -> tf.data.Dataset:
    return tf.data.Dataset.range(start, start + 5)


def lines(dataset: tf.data.Dataset) -> list[str]:
    return [line.decode() for line in dataset.as_numpy_iterator()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in range(4):
        (tmp_path / f"train-{part}.txt").write_text("".join(f"head\n{part}a\n{part}b\n" for _ in "x"))
    (tmp_path / "validation.txt").write_text("v\n")
    return tmp_path


def text(folder: Path, **arguments: object) -> t5mix.TextLineDataSource:
    patterns = {"train": str(folder / "train-*.txt"), "validation": str(folder / "validation.txt")}
    return t5mix.TextLineDataSource(patterns, **arguments)  # type: ignore[arg-type]


# Files.


@pytest.mark.parametrize("packed", [False, True])
def test_lines_lose_every_carriage_return_and_cells_only_the_one_at_the_end(tmp_path: Path, packed: bool) -> None:
    """As seqio's lines; those of tables are not, since a cell is what its file says."""
    path = tmp_path / "file"
    content = b"x\none\rtwo\r\nthree\r\r\nfour\x0cfive\r\n"
    path.write_bytes(gzip.compress(content) if packed else content)
    source = t5mix.TextLineDataSource({"train": str(path)}, skip_header_lines=1)
    assert lines(source.get_dataset("train")) == ["onetwo", "three", "four\x0cfive"]
    table = t5mix.TableDataSource({"train": str(path)})
    rows = [row["x"].decode() for row in table.get_dataset("train").as_numpy_iterator()]
    assert rows == ["one\rtwo", "three\r", "four\x0cfive"]
    with open(path, "rb") as file:
        assert [*text_files.lines(file, "file")][1:] == rows


@pytest.mark.parametrize("compressed", [gzip.compress, bz2.compress, lzma.compress])
def test_which_compression_which_source_reads(tmp_path: Path, compressed: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "file"
    path.write_bytes(compressed(b"x\n1\n"))
    table = t5mix.TableDataSource({"train": str(path)})
    assert [row["x"] for row in table.get_dataset("train").as_numpy_iterator()] == [b"1"]
    source = t5mix.TextLineDataSource({"train": str(path)})
    if compressed is gzip.compress:
        assert lines(source.get_dataset("train")) == ["x", "1"]
    else:
        with pytest.raises(ValueError, match=r"file is compressed by (bzip2|xz); unpack it, or use gzip"):
            source.get_dataset("train")


# Functions.


def test_a_function_source_gives_its_split() -> None:
    source = t5mix.FunctionDataSource(numbers, ["train", "test"], {"train": 5})
    assert source.splits == ("train", "test") and source.list_shards("train") == ["train"]
    assert source.num_input_examples("train") == 5 and source.num_input_examples("test") is None
    assert list(source.get_dataset("train", seed=3).as_numpy_iterator()) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"no split 'dev'; its splits: train, test"):
        source.get_dataset("dev")
    with pytest.raises(ValueError, match="whole"):
        source.get_dataset("train", shard_info=ShardInfo(0, 2))


def test_a_function_that_cannot_be_called_so_is_refused() -> None:
    def wrong(split: str, shuffle: bool) -> None: ...

    for function in (wrong, 3, lambda: None, lambda split, shuffle_files, more: None):
        with pytest.raises(ValueError, match="FunctionDataSource: dataset_fn"):
            t5mix.FunctionDataSource(function, ["train"])  # type: ignore[arg-type]
    t5mix.FunctionDataSource(lambda **kwargs: None, ["train"])
    t5mix.FunctionDataSource(functools.partial(numbers, start=3), ["train"])


@pytest.mark.parametrize(
    ("splits", "counts"),
    [("", None), ([], None), (["a", "a"], None), ([3], None), (["a"], {"b": 1}), (["a"], {"a": -1}),
     (["a"], {"a": 1.5})],
)  # fmt: skip
def test_splits_and_counts_that_make_no_sense_are_refused(splits: object, counts: object) -> None:
    with pytest.raises(ValueError, match=r"FunctionDataSource: (splits|split|num_input_examples)"):
        t5mix.FunctionDataSource(numbers, splits, counts)  # type: ignore[arg-type]


def test_a_functions_fingerprint_is_its_own_or_that_of_its_code() -> None:
    def stated(split: str, shuffle_files: bool) -> None: ...

    stated.fingerprint = lambda split: f"{split} 1"  # type: ignore[attr-defined]

    def fingerprint(function: object, split: str = "train") -> str:
        return t5mix.FunctionDataSource(function, ["train", "test"]).fingerprint(split)  # type: ignore[arg-type]

    first = fingerprint(stated)
    assert first == fingerprint(stated) != fingerprint(stated, "test")
    stated.fingerprint = lambda split: f"{split} 2"  # type: ignore[attr-defined]
    assert fingerprint(stated) != first
    one, two = functools.partial(numbers, start=1), functools.partial(numbers, start=2)
    assert (
        fingerprint(numbers) != fingerprint(one) != fingerprint(two) == fingerprint(functools.partial(numbers, start=2))
    )


# Files.


def test_text_lines_without_their_headers(folder: Path) -> None:
    source = text(folder, skip_header_lines=1, cycle_length=1)
    assert lines(source.get_dataset("train", shuffle=False)) == [f"{p}{x}" for p in range(4) for x in "ab"]
    assert lines(source.get_dataset("validation", shuffle=False)) == []
    shuffled = lines(source.get_dataset("train", seed=1))
    assert sorted(shuffled) == sorted(lines(source.get_dataset("train", shuffle=False)))
    assert shuffled == lines(source.get_dataset("train", seed=1))


@pytest.mark.parametrize("num_shards", [1, 2, 3, 4])
def test_shards_partition_the_files(folder: Path, num_shards: int) -> None:
    source = text(folder)
    parts = [lines(source.get_dataset("train", shard_info=ShardInfo(i, num_shards))) for i in range(num_shards)]
    assert sorted(itertools.chain(*parts)) == sorted(lines(source.get_dataset("train")))
    assert all(parts)
    with pytest.raises(ValueError, match="4 files and cannot be read in 5"):
        source.get_dataset("train", shard_info=ShardInfo(0, 5))


def test_missing_and_empty_files_are_errors(folder: Path) -> None:
    source = t5mix.TextLineDataSource({"train": str(folder / "none-*")})
    with pytest.raises(ValueError, match=r"no file matches .*none-\*' of split 'train'"):
        source.get_dataset("train")
    (folder / "train-9.txt").touch()
    with pytest.raises(ValueError, match=r"train-9\.txt of split 'train' is empty"):
        text(folder).get_dataset("train")
    (folder / "validation.txt").write_text("")
    assert lines(text(folder, num_input_examples={"validation": 0}).get_dataset("validation")) == []
    for wrong in ({}, "train.txt"):
        with pytest.raises(ValueError, match="split_to_filepattern"):
            t5mix.TextLineDataSource(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="skip_header_lines"):
        text(folder, skip_header_lines=-1)


def test_a_files_fingerprint_follows_names_bytes_and_reading(folder: Path, tmp_path_factory) -> None:
    before = text(folder).fingerprint("train")
    assert before == text(folder).fingerprint("train")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for file in folder.iterdir():
        (elsewhere / file.name).write_bytes(file.read_bytes())
    assert text(elsewhere).fingerprint("train") == before
    assert text(folder, skip_header_lines=1).fingerprint("train") != before
    (folder / "validation.txt").write_text("w\n")
    assert text(folder).fingerprint("train") == before
    (folder / "train-2.txt").write_text("head\n2a\n2c\n")
    changed = text(folder).fingerprint("train")
    assert changed != before
    (folder / "train-2.txt").rename(folder / "train-5.txt")
    assert text(folder).fingerprint("train") not in (before, changed)


def test_a_path_with_brackets_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("x\n")
    assert lines(t5mix.TextLineDataSource({"train": tmp_path / "a[1].txt"}).get_dataset("train")) == ["x"]


def test_tf_examples(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i in range(3):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[i]))
            writer.write(tf.train.Example(features=tf.train.Features(feature={"n": feature})).SerializeToString())
    description = {"n": tf.io.FixedLenFeature([], tf.int64)}
    for given in (description, lambda: description):
        source = t5mix.TFExampleDataSource({"train": str(path)}, given)
        assert [e["n"] for e in source.get_dataset("train").as_numpy_iterator()] == [0, 1, 2]
    wider = {"n": tf.io.FixedLenFeature([1], tf.int64)}
    assert source.fingerprint("train") != t5mix.TFExampleDataSource({"train": str(path)}, wider).fingerprint("train")


# TFDS.


def test_tfds_wants_a_version() -> None:
    for name in ("glue/cola", None, ""):
        with pytest.raises(ValueError, match="version"):
            t5mix.TfdsDataSource(name)
    with pytest.raises(ValueError, match="slice"):
        t5mix.TfdsDataSource("glue/cola:2.0.0", splits={"train": 3})  # type: ignore[dict-item]


def test_tfds_reads_what_is_prepared(shared_data: Path) -> None:
    folder = str(shared_data / "tfds")
    source = t5mix.TfdsDataSource("glue/cola:2.0.0", folder)
    assert source.splits == ("train", "validation", "test")
    assert [source.num_input_examples(split) for split in source.splits] == [8551, 1043, 1063]
    first = next(iter(source.get_dataset("validation", shuffle=False)))
    assert set(first) == {"sentence", "label", "idx"}
    with pytest.raises(ValueError, match="no split 'dev'"):
        source.get_dataset("dev")
    sliced = t5mix.TfdsDataSource("glue/cola:2.0.0", folder, splits={"validation": "train[:1%]"})
    assert sliced.splits == ("validation",) and sliced.num_input_examples("validation") == 86
    assert len(list(sliced.get_dataset("validation"))) == 86
    assert len(source.list_shards("train")) >= 1


def test_tfds_fingerprints_differ_by_data_set_split_and_slice(shared_data: Path) -> None:
    folder = str(shared_data / "tfds")
    source = t5mix.TfdsDataSource("glue/cola:2.0.0", folder)
    sliced = t5mix.TfdsDataSource("glue/cola:2.0.0", folder, splits={"train": "train[:1%]"})
    other = t5mix.TfdsDataSource("glue/rte:2.0.0", folder)
    prints = [source.fingerprint("train"), source.fingerprint("test"), sliced.fingerprint("train"),
              other.fingerprint("train")]  # fmt: skip
    assert len(set(prints)) == 4
    assert t5mix.TfdsDataSource("glue/cola:2.0.0", folder).fingerprint("train") == prints[0]


def test_tfds_that_is_not_prepared_says_so(tmp_path: Path) -> None:
    source = t5mix.TfdsDataSource("glue/cola:2.0.0", str(tmp_path), read_only=True)
    with pytest.raises(ValueError, match=r"'glue/cola:2\.0\.0' (is not prepared )?in"):
        source.get_dataset("train")


# Users' own.


def test_a_source_of_the_users_own_has_a_fingerprint() -> None:
    class Countdown(t5mix.DataSource):
        def __init__(self, start: int) -> None:
            super().__init__(["train"], {"train": start})
            self.start = start

        def list_shards(self, split: str) -> list[str]:
            return [split]

        def get_dataset(self, split="train", shuffle=True, seed=None, shard_info=None) -> tf.data.Dataset:
            return tf.data.Dataset.range(self.start, 0, -1)

    assert Countdown(3).fingerprint("train") == Countdown(3).fingerprint("train") != Countdown(4).fingerprint("train")


def test_shard_info_counts_from_zero() -> None:
    for index, num_shards in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="ShardInfo"):
            ShardInfo(index, num_shards)
