"""Resident memory that one more task costs, and threads: seqio cached against t5mix cached.

    pip install 't5mix[bench]'
    python benchmarks/memory_per_task.py

Each task has 50 examples on average.  A process declares the mixture, draws 128 batches packed to 512/128, 8 rows, and
reads its own resident memory, mapped files included.  The figure is (RSS(N) - RSS(10)) / (N - 10), with N = 100 for
seqio and 1000 for t5mix; threads are those at N tasks.
"""

import argparse
import itertools

import side_by_side
import text_tasks
from side_by_side import BATCH_SIZE, LENGTHS, Bench, Figures, resident_kib

LINES = 50
BATCHES = 128


def seqio_side(options: argparse.Namespace) -> Figures:
    """The memory of seqio."""
    mixture = text_tasks.declare_for_seqio(options.folder / f"tasks-{options.tasks}")
    batches = text_tasks.seqio_batches(mixture, LENGTHS, BATCH_SIZE, cached=True)
    for _ in itertools.islice(batches, BATCHES):
        pass
    return _memory()


def t5mix_side(options: argparse.Namespace) -> Figures:
    """The memory of t5mix."""
    stream = text_tasks.write_t5mix_cache(options.folder / f"tasks-{options.tasks}", LENGTHS)
    for step in range(BATCHES):
        stream.batch(step)
    return _memory()


def _memory() -> Figures:
    memory, threads = resident_kib()
    return {"rss_kib": memory, "threads": threads}


def prepare(options: argparse.Namespace) -> Figures:
    """Makes a cache: with `--cached 1` that of seqio, otherwise that of t5mix."""
    place = options.folder / f"tasks-{options.tasks}"
    if options.cached:
        text_tasks.write_seqio_cache(place)
    else:
        text_tasks.write_t5mix_cache(place, LENGTHS)
    return {}


SIDES = {"seqio": seqio_side, "t5mix": t5mix_side, "prepare": prepare}


def compare(bench: Bench) -> Figures:
    """Compares the two, each at 10 tasks and at many."""
    many = {"seqio": 20, "t5mix": 100} if bench.options.quick else {"seqio": 100, "t5mix": 1000}
    for tasks in sorted({10, *many.values()}):
        text_tasks.write(bench.folder, bench.options.text, bench.options.vocabulary, tasks, LINES * tasks)
        for side in many:
            if tasks in (10, many[side]):
                bench.run("prepare", tasks=tasks, cached=int(side == "seqio"))
    found = bench.alternate(
        {f"{side} {tasks}": {"side": side, "tasks": tasks} for side in many for tasks in (10, many[side])}
    )
    kib = {
        side: (found[f"{side} {tasks}"]["rss_kib"] - found[f"{side} 10"]["rss_kib"]) / (tasks - 10)
        for side, tasks in many.items()
    }
    return {
        "kib_per_task": kib["t5mix"],
        "threads": found[f"t5mix {many['t5mix']}"]["threads"],
        "seqio_kib_per_task": kib["seqio"],
        "seqio_threads": found[f"seqio {many['seqio']}"]["threads"],
    }


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare)
