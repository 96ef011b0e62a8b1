"""Token caches made on Apache Beam: the bytes that one machine makes, by as many as there are.

The elements of the pipeline are (cache, number of a shard). What travels to the workers is text: names of tasks and
splits, paths of declarations files. A worker declares the tasks for itself, and refuses to write where its
declarations or libraries would make other tokens than those of the machine that asked. A bundle that Beam runs twice,
or again after a failure, writes the same bytes under the same names.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from t5mix.data.cache import inventory, object_store, shard_record, store, writer
from t5mix.data.cache.identity.key import CacheJob, cache_job, check_unchanged
from t5mix.data.tokenization.record_batches import record_batches
from t5mix.declarations import discovery, registry

# Called with the numbers of shards that are made, and of all.
Progress = Callable[[int, int], None]

# Of a cache, as it travels: task, split, the source's fingerprint, key, the libraries' versions as JSON, folder of
# caches, private folder or "".
Asked = tuple[str, str, str, str, str, str, str]

# Seconds between looks at how many shards there are.
_LOOK = 2.0


def make(
    jobs: Sequence[CacheJob],
    folder: str | Path,
    options: Sequence[str] = (),
    declarations: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> None:
    """Makes token caches on Beam, and waits until they are there.

    Args:
        jobs: the caches, of tasks that are registered.
        folder: the folder of caches, which every worker reaches by the same path; or an address in a store that
            Arrow opens, gs:// or s3://.
        options: Beam's, such as ["--runner=FlinkRunner", "--flink_master=host:8081"].
        declarations: files and folders of declarations, which every worker reaches by the same path.
        progress: called now and then, where `folder` is a path.

    Raises:
        ValueError: see `store.find_or_make`; when a worker's declarations or libraries would make other tokens; when
            the pipeline fails otherwise; when a source changed meanwhile.
    """
    address = str(folder) if object_store.is_address(str(folder)) else os.path.abspath(folder)
    if object_store.is_address(address):
        object_store.check(address)
    with contextlib.ExitStack() as cleanup:
        asked = [_ask(job, address, cleanup) for job in jobs]
        shares = [(one, shard) for one, job in zip(asked, jobs, strict=True) for shard in range(job.num_shards)]
        if progress is not None:
            private = {one[-1]: job.num_shards for one, job in zip(asked, jobs, strict=True) if one[-1]}
            cleanup.enter_context(_watched(private, progress))
        _run(_pipeline(shares, [str(Path(path).absolute()) for path in declarations], options))
    for job in jobs:
        _check_unchanged(job, address)


def _check_unchanged(job: CacheJob, folder: str) -> None:
    """Takes a cache away whose source changed while workers read it: `store.make` gives such a one no name."""
    try:
        check_unchanged(job)
    except ValueError:
        if object_store.is_address(folder):
            object_store.discard(job, folder)
        else:
            store.discard(store.path_of(job, folder))
        raise


def find(job: CacheJob, folder: str | Path, verify: bool = False) -> inventory.CacheEntry | None:
    """Returns the cache, or None when there is none; on a file system one that is damaged is deleted.

    Args:
        job: the cache.
        folder: the folder of caches, or its address.
        verify: read every byte of it on a file system; from a store only its manifest and the sizes of its files are.
    """
    folder = str(folder)
    if object_store.is_address(folder):
        content = object_store.read_manifest(job, folder)
        return inventory.described(object_store.address_of(job, folder), content) if content else None
    cache_path = store.path_of(job, Path(folder))
    found = inventory.entry_of(cache_path) if cache_path.exists() else None
    if found is None or not (found.damage or (verify and inventory.damage_of(cache_path))):
        return found
    store.discard(cache_path)
    return None


def _ask(job: CacheJob, folder: str, cleanup: contextlib.ExitStack) -> Asked:
    private = ""
    if not object_store.is_address(folder):
        private = str(store.staging(store.path_of(job, Path(folder))))
        cleanup.callback(shutil.rmtree, private, ignore_errors=True)
    return (job.task.name, job.split, job.made_from["source"], job.key, json.dumps(job.versions), folder, private)


def _pipeline(
    shares: Sequence[tuple[Asked, int]], declarations: Sequence[str], options: Sequence[str]
) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    _ = (
        pipeline
        | "Shards" >> beam.Create(shares)
        | "Spread" >> beam.Reshuffle()
        | "Write" >> beam.ParDo(WriteShard(declarations))
        | "Gather" >> beam.GroupByKey()
        | "Finish" >> beam.ParDo(FinishCache(declarations))
    )
    return pipeline


def _run(pipeline: beam.Pipeline) -> None:
    result: Any = None
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except (KeyboardInterrupt, RuntimeError) as error:
        # A runner in this process makes a RuntimeError of what it does not know.
        stopped = next((each for each in _causes(error) if isinstance(each, KeyboardInterrupt)), None)
        if stopped is None:
            raise ValueError(f"the pipeline failed: {_last_line(str(error))}") from error
        with contextlib.suppress(Exception):  # not every runner can
            result.cancel()
        raise stopped from None
    if state not in (None, "DONE"):
        raise ValueError(f"the pipeline ended as {state}; the runner's log says more")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _last_line(text: str) -> str:
    """Returns what a worker's traceback ends with: its error."""
    return text.strip().splitlines()[-1] if text.strip() else "the runner does not say why"


