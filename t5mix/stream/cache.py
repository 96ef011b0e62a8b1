"""The token cache: tokenized examples on disk, found by their content.

`<folder>/tokens/<task>/<split>-<key>/` holds an Arrow IPC file for each shard of the source, `00000-of-00001.arrow`
and so on, with a column of lists of ids for each feature, and `manifest.json`: what the tokens are made from, counts,
and checksums.  The key is a hash of everything that decides the tokens, so a stale cache is never found.  A cache is
written to a folder of its writer's own, read back, and renamed: a reader sees all of it or nothing, and writers at
the same time need no locks, because they write the same.
"""

import dataclasses
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.stream import manifest, shards, tokenizing, verification, writing
from t5mix.stream.tokens import CachedTokens, FileTokens, MemoryTokens
from t5mix.stream.writing import Job

__all__ = ["CachedTokens", "Progress", "cached_tokens", "default_folder", "find", "make"]

# (task, examples done, examples in all or None).
Progress = Callable[[str, int, int | None], None]

# What stands for something else in a path, or hides it.
_UNFIT = re.compile(r"[^\w.-]|^\.", re.ASCII)
# Seconds after which a writer that wrote nothing is taken to be dead.
_ABANDONED = 24 * 3600.0


def default_folder() -> Path:
    """Returns the folder of caches: $T5MIX_CACHE, or t5mix in the user's cache folder."""
    if chosen := os.environ.get("T5MIX_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "t5mix"


def folder_of(cache_dir: str | Path | None = None) -> Path:
    """Returns the folder of caches: the one that is named, or the default.

    Raises:
      ValueError: when it is the address of an object store, which cannot be read by memory map.
    """
    folder = str(cache_dir or default_folder())
    if "://" in folder:
        raise ValueError(
            f"the folder of caches is {folder}, but a token cache is read from a file system; copy it to a folder, and "
            "name that by cache_dir or $T5MIX_CACHE"
        )
    return Path(folder)


def cached_tokens(
    task: Any,
    split: str,
    steps: tuple[Any, ...],
    folder: Path,
    keep_all: bool = False,
    progress: Progress | None = None,
) -> CachedTokens:
    """Returns the task's tokens, from the cache, which is made when it is missing or damaged.

    The tokens of a source that does not permit caching are made anew each time, in memory.

    Args:
      task: the task.
      split: the split of its source.
      steps: the steps before the cache.
      folder: the folder of caches.
      keep_all: keep every column that the steps make, not only the task's features.
      progress: called now and then while the cache is made.

    Raises:
      ValueError: naming the task, when it has no example, or its examples cannot be cached; naming the
        folder, when it cannot be written.
      OSError: when the disk is full.
    """
    return tokens_of(Job(task, split, steps, keep_all), folder, progress)


def tokens_of(job: Job, folder: Path, progress: Progress | None = None) -> CachedTokens:
    """Returns the tokens of a job; see `cached_tokens`."""
    if not job.task.source.caching_permitted:
        return _in_memory(job, _counting(job, progress))
    place = place_of(job, folder)
    try:
        content = _manifest(place, job.key)
        found = _opened(place, job.key, _records(content), _eos(content))
        if verification.is_verified(job, content):
            return found
        other = verification.difference(job, found, content)
        if not other:
            verification.note(job, place, content)
            return found
        warnings.warn(f"task {job.task.name!r}: {other}; making the token cache {place} anew", stacklevel=2)
        discard(place)
        job = dataclasses.replace(job, replaces=other)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except shards.DamagedError as damage:
        warnings.warn(f"the token cache {place} is damaged ({damage}); making it anew", stacklevel=2)
        if _repair(job, place, _counting(job, progress)):
            return _open(place, job.key)
        discard(place)
    return made(job, folder, progress)


def made(
    job: Job, folder: Path, progress: Progress | None = None, batches: writing.Batches | None = None
) -> FileTokens:
    """Makes a cache that is not there, and returns its tokens; see `cached_tokens`, and of `batches` see `make`."""
    place = place_of(job, folder)
    written = make(job, place, _counting(job, progress), batches)
    return _opened(place, job.key, written)


def find(job: Job, folder: Path) -> CachedTokens | None:
    """Returns the tokens of a job, or None when `tokens_of` has work to do: no cache of them is there, and whole."""
    if not job.task.source.caching_permitted:
        return None
    place = place_of(job, folder)
    try:
        content = _manifest(place, job.key)
        if verification.is_verified(job, content):
            return _opened(place, job.key, _records(content), _eos(content))
    except (FileNotFoundError, NotADirectoryError, shards.DamagedError):
        pass
    return None


def replaced(job: Job, folder: Path) -> str:
    """Says in what the tokens of a cache differ from those that it held before, by another library; "" is unknown."""
    try:
        return str(_manifest(place_of(job, folder), job.key).get("replaces", ""))
    except (OSError, shards.DamagedError):
        return ""


def place_of(job: Job, folder: Path) -> Path:
    """Returns the folder of a job's cache."""
    return Path(f"{folder}/{relative_place(job)}")


def relative_place(job: Job) -> str:
    """Returns where a job's cache lies in the folder of caches, a path with slashes."""
    return f"tokens/{_file_name(job.task.name)}/{_file_name(job.split)}-{job.key[:32]}"


def make(
    job: Job, place: Path, count: writing.Count | None = None, batches: writing.Batches | None = None
) -> list[shards.ShardRecord]:
    """Makes a cache, one shard after the other, and gives it its name.

    Args:
      job: the cache.
      place: its folder.
      count: called with the number of examples of each record batch.
      batches: see `writing.write_shard`.

    Returns:
      What its manifest says of its shards.

    Raises:
      ValueError: see `cached_tokens`.
      OSError: when the disk is full.
    """
    private = staging(place)
    try:
        written = [writing.write_shard(job, n, private, count, batches) for n in range(job.num_shards)]
        writing.check_unchanged(job)
        writing.finish(job, private, written)
        publish(private, place)
        return written
    finally:
        if os.path.exists(private):
            shutil.rmtree(private, ignore_errors=True)


def staging(place: Path) -> Path:
    """Makes a folder beside `place` to write a cache into, for `publish` to rename.

    Raises:
      ValueError: naming the folder, when it cannot be made.
    """
    _sweep(place.parent)
    private = _hidden(place)
    try:
        os.makedirs(private)
    except OSError as error:
        raise ValueError(
            f"cannot write the token cache {place.parent} ({error.strerror}); name another folder "
            "by cache_dir or $T5MIX_CACHE"
        ) from error
    return private


def publish(private: Path, place: Path) -> None:
    """Gives a finished cache its name, unless another writer was first."""
    try:
        os.rename(private, place)
    except OSError:
        if not place.exists():
            raise
        # The other's is verified when it is opened.


def discard(place: Path) -> None:
    """Takes a damaged cache out of the way at once, then deletes it."""
    aside = _hidden(place)
    try:
        os.rename(place, aside)
    except FileNotFoundError:  # another process did it
        return
    shutil.rmtree(aside, ignore_errors=True)


def _in_memory(job: Job, count: writing.Count) -> MemoryTokens:
    import pyarrow as pa

    batches = []
    for shard in range(job.num_shards):
        for batch in tokenizing.record_batches(job, shard):
            count(batch.num_rows)
            batches.append(batch)
    writing.check_skipped(job, job.task.source.skipped_records(job.split))
    if not batches:
        raise writing.no_example(job)
    return MemoryTokens(job.key, pa.Table.from_batches(batches))


def _counting(job: Job, progress: Progress | None) -> writing.Count:
    if progress is None:
        return lambda examples: None
    done, total = 0, job.task.source.num_input_examples(job.split)

    def count(examples: int) -> None:
        nonlocal done
        done += examples
        progress(job.task.name, done, total)

    return count


def _file_name(name: str) -> str:
    """Returns `name` without what means something in a path; the key keeps names apart."""
    return _UNFIT.sub("_", name)[:100]


def _open(place: Path, key: str) -> FileTokens:
    """Opens a cache: compares its manifest, and the sizes and the ends of its files; the rest as it is used.

    Raises:
      FileNotFoundError: when there is none.
      DamagedError: when it is not what its manifest says.
    """
    content = _manifest(place, key)
    return _opened(place, key, _records(content), _eos(content))


def _opened(
    place: Path, key: str, found: Sequence[shards.ShardRecord], eos: Mapping[str, int | None] | None = None
) -> FileTokens:
    return FileTokens(key, tuple(shards.ShardFile(f"{place}/{record.name}", record) for record in found), eos or {})


def records(place: Path, key: str) -> list[shards.ShardRecord]:
    """Returns what the manifest of a cache says of its shards.

    Raises:
      FileNotFoundError: when there is no such cache.
      DamagedError: when its manifest is not what was written.
    """
    return _records(_manifest(place, key))


def _manifest(place: Path, key: str) -> dict[str, Any]:
    content = manifest.read(place)
    if content.get("key") != key:
        raise shards.DamagedError("it holds other tokens than its name says")
    if not content.get("verified_with") or "probes" not in content:
        raise shards.DamagedError("its manifest does not say which libraries made it")
    return content


def _records(content: dict[str, Any]) -> list[shards.ShardRecord]:
    try:
        examples, listed = content["examples"], list(content["shards"])
    except (KeyError, TypeError) as error:
        raise shards.DamagedError(f"its manifest lacks {error}") from None
    found = [shards.ShardRecord.from_json(one) for one in listed]
    if sum(record.examples for record in found) != examples:
        raise shards.DamagedError(f"its shards do not hold {examples} examples")
    return found


def _eos(content: dict[str, Any]) -> dict[str, int | None]:
    found = content.get("eos", {})  # older caches say nothing of it
    if not isinstance(found, dict) or not all(isinstance(eos, int | None) for eos in found.values()):
        raise shards.DamagedError(f"its manifest says that the features' EOS are {found!r}")
    return found


def _repair(job: Job, place: Path, count: writing.Count) -> bool:
    """Makes the damaged shards of a cache anew; tells whether that mended it.

    It does not when the manifest is damaged, or a shard comes out otherwise than the manifest says.
    """
    try:
        listed = records(place, job.key)
    except shards.DamagedError:
        return False
    private = staging(place)
    try:
        for number, record in enumerate(listed):
            try:
                shards.ShardFile(f"{place}/{record.name}", record).verify_all()
            except shards.DamagedError:
                if writing.write_shard(job, number, private, count).as_json() != record.as_json():
                    return False
                os.replace(private / record.name, place / record.name)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return True


def _hidden(place: Path) -> Path:
    """Returns a name beside `place` that nobody else uses and no reader looks at."""
    return place.with_name(f".{place.name}.{os.urandom(16).hex()}")


def _sweep(folder: Path) -> None:
    """Deletes what killed processes left in a task's folder: hidden folders in which nothing changed for a day."""
    for left in folder.glob(".*"):
        try:
            changed = max(path.stat().st_mtime for path in (left, *left.iterdir()))
        except OSError:  # no folder, or its owner is done with it
            continue
        if re.search(r"\.[0-9a-f]{32}$", left.name) and time.time() - changed > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
