"""Tasks and mixtures that are cached whole: every step runs before the cache, for fixed lengths.

The names, arguments and defaults are those of seqio's module of this name.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.declarations.mixture import Mixture
from t5mix.declarations.namespace import namespace
from t5mix.declarations.rates import Rate, stages
from t5mix.declarations.registry import MixtureRegistry, TaskRegistry
from t5mix.declarations.task import Task
from t5mix.internal.code import signatures
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.sources.base import SHUFFLE_BUFFER_SIZE
from t5mix.vocabularies.features import Feature

if TYPE_CHECKING:
    import tensorflow as tf


def add_fully_cached_task(task_name: str, sequence_length: Mapping[str, int], disallow_shuffling: bool = False) -> Task:
    """Registers, unless it is, a task whose every step is before the cache, and returns it.

    Its name says the lengths, as in seqio: "t" with {"inputs": 512, "targets": 114} is "t_i512_t114".

    Args:
        task_name: name of the task.
        sequence_length: for each feature the length that the steps get; no other can be asked for later.
        disallow_shuffling: whether examples keep the order of the cache.

    Raises:
        ValueError: when there is no such task, or another one has the new name.
    """
    task = TaskRegistry.get(task_name)
    name = _name_of_fully_cached(task_name, sequence_length)
    buffer = None if disallow_shuffling else SHUFFLE_BUFFER_SIZE
    if name in TaskRegistry:
        made = TaskRegistry.get(name)
        if made.source is not task.source or made.shuffle_buffer_size != buffer or not made.requires_caching:
            raise ValueError(
                f"add_fully_cached_task({task_name!r}): another task {name!r} is declared at {made.declared_at}, with "
                "another source, disallow_shuffling or without a required cache; remove it, or ask for the same"
            )
        return made
    lengths = dict(sequence_length)
    steps: list[Step] = [
        _FixedLengths(step, lengths) for step in task.preprocessors if not isinstance(step, CacheDatasetPlaceholder)
    ]
    check = functools.partial(_check_lengths, name=name, lengths=lengths)
    steps += [CacheDatasetPlaceholder(required=True), check]
    made = task.replace(name=name, preprocessors=steps, shuffle_buffer_size=buffer)
    TaskRegistry.add_provider(name, made)
    return made


def add_fully_cached_mixture(
    mixture_name: str, sequence_length: Mapping[str, int], disallow_shuffling: bool = False
) -> Mixture:
    """Registers a mixture of the fully cached tasks of another, with their rates, and returns it.

    Args:
        mixture_name: name of the mixture.
        sequence_length: see `add_fully_cached_task`.
        disallow_shuffling: whether examples keep the order of the cache.

    Raises:
        ValueError: when there is no such mixture, or the new name is taken.
    """
    mixture = MixtureRegistry.get(mixture_name)
    # Shares of all tasks, since the parts of nested mixtures have no rate of their own here.
    with namespace.undone_on_error():
        made = {
            task.name: add_fully_cached_task(task.name, sequence_length, disallow_shuffling) for task in mixture.tasks
        }
        pairs = [(made[task.name], _rate_of(mixture, task)) for task in mixture.tasks]
        limits = {made[name].name: most for name, most in mixture.max_epochs.items()}
        name = _name_of_fully_cached(mixture_name, sequence_length)
        mixing: dict[str, Any] = {"unit": mixture.unit, "max_epochs": limits or None}
        return MixtureRegistry.add(name, pairs, sample_fn=mixture.sample_fn, **mixing)


def _rate_of(mixture: Mixture, task: Task) -> Rate:
    """Returns a task's rate in a mixture, and in those within it: a number, or stages where it changes."""
    by_step = {step: mixture.get_rate(task, step) for step in mixture.rate_steps}
    return stages(by_step) if len(by_step) > 1 else by_step[0]


@dataclasses.dataclass(frozen=True)
class _FixedLengths:
    """A step that no longer takes sequence_length."""

    step: Step
    lengths: Mapping[str, int]

    def __call__(self, dataset: "tf.data.Dataset", output_features: Mapping[str, Feature]) -> "tf.data.Dataset":
        given = {"sequence_length": self.lengths, "output_features": output_features}
        return self.step(dataset, **{key: value for key, value in given.items() if signatures.takes(self.step, key)})

    @property
    def num_seeds(self) -> int:
        """How many seeds the step draws."""
        step: Any = self.step
        while hasattr(step, "func") and not hasattr(step, "num_seeds"):  # a partial of a random step is one
            step = step.func
        return int(getattr(step, "num_seeds", 0))


def _check_lengths(
    dataset: "tf.data.Dataset", sequence_length: Mapping[str, int] | None, name: str, lengths: Mapping[str, int]
) -> "tf.data.Dataset":
    if sequence_length is not None and dict(sequence_length) != dict(lengths):
        raise ValueError(
            f"Fully-cached task {name!r} can only be loaded with `sequence_length={dict(lengths)}` or `None`. Given "
            f"sequence_length={dict(sequence_length)}."
        )
    return dataset


def _name_of_fully_cached(name: str, sequence_length: Mapping[str, int]) -> str:
    """Returns the name with the lengths behind it, each with the shortest beginning that tells the features apart."""
    if not sequence_length:
        raise ValueError(f"{name!r} cannot be fully cached without sequence_length; give every feature its length")
    size = 0
    while len({feature[:size] for feature in sequence_length}) < len(sequence_length):
        size += 1
    return f"{name}_" + "_".join(f"{feature[:size]}{length}" for feature, length in sequence_length.items())
