"""Opening tasks on the stream: find their token caches, make those that are missing, and what runs behind them.

One task goes this way: its job, which knows the cache's key (`cache.key`); the cache that is there (`cache.store`); or,
where there is none, the record batches of its shards (`tokenization.record_batches`) to the cache's writer
(`cache.writer`); then its examples. Objectives and EOS run in NumPy as examples are read, other steps behind the cache
through `tf.data`, an epoch at a time.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from t5mix.data.cache import columns, store
from t5mix.data.cache.cached_tokens import CachedTokens
from t5mix.data.cache.identity.key import CacheJob, FingerprintMemo, cache_job, numpy_steps
from t5mix.data.examples import opening_many
from t5mix.data.examples.base import CachedExamples, Examples
from t5mix.data.examples.epoch_examples import EpochExamples, WholeEpochs
from t5mix.data.examples.objective_examples import ObjectiveExamples
from t5mix.data.examples.trim_and_eos import TrimAndEos, trim_and_eos_of
from t5mix.declarations.task import Task
from t5mix.internal.memo import no_collection
from t5mix.preprocessors.objectives import Objective


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
    tasks: Sequence[Task],
    split: str,
    lengths: Mapping[str, int],
    seed: int,
    folder: Path,
    progress: store.Progress | None = None,
    on_opened: Callable[[int, int], None] | None = None,
) -> list[TaskExamples]:
    """Returns the examples of tasks, making the token caches that are missing.

    Args:
        tasks: the tasks.
        split: the split of their sources.
        lengths: for each feature of the stream its length in tokens.
        seed: decides the noise.
        folder: the folder of caches.
        progress: see `store.Progress`.
        on_opened: called with (tasks opened, tasks in all) after each task.

    Raises:
        ValueError: naming the task, when its features do not fit the stream or it has no example.
    """
    for task in tasks:
        _check_features(task, lengths)
    memo, opened = FingerprintMemo(), dict[int, TaskExamples]()

    def note(number: int, found: TaskExamples) -> None:
        opened[number] = found
        if on_opened is not None:
            on_opened(len(opened), len(tasks))

    jobs = [cache_job(task, split, memo) for task in tasks]
    with no_collection():
        for number, tokens in opening_many.tokens_at_little_cost(jobs, folder, progress):
            note(number, _open(jobs[number], tokens, lengths, seed))

    def open_alone(number: int) -> None:
        # What steps and vocabularies read may have changed since: they are asked again.
        job = cache_job(tasks[number], split)
        note(number, _open(job, store.find_or_make(job, folder, progress), lengths, seed))

    if others := [number for number in range(len(jobs)) if number not in opened]:
        opening_many.some_at_a_time(open_alone, others)
    return [opened[number] for number in range(len(jobs))]


def _open(job: CacheJob, tokens: CachedTokens, lengths: Mapping[str, int], seed: int) -> TaskExamples:
    task = job.task
    key = (seed, task.name)
    steps, identity = numpy_steps(task.steps_after_cache), job.identity(tokens.content)
    if steps is None:
        trims = tuple(map(TrimAndEos, lengths.values()))
        epochs = WholeEpochs(task, tokens.table, dict(lengths), key)
        return TaskExamples(_checked(job, EpochExamples(epochs, trims)), identity)
    ends = steps.eos is not None or (steps.objective is not None and steps.objective.ends_documents)
    eos = job.eos_ids(tokens.eos) if ends else {}
    trims = tuple(trim_and_eos_of(job.task, name, limit, steps.eos, eos) for name, limit in lengths.items())
    if steps.objective is None:
        return TaskExamples(_checked(job, CachedExamples(tokens.columns(tuple(lengths)), trims)), identity)
    return TaskExamples(_checked(job, _of_objective(job, tokens, steps.objective, lengths, trims, eos, key)), identity)


def _checked(job: CacheJob, examples: Examples) -> Examples:
    if examples.count == 0:
        raise ValueError(
            f"task {job.task.name!r}, split {job.split!r}: the preprocessors behind the cache leave no example"
        )
    return examples


def _of_objective(
    job: CacheJob,
    tokens: CachedTokens,
    objective: Objective,
    lengths: Mapping[str, int],
    trims: tuple[TrimAndEos, ...],
    eos: Mapping[str, int | None],
    key: tuple[str | int, ...],
) -> ObjectiveExamples:
    task = job.task
    try:
        sentinel = objective.check(task.output_features, lengths)
        size = objective.segment_length(lengths)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}: {error}") from error
    documents = tokens.column("targets")
    text: columns.TokenColumn | columns.EndedColumn = documents
    if objective.ends_documents:
        end = trim_and_eos_of(task, "targets", lengths["targets"], "append_eos", eos).eos
        text = documents if end is None else columns.EndedColumn(documents, end)
    return ObjectiveExamples(objective, text, size, sentinel, tuple(lengths), trims, key)


def _check_features(task: Task, lengths: Mapping[str, int]) -> None:
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
