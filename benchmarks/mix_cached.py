"""Tokens on disk to packed batches: seqio with use_cached=True, and Grain, against t5mix with a cache.

    pip install 't5mix[bench]'
    python benchmarks/mix_cached.py

The tasks of mix_text.py, made into tokens beforehand: for seqio in its own TFRecord format, for t5mix in its token
cache, for Grain (100 tasks) as NumPy arrays in memory, mixed, shuffled and packed by its FirstFitPackIterDataset.
Tokens that are no padding are counted.  The clocks of seqio and Grain start when the first batch has come and buffers
have had five seconds to fill; that of t5mix starts with Python.  All are measured for as long.
"""

import argparse

import side_by_side
import text_tasks
from mix_text import EXAMPLES, FILLING, steady, whole
from side_by_side import BATCH_SIZE, LENGTHS, Bench, Figures, since_start


def seqio_side(options: argparse.Namespace) -> Figures:
    """Seqio's steady speed."""
    mixture = text_tasks.declare_for_seqio(options.folder / f"tasks-{options.tasks}")
    batches = text_tasks.seqio_batches(mixture, LENGTHS, BATCH_SIZE, cached=True)
    next(batches)
    first = since_start()
    return {"tokens_per_s": steady(batches, options.seconds, FILLING), "first_batch_s": first}


def grain_side(options: argparse.Namespace) -> Figures:
    """Grain's steady speed."""
    mixture = text_tasks.declare_for_seqio(options.folder / f"tasks-{options.tasks}")
    batches = text_tasks.grain_batches(mixture, LENGTHS, BATCH_SIZE)
    next(batches)
    return {"tokens_per_s": steady(batches, options.seconds, FILLING)}


def t5mix_side(options: argparse.Namespace) -> Figures:
    """The speed of t5mix from the start of Python."""
    place = options.folder / f"tasks-{options.tasks}"
    return whole(place, place / "t5mix_cache", options.seconds)


def prepare(options: argparse.Namespace) -> Figures:
    """Makes the caches of seqio and t5mix, and checks, at 10 tasks, that both deliver the same examples."""
    place = options.folder / f"tasks-{options.tasks}"
    text_tasks.write_seqio_cache(place)
    text_tasks.write_t5mix_cache(place, LENGTHS)
    return text_tasks.check_equal(place, LENGTHS) if options.tasks == 10 else {}


SIDES = {
    "seqio": seqio_side,
    "grain": grain_side,
    "t5mix": t5mix_side,
    "prepare": prepare,
}


def compare(bench: Bench) -> Figures:
    """Compares seqio and t5mix at each number of tasks, and all three at the greatest."""
    ratios = {}
    for tasks in (10,) if bench.options.quick else (10, 100):
        text_tasks.write(bench.folder, bench.options.text, bench.options.vocabulary, tasks, EXAMPLES)
        print(f"{tasks} tasks: {bench.run('prepare', tasks=tasks)}", flush=True)
        others = ["seqio"]
        if tasks == 100 or bench.options.quick:
            others.append("grain")
        bench.options.times = min(bench.options.times, 3 if tasks == 10 else 2)  # seqio takes half a minute to begin
        found = bench.alternate({name: {"tasks": tasks} for name in [*others, "t5mix"]})
        speed = {name: figures["tokens_per_s"] for name, figures in found.items()}
        for name in others:
            ratios[f"ratio_{tasks}" if name == "seqio" else f"ratio_{name}"] = speed["t5mix"] / speed[name]
    return ratios


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare, seconds=10)
