"""`t5mix cache`: token caches made ahead of time, and what there is of them."""

import argparse
import dataclasses
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.paths import cache_address
from t5mix.internal.terminal import Progress, emit

if TYPE_CHECKING:
    from t5mix.data.cache.identity.key import CacheJob
    from t5mix.data.cache.inventory import CacheEntry
    from t5mix.declarations.task import Task

EPILOG = """\
A run makes missing caches by itself; if they are made ahead of time, its first batch comes at once.

examples:
  t5mix cache offline_proportional
  t5mix cache 'glue_*' --split train --split validation --cache_dir /data/caches
  t5mix cache --list
  t5mix cache --list --verify
  t5mix cache c4_v220_span_corruption --runner FlinkRunner --cache_dir /shared/caches -- --flink_master host:8081

exit status: 0 the caches are there, 1 --list --verify found a damaged one, 2 wrong usage or a cache cannot be made
"""


# Parts of Beam that log an error, with its traceback, which they also raise.
_REPEATING = ("common", "direct.executor", "worker.sdk_worker", "portability.fn_api_runner.fn_runner")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("name", nargs="*", help="a task; a mixture, for each of its tasks; or tasks, as 'glue_*'")
    parser.add_argument("--split", action="append", default=[], help="a split; repeatable; train by default")
    parser.add_argument(
        "--cache_dir", metavar="FOLDER", help="the folder of caches; by default $T5MIX_CACHE, or ~/.cache/t5mix"
    )
    parser.add_argument("--list", action="store_true", help="show which caches are in the folder, and make none")
    parser.add_argument("--verify", action="store_true", help="read every byte, and make damaged shards anew")
    parser.add_argument(
        "--runner",
        metavar="NAME",
        help="make them on Apache Beam, by this runner, such as DirectRunner; Beam's own options stand behind --",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Makes the caches, or lists them."""
    if args.list:
        return _list(args)
    if not args.name:
        raise ValueError("name a task or a mixture to cache; --list shows which caches there are")
    if args.handed_on and not args.runner:
        raise ValueError(f"{' '.join(args.handed_on)}: behind -- stand options of Beam; name a --runner")
    jobs, left_out = _jobs(arguments.find_tasks(args.name), args.split or ["train"])
    folder, caches = _made_on_beam(jobs, args) if args.runner else _made_here(jobs, args)
    if args.format == "json":
        rows = [_described(found) | {"result": result} for found, result in caches]
        output.print_json({"folder": folder, "caches": rows, "left_out": left_out})
        return 0
    _print_table([found for found, _ in caches], [result for _, result in caches], folder)
    for name, reason in left_out:
        emit(f"left out: {name}: {reason}")
    return 0


def _jobs(tasks: "Sequence[Task]", splits: Sequence[str]) -> tuple[list["CacheJob"], list[tuple[str, str]]]:
    """Returns the caches to make, and of the others which tasks they are of, and why they are left out."""
    from t5mix.data.cache.identity.key import cache_job

    jobs, left_out = [], []
    for task in tasks:
        for split in dict.fromkeys(splits):
            if split not in task.splits:
                left_out.append((task.name, f"it has no split {split!r}, but {', '.join(map(repr, task.splits))}"))
            elif not task.source.caching_permitted:
                left_out.append((task.name, "its source does not permit caching"))
            else:
                jobs.append(cache_job(task, split))
    if not jobs:
        raise ValueError("nothing can be cached; " + "; ".join(f"{name}: {reason}" for name, reason in left_out))
    return jobs, left_out


def _made_here(jobs: Sequence["CacheJob"], args: argparse.Namespace) -> tuple[str, list[tuple["CacheEntry", str]]]:
    from t5mix.data.cache import inventory, store

    folder = store.folder_of(args.cache_dir)
    paths = [store.path_of(job, folder) for job in jobs]
    is_missing = [not path.exists() for path in paths]
    missing = list(itertools.compress(jobs, is_missing))
    made = []
    with Progress() as progress:
        counts = [job.task.source.num_input_examples(job.split) for job in missing]
        total = _TotalProgress(progress, counts, len(jobs))
        for job, path, was_missing in zip(jobs, paths, is_missing, strict=True):
            total.begin()
            _make(job, folder, total, args.verify)
            result = "found" if not total.is_made else "made" if was_missing else "repaired"
            made.append((inventory.entry_of(path), result))
    return str(folder), made


def _make(job: "CacheJob", folder: Path, progress: "_TotalProgress", verify: bool) -> None:
    """Makes a cache where there is none, and repairs a damaged one."""
    from t5mix.data.cache import store
    from t5mix.data.cache.shard_record import DamagedError

    tokens = store.find_or_make(job, folder, progress)
    if verify:
        try:
            tokens.verify_all()
        except DamagedError:  # the file is deleted now
            store.find_or_make(job, folder, progress).verify_all()


class _TotalProgress:
    """Turns the progress of one cache after the other into that of all.

    Args:
        progress: where to show it.
        counts: the numbers of examples of each cache that is to be made, as far as they are known; where one is not,
            caches are counted.
        caches: how many caches there are, those that are made already among them.

    Attributes:
        is_made: whether the present cache is being made: it tells its progress.
    """

    def __init__(self, progress: Progress, counts: Sequence[int | None], caches: int) -> None:
        self.is_made = False
        self._progress, self._caches, self._begun = progress, caches, 0
        self._before = self._done = 0
        self._total = None if None in counts else sum(count or 0 for count in counts)

    def begin(self) -> None:
        """Begins with the next cache."""
        self.is_made = False
        self._before, self._done = self._before + self._done, 0
        self._begun += 1
        if self._total is None:
            self._progress.tell("caches", self._begun - 1, self._caches)

    def __call__(self, task: str, done: int, total: int | None) -> None:
        self.is_made, self._done = True, done
        if self._total is None:
            self._progress.tell("caches", self._begun - 1, self._caches, f"({task}: {done:,} examples)")
        else:
            self._progress.tell("cache", self._before + done, self._total, task)


def _made_on_beam(jobs: Sequence["CacheJob"], args: argparse.Namespace) -> tuple[str, list[tuple["CacheEntry", str]]]:
    beam = _beam(args)
    from t5mix.declarations import discovery

    folder = cache_address(args.cache_dir)
    missing = [job for job in jobs if not beam.find(job, folder, args.verify)]
    if missing:
        with Progress() as progress:
            beam.make(
                missing,
                folder,
                [f"--runner={args.runner}", *args.handed_on],
                [*discovery.paths_in_environment(), *(args.include or ())],
                lambda done, total: progress.tell(f"cache on {args.runner}, shards", done, total),
            )
    made = []
    for job in jobs:
        found = beam.find(job, folder)
        if found is None:
            raise ValueError(f"task {job.task.name!r}: the pipeline ended without its cache in {folder}")
        made.append((found, "made" if job in missing else "found"))
    return folder, made


def _beam(args: argparse.Namespace) -> Any:
    """Returns `t5mix.data.cache.beam`, where there is Beam; has it say what matters, and an error once."""
    loud, quiet = logging.getLogger(), [logging.getLogger(f"apache_beam.runners.{name}") for name in _REPEATING]
    level = loud.level
    if not args.traceback:
        loud.setLevel(logging.ERROR)  # it warns of what is not installed
        for logger in quiet:
            logger.setLevel(logging.CRITICAL)
    try:
        from t5mix.data.cache import beam
    except ImportError as error:
        raise ImportError(f"--runner {args.runner} needs Apache Beam ({error}): pip install 't5mix[beam]'") from error
    finally:
        loud.setLevel(level)
    return beam


def _list(args: argparse.Namespace) -> int:
    if args.name or args.split or args.runner or args.handed_on:
        raise ValueError("--list shows every cache in a folder; leave out tasks, --split and --runner")
    from t5mix.data.cache import inventory, store

    folder = store.folder_of(args.cache_dir)
    caches = list(inventory.entries(folder))
    if args.verify:
        with Progress() as progress:
            caches = list(inventory.verified(caches, lambda done, all_of: progress.tell("read bytes", done, all_of)))
    if args.format == "json":
        output.print_json({"folder": str(folder), "caches": [_described(each) for each in caches]})
    else:
        good = "verified" if args.verify else ""
        _print_table(caches, [each.damage or good for each in caches], str(folder))
    return 1 if args.verify and any(each.damage for each in caches) else 0


def _described(found: "CacheEntry") -> dict[str, Any]:
    content = dataclasses.asdict(found)
    content["bytes"] = content.pop("size")
    return content


def _print_table(caches: Sequence["CacheEntry"], results: Sequence[str], folder: str) -> None:
    from rich.filesize import decimal

    rows = [
        (
            found.task,
            found.split,
            output.count(found.examples),
            output.count(sum(found.tokens.values())),
            decimal(found.size),
            found.place.rpartition("-")[2][:8],
            result + (f"; {output.plural(found.skipped, 'bad record')} left out" if found.skipped else ""),
        )
        for found, result in zip(caches, results, strict=True)
    ]
    title = f"{output.plural(len(rows), 'token cache')}, each in {folder.rstrip('/')}/tokens/TASK/SPLIT-KEY..."
    if not rows:
        emit(f"no token cache in {folder}")
        return
    emit(title, output.table("", ("task", "split", ">examples", ">tokens", ">size", "key", ""), rows))
    if len(rows) > 1:
        emit(
            f"{sum(found.examples for found in caches):,} examples, "
            f"{sum(sum(found.tokens.values()) for found in caches):,} tokens, "
            f"{decimal(sum(found.size for found in caches))}"
        )
