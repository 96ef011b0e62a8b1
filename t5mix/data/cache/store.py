"""The token cache: tokenized examples on disk, found by their content.

`<folder>/tokens/<task>/<split>-<key>/` holds an Arrow IPC file for each shard of the source, `00000-of-00001.arrow`
and so on, with a column of lists of ids for each feature, and `manifest.json`: what the tokens are made from, counts,
and checksums. The key is a hash of everything that decides the tokens, so a stale cache is never found. A cache is
written to a folder of its writer's own, read back, and renamed: a reader sees all of it or nothing, and writers at
the same time need no locks, because they write the same.
"""

import dataclasses
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from t5mix.data.cache import manifest, writer
from t5mix.data.cache.cached_tokens import CachedTokens, FileTokens, MemoryTokens
from t5mix.data.cache.identity import library_releases
from t5mix.data.cache.identity.key import CacheJob, check_unchanged
from t5mix.data.cache.shard_record import DamagedError, ShardRecord
from t5mix.data.cache.shards import ShardFile
from t5mix.data.tokenization.record_batches import record_batches
from t5mix.internal import paths
from t5mix.internal.files import named

if TYPE_CHECKING:
    import pyarrow as pa

# (task, examples done, examples in all or None).
Progress = Callable[[str, int, int | None], None]

# Seconds after which a writer that wrote nothing is taken to be dead.
_ABANDONED = 24 * 3600.0


def folder_of(cache_dir: str | Path | None = None) -> Path:
    """Returns the folder of caches: the one that is named, or the default.

    Raises:
        ValueError: when it is the address of an object store, which cannot be read by memory map.
    """
    folder = paths.cache_address(cache_dir)
    if "://" in folder:
        raise ValueError(
            f"the folder of caches is {folder}, but a token cache is read from a file system; copy it to a folder, and "
            "name that by cache_dir or $T5MIX_CACHE"
        )
    return Path(folder)


def path_of(job: CacheJob, folder: str | Path) -> Path:
    """Returns the folder of a job's cache."""
    return Path(f"{folder}/{job.relative_path}")


def find(job: CacheJob, folder: str | Path) -> FileTokens | None:
    """Returns the tokens of a job, or None when `find_or_make` has work to do: no cache of them is there, and whole."""
    if not job.task.source.caching_permitted:
        return None
    path = f"{folder}/{job.relative_path}"
    try:
        content = manifest.read_of(path, job.key)
        if library_releases.are_todays(job, content):
            return FileTokens.described(path, job.key, content)
    except (FileNotFoundError, NotADirectoryError, DamagedError):
        pass
    return None


def replaced(job: CacheJob, folder: str | Path) -> str:
    """Says in what the tokens of a cache differ from those that it held before, by another library; "" is unknown."""
    try:
        return str(manifest.read_of(path_of(job, folder), job.key).get("replaces", ""))
    except (OSError, DamagedError):
        return ""


def may_be_made(job: CacheJob, folder: str | Path) -> bool:
    """Tells whether a cache may be kept and none is there, not even a damaged one."""
    return job.task.source.caching_permitted and not os.path.exists(f"{folder}/{job.relative_path}")


def find_or_make(job: CacheJob, folder: str | Path, progress: Progress | None = None) -> CachedTokens:
    """Returns a task's tokens, from the cache, which is made when it is missing or damaged.

    The tokens of a source that does not permit caching are made anew each time, in memory.

    Args:
        job: the cache.
        folder: the folder of caches.
        progress: called now and then while the cache is made.

    Raises:
        ValueError: naming the task, when it has no example, or its examples cannot be cached; naming the folder, when
            it cannot be written.
        OSError: when the disk is full.
    """
    if not job.task.source.caching_permitted:
        return _in_memory(job, progress)
    path = path_of(job, folder)
    try:
        content = manifest.read_of(path, job.key)
        found = FileTokens.described(path, job.key, content)
        if library_releases.are_todays(job, content):
            return found
        other = library_releases.difference(job, found, content)
        if not other:
            library_releases.note(job, path, content)
            return found
        warnings.warn(f"task {job.task.name!r}: {other}; making the token cache {path} anew", stacklevel=2)
        discard(path)
        job = dataclasses.replace(job, replaces=other)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except DamagedError as damage:
        warnings.warn(f"the token cache {path} is damaged ({damage}); making it anew", stacklevel=2)
        if _repair(job, path, progress):
            return FileTokens.open(path, job.key)
        discard(path)
    return make(job, folder, progress)


