"""Ten known kinds of fault, put into a copy of the project one at a time: does a test notice each?

    python benchmarks/seeded_faults.py [--quick] [--only NAME]

Each fault is a change of a line or two, such as somebody might make, with the file of tests that should notice it. The
tests must pass on the copy as it is (--quick takes that for granted), and fail with the fault.  The last line is JSON:
{"faults": 10, "caught": 10}.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what kind it is.
        file: that has it.
        right: text that stands there once.
        wrong: what stands there instead.
        tests: that should notice it, as pytest takes them.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: str


FAULTS = (
    Fault(
        "a shard too far",
        "t5mix/sources/files.py",
        "paths[shard_info.index :: shard_info.num_shards]",
        "paths[shard_info.index + 1 :: shard_info.num_shards]",
        "tests/sources/test_records.py",
    ),
    Fault(
        "the last example of a batch is dropped",
        "t5mix/data/tokenization/record_batches.py",
        "        return batches[0]\n",
        "        return batches[0].slice(0, batches[0].num_rows - 1)\n",
        "tests/data/cache/test_store.py",
    ),
    Fault(
        "all tasks and epochs share their random numbers",
        "t5mix/data/mixing/permutation.py",
        '("permutation", *key)',
        '("permutation", *key[:1])',
        "tests/data/mixing/test_permutation.py",
    ),
    Fault(
        "bytes are not forced to the disk before a file gets its name",
        "t5mix/internal/files.py",
        "                os.fsync(file.fileno())\n",
        "                pass\n",
        "tests/internal/test_files.py",
    ),
    Fault(
        "segments of inputs are numbered one further than those of targets",
        "t5mix/data/packing/collate.py",
        "runs.spread(segments, 0)",
        'runs.spread(segments + (name == "inputs"), 0)',
        "tests/data/packing/test_collate.py",
    ),
    Fault(
        "attention reaches into other examples of a row",
        "t5mix/mesh/t5/attention.py",
        "tf.equal(queries[:, :, None], memory[:, None, :])",
        "tf.greater(queries[:, :, None] * memory[:, None, :], 0)",
        "tests/mesh/test_engine.py::test_packed_examples_do_not_see_each_other",
    ),
    Fault(
        "a run goes on one step too late",
        "t5mix/training/loop.py",
        "_Progress(step, window, ",
        "_Progress(step + 1, window, ",
        "tests/training/test_loop.py::test_going_on_equals_never_having_stopped",
    ),
    Fault(
        "checksums of a checkpoint are not compared",
        "t5mix/training/checkpoint_files.py",
        ' and _sums(path, tell) == expected["sha256"]',
        "",
        "tests/training/test_checkpoint_files.py",
    ),
    Fault(
        "a task's cap is not applied to its rate",
        "t5mix/declarations/rates/sizes.py",
        "        rate = min(rate, maximum)\n",
        "        rate = max(rate, 0.0)\n",
        "tests/declarations/rates/test_sizes.py",
    ),
    Fault(
        "a cache is found although the vocabulary is another",
        "t5mix/data/cache/identity/key.py",
        "    fingerprint = vocabulary.fingerprint\n",
        '    fingerprint = "vocabulary"\n',
        "tests/data/cache/test_store.py",
    ),
)


def put_in(fault: Fault, root: Path) -> None:
    """Changes the file.

    Raises:
        ValueError: its text is not there exactly once: say the fault anew.
    """
    path = root / fault.file
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        raise ValueError(f"{fault.file} has {text.count(fault.right)} times {fault.right!r}: say {fault.name!r} anew")
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")


def tests_pass(root: Path, tests: str) -> bool:
    """Tells whether tests pass in a copy of the project; shows their end where they do not."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    environment = {**os.environ, "PYTHONPATH": str(root), "T5MIX_COMPILATION_CACHE": "0"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest {tests} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return done.returncode == 0


def main() -> None:
    """Tries all faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="do not run the tests without a fault")
    parser.add_argument("--only", default="", help="faults whose names have this in them")
    args = parser.parse_args()
    faults = [fault for fault in FAULTS if args.only in fault.name]
    caught = 0
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, "copy")
        unneeded = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs.*", "*.egg-info")
        shutil.copytree(ROOT, copy, ignore=unneeded)
        for fault in faults:
            path = copy / fault.file
            whole = path.read_bytes()
            if not args.quick and not tests_pass(copy, fault.tests):
                raise RuntimeError(f"{fault.tests} fails without any fault")
            put_in(fault, copy)
            noticed = not tests_pass(copy, fault.tests)
            path.write_bytes(whole)
            caught += noticed
            print(f"{'caught' if noticed else 'NOT caught'}: {fault.name} ({fault.tests})", file=sys.stderr, flush=True)
    print(json.dumps({"faults": len(faults), "caught": caught}))


if __name__ == "__main__":
    main()
