"""A TFDS data set as seqio sees it: `LazyTfdsLoader`, and the one behind a source."""

from pathlib import Path

import pytest
import tensorflow as tf

import t5mix
from t5mix.sources import ShardInfo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders with one data set of one int64, "n", each: 0 to 3 in "a", 10 to 13 in "b"."""
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("tfds")
    features = tfds.features.FeaturesDict({"n": tf.int64})
    for place, start in (("a", 0), ("b", 10)):
        version = root / place / "counted" / "1.0.0"
        version.mkdir(parents=True)
        template = tfds.core.ShardedFileTemplate(version, dataset_name="counted", filetype_suffix="tfrecord")
        for shard in range(2):
            with tf.io.TFRecordWriter(str(version / f"counted-train.tfrecord-0000{shard}-of-00002")) as writer:
                for number in range(start + 2 * shard, start + 2 * shard + 2):
                    writer.write(features.serialize_example({"n": number}))
        split = tfds.core.SplitInfo(
            name="train", shard_lengths=[2, 2], num_bytes=9, filename_template=template.replace(split="train")
        )
        tfds.folder_dataset.write_metadata(
            data_dir=str(version), features=features, split_infos=[split], version="1.0.0", check_data=False
        )
    return root


def numbers(dataset: tf.data.Dataset) -> list[int]:
    return [int(example["n"]) for example in dataset.as_numpy_iterator()]


def test_a_loader_reads_what_it_names(folder: Path) -> None:
    loader = t5mix.LazyTfdsLoader("counted:1.0.0", str(folder / "a"), {"train": "train[:3]", "dev": "train[3:]"})
    assert not loader.is_memoized() and loader.resolved_tfds_name() == "counted:1.0.0"
    assert loader.size("train") == 3 and loader.size("dev") == 1
    assert numbers(loader.load("dev", shuffle_files=False)) == [3]
    assert numbers(loader.load("train", shuffle_files=False, shard_info=ShardInfo(1, 2))) == [2]
    assert [Path(part.filename).name[-14:] for part in loader.files("dev")] == ["00001-of-00002"]
    assert numbers(loader.load_shard(loader.files("dev")[0])) == [3]
    assert loader.is_memoized() and loader.builder is loader.builder_of("dev")
    assert list(loader.info.features) == ["n"]
    with pytest.raises(KeyError):
        loader.size("test")


def test_splits_of_several_data_sets(folder: Path) -> None:
    splits = {place: t5mix.TfdsSplit("counted:1.0.0", "train", str(folder / place)) for place in ("a", "b")}
    loader = t5mix.LazyTfdsLoader(split_map=splits)
    assert loader.name is None and loader.data_dir is None and loader.tfds_splits == splits
    assert numbers(loader.load("b", shuffle_files=False)) == [10, 11, 12, 13]
    with pytest.raises(ValueError, match="refers to multiple datasets, pass `split` value"):
        _ = loader.builder
    with pytest.raises(ValueError, match="`name` and `data_dir` must be `None`"):
        t5mix.LazyTfdsLoader("counted:1.0.0", split_map=splits)


def test_what_is_set_behind_a_source_is_what_it_reads(folder: Path) -> None:
    import tensorflow_datasets as tfds

    source = t5mix.TfdsDataSource("counted:1.0.0", str(folder / "a"))
    assert source._tfds_dataset is source.tfds_dataset and source.tfds_dataset.name == "counted:1.0.0"
    assert numbers(source.get_dataset("train", shuffle=False)) == [0, 1, 2, 3]
    source.tfds_dataset.override_data_dir(str(folder / "b"))
    assert numbers(source.get_dataset("train", shuffle=False)) == [10, 11, 12, 13]
    before = source.fingerprint("train")
    source.tfds_dataset.set_decoders({"n": tfds.decode.SkipDecoding()})
    assert source.fingerprint("train") != before
    assert str(source.tfds_dataset) == f"LazyTfdsLoader(name=counted:1.0.0, data_dir={folder / 'b'})"


def test_equal_decoders_have_one_fingerprint_also_when_they_were_used(folder: Path) -> None:
    import tensorflow_datasets as tfds

    def plus(number: int) -> t5mix.TfdsDataSource:
        @tfds.decode.make_decoder(output_dtype=tf.int64)
        def add(example, feature, more):
            return feature.decode_example(example) + more

        return t5mix.TfdsDataSource("counted:1.0.0", str(folder / "a"), decoders={"n": add(number)})

    def skipping() -> t5mix.TfdsDataSource:
        return t5mix.TfdsDataSource("counted:1.0.0", str(folder / "a"), decoders={"n": tfds.decode.SkipDecoding()})

    used = plus(5)
    assert numbers(used.get_dataset("train", shuffle=False)) == [5, 6, 7, 8]
    made = [source.fingerprint("train") for source in (used, plus(5), plus(6), skipping(), skipping())]
    assert made[0] == made[1] and made[3] == made[4] and len(set(made)) == 3


def test_a_name_without_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="TFDS name must contain a version number, got: counted"):
        t5mix.LazyTfdsLoader("counted")
