"""Token caches in an object store, gs:// or s3://, or on any other file system that Arrow opens by its address.

A stream does not read them there: they are copied to a file system first.  A store puts an object in its place whole or
not at all, and the manifest comes last: a copy without one is no cache.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t5mix.data.cache import manifest, shards, writer
from t5mix.data.cache.store import relative_place
from t5mix.data.cache.writer import Job

# Bytes that are copied at once; whole blocks.
_AT_ONCE = 16 * shards.BLOCK


def is_address(folder: str) -> bool:
    """Tells whether a folder of caches is an address, such as gs://bucket/caches."""
    return "://" in folder


def address_of(job: Job, folder: str) -> str:
    """Returns the address of a cache in a folder of caches; what stands behind "?" says how to reach the store."""
    path, mark, query = folder.partition("?")
    return f"{path.rstrip('/')}/{relative_place(job)}{mark}{query}"


def write_shard(job: Job, shard: int, folder: str) -> shards.ShardRecord:
    """Writes one shard to its place in the store, and reads it back.

    Args:
      job: the cache.
      shard: its number, from 0.
      folder: the address of the folder of caches.

    Returns:
      What `finish` needs to know of it.

    Raises:
      ValueError: see `tokenizing.record_batches`.
      OSError: when the store cannot be written, or gives back something else than was written.
    """
    store, place = _place(job, folder)
    with tempfile.TemporaryDirectory() as private:
        record = writer.write_shard(job, shard, Path(private))
        address = f"{place}/{record.name}"
        _copy(Path(private) / record.name, store, address)
    if _checksums(store, address) != record.checksums.tolist():
        raise OSError(f"{folder}: {address} came back otherwise than it was written")
    return record


def finish(job: Job, folder: str, records: Sequence[shards.ShardRecord]) -> None:
    """Completes a cache, whose shards are in the store: puts its manifest there.

    Raises:
      ValueError: naming the task, when it has no example.
    """
    store, place = _place(job, folder)
    with tempfile.TemporaryDirectory() as private:
        writer.finish(job, Path(private), records)
        _copy(Path(private) / manifest.NAME, store, f"{place}/{manifest.NAME}")


def read_manifest(job: Job, folder: str) -> dict[str, Any] | None:
    """Returns the manifest of a cache whose files have their sizes; None when there is no such cache."""
    store, place = _place(job, folder)
    with tempfile.TemporaryDirectory() as private:
        try:
            with store.open_input_file(f"{place}/{manifest.NAME}") as there:
                (Path(private) / manifest.NAME).write_bytes(there.read())
            content = manifest.read(Path(private))
            records = [shards.ShardRecord.from_json(one) for one in content["shards"]]
        except (FileNotFoundError, shards.DamagedError):
            return None
    files = store.get_file_info([f"{place}/{record.name}" for record in records])
    whole = [file.size for file in files] == [record.size for record in records]
    return content if whole and content["key"] == job.key else None


def check(folder: str) -> None:
    """Refuses an address that Arrow cannot open.

    Raises:
      ValueError: naming it.
    """
    _open(folder)


def _open(folder: str) -> tuple[Any, str]:
    from pyarrow import fs

    try:
        store, path = fs.FileSystem.from_uri(folder)
    except (ValueError, OSError, NotImplementedError) as error:
        raise ValueError(
            f"cache_dir is {folder}, which Arrow does not open ({error}); name a folder, or an address that begins "
            "with gs:// or s3://"
        ) from error
    return store, path.rstrip("/")


def _place(job: Job, folder: str) -> tuple[Any, str]:
    store, path = _open(folder)
    return store, f"{path}/{relative_place(job)}"


def _copy(file: Path, store: Any, address: str) -> None:
    store.create_dir(address.rpartition("/")[0], recursive=True)
    with open(file, "rb") as source, store.open_output_stream(address) as target:
        while content := source.read(_AT_ONCE):
            target.write(content)


def _checksums(store: Any, address: str) -> list[int]:
    found: list[int] = []
    with store.open_input_file(address) as file:
        while content := file.read(_AT_ONCE):
            found += shards.checksums_of(content)
    return found
