"""The token cache: tokenized examples on disk, found by their content.

`<folder>/tokens/<task>/<split>-<key>/` holds `tokens.arrow`, an Arrow IPC file with a column of lists
of ids for each feature, and `manifest.json`: what the tokens are made from, counts, and checksums.
The key is a hash of everything that decides the tokens, so a stale cache is never found.  A cache is
written to a folder of its writer's own, read back, and renamed: a reader sees all of it or nothing, and
writers at the same time need no locks, because they write the same.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from t5mix import fingerprints
from t5mix.stream import columns, tokenizing

# (task, examples done, examples in all or None).
Progress = Callable[[str, int, int | None], None]

# Raise when the files' layout, or the code that fills them, changes.
_FORMAT = 1
_TOKENS, _MANIFEST = "tokens.arrow", "manifest.json"
# Seconds after which a writer that wrote nothing is taken to be dead.
_ABANDONED = 24 * 3600.0


@dataclasses.dataclass(frozen=True)
class CachedTokens:
    """A verified cache.

    Attributes:
      key: hash of everything that decided the tokens.
      table: the memory-mapped examples.
    """

    key: str
    table: pa.Table


class _Damaged(Exception):
    """A cache that is not what its manifest says."""


def default_folder() -> Path:
    """Returns the folder of caches: $T5MIX_CACHE, or t5mix in the user's cache folder."""
    if chosen := os.environ.get("T5MIX_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "t5mix"


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
    identity = _identity(task, split, steps, keep_all)
    key = fingerprints.digest(json.dumps(identity, sort_keys=True))
    if not task.source.caching_permitted:
        batches = tokenizing.record_batches(task, split, steps, keep_all)
        return CachedTokens(key, pa.Table.from_batches(_told(batches, task, split, progress)))
    place = folder / "tokens" / _file_name(task.name) / f"{_file_name(split)}-{key[:32]}"
    try:
        return _open(place, key)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except _Damaged as damage:
        warnings.warn(f"the token cache {place} is damaged ({damage}); making it anew", stacklevel=2)
        _discard(place)
    _sweep(place.parent)
    private = _hidden(place)
    try:
        _make_folder(private)
        _write(private, task, split, steps, keep_all, {"key": key, "made_from": identity}, progress)
        _open(private, key)
        _publish(private, place)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return _open(place, key)


def _identity(task: Any, split: str, steps: tuple[Any, ...], keep_all: bool) -> dict[str, Any]:
    """Returns everything that decides the tokens, as JSON."""
    return {
        "format": _FORMAT,
        "versions": {name: _version(name) for name in ("t5mix", "tensorflow-text")},
        "source": task.source.fingerprint(split),
        "split": split,
        "steps": [step_fingerprint(task, step) for step in steps],
        "features": {
            name: [feature.vocabulary.fingerprint, str(feature.dtype), feature.rank]
            for name, feature in sorted(task.output_features.items())
        },
        "columns": "all" if keep_all else "features",
    }


def step_fingerprint(task: Any, step: Any) -> str:
    """Returns the identity of a preprocessing step.

    Raises:
      ValueError: naming the task, when the step holds something that cannot be identified.
    """
    try:
        return fingerprints.of_callable(step)
    except ValueError as error:
        raise ValueError(f"task {task.name!r}, preprocessor {step!r}: {error}") from error


@functools.cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
        return ""


def _file_name(name: str) -> str:
    """Returns `name` without what means something in a path; the key keeps names apart."""
    return re.sub(r"[^\w.-]|^\.", "_", name, flags=re.ASCII)[:100]


def _open(place: Path, key: str) -> CachedTokens:
    """Maps a cache after comparing every byte with the manifest's checksum.

    Raises:
      FileNotFoundError: when there is none.
      _Damaged: when it is not what its manifest says.
    """
    try:
        manifest = json.loads((place / _MANIFEST).read_text())
        recorded = manifest["files"][_TOKENS]
        checksum, examples, found_key = recorded["sha256"], manifest["examples"], manifest["key"]
    except FileNotFoundError:
        if place.exists():
            raise _Damaged("it has no manifest") from None
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise _Damaged(f"its manifest is unreadable: {error!r}") from None
    if found_key != key:
        raise _Damaged("it holds other tokens than its name says")
    try:
        with open(place / _TOKENS, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != checksum:
                raise _Damaged(f"{_TOKENS} does not match its checksum")
        table = columns.read_table(place / _TOKENS)
    except (OSError, pa.ArrowInvalid) as error:
        raise _Damaged(str(error)) from None
    if table.num_rows != examples:
        raise _Damaged(f"it holds {table.num_rows} examples instead of {examples}")
    return CachedTokens(key, table)


def _write(
    private: Path,
    task: Any,
    split: str,
    steps: tuple[Any, ...],
    keep_all: bool,
    manifest: dict[str, Any],
    progress: Progress | None,
) -> None:
    """Writes the tokens and, last, the manifest."""
    examples, tokens = 0, dict.fromkeys(task.output_features, 0)
    batches = tokenizing.record_batches(task, split, steps, keep_all)
    with open(private / _TOKENS, "wb") as file:
        sink = _Hashing(file)
        writer = None
        for batch in _told(batches, task, split, progress):
            writer = writer or pa.ipc.new_file(pa.PythonFile(sink, "w"), batch.schema)
            writer.write_batch(batch)
            examples += batch.num_rows
            for name in tokens.keys() & set(batch.schema.names):
                tokens[name] += len(batch.column(name).values)
        assert writer is not None
        writer.close()
        _to_disk(file)
    files = {_TOKENS: {"bytes": sink.size, "sha256": sink.hash.hexdigest()}}
    manifest = {**manifest, "task": task.name, "split": split, "examples": examples}
    with open(private / _MANIFEST, "w") as text:
        json.dump({**manifest, "tokens": tokens, "files": files}, text, indent=1)
        _to_disk(text)


def _told(
    batches: Iterator[pa.RecordBatch], task: Any, split: str, progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    """Passes batches on, telling `progress`, and refuses to pass on none at all."""
    examples, total = 0, task.source.num_input_examples(split)
    for batch in batches:
        examples += batch.num_rows
        if progress is not None:
            progress(task.name, examples, total)
        yield batch
    if examples == 0:
        raise ValueError(
            f"task {task.name!r} has no example in split {split!r}; check its source and the preprocessors that filter"
        )


def _make_folder(private: Path) -> None:
    try:
        private.mkdir(parents=True)
    except OSError as error:
        raise ValueError(
            f"cannot write the token cache {private.parent} ({error.strerror}); name another folder "
            "by cache_dir or $T5MIX_CACHE"
        ) from error


class _Hashing:
    """A file that hashes what is written to it, as a check on what is read back."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self.hash.update(data)
        written = self._file.write(data)
        self.size += written
        return written

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leaves the file open: its owner closes it."""


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(private: Path, place: Path) -> None:
    """Gives a finished cache its name, unless another writer was first."""
    try:
        os.rename(private, place)
    except OSError:
        if not place.exists():
            raise
        return  # the other's is verified when it is opened
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _hidden(place: Path) -> Path:
    """Returns a name beside `place` that nobody else uses and no reader looks at."""
    return place.with_name(f".{place.name}.{uuid.uuid4().hex}")


def _sweep(folder: Path) -> None:
    """Deletes what killed processes left in a task's folder: hidden folders in which nothing changed for a day."""
    for left in folder.glob(".*"):
        try:
            changed = max(path.stat().st_mtime for path in (left, *left.iterdir()))
        except OSError:  # no folder, or its owner is done with it
            continue
        if re.search(r"\.[0-9a-f]{32}$", left.name) and time.time() - changed > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _discard(place: Path) -> None:
    """Takes a damaged cache out of the way at once, then deletes it."""
    aside = _hidden(place)
    try:
        os.rename(place, aside)
    except FileNotFoundError:  # another process did it
        return
    shutil.rmtree(aside, ignore_errors=True)
