"""TensorFlow Datasets as a source."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t5mix.internal.code import fingerprints
from t5mix.sources.base import DataSource, ShardInfo
from t5mix.sources.data_dirs import data_dirs
from t5mix.sources.tfds.lazy_loader import LazyTfdsLoader, TfdsSplit, check_version, input_context

if TYPE_CHECKING:
    import tensorflow as tf


class TfdsDataSource(DataSource):
    """Examples of a data set that TensorFlow Datasets prepares.

    The data set is opened when first needed; a declaration costs nothing.

    Args:
        tfds_name: name, config and version, such as "glue/cola:2.0.0"; the version is required, so
            that the examples stay the same. None when `splits` are TfdsSplits, or when tfds_data_dir
            is the folder of one prepared version of a data set.
        tfds_data_dir: folder of prepared data sets; None is TFDS's own.
        splits: names of the splits to allow; or a dict from names to TFDS splits or slices, such as
            {"validation": "train[:1%]"}, or to TfdsSplits; None is every split.
        caching_permitted: whether the examples may be kept.
        decoders: TFDS decoders, by feature.
        tfds_builder_kwargs: further arguments of `tfds.builder`.
        read_only: refuse to prepare a data set that is not there.

    Raises:
        ValueError: when the version is missing, or the arguments name the data set twice or not at all.
    """

    def __init__(
        self,
        tfds_name: str | None = None,
        tfds_data_dir: str | None = None,
        splits: Iterable[str] | Mapping[str, str] | Mapping[str, TfdsSplit] | None = None,
        caching_permitted: bool = True,
        decoders: Any = None,
        tfds_builder_kwargs: dict[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(splits or (), caching_permitted=caching_permitted)
        self._split_map: dict[str, str | TfdsSplit] = dict(splits) if isinstance(splits, Mapping) else {}
        self._name = tfds_name
        self._data_dir = tfds_data_dir
        self._builder_kwargs = dict(tfds_builder_kwargs or {})
        self._read_only = read_only
        self._builders: dict[tuple[str | None, str | None], Any] = {}
        self._check_data_set()
        self._tfds_dataset = LazyTfdsLoader(
            tfds_name, tfds_data_dir, self._split_map or None, decoders, self._builder_kwargs, read_only
        )

    def _check_data_set(self) -> None:
        kinds = {type(instruction) for instruction in self._split_map.values()}
        if not kinds <= {str} and kinds != {TfdsSplit}:
            raise ValueError(
                f"TfdsDataSource({self._name!r}): splits is {self._split_map!r}; give for each the name or slice of a "
                "TFDS split, such as 'train[:1%]', or for each a TfdsSplit"
            )
        if self._several:
            if self._name or self._data_dir:
                raise ValueError(
                    f"TfdsDataSource({self._name!r}): splits are TfdsSplits, which name data set and folder "
                    "themselves; leave out tfds_name and tfds_data_dir"
                )
        elif self._name or not self._data_dir:
            check_version(self._name, "TfdsDataSource: tfds_name")
        elif self._builder_kwargs:
            raise ValueError(
                f"TfdsDataSource: tfds_data_dir {self._data_dir!r} without a tfds_name is read as it is prepared; "
                "leave out tfds_builder_kwargs"
            )

    @property
    def tfds_name(self) -> str | None:
        """Name, config and version; None when the splits come from several data sets."""
        return self._name

    @property
    def tfds_dataset(self) -> LazyTfdsLoader:
        """The data set as seqio sees it; decoders and a folder that are set there are used here."""
        return self._tfds_dataset

    @property
    def _decoders(self) -> Any:
        return self._tfds_dataset.decoders

    @property
    def _several(self) -> bool:
        return any(isinstance(instruction, TfdsSplit) for instruction in self._split_map.values())

    @property
    def builder(self) -> Any:
        """The `tfds.core.DatasetBuilder`, of a data set that is prepared.

        Raises:
            ValueError: when it is not, and read_only is set or preparing it fails; or when the splits come from
                several.
        """
        if self._several:
            raise ValueError(f"{self!r} reads several data sets; ask for the builder of a split: builder_of(split)")
        return self._builder(self._name, self._data_dir)

    def builder_of(self, split: str) -> Any:
        """Returns the `tfds.core.DatasetBuilder` that `split` is read from; see `builder`."""
        instruction = self._split_map.get(split)
        if isinstance(instruction, TfdsSplit):
            return self._builder(instruction.dataset, instruction.data_dir)
        return self._builder(self._name, self._data_dir)

    def _builder(self, name: str | None, data_dir: str | None) -> Any:
        # TFDS reads the variable when it is imported, once.
        overridden = self._tfds_dataset.data_dir_override or data_dirs.tfds_data_dir
        chosen = overridden or data_dir or os.environ.get("TFDS_DATA_DIR")
        key = (name, chosen if name else data_dir)
        if key not in self._builders:
            self._builders[key] = self._prepared(*key)
        return self._builders[key]

    def _prepared(self, name: str | None, data_dir: str | None) -> Any:
        import tensorflow_datasets as tfds

        folder = f"in {data_dir}" if data_dir else "in TFDS's default folder"
        what = repr(name) if name else "the data set"
        try:
            if name is None:
                return tfds.builder_from_directory(data_dir)
            builder = tfds.builder(name, data_dir=data_dir, **self._builder_kwargs)
            if builder.is_prepared():
                return builder
            if not self._read_only:
                builder.download_and_prepare()
                return builder
        except Exception as error:  # TFDS raises dozens of kinds, network errors among them
            raise ValueError(f"TfdsDataSource: cannot open or prepare {what} {folder}: {error}") from error
        raise ValueError(
            f"TfdsDataSource: {what} is not prepared {folder}, and read_only is set; "
            "prepare it there, or give another tfds_data_dir"
        )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits: the declared ones, else those of the data set."""
        return self._splits or tuple(self.builder.info.splits)

    def _instruction(self, split: str) -> str:
        self._check_split(split)
        instruction = self._split_map.get(split, split)
        if isinstance(instruction, TfdsSplit):
            assert instruction.split  # checked when it was made
            return instruction.split
        return instruction

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of `split`; None when TFDS says 0, its word for not counted."""
        return self._info(split).num_examples or None

    def _info(self, split: str) -> Any:
        instruction = self._instruction(split)
        return self.builder_of(split).info.splits[instruction]

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

        instruction = self._instruction(split)
        config = data_dirs.tfds_read_config or tfds.ReadConfig()
        config = dataclasses.replace(
            config, shuffle_seed=seed, skip_prefetch=True, input_context=input_context(shard_info)
        )
        return self.builder_of(split).as_dataset(
            split=instruction,
            shuffle_files=shuffle,
            read_config=config,
            decoders=self._decoders,
        )

    def fingerprint(self, split: str) -> str:
        """Returns a sha256 of name, version, split, and the metadata with the files' checksums."""
        builder = self.builder_of(split)
        folder = Path(builder.data_dir)
        metadata = [
            (name, hashlib.sha256((folder / name).read_bytes()).hexdigest())
            for name in ("dataset_info.json", "features.json")
            if (folder / name).is_file()
        ]
        shards = [(Path(path).name, self._size(folder, path)) for path in self.list_shards(split)]
        return fingerprints.digest(
            "tfds", builder.info.full_name, self._instruction(split), metadata, shards,
            self._decoders and _by_content(self._decoders), self._builder_kwargs,
        )  # fmt: skip

    def _size(self, folder: Path, path: str) -> int | None:
        file = folder / Path(path).name
        return file.stat().st_size if file.is_file() else None

    def __repr__(self) -> str:
        if self._several:
            return f"TfdsDataSource(splits={self._split_map})"
        return f"TfdsDataSource({self._name or self._data_dir!r})"


def _by_content(decoders: Any) -> Any:
    """Returns what decides what TFDS decoders make; each is an object that keeps the feature it was last used for."""
    if isinstance(decoders, Mapping):
        return {name: _by_content(decoder) for name, decoder in decoders.items()}
    if not any(hasattr(decoders, method) for method in ("decode_example", "extract_features")):
        return decoders
    return type(decoders), {name: _by_content(held) for name, held in vars(decoders).items() if name != "_feature"}
