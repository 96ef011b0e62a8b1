"""A task of 100 million examples: the first packed batch from its token cache, and how much memory that takes.

    python benchmarks/large_task.py [--quick] [--examples 100000000] [--folder /tmp]

The cache is in the real format, written by the real writer, but not tokenized: 1 to 5 inputs and 1 or 2 targets for
each example, of repeated ids (3.4 GB, in a temporary folder that is removed).  Then a new process opens the task, makes
the first batch and 200 more, and measures the task as `t5mix train` does.  `first_batch_s` counts from Python's start.
`peak_gib` is the most memory that is the process's own (RssAnon of /proc/self/status, looked at 200 times a second):
pages of the cache that are mapped are the kernel's to drop and to read again, and are given apart.  The last line is
JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

LENGTHS = {"inputs": 64, "targets": 32}
BATCH_SIZE = 8
STEPS = 200
# Examples of a record batch, as many as the tokenizer would put there, and different batches that are repeated.
IN_BATCH, BATCHES = 1 << 17, 16


class Source:
    """A source that is never read."""

    def __init__(self, examples: int) -> None:
        self._examples = examples

    def fingerprint(self, split: str) -> str:
        """Returns what the examples are known by."""
        return f"large task {split} {self._examples}"

    def __call__(self, split: str, shuffle_files: bool) -> Any:
        """Refuses to be read."""
        raise AssertionError("the cache is there")


def declared(examples: int) -> Any:
    """The task."""
    import t5mix

    feature = t5mix.Feature(t5mix.ByteVocabulary())
    return t5mix.Task(
        "large",
        source=t5mix.FunctionDataSource(Source(examples), splits=["train"], num_input_examples={"train": examples}),
        preprocessors=[
            t5mix.preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            t5mix.preprocessors.append_eos,
        ],
        output_features={"inputs": feature, "targets": feature},
    )


def record_batches(examples: int) -> "Iterator[pa.RecordBatch]":
    """Yields synthetic tokens."""
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(0)

    def column(most: int, count: int) -> "pa.Array":
        offsets = np.append(0, np.cumsum(rng.integers(1, most + 1, count)))
        values = np.resize(np.arange(3, 250, dtype=np.int32), int(offsets[-1]))
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))

    def made(count: int) -> "pa.RecordBatch":
        return pa.RecordBatch.from_arrays([column(5, count), column(2, count)], ["inputs", "targets"])

    some = [made(min(IN_BATCH, examples)) for _ in range(BATCHES)]
    for number in range(examples // IN_BATCH):
        yield some[number % BATCHES]
    if rest := examples % IN_BATCH:
        yield made(rest)


def write(examples: int, folder: Path) -> None:
    """Writes the cache."""
    from t5mix.data.cache import store
    from t5mix.data.cache.identity.key import cache_job

    store.make(cache_job(declared(examples), "train"), folder, shards=[record_batches(examples)])


class Memory:
    """The most memory of its own that the process had, and the most in all, in KiB."""

    def __init__(self) -> None:
        self.own = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.look()
            time.sleep(0.005)

    def look(self) -> None:
        """Takes in what the process has now."""
        self.own = max(self.own, self._told("RssAnon"))

    @property
    def with_files(self) -> int:
        """The most in all, with pages of files."""
        return self._told("VmHWM")

    def _told(self, name: str) -> int:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name))


def measure(examples: int, folder: Path, started: float) -> dict[str, float]:
    """Opens the task and makes batches, in a process that did nothing else and was started at that time."""
    memory = Memory()
    from t5mix.data import Stream

    stream = Stream(declared(examples), LENGTHS, BATCH_SIZE, cache_dir=folder)
    stream.batch(0)
    first = time.monotonic() - started
    for step in range(STEPS):
        stream.batch(step)
    statistics = stream.statistics()
    assert statistics.tasks[0].examples == examples
    memory.look()
    return {
        "peak_gib": round(memory.own / 2**20, 3),
        "first_batch_s": round(first, 2),
        "with_mapped_files_gib": round(memory.with_files / 2**20, 3),
    }


def main() -> None:
    """Writes the cache, and measures in another process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=10**8)
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder")
    parser.add_argument("--quick", action="store_true", help="a million examples")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    examples = min(arguments.examples, 10**6) if arguments.quick else arguments.examples
    if arguments.measure:
        print(json.dumps(measure(examples, arguments.measure, arguments.started)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        begin = time.monotonic()
        write(examples, Path(folder))
        print(f"{examples:,} examples written in {time.monotonic() - begin:.0f} s", flush=True)
        command = [sys.executable, __file__, "--examples", str(examples), "--measure", folder]
        command += ["--started", str(time.monotonic())]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"with mapped pages of the cache, the process had {told.pop('with_mapped_files_gib')} GiB at most")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
