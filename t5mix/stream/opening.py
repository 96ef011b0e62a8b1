"""Opening a task on the stream: its token cache, and what runs behind it.

What runs behind the token cache runs as examples are read: objectives and EOS in NumPy, other steps through
`tf.data`, an epoch at a time.
"""

import contextlib
import dataclasses
import functools
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix import fingerprints, objectives
from t5mix.stream import cache, columns, together, whole_epochs
from t5mix.stream.endings import Ending, ending
from t5mix.stream.examples import CachedExamples, EpochExamples, Examples
from t5mix.stream.objective_examples import ObjectiveExamples
from t5mix.stream.shared_parts import SharedParts, tells_all
from t5mix.stream.writing import Job

# Caches are looked up in one thread while that takes no more seconds than this, for each task and besides ...
_QUICK, _BESIDES = 0.004, 0.5
# ... and no more than this many are missing.
_MISSING = 16
# So many small tasks, whose tokens are made one soon after the other, ask once what their keys are made of.
_SHARING = 64


@dataclasses.dataclass(frozen=True)
class TaskExamples:
    """A task on the stream.

    Attributes:
      examples: its examples.
      identity: hash of everything that decides them, but for seed and lengths.
    """

    examples: Examples
    identity: str


def open_all(
    tasks: Sequence[Any],
    split: str,
    lengths: Mapping[str, int],
    seed: int,
    folder: Path,
    progress: cache.Progress | None = None,
) -> list[TaskExamples]:
    """Returns what `open_examples` returns of each task.

    Caches that are there are opened in one thread, and small texts are tokenized by one for many tasks: at work of so
    small parts threads hinder each other.  Where other tokens are to be made, or large files to be read, several tasks
    are opened at a time.
    """
    for task in tasks:
        _check_features(task, lengths)
    everything = dict(enumerate(tasks))
    with _no_collection():
        opened = dict(_cached(everything, split, lengths, seed, folder))
        if rest := _without(everything, opened):
            opened.update(_small(rest, split, lengths, seed, folder, progress))
            opened.update(_cached(_without(rest, opened), split, lengths, seed, folder))
    rest = _without(everything, opened)
    found = together.in_order(lambda task: open_examples(task, split, lengths, seed, folder, progress), rest.values())
    opened.update(zip(rest, found, strict=True))
    return [opened[number] for number in everything]


def _without(tasks: Mapping[int, Any], done: Mapping[int, Any]) -> dict[int, Any]:
    return {number: task for number, task in tasks.items() if number not in done}


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Puts off Python's search for reference cycles while many objects are made that stay: it looks at them all."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _cached(
    tasks: Mapping[int, Any], split: str, lengths: Mapping[str, int], seed: int, folder: Path
) -> Iterator[tuple[int, TaskExamples]]:
    """Yields the tasks that are cached, by number; ends early where that takes long or many are missing."""
    shared = SharedParts()
    begin, missing = time.monotonic(), 0
    for looked_up, (number, task) in enumerate(tasks.items()):
        if missing > _MISSING or time.monotonic() - begin > _QUICK * looked_up + _BESIDES:
            return
        job = cache_job(task, split, shared)
        tokens = None if job.keep_all else cache.find(job, folder)
        if tokens is None:
            missing += 1
        else:
            yield number, _opened(job, tokens, lengths, seed)


