"""The tokens of many tasks: those that are cached are found, and the others are made.

1. Each task's cache is looked up in this thread: at work of so small parts threads hinder each other. Its key takes
   reading the source's files, or opening its data set, so tasks of large files or of TFDS are left to step 3.
2. Small tasks of text files are made together: one call tokenizes the lines of many, see `thread_pool`.
3. The others are looked up or made some at a time, each by itself.
"""

import concurrent.futures
import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from t5mix.data.cache import store
from t5mix.data.cache.cached_tokens import CachedTokens
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.tokenization import record_batches, thread_pool, without_tensorflow
from t5mix.data.tokenization.task_shard import Chunk
from t5mix.data.tokenization.tokenizers import cores
from t5mix.sources import FileDataSource, HuggingFaceDataSource, TextLineDataSource, TfdsDataSource

if TYPE_CHECKING:
    import pyarrow as pa

_In = TypeVar("_In")
_Out = TypeVar("_Out")

# Bytes of the files of a small task, at most.
_SMALL = 1 << 22
# Tasks that are made at a time, each by itself, at most.
_AT_A_TIME = 4


def tokens_at_little_cost(
    jobs: Sequence[CacheJob], folder: Path, progress: store.Progress | None = None
) -> Iterator[tuple[int, CachedTokens]]:
    """Finds, or makes, the tokens of jobs for which that takes little; yields the jobs' numbers and their tokens.

    Left out are those whose examples or keys take long to make, and those of damaged caches.

    Args:
        jobs: the caches.
        folder: the folder of caches.
        progress: see `store.Progress`.

    Raises:
        ValueError: see `store.find_or_make`.
    """
    missing = {}
    for number, job in enumerate(jobs):
        # Where every column is kept, `tf.data` makes an epoch of it.
        if job.keep_all or _takes_long_to_identify(job):
            continue
        tokens = store.find(job, folder)
        if tokens is not None:
            yield number, tokens
        elif type(job.task.source) is TextLineDataSource and store.may_be_made(job, folder):
            missing[number] = job
    if missing:
        yield from _made_in_one_call(missing, folder, progress)


def some_at_a_time(function: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """Returns what a function makes of each item, called in threads.

    The first item's error, in order, is raised, and the items that nobody has begun are left.
    """
    workers = min(cores(), _AT_A_TIME, len(items))
    if workers < 2:
        return list(map(function, items))
    with concurrent.futures.ThreadPoolExecutor(workers, "t5mix-open") as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _takes_long_to_identify(job: CacheJob) -> bool:
    """Tells whether the job's key takes more than reading small files: large ones, any elsewhere, or a data set."""
    source = job.task.source
    if isinstance(source, TfdsDataSource | HuggingFaceDataSource):
        return True
    if not isinstance(source, FileDataSource):
        return False
    paths = job.source_shards
    return any("://" in path for path in paths) or sum(map(os.path.getsize, paths)) > _SMALL


def _made_in_one_call(
    jobs: Mapping[int, CacheJob], folder: Path, progress: store.Progress | None
) -> Iterator[tuple[int, CachedTokens]]:
    """Makes the caches of small tasks of text files that need no `tf.data`; yields their numbers and tokens."""
    chunks = (chunk for number, job in jobs.items() for chunk in _chunks(number, job))
    with contextlib.closing(thread_pool.tokenized(chunks)) as tokenized:
        for number, of_task in itertools.groupby(tokenized, key=lambda one: one[0][0]):
            by_shard = itertools.groupby(of_task, key=lambda one: one[0])
            yield number, store.make(jobs[number], folder, progress, map(_batches, by_shard))


def _chunks(number: int, job: CacheJob) -> Iterator[Chunk]:
    """Returns the texts of all shards of a job, or nothing when it takes `tf.data` to make them."""
    shards = [without_tensorflow.chunks(job.shard(shard), (number, shard)) for shard in range(job.num_shards)]
    known = [shard for shard in shards if shard is not None]
    return itertools.chain.from_iterable(known if len(known) == len(shards) else ())


def _batches(shard: "tuple[object, Iterator[tuple[object, thread_pool.Columns]]]") -> "Iterator[pa.RecordBatch]":
    return record_batches.joined(columns for _, columns in shard[1])
