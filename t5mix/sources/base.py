"""What every source does."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from t5mix.internal.code import fingerprints

if TYPE_CHECKING:
    import tensorflow as tf

# How many examples are shuffled at a time where nobody says it; seqio's number.
SHUFFLE_BUFFER_SIZE = 1000


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """Which part of a split to read: shard `index` of `num_shards`."""

    index: int
    num_shards: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.num_shards:
            raise ValueError(f"ShardInfo: index {self.index} of {self.num_shards} shards; indices begin at 0")


class DataSource(abc.ABC):
    """Base of the sources: a set of splits, each a `tf.data.Dataset` of raw examples.

    Args:
        splits: names of the splits; a text is the name of the only one.
        num_input_examples: number of raw examples of splits, where it is known.
        caching_permitted: whether the examples may be kept.
        performs_internal_shuffling: whether `get_dataset(shuffle=True)` shuffles well enough for training by itself.
    """

    def __init__(
        self,
        splits: str | Iterable[str],
        num_input_examples: Mapping[str, int] | None = None,
        caching_permitted: bool = True,
        performs_internal_shuffling: bool = False,
    ) -> None:
        self._splits = self._checked_splits(splits)
        self._num_input_examples = dict(num_input_examples or {})
        self._caching_permitted = caching_permitted
        self._performs_internal_shuffling = performs_internal_shuffling
        for split, number in self._num_input_examples.items():
            self._check_count(split, number)

    def _checked_splits(self, splits: str | Iterable[str]) -> tuple[str, ...]:
        if isinstance(splits, str):
            splits = (splits,)
        if isinstance(splits, set | frozenset):  # its order would differ from run to run
            splits = sorted(splits)
        names = tuple(splits)
        for name in names:
            if not isinstance(name, str) or not name:
                raise ValueError(f"{self._kind}: split {name!r} is no name; give texts")
        if len(set(names)) < len(names):
            raise ValueError(f"{self._kind}: splits {names} repeat a name")
        return names

    def _check_count(self, split: str, number: int) -> None:
        if self._splits and split not in self._splits:
            raise ValueError(
                f"{self._kind}: num_input_examples names split {split!r}, which is none of {', '.join(self._splits)}"
            )
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ValueError(f"{self._kind}: num_input_examples[{split!r}] is {number!r}; give a whole number")

    def _check_split(self, split: str) -> None:
        if split not in self.splits:
            raise ValueError(f"{self._kind} has no split {split!r}; its splits: {', '.join(self.splits)}")

    @property
    def _kind(self) -> str:
        return type(self).__name__

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in declared order."""
        return self._splits

    @property
    def caching_permitted(self) -> bool:
        """Whether the examples may be kept."""
        return self._caching_permitted

    @property
    def performs_internal_shuffling(self) -> bool:
        """Whether `get_dataset(shuffle=True)` shuffles well enough for training by itself."""
        return self._performs_internal_shuffling

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Whether `get_dataset` takes any number of shards."""
        return False

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of `split`, or None when it is not known."""
        self._check_split(split)
        return self._num_input_examples.get(split)

    @abc.abstractmethod
    def list_shards(self, split: str) -> Sequence[str]:
        """Returns the names of the parts that `split` is stored in, in order."""

    @abc.abstractmethod
    def get_dataset(
        self,
        split: str = "train",
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
    ) -> "tf.data.Dataset":
        """Returns the raw examples of `split`, or of one shard of it."""

    @property
    def skip_bad_records(self) -> int | None:
        """How many damaged records of a split may be left out; None is none."""
        return None

    def skipped_records(self, split: str, shard_info: ShardInfo | None = None) -> tuple[str, ...]:
        """Returns the damaged records that `get_dataset` leaves out of `split`, or of one shard: "file: byte 123".

        None unless the source permits it, see `skip_bad_records`.
        """
        del split, shard_info
        return ()

    def contents(self, split: str) -> dict[str, str]:
        """Returns for each file of `split` a text that changes with it, so that a changed one can be named."""
        del split
        return {}

    def fingerprint(self, split: str) -> str:
        """Returns a sha256, as hex, that changes when the raw examples of `split` do.

        By default that of the source code of the class and of the attributes.
        """
        return fingerprints.digest(type(self), split, dict(sorted(vars(self).items())))
