"""Token caches in an object store, gs:// or s3://, or on any other file system that Arrow opens by its address.

A stream does not read them there: they are copied to a file system first. A store puts an object in its place whole or
not at all, and the manifest comes last: a copy without one is no cache.
"""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t5mix.data.cache import manifest, shard_record, writer
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.tokenization.record_batches import record_batches

# Bytes that are copied at once; whole blocks.
_AT_ONCE = 16 * shard_record.BLOCK


def is_address(folder: str) -> bool:
    """Tells whether a folder of caches is an address, such as gs://bucket/caches."""
    return "://" in folder


def address_of(job: CacheJob, folder: str) -> str:
    """Returns the address of a cache in a folder of caches; what stands behind "?" says how to reach the store."""
    path, mark, query = folder.partition("?")
    return f"{path.rstrip('/')}/{job.relative_path}{mark}{query}"


def write_shard(job: CacheJob, number: int, folder: str) -> shard_record.ShardRecord:
    """Writes one shard to its place in the store, and reads it back.

    Args:
        job: the cache.
        number: the shard's, from 0.
        folder: the address of the folder of caches.

    Returns:
        What `finish` needs to know of it.

    Raises:
        ValueError: see `record_batches.record_batches`.
        OSError: when the store cannot be written, or gives back something else than was written.
    """
    store, path = _resolve(job, folder)
    with tempfile.TemporaryDirectory() as private:
        record = writer.write_shard(job, number, record_batches(job.shard(number)), private)
        address = f"{path}/{record.name}"
        _copy(Path(private) / record.name, store, address)
    if _checksums(store, address) != record.checksums.tolist():
        raise OSError(f"{folder}: {address} came back otherwise than it was written")
    return record


def finish(job: CacheJob, folder: str, records: Sequence[shard_record.ShardRecord]) -> None:
    """Completes a cache, whose shards are in the store: puts its manifest there.

    Raises:
        ValueError: naming the task, when it has no example.
    """
    store, path = _resolve(job, folder)
    with tempfile.TemporaryDirectory() as private:
        writer.finish(job, private, records)
        _copy(Path(private) / manifest.NAME, store, f"{path}/{manifest.NAME}")


def read_manifest(job: CacheJob, folder: str) -> dict[str, Any] | None:
    """Returns the manifest of a cache whose files have their sizes; None when there is no such cache."""
    store, path = _resolve(job, folder)
    with tempfile.TemporaryDirectory() as private:
        try:
            with store.open_input_file(f"{path}/{manifest.NAME}") as there:
                (Path(private) / manifest.NAME).write_bytes(there.read())
            content = manifest.read(Path(private))
            records = [shard_record.ShardRecord.from_json(one) for one in content["shards"]]
        except (FileNotFoundError, shard_record.DamagedError):
            return None
    files = store.get_file_info([f"{path}/{record.name}" for record in records])
    whole = [file.size for file in files] == [record.size for record in records]
    return content if whole and content["key"] == job.key else None


def discard(job: CacheJob, folder: str) -> None:
    """Makes a cache none: deletes its manifest, where there is one."""
    store, path = _resolve(job, folder)
    with contextlib.suppress(FileNotFoundError):
        store.delete_file(f"{path}/{manifest.NAME}")


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


def _resolve(job: CacheJob, folder: str) -> tuple[Any, str]:
    store, path = _open(folder)
    return store, f"{path}/{job.relative_path}"


def _copy(file: Path, store: Any, address: str) -> None:
    store.create_dir(address.rpartition("/")[0], recursive=True)
    with open(file, "rb") as source, store.open_output_stream(address) as target:
        while content := source.read(_AT_ONCE):
            target.write(content)


def _checksums(store: Any, address: str) -> list[int]:
    found: list[int] = []
    with store.open_input_file(address) as file:
        while content := file.read(_AT_ONCE):
            found += shard_record.checksums_of(content)
    return found
