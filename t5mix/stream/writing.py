"""Writing a token cache, shard by shard.

A shard's bytes follow from the job and the shard's number alone, whoever writes it: one process, several at once,
or the workers of Apache Beam.
"""

import dataclasses
import functools
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix import code, fingerprints, revisions, signatures
from t5mix.mapping import treats_each_example
from t5mix.sources import ShardInfo, TableDataSource, TextLineDataSource, TFExampleDataSource
from t5mix.stream import contents, manifest, shards, tokenizing
from t5mix.stream.shared_parts import SharedParts

# Called with how many more examples are written.
Count = Callable[[int], None]
# Returns the record batches of a shard.
Batches = Callable[[int], Iterator[Any]]

# Sources whose fingerprints are their files' alone.
_ASKED_AGAIN = (TextLineDataSource, TableDataSource, TFExampleDataSource)

# Raise when the files' layout, or the code that fills them, changes.
FORMAT = 3
# Libraries that any task's tokens may depend on, besides those that its own code asks for.
_LIBRARIES = ("sentencepiece", "tensorflow", "tensorflow-text")
# A larger file is forced to the disk.  A smaller one that a power cut damages is found and made anew soon enough.
_FORCED = 1 << 20
# Bytes that are gathered before they are written.
_AT_ONCE = 16 * shards.BLOCK


@dataclasses.dataclass(frozen=True)
class Job:
    """A token cache to make.

    Attributes:
      task: the task.
      split: the split of its source.
      steps: the steps before the cache.
      keep_all: keep every column that the steps make, not only the task's features.
      source: the fingerprint of the split; None is to take it from the source, which reads all of its files.
      libraries: where `source` is given, the libraries that it depends on.
      replaces: in what the tokens differ from those of a cache that was made with other libraries; "" is none.
      shared: answers about the steps and features.
    """

    task: Any
    split: str
    steps: tuple[Any, ...]
    keep_all: bool = False
    source: str | None = None
    libraries: tuple[str, ...] = ()
    replaces: str = ""
    shared: SharedParts = dataclasses.field(default_factory=SharedParts, compare=False, repr=False)

    @functools.cached_property
    def source_shards(self) -> tuple[str, ...]:
        """The source's shards."""
        return tuple(self.task.source.list_shards(self.split))

    @functools.cached_property
    def num_shards(self) -> int:
        """Number of shards: the source's where every step treats each example by itself, otherwise 1."""
        if not all(map(treats_each_example, self.steps)):
            return 1
        return max(1, len(self.source_shards))

    @property
    def made_from(self) -> dict[str, Any]:
        """Everything that decides the tokens but the releases of libraries, as JSON.

        Raises:
          ValueError: naming the task, when a step cannot be identified.
        """
        return self._identified[0]

    @functools.cached_property
    def versions(self) -> dict[str, str]:
        """Today's versions of the libraries that the tokens depend on; "" is not installed."""
        return {name: code.version(name) for name in sorted({*_LIBRARIES, *self.libraries, *self._identified[1]})}

    @property
    def probes(self) -> dict[str, list[str]]:
        """What the vocabulary of each feature makes of fixed texts; see `probes`."""
        return {name: self.shared.probe(feature.vocabulary) for name, feature in self.task.output_features.items()}

    def named_steps(self, steps: Sequence[Any]) -> list[list[str]]:
        """Returns name and identity of each step."""
        return [[signatures.name(step), self.shared.step_fingerprint(self.task, step)] for step in steps]

    @functools.cached_property
    def _identified(self) -> tuple[dict[str, Any], set[str]]:
        """What the tokens are made from, and the libraries that it depends on."""
        task = self.task
        with fingerprints.libraries() as met:
            made_from = {
                "format": FORMAT,
                "source": self.source or task.source.fingerprint(self.split),
                "split": self.split,
                "shards": self.num_shards,
                "steps": self.named_steps(self.steps),
                "features": self.shared.features(task.output_features),
                "revisions": _raised(task),
                "columns": "all" if self.keep_all else "features",
            }
        return made_from, met

    @functools.cached_property
    def key(self) -> str:
        """A hash of `made_from`."""
        return fingerprints.digest(json.dumps(self.made_from, sort_keys=True))

    def shard_name(self, shard: int) -> str:
        """Returns the file name of a shard."""
        return f"{shard:05}-of-{self.num_shards:05}.arrow"

    def shard_info(self, shard: int) -> ShardInfo | None:
        """Returns which part of the source a shard is made of; None is all of it."""
        return ShardInfo(shard, self.num_shards) if self.num_shards > 1 else None


def _raised(task: Any) -> dict[str, int]:
    """Returns the numbers of t5mix's classes behind a task's source and vocabularies that were raised."""
    if not revisions.NUMBERS:
        return {}
    kinds = [type(task.source), *(type(feature.vocabulary) for feature in task.output_features.values())]
    names = sorted({revisions.name_of(each) for kind in kinds for each in kind.__mro__ if code.is_ours(each)})
    return {name: number for name in names if (number := revisions.number_of(name)) > 1}


