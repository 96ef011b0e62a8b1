"""Tasks and mixtures made of others: with a new vocabulary, with less data, without tasks that lack a split.

The functions' names, arguments and defaults are seqio's.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from t5mix import preprocessors
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.namespace import namespace
from t5mix.declarations.rates import Changing, Rate
from t5mix.declarations.registry import (
    MixtureRegistry,
    TaskRegistry,
    get_mixture_or_task,
    get_subtasks,
    maybe_get_mixture_or_task,
)
from t5mix.declarations.task import Task
from t5mix.internal.code import signatures
from t5mix.metrics import postprocessors
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.sources.derived import TruncatedDatasetProvider
from t5mix.vocabularies import Vocabulary
from t5mix.vocabularies.features import Feature


def mixture_or_task_with_new_vocab(
    mixture_or_task: Task | Mixture | str,
    new_mixture_or_task_name: str,
    *,
    new_vocab: Vocabulary | None = None,
    new_output_features: Mapping[str, Feature] | None = None,
    add_to_seqio_registry: bool = True,
    add_cache_placeholder: bool = False,
    validate_features: bool = True,
) -> Task | Mixture:
    """Returns the same task or mixture with another vocabulary.

    The parts of a mixture are made anew, too: task "b" in the new mixture "m" is "m.b".

    Args:
        mixture_or_task: a task, a mixture or the name of one.
        new_mixture_or_task_name: name of the new one.
        new_vocab: the vocabulary of every feature.
        new_output_features: or the features themselves, the same ones by name.
        add_to_seqio_registry: whether to register what is made, parts and all.
        add_cache_placeholder: whether a task without a CacheDatasetPlaceholder gets one, before its first step that
            takes sequence_length; in seqio only the task itself does, here the tasks of a mixture, too.
        validate_features: whether to refuse new features that differ in more than vocabulary, add_eos and required.

    Raises:
        ValueError: when not exactly one of new_vocab and new_output_features is given, or the features differ.
    """
    if (new_vocab is None) == (new_output_features is None):
        raise ValueError(
            f"mixture_or_task_with_new_vocab({new_mixture_or_task_name!r}): give new_vocab or new_output_features, "
            f"{'one of them' if new_vocab is None else 'not both'}"
        )

    def changed(task: Task, name: str) -> Task:
        features = _features(task, new_vocab, new_output_features)
        if validate_features:
            _check_features(task, features)
        steps = _with_placeholder(task.preprocessors) if add_cache_placeholder else task.preprocessors
        return task.replace(name=name, output_features=features, preprocessors=steps, source_info=task.source_info)

    with namespace.undone_on_error():
        return _rebuilt(mixture_or_task, new_mixture_or_task_name, changed, add_to_seqio_registry)


def mixture_or_task_with_truncated_data(
    mixture_or_task: Task | Mixture | str,
    new_mixture_or_task_name: str,
    *,
    split_sizes: Mapping[str, int],
    add_to_seqio_registry: bool = True,
) -> Task | Mixture:
    """Returns the same task or mixture with fewer examples; see `TruncatedDatasetProvider`.

    Args:
        mixture_or_task: a task, a mixture or the name of one.
        new_mixture_or_task_name: name of the new one; task "b" in the new mixture "m" is "m.b".
        split_sizes: the greatest number of raw examples of splits; in a mixture that of each task.
        add_to_seqio_registry: whether to register what is made, parts and all.

    Raises:
        ValueError: when a size is no whole number, or no task has a split of that name.
    """
    provider = maybe_get_mixture_or_task(mixture_or_task)
    tasks = provider.tasks if isinstance(provider, Mixture) else [provider]
    known = {split for task in tasks for split in task.splits}
    for split, size in split_sizes.items():
        if split not in known or isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(
                f"mixture_or_task_with_truncated_data({new_mixture_or_task_name!r}): split_sizes has {split!r}: "
                f"{size!r}; give whole numbers for splits of {provider.name!r}: {', '.join(sorted(known))}"
            )

    def changed(task: Task, name: str) -> Task:
        sizes = {split: size for split, size in split_sizes.items() if split in task.splits}
        source = TruncatedDatasetProvider(task.source, sizes, task.shuffle_buffer_size)
        return task.replace(name=name, source=source, source_info=task.source_info)

    with namespace.undone_on_error():
        return _rebuilt(provider, new_mixture_or_task_name, changed, add_to_seqio_registry)


def mixture_with_missing_task_splits_removed(
    mixture_name: str, split: str, new_mixture_name: str, *, add_to_seqio_registry: bool = True
) -> Mixture:
    """Returns a mixture of those tasks of another that have `split`; each keeps the rate that it has there.

    So the new mixture is drawn as the other is in this split. A nested mixture that loses tasks is made anew, as
    "new_mixture_name.its_name", and its rate becomes what the tasks left had of it. In seqio it stays whole.

    Before: `{"inner": 1.0, "c": 0.5}`, where inner is `{"a": 1, "b": 3}`, and b has no such split; after: `{"m.inner":
    0.25, "c": 0.5}`, where m.inner is `{"a": 1}`.

    Args:
        mixture_name: name of the mixture.
        split: name of the split.
        new_mixture_name: name of the new mixture.
        add_to_seqio_registry: whether to register it, and nested ones that are made.

    Raises:
        ValueError: when no task has the split.
    """
    mixture = MixtureRegistry.get(mixture_name)
    if split not in mixture.splits:
        raise ValueError(
            f"mixture {mixture_name!r} has no task with split {split!r}; its splits: {', '.join(mixture.splits)}"
        )
    with namespace.undone_on_error():
        return _with_split(mixture, split, new_mixture_name, add_to_seqio_registry)


def _rebuilt(
    mixture_or_task: Task | Mixture | str, name: str, changed: Callable[[Task, str], Task], register: bool
) -> Task | Mixture:
    """Returns a task or mixture of that name in which every task is `changed`."""
    provider = get_mixture_or_task(mixture_or_task) if isinstance(mixture_or_task, str) else mixture_or_task
    if isinstance(provider, Task):
        task = changed(provider, name)
        if register:
            TaskRegistry.add_provider(name, task)
        return task
    rates = provider.rate_per_task_name
    rebuild = functools.partial(_rebuilt, changed=changed, register=register)
    parts = [(rebuild(part, f"{name}.{part.name}"), rates[part.name]) for part in provider.parts]
    mixing = dict(provider.mixing)
    if "max_epochs" in mixing:
        limits = mixing["max_epochs"]
        mixing["max_epochs"] = {new: limits[old] for old, new in _renamed(provider, name) if old in limits}
    mixture = Mixture(name, parts, sample_fn=provider.sample_fn, source_info=provider.source_info, **mixing)
    if register:
        MixtureRegistry.add_provider(name, mixture)
    return mixture


def _renamed(provider: Mixture, name: str) -> Iterator[tuple[str, str]]:
    """Yields the tasks of a mixture, and what `_rebuilt` names each in the one of this name.

    A task of several mixtures within it becomes as many.
    """
    for part in provider.parts:
        if isinstance(part, Mixture):
            yield from _renamed(part, f"{name}.{part.name}")
        else:
            yield part.name, f"{name}.{part.name}"


def _with_split(mixture: Mixture, split: str, name: str, register: bool) -> Mixture:
    """Returns the mixture of that name of the tasks that have a split."""
    members: dict[str, tuple[Task | Mixture, Rate]] = {}
    rates = mixture.rate_per_task_name
    for part in mixture.parts:
        tasks = [task for task in get_subtasks(part) if split in task.splits]
        if not tasks:
            continue
        if isinstance(part, Task) or len(tasks) == len(part.tasks):
            members[part.name] = part, rates[part.name]
            continue
        left = math.fsum(part.get_rate(task) for task in tasks)
        if len(mixture.rate_steps) > 1:
            raise ValueError(
                f"mixture {mixture.name!r} has rates that change, and its part {part.name!r} loses tasks; declare the "
                f"mixture of the tasks that have {split!r} anew"
            )
        if left > 0:
            inner = _with_split(part, split, f"{name}.{part.name}", register)
            # The rate of a part that is a mixture is always a number, here at every step.
            rate: Any = rates[part.name]
            number = float(rate.at(0) if isinstance(rate, Changing) else rate)
            members[inner.name] = inner, number * (left / part.total_rate)
        else:  # tasks that are never drawn, and of which alone no mixture can be
            for task in tasks:
                members.setdefault(task.name, (task, 0.0))
    mixing = dict(mixture.mixing)
    if "max_epochs" in mixing:
        have = {task.name for task in mixture.tasks if split in task.splits}
        mixing["max_epochs"] = {task: most for task, most in mixing["max_epochs"].items() if task in have} or None
    new = Mixture(name, members.values(), sample_fn=mixture.sample_fn, source_info=mixture.source_info, **mixing)
    if register:
        MixtureRegistry.add_provider(name, new)
    return new


def _features(task: Task, vocabulary: Vocabulary | None, features: Any) -> Mapping[str, Feature]:
    if vocabulary is None:
        return features
    return {key: dataclasses.replace(old, vocabulary=vocabulary) for key, old in task.output_features.items()}


def _check_features(task: Task, features: Mapping[str, Feature]) -> None:
    old = task.output_features
    if features.keys() != old.keys():
        raise ValueError(
            f"task {task.name!r}: new_output_features names {sorted(features)}; name those it has: {sorted(old)}"
        )
    for key, feature in features.items():
        for field in ("dtype", "rank"):
            if getattr(feature, field) != getattr(old[key], field):
                raise ValueError(
                    f"task {task.name!r}: new_output_features[{key!r}] has {field} {getattr(feature, field)!r}, and "
                    f"the preprocessors make {getattr(old[key], field)!r}; keep it"
                )


def _with_placeholder(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Returns the steps with a CacheDatasetPlaceholder before the first that takes sequence_length, or at the end."""
    if any(isinstance(step, CacheDatasetPlaceholder) for step in steps):
        return steps
    positions = [position for position, step in enumerate(steps) if signatures.takes(step, "sequence_length")]
    position = positions[0] if positions else len(steps)
    return (*steps[:position], CacheDatasetPlaceholder(), *steps[position:])