def make(
    job: CacheJob,
    folder: str | Path,
    progress: Progress | None = None,
    shards: "Iterable[Iterator[pa.RecordBatch]] | None" = None,
) -> FileTokens:
    """Makes a cache that is not there, one shard after the other, and gives it its name.

    Args:
        job: the cache.
        folder: the folder of caches.
        progress: called now and then.
        shards: the record batches of each shard, where they are made already; None is to make them.

    Raises:
        ValueError: see `find_or_make`.
        OSError: when the disk is full.
    """
    path, count = path_of(job, folder), _counting(job, progress)
    private = staging(path)
    if shards is None:
        shards = (record_batches(job.shard(number)) for number in range(job.num_shards))
    try:
        records = [
            writer.write_shard(job, number, batches, private, count)
            for number, batches in zip(range(job.num_shards), shards, strict=True)
        ]
        check_unchanged(job)
        writer.finish(job, private, records)
        publish(private, path)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise named(error, path) from None
    finally:
        if os.path.exists(private):
            shutil.rmtree(private, ignore_errors=True)
    return FileTokens.of(path, job.key, records)


def records(path: str | Path, key: str) -> list[ShardRecord]:
    """Returns what the manifest of a cache says of its shards.

    Raises:
        FileNotFoundError: when there is no such cache.
        DamagedError: when its manifest is not what was written.
    """
    return manifest.shard_records(manifest.read_of(path, key))


def staging(path: Path) -> Path:
    """Makes a folder beside `path` to write a cache into, for `publish` to rename.

    Raises:
        ValueError: naming the folder, when it cannot be made.
    """
    _sweep(path.parent)
    private = _hidden(path)
    try:
        os.makedirs(private)
    except OSError as error:
        raise ValueError(
            f"cannot write the token cache {path.parent} ({error.strerror}); name another folder "
            "by cache_dir or $T5MIX_CACHE"
        ) from error
    return private


def publish(private: str | Path, path: Path) -> None:
    """Gives a finished cache its name, unless another writer was first."""
    try:
        os.rename(private, path)
    except OSError:
        if not path.exists():
            raise
        # The other's is verified when it is opened.


def discard(path: Path) -> None:
    """Takes a damaged cache out of the way at once, then deletes it."""
    aside = _hidden(path)
    try:
        os.rename(path, aside)
    except FileNotFoundError:  # another process did it
        return
    shutil.rmtree(aside, ignore_errors=True)


def _in_memory(job: CacheJob, progress: Progress | None) -> MemoryTokens:
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    given, count = [], _counting(job, progress)
    for number in range(job.num_shards):
        begun = len(batches)
        for batch in record_batches(job.shard(number)):
            count(batch.num_rows)
            batches.append(batch)
        given.append(job.given(number, sum(batch.num_rows for batch in batches[begun:])))
    skipped = job.task.source.skipped_records(job.split)
    writer.check_skipped(job, skipped)
    if not batches:
        raise writer.no_example(job)
    writer.check_count(job, given, len(skipped))
    return MemoryTokens(job.key, pa.Table.from_batches(batches))


def _counting(job: CacheJob, progress: Progress | None) -> writer.Count:
    """Returns what counts examples, and tells `progress`."""
    if progress is None:
        return lambda examples: None
    done, total = 0, job.task.source.num_input_examples(job.split)

    def count(examples: int) -> None:
        nonlocal done
        done += examples
        progress(job.task.name, done, total)

    return count


def _repair(job: CacheJob, path: Path, progress: Progress | None) -> bool:
    """Makes the damaged shards of a cache anew; tells whether that repaired it.

    It does not when the manifest is damaged, or a shard comes out otherwise than the manifest says.
    """
    try:
        listed = records(path, job.key)
    except DamagedError:
        return False
    private, count = staging(path), _counting(job, progress)
    try:
        for number, record in enumerate(listed):
            try:
                ShardFile(f"{path}/{record.name}", record).verify_all()
            except DamagedError:
                batches = record_batches(job.shard(number))
                if writer.write_shard(job, number, batches, private, count).as_json() != record.as_json():
                    return False
                os.replace(private / record.name, path / record.name)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return True


def _hidden(path: Path) -> Path:
    """Returns a name beside `path` that nobody else uses and no reader looks at."""
    return path.with_name(f".{path.name}.{os.urandom(16).hex()}")


def _sweep(folder: Path) -> None:
    """Deletes what killed processes left in a task's folder: hidden folders in which nothing changed for a day."""
    for left in folder.glob(".*"):
        try:
            changed = max(path.stat().st_mtime for path in (left, *left.iterdir()))
        except OSError:  # no folder, or its owner is done with it
            continue
        if re.search(r"\.[0-9a-f]{32}$", left.name) and time.time() - changed > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
