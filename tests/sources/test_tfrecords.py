"""Bad records of TFRecord files: left out on request, counted, up to a limit."""

import functools
import random
import struct
import warnings
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

import t5mix
from t5mix.data.cache import inventory, manifest, store
from t5mix.data.cache.identity.key import CacheJob
from t5mix.sources import ShardInfo, tfrecords
from t5mix.sources.derived import TruncatedDatasetProvider

FILES, RECORDS = 3, 20
DESCRIBED = {"targets": tf.io.FixedLenFeature([], tf.string)}
# Parts of a record: where each begins, and its size, of a payload of `size` bytes.
PARTS = {
    "length": lambda size: (0, 8),
    "length CRC": lambda size: (8, 4),
    "payload": lambda size: (12, size),
    "payload CRC": lambda size: (12 + size, 4),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 20 examples; record 0 of each is large, so that what is read at once ends within it."""
    for part in range(FILES):
        with tf.io.TFRecordWriter(str(tmp_path / f"train-{part}.tfrecord")) as writer:
            for number in range(RECORDS):
                text = f"{part}:{number} " + "x" * (300_000 if number == 0 else random.Random(number).randrange(40))
                feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
                example = tf.train.Example(features=tf.train.Features(feature={"targets": feature}))
                writer.write(example.SerializeToString())
    return tmp_path


def places(file: Path) -> list[tuple[int, int]]:
    """The byte and the payload's size of each record of an undamaged file."""
    content, found, start = file.read_bytes(), [], 0
    while start < len(content):
        (size,) = struct.unpack_from("<Q", content, start)
        found.append((start, size))
        start += 12 + size + 4
    return found


def damage(folder: Path, part: int, *numbers: int, where: str = "payload", seed: int = 0) -> list[int]:
    """Flips a bit in each of these records; returns their bytes."""
    file = folder / f"train-{part}.tfrecord"
    found, content, draw = places(file), bytearray(file.read_bytes()), random.Random(seed)
    for number in numbers:
        start, size = found[number]
        first, count = PARTS[where](size)
        content[start + first + draw.randrange(count)] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return [found[number][0] for number in numbers]


def source(folder: Path, limit: int | None = 5, **arguments: Any) -> t5mix.TFExampleDataSource:
    return t5mix.TFExampleDataSource(
        {"train": str(folder / "*.tfrecord")}, DESCRIBED, skip_bad_records=limit, **arguments
    )


def read(dataset: tf.data.Dataset) -> list[str]:
    return [example["targets"].decode().split()[0] for example in dataset.as_numpy_iterator()]


def quietly(made: t5mix.DataSource, **arguments: Any) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(made.get_dataset(**arguments))


@pytest.mark.parametrize("where", ["payload", "payload CRC"])
@pytest.mark.parametrize("numbers", [(0,), (19,), (0, 1, 7, 19)])
def test_exactly_the_bad_records_are_lost(folder: Path, where: str, numbers: tuple[int, ...]) -> None:
    at = damage(folder, 1, *numbers, where=where, seed=sum(numbers))
    one_by_one = source(folder, cycle_length=1)
    with pytest.warns(UserWarning, match="does not match its checksum") as warned:
        found = read(one_by_one.get_dataset(shuffle=False))
    whole = [f"{part}:{number}" for part in range(FILES) for number in range(RECORDS)]
    lost = {f"1:{number}" for number in numbers}
    assert found == [each for each in whole if each not in lost]
    messages = [str(each.message) for each in warned]
    assert len(messages) == len(numbers)
    assert all(f"byte {byte} of {folder}/train-1" in text for byte, text in zip(at, messages, strict=True))
    assert one_by_one.skipped_records("train") == tuple(f"train-1.tfrecord: byte {byte}" for byte in at)


def test_a_file_of_bad_records_alone_gives_nothing(folder: Path) -> None:
    damage(folder, 2, *range(RECORDS))
    found = quietly(source(folder, RECORDS), shuffle=False)
    assert sorted(found) == sorted(f"{part}:{number}" for part in range(2) for number in range(RECORDS))


def test_whole_files_are_read_as_without_the_option(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked, plain = (
            [read(source(folder, limit).get_dataset(seed=3, shuffle=shuffle)) for shuffle in (False, True)]
            for limit in (1, None)
        )
    assert asked == plain
    assert source(folder).skipped_records("train") == ()


def test_past_the_limit_reading_is_refused(folder: Path) -> None:
    damage(folder, 0, 3)
    last = damage(folder, 2, 5, 9)[-1]
    assert len(quietly(source(folder, 3), shuffle=False)) == FILES * RECORDS - 3
    with pytest.raises(ValueError, match=rf"byte {last} of .*train-2.tfrecord.* number 3 of them.*bad_records is 2"):
        quietly(source(folder, 2), shuffle=False)


def test_unless_asked_a_bad_record_ends_reading(folder: Path) -> None:
    (at,) = damage(folder, 1, 17)
    with pytest.raises(tf.errors.DataLossError, match=f"corrupted record at {at + 12} "):
        quietly(source(folder, None), shuffle=False)


@pytest.mark.parametrize("sizes", [(0, 10, 21), (70_000,), (5, 5_000_000, 3), (3, 5_000_000)])
def test_a_file_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """Also within a record's length or its checksum, where TensorFlow's reader takes it for a shorter file."""
    file = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for size in sizes:
            writer.write(bytes(size))  # zeros, which read as the length of an empty record
    content, ends = file.read_bytes(), {0, file.stat().st_size, *(start for start, _ in places(file))}
    near = {end + by for end in ends for by in range(-9, 17)} & set(range(len(content)))
    for cut in sorted(near | ends, reverse=True):
        file.write_bytes(content[:cut])
        if cut in ends:
            tfrecords.check_ends([str(file)])
            continue
        start = max(end for end in ends if end < cut)
        with pytest.raises(ValueError, match=f"a.tfrecord, byte {start}: it ends within a record"):
            tfrecords.check_ends([str(file)])


@pytest.mark.parametrize("limit", [None, 3])
def test_no_shorter_file_is_read_with_or_without_the_option(folder: Path, limit: int | None) -> None:
    file = folder / "train-1.tfrecord"
    start, _ = places(file)[-1]
    file.write_bytes(file.read_bytes()[: start + 5])
    assert sum(1 for _ in tf.data.TFRecordDataset(str(file))) == RECORDS - 1  # TensorFlow finds nothing wrong
    with pytest.raises(ValueError, match=f"train-1.tfrecord, byte {start}: it ends within a record.*copy or make"):
        quietly(source(folder, limit))
    # A shard is asked for its own files only.
    assert len(quietly(source(folder, limit), shard_info=ShardInfo(0, 3))) == RECORDS


def test_files_of_another_kind_have_a_reader_of_their_own(tmp_path: Path) -> None:
    file = str(tmp_path / "a.tfrecord")
    example = tf.train.Example(features=tf.train.Features(feature={
        "targets": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"yes"]))}))  # fmt: skip
    with tf.io.TFRecordWriter(file, options="GZIP") as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(
        ValueError, match=r"a.tfrecord, byte 0: .*if it is a compressed TFRecord file or none, give rea"
    ):
        t5mix.TFExampleDataSource({"train": file}, DESCRIBED).get_dataset()
    zipped = functools.partial(tf.data.TFRecordDataset, compression_type="GZIP")
    assert read(t5mix.TFExampleDataSource({"train": file}, DESCRIBED, zipped).get_dataset()) == ["yes"]


