"""Runs the test suites of seqio 0.0.20 and T5 on t5mix, with nothing but the import swapped.

    pip install 't5mix[bench]'
    python benchmarks/original_tests --sources FOLDER

FOLDER holds a checkout of T5's repository (`t5/` in it), whose tests are run: T5 0.9.4's wheel has eight fewer (the
file scoring_test.py, five of metrics_test.py and two of preprocessors_test.py), and without FOLDER those of the wheel
are run.  seqio's tests are those of the installed 0.0.20, the same as its repository's.
Each file runs in a process of its own.  Tests that are not passed are listed with the reason why ours is right; one
without a reason makes the exit code 1.  The last line is JSON.
"""

import argparse
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reasons import REASONS, WORDING

FILES = (
    *(f"t5/data/{name}_test.py" for name in ("dataset_providers", "postprocessors", "preprocessors")),
    *(f"t5/evaluation/{name}_test.py" for name in ("eval_utils", "metrics", "qa_utils", "scoring")),
    *(f"seqio/{name}_test.py" for name in ("dataset_providers", "evaluation", "experimental", "feature_converters")),
    *(f"seqio/{name}_test.py" for name in ("helpers", "loggers", "metrics", "preprocessors", "sharded_evaluation")),
    *(f"seqio/{name}_test.py" for name in ("test_utils", "utils", "vocabularies", "scripts/cache_tasks")),
)
PROGRAM = "seqio/scripts/cache_tasks_test.py"  # of a program of seqio's, which runs on t5mix


def main() -> int:
    """Runs all files, or one in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, help="folder with t5/ and, if wanted, seqio/ in it")
    parser.add_argument("--only", default="", help="files and tests with this text in their name")
    parser.add_argument("--file", help="run this one file here, with tracebacks")
    args = parser.parse_args()
    folders = {name: _package(name, args.sources) for name in ("seqio", "t5")}
    if args.file:
        return _run_file(args.file, folders, args.only)
    counts, missed = {"loaded": 0, "passed": 0, "skipped": 0, "failed": 0}, {}
    absent = []
    print(f"{'file':36}" + "".join(f"{name:>9}" for name in counts))
    for file in FILES:
        if not _path(file, folders).is_file():
            print(f"{file:36} is not in the wheel; give --sources")
            absent.append(file)
            continue
        made = _in_a_process(file, args)
        package, name = file.split("/")[0], file.split("/")[-1]
        missed |= {f"{package}/{name} {test}": worded for test, worded in made.pop("names").items()}
        print(f"{file:36}" + "".join(f"{made[name]:9}" for name in counts), flush=True)
        counts = {name: counts[name] + made[name] for name in counts}
    print(f"{'all':36}" + "".join(f"{count:9}" for count in counts.values()))
    reasons = {name: WORDING if worded else REASONS.get(name) for name, worded in missed.items()}
    unexpected = [name for name, reason in reasons.items() if reason is None]
    print("\nNot passed, and why:")
    for name, reason in reasons.items():
        print(f"  {name}: {reason or 'UNEXPECTED'}")
    share = counts["passed"] / max(1, counts["loaded"] - counts["skipped"])
    print(json.dumps({**counts, "share": round(share, 4), "not_loaded": absent, "unexpected": unexpected}))
    return 1 if unexpected else 0


def _package(name: str, sources: Path | None) -> Path:
    """The folder of an original's package: in the sources, or installed, without importing it."""
    if sources is not None and (sources / name).is_dir():
        return sources / name
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"{name} is not installed; pip install 't5mix[bench]', or give --sources")
    return Path(found.origin).parent


def _path(file: str, folders: dict[str, Path]) -> Path:
    package, _, rest = file.partition("/")
    return folders[package] / rest


def _in_a_process(file: str, args: argparse.Namespace) -> dict:
    command = [sys.executable, str(Path(__file__).parent), "--file", file, "--only", args.only]
    command += ["--sources", str(args.sources)] if args.sources else []
    made = subprocess.run(command, capture_output=True, text=True)
    if not made.stdout.strip():
        raise SystemExit(f"{file} could not be run:\n{made.stderr[-3000:]}")
    return json.loads(made.stdout.splitlines()[-1])


def _run_file(file: str, folders: dict[str, Path], only: str) -> int:
    """Runs the tests of one file; tracebacks go to standard error, the counts and names as JSON to standard output."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    warnings.simplefilter("ignore")
    import swap
    from absl import flags

    from t5mix import MixtureRegistry, TaskRegistry

    flags.FLAGS(["original_tests"])
    logging.disable(logging.CRITICAL)
    TaskRegistry.reset()
    MixtureRegistry.reset()
    swap.stand_in(folders["seqio"], programs=file == PROGRAM)
    module = swap.run_file(_path(file, folders), "swapped")
    tests = [t for t in _flat(unittest.defaultTestLoader.loadTestsFromModule(module)) if only in f"{file} {t.id()}"]
    result = unittest.TextTestRunner(sys.stderr, verbosity=0).run(unittest.TestSuite(tests))
    bad = _failed(result)
    counts = {"loaded": len(tests), "skipped": len(result.skipped), "failed": len(bad)}
    print(json.dumps({**counts, "passed": len(tests) - len(result.skipped) - len(bad), "names": _worded(tests, bad)}))
    return 0


def _failed(result: unittest.TestResult) -> list[str]:
    return sorted({_name(test) for test, _ in [*result.failures, *result.errors]})


def _worded(tests: list[unittest.TestCase], bad: list[str]) -> dict[str, bool]:
    """Tells of each test whether it passes where a message may say more than the one that is expected."""
    from absl.testing import absltest

    def holds(self: unittest.TestCase, error: type, words: str) -> Any:
        return self.assertRaisesRegex(error, re.escape(words))

    absltest.TestCase.assertRaisesWithLiteralMatch = holds
    again = unittest.TestResult()
    unittest.TestSuite([type(t)(t._testMethodName) for t in tests if _name(t) in bad]).run(again)
    return {name: name not in _failed(again) for name in bad}


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flat(item)
        else:
            yield item


def _name(test: unittest.TestCase) -> str:
    test = getattr(test, "test_case", test)  # of a sub-test
    return test.id().partition(".")[2]


if __name__ == "__main__":
    sys.exit(main())