def write_shard(
    job: Job, shard: int, folder: Path, count: Count | None = None, batches: Batches | None = None
) -> shards.ShardRecord:
    """Writes one shard into a folder, reads it back, and gives it its name.

    Writers of the same shard at once do no harm: they write the same, under names of their own.

    Args:
      job: the cache.
      shard: its number, from 0.
      folder: an existing folder that no reader looks into.
      count: called with the number of examples of each record batch.
      batches: returns a shard's examples, where they are made already; by default `tokenizing.record_batches` does.

    Returns:
      What `finish` needs to know of it.

    Raises:
      ValueError: see `tokenizing.record_batches`.
      OSError: when the disk is full, or gives back something else than was written.
    """
    import pyarrow as pa

    name = job.shard_name(shard)
    private = f"{folder}/.{name}.{os.urandom(16).hex()}"
    examples = tokenizing.record_batches(job, shard) if batches is None else batches(shard)
    first = next(examples, None)
    schema = tokenizing.empty_schema(job.task) if first is None else first.schema
    with open(private, "wb", buffering=0) as file:
        sink = _Summing(file)
        with pa.ipc.new_file(pa.PythonFile(sink, "w"), schema) as writer:
            for batch in _chained(first, examples):
                writer.write_batch(batch)
                if count is not None:
                    count(batch.num_rows)
        checksums = sink.finish()
        if sink.size > _FORCED:
            os.fsync(file.fileno())
    record = _placed(private, sink.size, checksums, job, name)
    os.replace(private, f"{folder}/{name}")
    skipped = job.task.source.skipped_records(job.split, job.shard_info(shard))
    return dataclasses.replace(record, skipped=skipped) if skipped else record


def finish(job: Job, folder: Path, records: Sequence[shards.ShardRecord]) -> None:
    """Completes the cache in `folder`, which holds the job's shards: writes its manifest.

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
    check_skipped(job, [bad for record in records for bad in record.skipped])
    examples = sum(record.examples for record in records)
    if examples == 0:
        raise no_example(job)
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
        "verified_with": [job.versions],
        "probes": job.probes,
        "shards": [record.as_json() for record in records],
    }
    if job.replaces:
        content["replaces"] = job.replaces
    manifest.write(folder, content)


def check_unchanged(job: Job) -> None:
    """Refuses tokens of files that changed after the job's key was made: they would be found under another content.

    Files and vocabularies of this library's own kinds are asked again; what a user's function reads, it alone knows.

    Raises:
      ValueError: naming the task and what changed.
    """
    changed = []
    if job.source is None and isinstance(job.task.source, _ASKED_AGAIN) and code.is_ours(type(job.task.source)):
        changed += ["source"] * (job.task.source.fingerprint(job.split) != job.made_from["source"])
    again = SharedParts()
    for name, feature in job.task.output_features.items():
        if code.is_ours(type(feature.vocabulary)):
            found = again.features({name: feature})[name]
            changed += [f"vocabulary of {name!r}"] * (found != job.made_from["features"][name])
    if changed:
        raise ValueError(
            f"task {job.task.name!r}, split {job.split!r}: its {' and '.join(changed)} changed while its token cache "
            "was made, which is thrown away: start again when the files stay as they are"
        )


def _whole(number: Any) -> int | None:
    """Returns a number, which may be NumPy's, as JSON takes it."""
    return None if number is None else int(number)


def check_skipped(job: Job, skipped: Sequence[str]) -> None:
    """Warns of bad records that are left out of a cache.

    Raises:
      ValueError: naming the task and the first record past the source's limit, when they are more.
    """
    if not skipped:
        return
    limit = job.task.source.skip_bad_records
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


def no_example(job: Job) -> ValueError:
    """Returns the error of a task without examples."""
    return ValueError(
        f"task {job.task.name!r} has no example in split {job.split!r}; check its source and the preprocessors "
        "that filter"
    )


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    if first is not None:
        yield first
        yield from rest


class _Summing:
    """A file that sums up what is written to it, block by block, as a check on what is read back."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._pending = bytearray()
        self._checksums: list[int] = []
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self._pending += data
        self.size += len(data)
        if len(self._pending) >= _AT_ONCE:
            self._put(len(self._pending) // shards.BLOCK * shards.BLOCK)
        return len(data)

    def finish(self) -> np.ndarray:
        """Writes what is left, and returns the blocks' checksums, uint32."""
        self._put(len(self._pending))
        return np.array(self._checksums, np.uint32)

    def _put(self, size: int) -> None:
        with memoryview(self._pending) as pending, pending[:size] as content:
            for start in range(0, size, shards.BLOCK):
                self._checksums.append(zlib.crc32(content[start : start + shards.BLOCK]))
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


def _placed(path: str, size: int, checksums: np.ndarray, job: Job, name: str) -> shards.ShardRecord:
    """Reads a file back, and returns its record: what it holds, and where."""
    import pyarrow as pa

    content = shards.read(path, size)
    if shards.checksums_of(content) != checksums.tolist():
        raise OSError(f"{path} came back otherwise than it was written; is the disk full, or failing?")
    file = pa.ipc.open_file(content)
    batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    found = {
        column: _column(column, batches, content.address)
        for column in file.schema.names
        if column in job.task.output_features
    }
    rows = np.array([batch.num_rows for batch in batches], np.int64)
    return shards.ShardRecord(name, size, rows, found, checksums, contents.digest(batches))


def _column(name: str, batches: Sequence[Any], base: int) -> shards.ColumnRecord:
    places = np.zeros((3, len(batches)), np.int64)
    for number, batch in enumerate(batches):
        array = batch.column(name)
        assert array.offset == 0 and array.null_count == 0
        ids = array.values
        places[:, number] = len(ids), _address(ids.buffers()[1], base), _address(array.buffers()[1], base)
    return shards.ColumnRecord(*places)


def _address(buffer: Any, base: int) -> int:
    return 0 if buffer is None or not buffer.size else buffer.address - base
