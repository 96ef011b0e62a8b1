"""Writes a token cache: shards of record batches, and the manifest.

A shard's bytes follow from its record batches alone, whoever writes it: one process, several at once, or the workers
of Apache Beam.
"""

import dataclasses
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from t5mix.data.cache import manifest, shard_record
from t5mix.data.cache.identity import contents
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.cache.shard_record import ColumnRecord, ShardRecord
from t5mix.data.tokenization.task_shard import NotCacheableError

if TYPE_CHECKING:
    import pyarrow as pa

# Called with how many more examples are written.
Count = Callable[[int], None]

# A larger file is forced to the disk. A smaller one that a power cut damages is found and made anew soon enough.
_FORCED = 1 << 20
# Bytes that are gathered before they are written.
_AT_ONCE = 16 * shard_record.BLOCK


def write_shard(
    job: CacheJob, number: int, batches: "Iterable[pa.RecordBatch]", folder: str | Path, count: Count | None = None
) -> ShardRecord:
    """Writes one shard into a folder, reads it back, and gives it its name.

    Writers of the same shard at once do no harm: they write the same, under names of their own.

    Args:
        job: the cache.
        number: the shard's, from 0.
        batches: its examples.
        folder: an existing folder that no reader looks into.
        count: called with the number of examples of each record batch.

    Returns:
        What `finish` needs to know of it.

    Raises:
        ValueError: see `record_batches.record_batches`.
        OSError: when the disk is full, or gives back something else than was written.
    """
    rest = iter(batches)
    first = next(rest, None)
    name = job.shard_name(number)
    private = f"{folder}/.{name}.{os.urandom(16).hex()}"
    with open(private, "wb", buffering=0) as file:
        sink = _ChecksummedFile(file)
        _write(sink, first, rest, job, count)
        checksums = sink.finish()
        if sink.size > _FORCED:
            os.fsync(file.fileno())
    record = _read_back(private, sink.size, checksums, job, name)
    os.replace(private, f"{folder}/{name}")
    skipped = job.task.source.skipped_records(job.split, job.shard(number).info)
    return dataclasses.replace(record, skipped=skipped, given=job.given(number, record.examples))


def _write(
    sink: "_ChecksummedFile",
    batch: "pa.RecordBatch | None",
    rest: "Iterator[pa.RecordBatch]",
    job: CacheJob,
    count: Count | None,
) -> None:
    """Writes a record batch, where there is one, and the rest of them, as an Arrow IPC file."""
    import pyarrow as pa

    with pa.ipc.new_file(pa.PythonFile(sink, "w"), _schema(batch, job)) as file:
        while batch is not None:
            file.write_batch(batch)
            if count is not None:
                count(batch.num_rows)
            batch = next(rest, None)


def _schema(first: "pa.RecordBatch | None", job: CacheJob) -> "pa.Schema":
    """Returns the columns of a shard by its first record batch; without examples, those of the features."""
    import pyarrow as pa

    if first is not None:
        return first.schema
    return pa.schema([(name, pa.large_list(pa.int32())) for name in sorted(job.task.output_features)])


def finish(job: CacheJob, folder: str | Path, records: Sequence[ShardRecord]) -> None:
    """Writes the manifest of a cache whose shards are in a folder.

    Args:
        job: the cache.
        folder: where `write_shard` wrote.
        records: what it returned, in the order of the shards.

    Raises:
        ValueError: naming the task, when it has no example, or more bad records are left out than its source permits.
    """
    names = [record.name for record in records]
    expected = [job.shard_name(shard) for shard in range(job.num_shards)]
    assert names == expected, f"shards {names} instead of {expected}"
    skipped = [bad for record in records for bad in record.skipped]
    check_skipped(job, skipped)
    examples = sum(record.examples for record in records)
    if examples == 0:
        raise no_example(job)
    check_count(job, [record.given for record in records], len(skipped))
    tokens = {
        name: sum(int(record.columns[name].tokens.sum()) for record in records if name in record.columns)
        for name in job.task.output_features
    }
    content = {
        "key": job.key,
        "made_from": job.made_from,
        "task": job.task.name,
        "split": job.split,
        "examples": examples,
        "tokens": tokens,
        # So that reading takes no vocabulary: it may take as long to load as a thousand caches to open.
        "eos": {name: _whole(feature.vocabulary.eos_id) for name, feature in job.task.output_features.items()},
        "libraries": [job.versions],
        "probes": job.probes,
        "shards": [record.as_json() for record in records],
    }
    if job.replaces:
        content["replaces"] = job.replaces
    manifest.write(folder, content)


