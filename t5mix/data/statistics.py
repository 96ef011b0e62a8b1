"""What a stream feeds, in numbers."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from t5mix.data.examples.base import Examples


@dataclasses.dataclass(frozen=True)
class TaskStatistics:
    """One task of a stream.

    Attributes:
        task: its name.
        share: its share of examples, 0 to 1.
        examples: examples in an epoch.
        measured: of them, how many the numbers below are measured on, in epoch 0.
        mean_lengths: for each feature, mean tokens after trimming, EOS included.
        truncated: for each feature, how many of the measured examples lose tokens.
    """

    task: str
    share: float
    examples: int
    measured: int
    mean_lengths: Mapping[str, float]
    truncated: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """A stream.

    Attributes:
        tasks: each task, in the order of task numbers.
        fill: for each feature, the share of token slots that hold tokens, in the windows measured; where a row holds
            all features of an example, for "decoder_target_tokens".
        examples_per_batch: mean number of examples in a batch.
        dropped: for each task, how many examples found no room in the windows computed so far.
        left_out: tasks of the mixture that the stream does not draw from, and why.
    """

    tasks: tuple[TaskStatistics, ...]
    fill: Mapping[str, float]
    examples_per_batch: float
    dropped: Mapping[str, int]
    left_out: Mapping[str, str]


def of_task(name: str, share: float, examples: Examples, features: Sequence[str]) -> TaskStatistics:
    """Measures one task."""
    sample = examples.sample()
    lengths, truncated = examples.lengths(0, sample), examples.truncates(sample)
    return TaskStatistics(
        task=name,
        share=share,
        examples=examples.count,
        measured=len(sample),
        mean_lengths=_by_feature(features, lengths.mean(axis=0)),
        truncated={name: int(n) for name, n in zip(features, truncated.sum(axis=0), strict=True)},
    )


def fill(features: Sequence[str], tokens: np.ndarray, slots: np.ndarray) -> dict[str, float]:
    """Returns the share of slots that hold tokens, for each feature."""
    return _by_feature(features, tokens / slots)


def _by_feature(features: Sequence[str], numbers: np.ndarray) -> dict[str, float]:
    return {name: float(number) for name, number in zip(features, numbers, strict=True)}