def test_records_at_an_address_are_read(folder: Path) -> None:
    tf.io.gfile.makedirs("ram://records")
    for file in folder.glob("*.tfrecord"):
        tf.io.gfile.copy(str(file), f"ram://records/{file.name}", overwrite=True)
    far = t5mix.TFExampleDataSource({"train": "ram://records/*.tfrecord"}, DESCRIBED)
    assert sorted(quietly(far)) == sorted(quietly(source(folder, None)))


@pytest.mark.parametrize("where", ["length", "length CRC"])
@pytest.mark.parametrize("number", [0, 19])
def test_a_damaged_length_is_refused(folder: Path, where: str, number: int) -> None:
    (at,) = damage(folder, 1, number, where=where, seed=number)
    with pytest.raises(ValueError, match=f"train-1.tfrecord, byte {at}: the length of a record does not match"):
        quietly(source(folder, 1000))


@pytest.mark.parametrize("left", [1, 8, 11, 12, 13, -1])
def test_a_file_cut_short_is_refused(folder: Path, left: int) -> None:
    file = folder / "train-1.tfrecord"
    start, size = places(file)[17]
    with open(file, "r+b") as opened:
        opened.truncate(start + left % (12 + size + 4))
    with pytest.raises(ValueError, match=f"train-1.tfrecord, byte {start}: it ends within a record"):
        quietly(source(folder, 1000))


