"""TensorFlow Datasets as a source."""

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t5mix import fingerprints
from t5mix.lazy import lazy_import
from t5mix.sources.base import DataSource, ShardInfo

if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = lazy_import("tensorflow")


class TfdsDataSource(DataSource):
    """Examples of a data set that TensorFlow Datasets prepares.

    The data set is opened when first needed; a declaration costs nothing.

    Args:
      tfds_name: name, config and version, such as "glue/cola:2.0.0"; the version is required, so
        that the examples stay the same.
      tfds_data_dir: folder of prepared data sets; None is TFDS's own.
      splits: names of the splits to allow; or a dict from names to TFDS splits or slices, such as
        {"validation": "train[:1%]"}; None is every split.
      caching_permitted: whether the examples may be kept.
      decoders: TFDS decoders, by feature.
      tfds_builder_kwargs: further arguments of `tfds.builder`.
      read_only: refuse to prepare a data set that is not there.

    Raises:
      ValueError: when the version is missing.
    """

    def __init__(
        self,
        tfds_name: str | None = None,
        tfds_data_dir: str | None = None,
        splits: Iterable[str] | Mapping[str, str] | None = None,
        caching_permitted: bool = True,
        decoders: Any = None,
        tfds_builder_kwargs: dict[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        if not tfds_name or ":" not in tfds_name:
            raise ValueError(
                f"TfdsDataSource: tfds_name is {tfds_name!r}; give the version too, as in "
                "'glue/cola:2.0.0', so that the examples stay the same"
            )
        super().__init__(splits or (), caching_permitted=caching_permitted)
        self._split_map = dict(splits) if isinstance(splits, Mapping) else {}
        for split, instruction in self._split_map.items():
            if not isinstance(instruction, str):
                raise ValueError(
                    f"TfdsDataSource({tfds_name!r}): splits[{split!r}] is {instruction!r}; give "
                    "the name or slice of a TFDS split, such as 'train[:1%]'"
                )
        self._name = tfds_name
        self._data_dir = tfds_data_dir
        self._decoders = decoders
        self._builder_kwargs = dict(tfds_builder_kwargs or {})
        self._read_only = read_only

    @property
    def tfds_name(self) -> str:
        """Name, config and version."""
        return self._name

    @functools.cached_property
    def builder(self) -> Any:
        """The `tfds.core.DatasetBuilder`, of a data set that is prepared.

        Raises:
          ValueError: when it is not, and read_only is set or preparing it fails.
        """
        import tensorflow_datasets as tfds

        place = f"in {self._data_dir}" if self._data_dir else "in TFDS's default folder"
        try:
            builder = tfds.builder(self._name, data_dir=self._data_dir, **self._builder_kwargs)
            if builder.is_prepared():
                return builder
            if not self._read_only:
                builder.download_and_prepare()
                return builder
        except Exception as error:  # TFDS raises dozens of kinds, network errors among them
            raise ValueError(f"TfdsDataSource: cannot open or prepare {self._name!r} {place}: {error}") from error
        raise ValueError(
            f"TfdsDataSource: {self._name!r} is not prepared {place}, and read_only is set; "
            "prepare it there, or give another tfds_data_dir"
        )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits: the declared ones, else those of the data set."""
        return self._splits or tuple(self.builder.info.splits)

    def _instruction(self, split: str) -> str:
        self._check_split(split)
        return self._split_map.get(split, split)

    def num_input_examples(self, split: str) -> int:
        """Returns the number of raw examples of `split`."""
        return self._info(split).num_examples

    def _info(self, split: str) -> Any:
        return self.builder.info.splits[self._instruction(split)]

    def list_shards(self, split: str) -> list[str]:
        """Returns the names of the files that `split` is read from."""
        return [str(part.filename) for part in self._info(split).file_instructions]

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the raw examples of `split`; a shard is a part of its files."""
        import tensorflow_datasets as tfds

        context = shard_info and tf.distribute.InputContext(
            num_input_pipelines=shard_info.num_shards, input_pipeline_id=shard_info.index
        )
        return self.builder.as_dataset(
            split=self._instruction(split),
            shuffle_files=shuffle,
            read_config=tfds.ReadConfig(shuffle_seed=seed, skip_prefetch=True, input_context=context),
            decoders=self._decoders,
        )

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of name, version, split, and the metadata with the files' checksums."""
        folder = Path(self.builder.data_dir)
        metadata = [
            (name, hashlib.sha256((folder / name).read_bytes()).hexdigest())
            for name in ("dataset_info.json", "features.json")
            if (folder / name).is_file()
        ]
        shards = [(Path(path).name, self._size(folder, path)) for path in self.list_shards(split)]
        return fingerprints.digest(
            "tfds", self.builder.info.full_name, self._instruction(split), metadata, shards,
            self._decoders and repr(self._decoders), self._builder_kwargs,
        )  # fmt: skip

    def _size(self, folder: Path, path: str) -> int | None:
        file = folder / Path(path).name
        return file.stat().st_size if file.is_file() else None

    def __repr__(self) -> str:
        return f"TfdsDataSource({self._name!r})"
