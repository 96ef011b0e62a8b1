"""A stream that is read for long takes no more memory, threads or open files than one that has begun.

    python benchmarks/flat_memory.py [--quick]

A mixture of 1000 tasks with a million examples in all, text of a line each, packed to 64/32, 8 rows. After a tenth of
the steps has warmed everything up, resident memory is read now and then. The last line is JSON: "growth" is the mean
of the last tenth against that of the second, minus 1 (at most 0.01), "threads" (at most 8) and "open_files" (at most
64).
"""

import argparse
import functools
import json
import os
import random
import tempfile
import time
from pathlib import Path

LENGTHS = {"inputs": 64, "targets": 32}


def mixture(folder: Path, tasks: int, lines: int) -> object:
    """Writes and declares the tasks."""
    import t5mix

    chance = random.Random(0)
    feature = t5mix.Feature(t5mix.ByteVocabulary())
    parse = functools.partial(t5mix.preprocessors.parse_tsv, field_names=["inputs", "targets"])
    names = []
    for number in range(tasks):
        words = [f"{chance.getrandbits(64):x}" for _ in range(lines)]
        (folder / f"{number}.tsv").write_text("".join(f"say {word}\t{word[: 1 + number % 16]}\n" for word in words))
        task = t5mix.TaskRegistry.add(
            f"flat_{number}",
            source=t5mix.TextLineDataSource({"train": str(folder / f"{number}.tsv")}),
            preprocessors=[parse, t5mix.preprocessors.tokenize, t5mix.CacheDatasetPlaceholder()],
            output_features={"inputs": feature, "targets": feature},
        )
        names.append((task.name, 1.0 + number % 7))
    return t5mix.MixtureRegistry.add("flat", names)


def resident() -> int:
    """Returns this process's resident memory, in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    """Reads the stream."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 tasks, 10,000 examples, and fewer steps")
    args = parser.parse_args()
    tasks, lines, steps = (100, 100, 2000) if args.quick else (1000, 1000, 30_000)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        from t5mix.data import Stream

        stream = Stream(mixture(folder, tasks, lines), LENGTHS, 8, cache_dir=folder / "cache")  # type: ignore[arg-type]
        begin, seen = time.monotonic(), []
        for step in range(steps):
            stream.batch(step)
            if step % (steps // 200) == 0:
                seen.append(resident())
        seconds = time.monotonic() - begin
        part = len(seen) // 10
        early, late = (sum(each) / len(each) for each in (seen[part : 2 * part], seen[-part:]))
        threads = len(list(Path("/proc/self/task").iterdir()))
        files = len(list(Path("/proc/self/fd").iterdir()))
    print(f"{tasks} tasks, {steps} batches in {seconds:.0f} s; resident {early / 1024:.1f} to {late / 1024:.1f} MiB")
    print(json.dumps({"growth": round(late / early - 1, 4), "threads": threads, "open_files": files}))


if __name__ == "__main__":
    main()
