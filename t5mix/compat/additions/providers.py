"""Base classes and types that files of seqio's users name in annotations, or derive from."""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.sources import DataSource, ShardInfo
from t5mix.sources.derived import TruncatedDatasetProvider
from t5mix.vocabularies.features import Feature

if TYPE_CHECKING:
    import tensorflow as tf

DatasetReaderType = Callable[[str | Iterable[str]], "tf.data.Dataset"]
DecodeFnType = Callable[..., Mapping[str, Any]]
SubtaskOrName = Task | Mixture | str
MixtureRate = float | Callable[..., float]


class DatasetProviderBase(abc.ABC):
    """What gives a dataset for a split; tasks, mixtures and sources count as such."""

    @property
    @abc.abstractmethod
    def output_features(self) -> Mapping[str, Feature]:
        """What every example has, by name."""

    @property
    @abc.abstractmethod
    def splits(self) -> Sequence[str]:
        """Names of the splits."""

    @abc.abstractmethod
    def get_dataset(
        self,
        sequence_length: Mapping[str, int] | None = None,
        split: str = "train",
        use_cached: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: ShardInfo | None = None,
        num_epochs: int | None = 1,
    ) -> "tf.data.Dataset":
        """Returns the examples of a split."""

    @abc.abstractmethod
    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of a split, or None."""


for _cls in (DataSource, Mixture, Task, TruncatedDatasetProvider):
    DatasetProviderBase.register(_cls)


@runtime_checkable
class DataSourceInterface(Protocol):
    """What a task asks of its source."""

    @property
    def caching_permitted(self) -> bool:
        """Whether the examples may be kept."""

    @property
    def splits(self) -> Sequence[str]:
        """Names of the splits."""

    @property
    def supports_arbitrary_sharding(self) -> bool:
        """Whether `get_dataset` takes any number of shards."""

    def num_input_examples(self, split: str) -> int | None:
        """Returns the number of raw examples of a split, or None."""

    def list_shards(self, split: str) -> Sequence[str]:
        """Returns the names of the parts that a split is stored in."""

    def get_dataset(
        self, split: str, shuffle: bool = True, seed: int | None = None, shard_info: ShardInfo | None = None
    ) -> "tf.data.Dataset":
        """Returns the raw examples of a split."""


class DatasetProviderRegistry:
    """Base of registries of one's own: a class with `_REGISTRY`, a dict, and `_PROVIDER_TYPE`.

    The registries of tasks and of mixtures are no such classes; see `t5mix.TaskRegistry`.
    """

    _REGISTRY: ClassVar[dict[str, Any]]
    _PROVIDER_TYPE: ClassVar[type]

    @classmethod
    def add_provider(cls, name: str, provider: Any) -> None:
        """Registers what exists already.

        Raises:
            ValueError: when the name is taken, or the provider is of another type.
        """
        if name in cls._REGISTRY:
            raise ValueError(f"Attempting to register duplicate provider: {name}; remove that one first")
        cls._check(type(provider))
        cls._REGISTRY[name] = provider

    @classmethod
    def add(cls, name: str, provider_cls: type, provider_kwargs: Mapping[str, Any]) -> Any:
        """Makes a provider, registers it and returns it.

        Raises:
            ValueError: as `add_provider`.
        """
        cls._check(provider_cls)
        provider = provider_cls(**provider_kwargs)
        cls.add_provider(name, provider)
        return provider

    @classmethod
    def _check(cls, given: type) -> None:
        if not issubclass(given, cls._PROVIDER_TYPE):
            raise ValueError(
                "Attempting to register a class of an invalid type. Expecting instance of "
                f"{cls._PROVIDER_TYPE}, got {given.__name__}"
            )

    @classmethod
    def remove(cls, name: str) -> None:
        """Unregisters a name, if it is there."""
        cls._REGISTRY.pop(name, None)

    @classmethod
    def get(cls, name: str) -> Any:
        """Returns the one of that name.

        Raises:
            ValueError: when there is none.
        """
        if name not in cls._REGISTRY:
            raise ValueError(f"Provider name not registered: {name}; there are {', '.join(sorted(cls._REGISTRY))}")
        return cls._REGISTRY[name]

    @classmethod
    def names(cls) -> Iterable[str]:
        """Returns every name."""
        return cls._REGISTRY.keys()

    @classmethod
    def reset(cls) -> None:
        """Unregisters every name."""
        cls._REGISTRY = {}

    @classmethod
    def get_dataset(
        cls, name: str, sequence_length: Mapping[str, int] | None, split: str, **kwargs: Any
    ) -> "tf.data.Dataset":
        """Returns `get(name).get_dataset(...)`."""
        return cls.get(name).get_dataset(sequence_length=sequence_length, split=split, **kwargs)
