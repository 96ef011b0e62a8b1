"""Text files to packed batches: seqio on the fly against t5mix with an empty cache, the making of it included.

    pip install 't5mix[bench]'
    python benchmarks/mix_text.py

10 and 100 tasks of 20,000 examples in all, 32k pieces, shuffled, packed to 512/128, 8 rows a batch, NumPy arrays.
Tokens that are no padding are counted.  seqio's clock starts when its first batch has come and its shuffle buffers
have had five seconds to fill; t5mix's starts with Python, so imports, declarations, tokenization and the writing of
the cache are in its figure.  Both are measured for as long; seqio tokenizes its examples anew each time it reads
them.  `first_pass` is the time that t5mix needs, from Python's start, for as many tokens as the examples hold.
"""

import argparse
import tempfile
import time

import side_by_side
import text_tasks
from side_by_side import BATCH_SIZE, LENGTHS, Bench, Figures, real_tokens, since_start

EXAMPLES = 20_000
FILLING = 5.0


def seqio_side(options: argparse.Namespace) -> Figures:
    """Seqio's steady speed."""
    place = options.folder / f"tasks-{options.tasks}"
    batches = text_tasks.seqio_batches(text_tasks.declare_for_seqio(place), LENGTHS, BATCH_SIZE, cached=False)
    next(batches)
    first = since_start()
    return {"tokens_per_s": steady(batches, options.seconds, min(FILLING, options.seconds)), "first_batch_s": first}


def steady(batches: object, seconds: float, filling: float) -> float:
    """Returns the real tokens a second of an iterator of batches, after `filling` seconds that do not count."""
    start = time.monotonic()
    tokens, begin = 0, 0.0
    for batch in batches:
        now = time.monotonic()
        if not begin:
            if now - start >= filling:
                begin = now
            continue
        tokens += real_tokens(batch)
        if now - begin >= seconds:
            return tokens / (now - begin)
    raise AssertionError("the stream ended")


def t5mix_side(options: argparse.Namespace) -> Figures:
    """The speed of t5mix from the start of Python, with an empty cache."""
    place = options.folder / f"tasks-{options.tasks}"
    with tempfile.TemporaryDirectory(dir=options.folder) as cache:
        return whole(place, cache, options.seconds)


def whole(place: object, cache: str, seconds: float) -> Figures:
    """Returns the real tokens a second of t5mix from the start of Python, and when each part of it was done."""
    from t5mix.data import Stream

    stream = Stream(text_tasks.declare_for_t5mix(place), LENGTHS, BATCH_SIZE, cache_dir=cache)
    examples = sum(text_tasks.files(place).values())
    tokens = drawn = step = 0
    first = first_pass = 0.0
    while since_start() < seconds or not first_pass:
        tokens += real_tokens(stream.batch(step))
        first = first or since_start()
        if not first_pass:
            drawn += len(stream.examples(step))
            first_pass = since_start() if drawn >= examples else 0.0
        step += 1
    return {"tokens_per_s": tokens / since_start(), "first_batch_s": first, "first_pass_s": first_pass}


SIDES = {"seqio": seqio_side, "t5mix": t5mix_side}


def compare(bench: Bench) -> Figures:
    """Compares the two at each number of tasks."""
    ratios = {}
    for tasks in (10,) if bench.options.quick else (10, 100):
        text_tasks.write(bench.folder, bench.options.text, bench.options.vocabulary, tasks, EXAMPLES)
        print(f"{tasks} tasks", flush=True)
        bench.options.times = min(bench.options.times, 3 if tasks == 10 else 2)  # seqio takes a minute to begin
        found = bench.alternate({name: {"tasks": tasks} for name in SIDES})
        ratios[f"ratio_{tasks}"] = found["t5mix"]["tokens_per_s"] / found["seqio"]["tokens_per_s"]
    return ratios


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare, seconds=10)
