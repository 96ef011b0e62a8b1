"""Time from the start of Python to the first packed batch, each in a fresh process.

    pip install 't5mix[bench]'
    python benchmarks/first_batch.py

seqio at 100 tasks, t5mix at 100 and 1000, of 50 lines of text each on average, 32k pieces, shuffled, packed to
512/128, 8 rows.  `cached` is: tokens on disk, in seqio's TFRecord format and in t5mix's token cache, which every run
but the first finds there.  `text` is: from text files, for t5mix with an empty cache, which it makes whole before the
first batch.  Seconds count from the start of Python, imports and declarations included; `imported_s` is when the
library was imported and `after_import_s` what came then.

ratio_100 compares mixtures of text as a user meets them: seqio tokenizing on the fly, and t5mix finding the cache that
its first run left.  ratio_100_cached compares both cached, ratio_100_text both without.
"""

import argparse
import tempfile

import side_by_side
import text_tasks
from side_by_side import BATCH_SIZE, LENGTHS, Bench, Figures, real_tokens, since_start

LINES = 50


def seqio_side(options: argparse.Namespace) -> Figures:
    """The first batch of seqio."""
    import seqio  # noqa: F401

    imported = since_start()
    mixture = text_tasks.declare_for_seqio(options.folder / f"tasks-{options.tasks}")
    return _first(next(text_tasks.seqio_batches(mixture, LENGTHS, BATCH_SIZE, bool(options.cached))), imported)


def t5mix_side(options: argparse.Namespace) -> Figures:
    """The first batch of t5mix."""
    from t5mix.data import Stream

    imported = since_start()
    place = options.folder / f"tasks-{options.tasks}"
    # A new folder, deleted with `options.folder`: for minutes after thousands of files were deleted, ext4 takes ten
    # times as long to make others near them.
    cache = place / "t5mix_cache" if options.cached else tempfile.mkdtemp(dir=options.folder)
    stream = Stream(text_tasks.declare_for_t5mix(place), LENGTHS, BATCH_SIZE, cache_dir=cache)
    return _first(stream.batch(0), imported)


def _first(batch: object, imported: float) -> Figures:
    seconds = since_start()
    assert real_tokens(batch) > 0
    return {"first_batch_s": seconds, "imported_s": imported, "after_import_s": seconds - imported}


def prepare(options: argparse.Namespace) -> Figures:
    """Makes the caches: of t5mix, and with `--cached 1` of seqio."""
    place = options.folder / f"tasks-{options.tasks}"
    if options.cached:
        text_tasks.write_seqio_cache(place)
    text_tasks.write_t5mix_cache(place, LENGTHS)
    return {"seconds": since_start()}


SIDES = {"seqio": seqio_side, "t5mix": t5mix_side, "prepare": prepare}


def compare(bench: Bench) -> Figures:
    """Compares the two at the smaller number of tasks, and times t5mix at the greater."""
    few, many = (10, 100) if bench.options.quick else (100, 1000)
    for tasks in (few, many):
        text_tasks.write(bench.folder, bench.options.text, bench.options.vocabulary, tasks, LINES * tasks)
        print(f"{tasks} tasks: {bench.run('prepare', tasks=tasks, cached=int(tasks == few))}", flush=True)
    found = bench.alternate(
        {
            f"{side} {tasks} {'cached' if cached else 'text'}": {"side": side, "tasks": tasks, "cached": cached}
            for side, tasks in (("seqio", few), ("t5mix", few), ("t5mix", many))
            for cached in (1, 0)
        }
    )
    seconds = {name: figures["first_batch_s"] for name, figures in found.items()}
    return {
        f"ratio_{few}": seconds[f"seqio {few} text"] / seconds[f"t5mix {few} cached"],
        f"ratio_{few}_cached": seconds[f"seqio {few} cached"] / seconds[f"t5mix {few} cached"],
        f"ratio_{few}_text": seconds[f"seqio {few} text"] / seconds[f"t5mix {few} text"],
        f"seconds_{many}_cached": seconds[f"t5mix {many} cached"],
        f"seconds_{many}_text": seconds[f"t5mix {many} text"],
        f"seconds_{many}_cached_after_import": found[f"t5mix {many} cached"]["after_import_s"],
        f"seconds_{many}_text_after_import": found[f"t5mix {many} text"]["after_import_s"],
    }


if __name__ == "__main__":
    side_by_side.main(__doc__, SIDES, compare)