def test_shards_leave_out_their_own(folder: Path) -> None:
    damage(folder, 0, 3)
    damage(folder, 2, 4)
    made = source(folder, 2)
    parts = [quietly(made, shuffle=False, shard_info=ShardInfo(index, 3)) for index in range(3)]
    lost = [{3}, set(), {4}]
    assert parts == [[f"{part}:{n}" for n in range(RECORDS) if n not in lost[part]] for part in range(FILES)]
    assert [len(made.skipped_records("train", ShardInfo(index, 3))) for index in range(3)] == [1, 0, 1]


def test_a_file_that_is_repaired_is_read_anew(folder: Path) -> None:
    whole = (folder / "train-0.tfrecord").read_bytes()
    damage(folder, 0, 3)
    assert len(quietly(source(folder))) == FILES * RECORDS - 1
    (folder / "train-0.tfrecord").write_bytes(whole)
    assert len(quietly(source(folder))) == FILES * RECORDS


def test_what_cannot_be_meant_is_refused_when_it_is_declared() -> None:
    for wrong in (0, -1, True, 2.0, "3"):
        with pytest.raises(ValueError, match="TFExampleDataSource: skip_bad_records is"):
            t5mix.TFExampleDataSource({"train": "x"}, {}, skip_bad_records=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ProtoDataSource: skip_bad_records=3 needs uncompressed TFRecord files"):
        t5mix.ProtoDataSource({"train": "x"}, lambda record: {}, tf.data.TFRecordDataset, skip_bad_records=3)


def test_the_fingerprint_follows_the_limit(folder: Path) -> None:
    assert len({source(folder, limit).fingerprint("train") for limit in (None, 1, 2)}) == 3


@t5mix.map_over_dataset
def take_number(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The number of an example in its file, as the one token."""
    number = tf.strings.regex_replace(example["targets"], "^.:([0-9]+) .*$", r"\1")
    return {"targets": [tf.strings.to_number(number, tf.int32)]}


def task(made: t5mix.DataSource) -> t5mix.Task:
    features = {"targets": t5mix.Feature(t5mix.PassThroughVocabulary(100), add_eos=False)}
    return t5mix.Task("bad_records", made, features, [take_number])


def tokens_of(made: t5mix.Task, folder: Path) -> list[int]:
    tokens = store.find_or_make(CacheJob(made, "train", made.preprocessors), folder)
    return [number for (number,) in tokens.table["targets"].to_pylist()]


def test_a_token_cache_holds_the_same_examples_and_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    at = damage(folder, 1, 7, 17)
    made = task(source(folder, 2, cycle_length=1))
    with pytest.warns(UserWarning) as warned:
        found = tokens_of(made, tmp_path / "cache")
        direct = made.get_dataset(shuffle=False).as_numpy_iterator()
        assert found == [int(example["targets"][0]) for example in direct]
    assert found == [n for part in range(FILES) for n in range(RECORDS) if part != 1 or n not in (7, 17)]
    names = [f"train-1.tfrecord: byte {byte}" for byte in at]
    assert any(f"2 bad records left out of its tokens: {', '.join(names)}" in str(each.message) for each in warned)
    (file,) = (tmp_path / "cache").rglob("manifest.json")
    content = manifest.read(file.parent)
    assert [shard["skipped"] for shard in content["shards"]] == [[], names, []]
    assert inventory.entry_of(file.parent).skipped == 2


@pytest.mark.parametrize("kept_on_disk", [True, False])
@pytest.mark.parametrize("is_cut", [False, True])
def test_the_limit_is_for_all_files_of_a_token_cache(
    folder: Path, tmp_path: Path, kept_on_disk: bool, is_cut: bool
) -> None:
    damage(folder, 0, 3)
    (at,) = damage(folder, 2, 4)
    files = source(folder, 1, caching_permitted=kept_on_disk)
    made = task(TruncatedDatasetProvider(files, {"dev": 1}) if is_cut else files)
    with warnings.catch_warnings(), pytest.raises(ValueError, match=rf"byte {at}\b|number 2 is .*-2.*: byte {at};"):
        warnings.simplefilter("ignore")
        tokens_of(made, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("manifest.json"))


def test_making_a_token_cache_of_a_damaged_file_names_it(folder: Path, tmp_path: Path) -> None:
    (at,) = damage(folder, 1, 7)
    with pytest.raises(ValueError, match=rf"train-1.tfrecord is damaged .*corrupted record at {at + 12} "):
        tokens_of(task(source(folder, None)), tmp_path / "cache")