def _small(
    tasks: Mapping[int, Any],
    split: str,
    lengths: Mapping[str, int],
    seed: int,
    folder: Path,
    progress: cache.Progress | None,
) -> Iterator[tuple[int, TaskExamples]]:
    """Makes the tokens of small tasks of text files that are not cached, and yields these, by number."""
    # Few share what is known of steps and vocabularies, since files that these read may change meanwhile.
    shared = [SharedParts() for _ in range(0, len(tasks), _SHARING)]
    jobs = {
        number: cache_job(task, split, shared[place // _SHARING]) for place, (number, task) in enumerate(tasks.items())
    }
    for number, tokens in together.tokens_of_small(jobs, folder, progress):
        yield number, _opened(jobs[number], tokens, lengths, seed)


def open_examples(
    task: Any,
    split: str,
    lengths: Mapping[str, int],
    seed: int,
    folder: Path,
    progress: cache.Progress | None = None,
) -> TaskExamples:
    """Returns the examples of a task, making its token cache when there is none.

    Args:
      task: the task.
      split: the split of its source.
      lengths: for each feature of the stream its length in tokens.
      seed: decides the noise.
      folder: the folder of caches.
      progress: see `cache.Progress`.

    Raises:
      ValueError: naming the task, when its features do not fit the stream or it has no example.
    """
    _check_features(task, lengths)
    job = cache_job(task, split)
    found = cache.tokens_of(job, folder, progress)
    return _opened(job, found, lengths, seed)


def cache_job(task: Any, split: str, shared: SharedParts | None = None) -> Job:
    """Returns the token cache that `open_examples` reads.

    Args:
      task: the task.
      split: the split of its source.
      shared: answers about steps and vocabularies; None is to ask them.
    """
    keep_all = _native_plan(task.steps_after_cache) is None
    return Job(task, split, task.steps_before_cache, keep_all, shared=shared or SharedParts())


def _opened(job: Job, found: cache.CachedTokens, lengths: Mapping[str, int], seed: int) -> TaskExamples:
    task = job.task
    plan = _native_plan(task.steps_after_cache)
    examples = _examples(job, found, plan, lengths, (seed, task.name))
    if examples.count == 0:
        raise ValueError(
            f"task {task.name!r}, split {job.split!r}: the preprocessors behind the cache leave no example"
        )
    steps = [job.shared.step_fingerprint(task, step) for step in task.steps_after_cache]
    # Of the tokens themselves, not of their key: with other releases of libraries these may be the same, or others.
    return TaskExamples(examples, fingerprints.digest(found.content, job.made_from["features"], steps))


def _examples(
    job: Job,
    found: cache.CachedTokens,
    plan: "_Plan | None",
    lengths: Mapping[str, int],
    key: tuple[str | int, ...],
) -> Examples:
    task = job.task
    names = tuple(lengths)
    step = None if plan is None else plan.eos
    eos_of = functools.partial(_eos_of, job, found.eos)
    endings: tuple[Ending, ...] = tuple(ending(task, name, limit, step, eos_of) for name, limit in lengths.items())
    if plan is None:
        return EpochExamples(whole_epochs.WholeEpochs(task, found.table, dict(lengths), key), endings)
    if plan.objective is None:
        features = tuple(found.column(name) for name in names)
        return CachedExamples(features, endings)
    objective = plan.objective
    try:
        sentinel = objective.check(task.output_features, lengths)
        size = objective.segment_length(lengths)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}: {error}") from error
    documents = found.column("targets")
    text: columns.TokenColumn | columns.EndedColumn = documents
    if objective.ends_documents:
        eos = ending(task, "targets", lengths["targets"], "append_eos", eos_of).eos
        text = documents if eos is None else columns.EndedColumn(documents, eos)
    return ObjectiveExamples(objective, text, size, sentinel, names, endings, key)


def _eos_of(job: Job, known: Mapping[str, int | None], feature: str) -> int | None:
    """Returns a feature's EOS, as its cache says, or its vocabulary, which is then loaded."""
    vocabulary = job.task.output_features[feature].vocabulary
    if feature in known and tells_all(vocabulary):
        return known[feature]
    return job.shared.eos_id(vocabulary)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Steps behind the cache that run in NumPy: at most an objective, then at most an EOS step."""

    objective: objectives.Objective | None
    eos: str | None


def _native_plan(steps: tuple[Any, ...]) -> _Plan | None:
    """Returns the plan of these steps, or None when `tf.data` must run them."""
    rest = list(steps)
    objective = objectives.as_objective(rest[0]) if rest else None
    if objective is not None:
        rest = rest[1:]
    if not rest:
        return _Plan(objective, None)
    name = _eos_step(rest[0])
    return _Plan(objective, name) if name is not None and len(rest) == 1 else None


def _eos_step(step: Any) -> str | None:
    from t5mix import preprocessors

    for name in ("append_eos", "append_eos_after_trim"):
        if step is getattr(preprocessors, name):
            return name
    return None


def _check_features(task: Any, lengths: Mapping[str, int]) -> None:
    surplus = [name for name in task.output_features if name not in lengths]
    if surplus:
        raise ValueError(
            f"task {task.name!r} has the feature {surplus[0]!r}, but the stream has lengths for "
            f"{list(lengths)} only; give its length"
        )
    for name, feature in task.output_features.items():
        if feature.rank != 1 or "int" not in str(feature.dtype):
            raise ValueError(
                f"task {task.name!r}, feature {name!r}: the stream takes lists of token ids, not "
                f"{feature.dtype} of rank {feature.rank}"
            )
