"""The examples of one task, as the model gets them, at any (epoch, index).

Here: examples that are what the token cache holds.
"""

import abc
import dataclasses
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from t5mix.data.cache import columns
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.internal.ragged import Ragged, ranges

# A task with more examples is measured by so many of them, in runs of so many that lie side by side: each run costs a
# block of the cache, which is verified when it is read.
_MEASURED, _RUN = 1 << 18, 1 << 9


class Examples(abc.ABC):
    """A task's examples.

    Attributes:
        count: number of examples in an epoch.
        varies: whether an example is another one in another epoch.
        lengths_vary: whether it has other lengths there.
    """

    count: int
    varies: ClassVar[bool] = True
    lengths_vary: bool = True

    @abc.abstractmethod
    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns int64 [indices, features]: tokens of each feature of these examples."""

    @abc.abstractmethod
    def gather(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns the token ids of each feature of these examples, in their order, EOS included."""

    @abc.abstractmethod
    def lost(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns int64 [indices, features]: tokens that each loses, because a row is short; EOS is one, too."""

    def truncates(self, indices: np.ndarray) -> np.ndarray:
        """Returns bool [indices, features]: which lose tokens, in epoch 0."""
        return self.lost(0, indices) > 0

    def release(self) -> None:  # noqa: B027  # most hold nothing
        """Releases what is held of files in memory, which will hardly be read again."""

    def sample(self) -> np.ndarray:
        """Returns indices to measure the task by: all, unless that takes long."""
        return spread_evenly(self.count, _MEASURED, _RUN)


@dataclasses.dataclass(frozen=True)
class CachedExamples(Examples):
    """Examples that are what the cache holds, but for trimming and EOS."""

    features: tuple[columns.TokenColumn, ...]
    trims: tuple[TrimAndEos, ...]
    varies: ClassVar[bool] = False
    lengths_vary: ClassVar[bool] = False  # type: ignore[misc]

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of examples in an epoch."""
        return int(self.features[0].first_rows[-1])

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths; see `Examples`."""
        return as_columns(trim.lengths(sizes) for trim, sizes in self._sizes(indices))

    def gather(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns tokens; see `Examples`."""
        pairs = zip(self.trims, self.features, strict=True)
        return [Ragged(*trim.gather(feature, indices)) for trim, feature in pairs]

    def lost(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns what trimming cuts; see `Examples`."""
        return as_columns(trim.lost(sizes) for trim, sizes in self._sizes(indices))

    def release(self) -> None:
        """Releases what is held; see `Examples`."""
        for feature in self.features:
            feature.release()

    def _sizes(self, indices: np.ndarray) -> list[tuple[TrimAndEos, np.ndarray]]:
        pairs = zip(self.trims, self.features, strict=True)
        return [(trim, feature.lengths_of(indices)) for trim, feature in pairs]


def spread_evenly(count: int, most: int, run: int = 1) -> np.ndarray:
    """Returns all of 0 .. count-1, or about `most` of them in runs of `run` at even distances, int64, ascending."""
    if count <= most:
        return np.arange(count)
    starts = np.arange(most // run) * (count - run) // max(most // run - 1, 1)
    return np.unique(ranges(starts, np.full(len(starts), run)))


def as_columns(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Joins the columns of a table, int64 [examples, features]."""
    return np.stack(list(parts), axis=1)
