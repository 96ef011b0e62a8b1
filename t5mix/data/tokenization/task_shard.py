"""A shard of a task's source, and its examples on their way to token ids."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.data.tokenization.tokenizers import TokenizeStep
from t5mix.declarations.task import Task
from t5mix.preprocessors.pipeline import Step
from t5mix.sources import ShardInfo

if TYPE_CHECKING:
    import pyarrow as pa

# Of which shard examples are: the number of its task, or 0 where there is one task, and its own number.
ShardId = tuple[int, int]


class NotCacheableError(ValueError):
    """A token cache cannot hold what a task's steps before it make."""


@dataclasses.dataclass(frozen=True)
class TaskShard:
    """A shard of a task's split, and the steps that make token ids of its examples.

    Attributes:
        task: the task.
        split: the split of its source.
        steps: the steps before the cache.
        keep_all: keep every column that the steps make, not only the task's features.
        index: number of the shard, from 0.
        count: how many shards the split has.
        given: where the number of examples that the source gave is noted, by shard, as far as it is counted.
    """

    task: Task
    split: str
    steps: tuple[Step, ...]
    keep_all: bool
    index: int
    count: int
    given: dict[int, int] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @property
    def info(self) -> ShardInfo | None:
        """Which part of the source it is; None is all of it."""
        return ShardInfo(self.index, self.count) if self.count > 1 else None

    @property
    def files(self) -> list[str]:
        """The parts of the source that it is read from."""
        return list(self.task.source.list_shards(self.split)[self.index :: self.count])

    def check_features(self, columns: object) -> Mapping[str, Any]:
        """Returns what the examples consist of, by name.

        Raises:
            NotCacheableError: naming the task, when they are no dictionaries, or a required feature is missing.
        """
        if not isinstance(columns, Mapping):
            raise NotCacheableError(
                f"task {self.task.name!r}: its examples are {columns!r} when they come to the cache, but must be "
                "dictionaries of features"
            )
        for name, feature in self.task.output_features.items():
            if feature.required and name not in columns:
                raise NotCacheableError(
                    f"task {self.task.name!r} has no feature {name!r} when its examples come to the cache, only "
                    f"{sorted(columns)}; name it in the preprocessors, or declare it with required=False"
                )
        return columns


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Some examples of a shard: texts that are still to be tokenized, and columns that are done.

    Attributes:
        shard: the shard that they are of.
        texts: the texts, by feature.
        step: how they are tokenized; None where there are no texts.
        columns: the other columns, by name.
    """

    shard: ShardId
    texts: Mapping[str, list[bytes]]
    step: TokenizeStep | None
    columns: "Mapping[str, pa.Array]" = dataclasses.field(default_factory=dict)