# T5 names the splits of some tasks; the suffix goes before these.
_LAST_PARTS = ("_train", "_dev", "_test", "_eval", ".")


def with_sentinels(task: Task, num_sentinels: int = 1) -> Task:
    """Returns a task, not registered, with sentinels behind its inputs and before its targets.

    Before: "Where is Rome?" -> "Italy"; after: "Where is Rome? <extra_id_0>" -> "<extra_id_0> Italy". They stay when a
    sequence is trimmed, and are taken from what is decoded before the task's own postprocessor.

    Args:
        task: a task of `inputs` and `targets`.
        num_sentinels: how many.

    Raises:
        ValueError: when num_sentinels is no positive number.
    """
    if num_sentinels < 1:
        raise ValueError(f"with_sentinels of task {task.name!r}: num_sentinels is {num_sentinels}; give 1 or more")
    steps = list(task.preprocessors)
    add = functools.partial(preprocessors.add_sentinels, num_sentinels=num_sentinels)
    if steps and steps[-1] is preprocessors.append_eos_after_trim:
        keep = functools.partial(
            preprocessors.append_eos_after_trim_and_preserve, preserve_final_n_tokens_when_trimming=num_sentinels
        )
        steps[-1:] = [add, keep]
    else:
        steps.append(add)
    return task.replace(
        name=name_with_sentinels(task.name, num_sentinels),
        preprocessors=steps,
        postprocess_fn=_without(task, num_sentinels),
    )


def add_task_with_sentinels(task_name: str, num_sentinels: int = 1) -> Task:
    """Registers the task with sentinels behind its inputs and before its targets, and returns it.

    Its name has "_1_sentinel" behind it, but before "_train", "_dev", "_test", "_eval" and "."; see
    `with_sentinels`.

    Raises:
        ValueError: when there is no such task, the name is taken, or num_sentinels is no positive number.
    """
    task = with_sentinels(TaskRegistry.get(task_name), num_sentinels)
    TaskRegistry.add_provider(task.name, task)
    return task


def name_with_sentinels(name: str, num_sentinels: int = 1) -> str:
    """Returns the name that T5 gives such a task: "wsc_eval" becomes "wsc_1_sentinel_eval"."""
    suffix = f"_{num_sentinels}_sentinel"
    for part in _LAST_PARTS:
        if part in name:
            position = name.index(part)
            return name[:position] + suffix + name[position:]
    return name + suffix


def _without(task: Task, num_sentinels: int) -> Callable[..., Any]:
    return functools.partial(
        postprocessors.remove_sentinels,
        vocabulary=task.output_features["targets"].vocabulary,
        num_sentinels=num_sentinels,
        postprocess_fn=task.postprocessor,
    )