class _OfJobs(beam.DoFn):
    """Declares the tasks on a worker.

    Args:
        declarations: files and folders of declarations.
    """

    def __init__(self, declarations: Sequence[str]) -> None:
        super().__init__()
        self._declarations = tuple(declarations)

    def setup(self) -> None:
        """Includes the declarations files; see Beam."""
        self._jobs: dict[Asked, CacheJob] = {}
        for path in self._declarations:
            discovery.include(path)

    def job(self, asked: Asked) -> CacheJob:
        """Returns the cache, as this worker understands it.

        Raises:
            ValueError: naming the task, when it is not the one that was asked for.
        """
        if asked not in self._jobs:
            name, split, source, key, versions, *_ = asked
            asked_versions = json.loads(versions)
            job = cache_job(registry.TaskRegistry.get(name), split)
            job = dataclasses.replace(job, source=source, libraries=tuple(asked_versions))
            if job.key != key or job.versions != asked_versions:
                raise ValueError(
                    f"task {name!r}, split {split!r}: this worker would make other tokens than were asked for; its "
                    f"declarations, files or libraries ({_written(job.versions)}; {job.num_shards} shards) are others"
                )
            self._jobs[asked] = job
        return self._jobs[asked]


class WriteShard(_OfJobs):
    """Writes a shard: (cache, number) -> (cache, (number, what `finish` needs to know of the shard, JSON))."""

    def process(self, element: tuple[Asked, int]) -> Iterator[tuple[Asked, tuple[int, str]]]:
        """Does the work of one element; see `beam.DoFn.process`."""
        asked, shard = element
        job, folder, private = self.job(asked), asked[-2], asked[-1]
        record = (
            _write(job, shard, Path(folder), Path(private)) if private else object_store.write_shard(job, shard, folder)
        )
        yield asked, (shard, json.dumps(record.as_json()))


class FinishCache(_OfJobs):
    """Writes the manifest of a cache and gives it its name: (cache, its shards) -> the cache."""

    def process(self, element: tuple[Asked, Iterable[tuple[int, str]]]) -> Iterator[Asked]:
        """Does the work of one element; see `beam.DoFn.process`."""
        asked, written = element
        job, folder, private = self.job(asked), asked[-2], asked[-1]
        found = [shard_record.ShardRecord.from_json(json.loads(record)) for _, record in sorted(dict(written).items())]
        if private:
            _finish(job, found, Path(folder), Path(private))
        else:
            object_store.finish(job, folder, found)
        yield asked


def _write(job: CacheJob, shard: int, folder: Path, private: Path) -> shard_record.ShardRecord:
    try:
        return writer.write_shard(job, shard, record_batches(job.shard(shard)), private)
    except FileNotFoundError:
        if private.exists():
            raise
    # Beam runs this once more than was needed: the cache has its name.
    return store.records(store.path_of(job, folder), job.key)[shard]


def _finish(job: CacheJob, found: Sequence[shard_record.ShardRecord], folder: Path, private: Path) -> None:
    cache_path = store.path_of(job, folder)
    with contextlib.suppress(FileNotFoundError):  # likewise
        writer.finish(job, private, found)
        store.publish(private, cache_path)
    store.records(cache_path, job.key)


def _written(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version or '?'}" for name, version in versions.items())


@contextlib.contextmanager
def _watched(folders: dict[str, int], progress: Progress) -> Iterator[None]:
    """Tells `progress`, from a thread, how many shards the private folders hold, of so many each."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            progress(sum(_held(folder, count) for folder, count in folders.items()), sum(folders.values()))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _held(folder: str, shards_in_all: int) -> int:
    try:
        whole = [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:  # the cache has its name
        return shards_in_all
    return min(len(whole), shards_in_all)