def _whole(number: int | np.integer | None) -> int | None:
    """Returns a number, which may be NumPy's, as JSON takes it."""
    return None if number is None else int(number)


def check_skipped(job: CacheJob, skipped: Sequence[str]) -> None:
    """Warns of bad records that are left out of a cache.

    Raises:
        ValueError: naming the task and the first record past the source's limit, when they are more.
    """
    if not skipped:
        return
    limit = job.task.source.skip_bad_records or 0
    counted = f"{len(skipped)} bad record{'s' if len(skipped) > 1 else ''}"
    if len(skipped) > limit:
        raise ValueError(
            f"task {job.task.name!r}, split {job.split!r}: {counted} in all files, and skip_bad_records is {limit}; "
            f"number {limit + 1} is {skipped[limit]}; copy or make the files anew"
        )
    warnings.warn(
        f"task {job.task.name!r}, split {job.split!r}: {counted} left out of its tokens: {', '.join(skipped)}",
        stacklevel=2,
    )


def check_count(job: CacheJob, given: Sequence[int | None], skipped: int) -> None:
    """Refuses a source that gives fewer or more examples than it declares.

    Args:
        job: the cache.
        given: how many each shard of the source gave; None where that was not counted.
        skipped: how many bad records the source was permitted to leave out.

    Raises:
        ValueError: naming the task and both numbers.
    """
    # 0 is also what permits files that are empty.
    declared = job.task.source.num_input_examples(job.split) or None
    counted = [each for each in given if each is not None]
    if declared is None or len(counted) < len(given) or sum(counted) + skipped == declared:
        return
    found = sum(counted) + skipped
    fix = "it may have ended early: copy or make its data anew, or " if found < declared else ""
    raise ValueError(
        f"task {job.task.name!r}, split {job.split!r}: its source declares num_input_examples {declared:,} and gives "
        f"{found:,}; {fix}declare the number that it has, or none"
    )


def no_example(job: CacheJob) -> NotCacheableError:
    """Returns the error of a task without examples."""
    return NotCacheableError(
        f"task {job.task.name!r} has no example in split {job.split!r}; check its source and the preprocessors "
        "that filter"
    )


class _ChecksummedFile:
    """A file that sums up what is written to it, block by block, as a check on what is read back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending = bytearray()
        self._checksums: list[int] = []
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self._pending += data
        self.size += len(data)
        if len(self._pending) >= _AT_ONCE:
            self._put(len(self._pending) // shard_record.BLOCK * shard_record.BLOCK)
        return len(data)

    def finish(self) -> np.ndarray:
        """Writes what is left, and returns the blocks' checksums, uint32."""
        self._put(len(self._pending))
        return np.array(self._checksums, np.uint32)

    def _put(self, size: int) -> None:
        with memoryview(self._pending) as pending, pending[:size] as content:
            for start in range(0, size, shard_record.BLOCK):
                self._checksums.append(zlib.crc32(content[start : start + shard_record.BLOCK]))
            written = 0
            while written < size:
                written += self._file.write(content[written:])
        del self._pending[:size]

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Writes nothing yet: a block is summed up when it is whole."""

    def close(self) -> None:
        """Leaves the file open: its owner closes it."""


def _read_back(path: str, size: int, checksums: np.ndarray, job: CacheJob, name: str) -> ShardRecord:
    """Reads a file back, and returns its record: what it holds, and where."""
    import pyarrow as pa

    content = shard_record.read(path, size)
    if shard_record.checksums_of(content) != checksums.tolist():
        raise OSError(f"{path} came back otherwise than it was written; is the disk full, or failing?")
    file = pa.ipc.open_file(content)
    batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    columns = {
        column: _column_record(column, batches, content.address)
        for column in file.schema.names
        if column in job.task.output_features
    }
    rows = np.array([batch.num_rows for batch in batches], np.int64)
    return ShardRecord(name, size, rows, columns, checksums, contents.digest(batches))


def _column_record(name: str, batches: "Sequence[pa.RecordBatch]", base: int) -> ColumnRecord:
    """Returns where a column lies in a file whose first byte is at the address `base`."""
    table = np.zeros((3, len(batches)), np.int64)  # tokens, values, offsets
    for number, batch in enumerate(batches):
        array = batch.column(name)
        assert array.offset == 0 and array.null_count == 0
        ids = array.values
        table[:, number] = len(ids), _position(ids.buffers()[1], base), _position(array.buffers()[1], base)
    return ColumnRecord(*table)


def _position(buffer: "pa.Buffer | None", base: int) -> int:
    return 0 if buffer is None or not buffer.size else buffer.address - base
