"""A TFDS data set as seqio sees it, and splits that name a data set of their own."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from t5mix.internal.lazy import tensorflow as tf
from t5mix.sources.base import ShardInfo
from t5mix.sources.data_dirs import data_dirs


@dataclasses.dataclass(frozen=True)
class TfdsSplit:
    """A split of one data set, for a source whose splits come from several.

    Attributes:
        dataset: name, config and version of the data set.
        split: name of the split or a slice of it, such as "train[:1%]".
        data_dir: folder of prepared data sets; None is TFDS's own.
    """

    dataset: str
    split: str | None
    data_dir: str | None = None

    def __post_init__(self) -> None:
        check_version(self.dataset, "TfdsSplit: dataset")
        if not self.split or not isinstance(self.split, str):
            raise ValueError(f"TfdsSplit({self.dataset!r}): split is {self.split!r}; give its name or slice")


class LazyTfdsLoader:
    """seqio's view of a TFDS data set, or of several: names, folders, files and sizes, opened when first needed.

    Args:
        name: name, config and version of the data set; None when `split_map` holds TfdsSplits, or when data_dir is
            the folder of one prepared version.
        data_dir: folder of prepared data sets; None is TFDS's own.
        split_map: for each split a TFDS split or slice, or a TfdsSplit.
        decoders: TFDS decoders, by feature.
        builder_kwargs: further arguments of `tfds.builder`.
        read_only: whether a data set that is not there is never prepared.

    Raises:
        ValueError: when the version is missing, or the data set is named twice.
    """

    # Builders that are open, by name and folder; seqio's name for it.
    _MEMOIZED_BUILDERS: ClassVar[dict[tuple[str | None, str | None], Any]] = {}

    def __init__(
        self,
        name: str | None = None,
        data_dir: str | None = None,
        split_map: Mapping[str, Any] | None = None,
        decoders: Any = None,
        builder_kwargs: Mapping[str, Any] | None = None,
        read_only: bool = False,
    ) -> None:
        if name and ":" not in name:
            raise ValueError(f"TFDS name must contain a version number, got: {name}")
        self._split_map: dict[str, Any] = dict(split_map or {})
        self._several = any(isinstance(instruction, TfdsSplit) for instruction in self._split_map.values())
        if self._several and (name or data_dir):
            raise ValueError("If split values are instances of `TfdsSplit`, `name` and `data_dir` must be `None`.")
        self._name = name
        self._data_dir = data_dir
        self._builder_kwargs = dict(builder_kwargs or {})
        self._read_only = read_only
        self.decoders = decoders
        self.data_dir_override: str | None = None

    @property
    def name(self) -> str | None:
        """Name, config and version; None when the splits come from several data sets."""
        return self._name

    @property
    def data_dir(self) -> str | None:
        """Folder of prepared data sets: the one that overrides, else the declared one."""
        return self.data_dir_override or data_dirs.tfds_data_dir or self._data_dir

    @property
    def tfds_splits(self) -> Mapping[str, TfdsSplit] | None:
        """The TfdsSplits, where the splits come from several data sets."""
        return self._split_map if self._several else None

    @property
    def read_config(self) -> Any:
        """The `tfds.ReadConfig`: a copy of the one that overrides, or a new one."""
        import tensorflow_datasets as tfds

        return dataclasses.replace(data_dirs.tfds_read_config or tfds.ReadConfig())

    def set_decoders(self, decoders: Any) -> None:
        """Sets TFDS decoders, by feature, in place of those declared."""
        self.decoders = decoders

    def override_data_dir(self, data_dir: str | None) -> None:
        """Sets the folder of prepared data sets, in place of every other."""
        self.data_dir_override = data_dir

    def get_split_params(self, split: str | None = None) -> tuple[str | None, str | None]:
        """Returns name and folder of the data set that a split is read from.

        Raises:
            ValueError: when there are several, and `split` is none of their splits.
        """
        if not self._several:
            return self._name, self.data_dir
        if split not in self._split_map:
            raise ValueError(
                f"{self!r} refers to multiple datasets, pass `split` value corresponding to one of them to "
                "`get_split_params()`."
            )
        return self._split_map[split].dataset, self._split_map[split].data_dir

    def is_memoized(self, split: str | None = None) -> bool:
        """Tells whether the data set is open."""
        return self.get_split_params(split) in self._MEMOIZED_BUILDERS

    def resolved_tfds_name(self, split: str | None = None) -> str | None:
        """Returns the name; of a data set that is open with the version that a wildcard stands for."""
        if self.is_memoized(split):
            return self.builder_of(split).get_reference().tfds_name(include_version=True)
        return self.get_split_params(split)[0]

    def builder_cls(self, split: str | None = None) -> Any:
        """Returns the class of the data set, or None when TFDS knows none."""
        import tensorflow_datasets as tfds

        name, _ = tfds.core.naming.parse_builder_name_kwargs(self.get_split_params(split)[0])
        try:
            return tfds.builder_cls(str(name))
        except ValueError:
            return None

    @property
    def builder(self) -> Any:
        """The `tfds.core.DatasetBuilder`."""
        return self.builder_of(None)

    def builder_of(self, split: str | None) -> Any:
        """Returns the `tfds.core.DatasetBuilder` that a split is read from."""
        import tensorflow_datasets as tfds

        name, data_dir = self.get_split_params(split)
        if (name, data_dir) not in self._MEMOIZED_BUILDERS:
            if not name and self._builder_kwargs:
                raise ValueError("`builder_kwargs` should be empty when `dataset` value is not present.")
            self._MEMOIZED_BUILDERS[name, data_dir] = (
                tfds.builder(name, data_dir=data_dir, **self._builder_kwargs)
                if name
                else tfds.builder_from_directory(data_dir)
            )
        return self._MEMOIZED_BUILDERS[name, data_dir]

    @property
    def info(self) -> Any:
        """The `tfds.core.DatasetInfo`."""
        return self.builder.info

    def _instruction(self, split: str | None) -> str | None:
        if split is None or not self._split_map:
            return split
        instruction = self._split_map[split]
        return instruction.split if isinstance(instruction, TfdsSplit) else instruction

    def files(self, split: str) -> Any:
        """Returns TFDS's file instructions of a split.

        Raises:
            ValueError: when the data set has configs and the name none, or there is no file.
        """
        instruction, builder = self._instruction(split), self.builder_of(split)
        if self._name is not None and "/" not in self._name and builder.BUILDER_CONFIGS:
            raise ValueError(f"Dataset '{self._name}' has multiple configs.")
        found = builder.info.splits[instruction].file_instructions
        if not found:
            raise ValueError(f"No TFRecord files found for dataset: {self._name}, split {split!r}")
        return found

    def size(self, split: str) -> float:
        """Returns the number of examples of a split; infinity where TFDS did not count them, as in seqio."""
        instruction = self._instruction(split)
        return self.builder_of(split).info.splits[instruction].num_examples or math.inf

    def load(
        self, split: str | None, shuffle_files: bool, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> "tf.data.Dataset":
        """Returns the raw examples of a split; unless read_only is set, a data set that is not there is prepared."""
        import tensorflow_datasets as tfds

        read_config = dataclasses.replace(
            self.read_config,
            shuffle_seed=seed,
            skip_prefetch=True,
            input_context=input_context(shard_info),
        )
        given = {
            "split": self._instruction(split),
            "shuffle_files": shuffle_files,
            "read_config": read_config,
            "decoders": self.decoders,
        }
        if self._read_only:
            return self.builder_of(split).as_dataset(**given)
        name, data_dir = self.get_split_params(split)
        preparing = {"download": True, "try_gcs": True, "builder_kwargs": self._builder_kwargs or None}
        return tfds.load(name, data_dir=data_dir, **given, **preparing)

    def load_shard(
        self, file_instruction: Any, shuffle_files: bool = False, seed: int | None = None
    ) -> "tf.data.Dataset":
        """Returns the raw examples of one file, of those that `files` names, in their order."""
        import tensorflow_datasets as tfds

        del shuffle_files, seed  # there is one file
        adapter = tfds.core.file_adapters.ADAPTER_FOR_FORMAT[self.info.file_format]
        records = adapter.make_tf_data(str(file_instruction.filename))
        records = records.skip(file_instruction.skip).take(file_instruction.take)
        return records.map(functools.partial(self.info.features.deserialize_example, decoders=self.decoders))

    def __str__(self) -> str:
        return f"LazyTfdsLoader(name={self._name}, data_dir={self.data_dir})"

    def __repr__(self) -> str:
        return (
            f"LazyTfdsLoader(name={self._name}, data_dir={self.data_dir}, split_map={self._split_map or None}, "
            f"decoders={self.decoders})"
        )


def input_context(shard_info: ShardInfo | None) -> Any:
    """Returns which part of the files TFDS is to read; None is all."""
    return shard_info and tf.distribute.InputContext(
        num_input_pipelines=shard_info.num_shards, input_pipeline_id=shard_info.index
    )


def check_version(name: str | None, what: str) -> None:
    """Refuses a name without a version.

    Raises:
        ValueError: beginning with `what`.
    """
    if not isinstance(name, str) or ":" not in name:
        raise ValueError(
            f"{what} is {name!r}; give the version too, as in 'glue/cola:2.0.0', so that the examples stay the same"
        )
