"""Examples that a function makes."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from t5mix.internal.code import fingerprints, signatures
from t5mix.sources.base import DataSource, ShardInfo

if TYPE_CHECKING:
    import tensorflow as tf


class DatasetFnCallable(Protocol):
    """What `FunctionDataSource` calls: `fn(split, shuffle_files)`, with `seed` where it may be repeatable."""

    def __call__(self, split: str, shuffle_files: bool, seed: int | None = None) -> "tf.data.Dataset":
        """Returns the raw examples of `split`."""


class FunctionDataSource(DataSource):
    """Examples that a function makes.

    Args:
        dataset_fn: `fn(split, shuffle_files)`, or `fn(split, shuffle_files, seed)`, returns a
            `tf.data.Dataset`. It may have an attribute `fingerprint(split)`, the identity of its
            content; without one, its source code, closure and arguments are its identity. It may have
            an attribute `num_input_examples(split)`, asked where the argument of that name is silent.
        splits: names of the splits; a text is the name of the only one.
        num_input_examples: number of raw examples of splits, where it is known.
        caching_permitted: whether the examples may be kept.

    Raises:
        ValueError: when dataset_fn takes other arguments, or there is no split.
    """

    def __init__(
        self,
        dataset_fn: Callable[..., "tf.data.Dataset"],
        splits: str | Iterable[str],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
    ) -> None:
        super().__init__(splits, num_input_examples, caching_permitted)
        if not self._splits:
            raise ValueError("FunctionDataSource: splits is empty; name the splits of dataset_fn")
        signatures.require(dataset_fn, ("split", "shuffle_files"), "FunctionDataSource: dataset_fn")
        self._dataset_fn = dataset_fn

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number stated here, else the one that the function states, else None."""
        stated = super().num_input_examples(split)
        own = getattr(self._dataset_fn, "num_input_examples", None)
        return own(split) if stated is None and callable(own) else stated

    def list_shards(self, split: str) -> list[str]:
        """Returns one name: a function's examples are in one part."""
        self._check_split(split)
        return [split]

    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns what the function makes of `split`."""
        self._check_split(split)
        if shard_info and shard_info.num_shards > 1:
            raise ValueError(
                "`FunctionDataSource` does not support low-level sharding. Use tf.data.Dataset.shard instead; the "
                "function gives a split whole"
            )
        arguments: dict[str, Any] = {"split": split, "shuffle_files": shuffle}
        if seed is not None and signatures.takes(self._dataset_fn, "seed"):
            arguments["seed"] = seed
        return self._dataset_fn(**arguments)

    def fingerprint(self, split: str) -> str:
        """Returns the identity that the function states, else one of its code and arguments."""
        self._check_split(split)
        own = getattr(self._dataset_fn, "fingerprint", None)
        if callable(own):
            return fingerprints.digest("function", split, own(split))
        return fingerprints.digest("function", split, self._dataset_fn)

    def __repr__(self) -> str:
        return f"FunctionDataSource({signatures.name(self._dataset_fn)}, splits={self._splits})"
