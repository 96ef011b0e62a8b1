"""Sides of a comparison: each in a process of its own, pinned to the same CPUs, one after the other, several times.

A script of a benchmark names its sides, functions of the options that return figures, and compares them:

    SIDES = {"seqio": seqio_side, "t5mix": t5mix_side}

    def compare(bench): ...  # calls bench.alternate, returns the figures of the last line

    side_by_side.main(__doc__, SIDES, compare)

The script starts itself anew for each side.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
LENGTHS = {"inputs": 512, "targets": 128}
BATCH_SIZE = 8
# Each side gets as many CPUs, and at most this many processes of the script run at a time: one.
THREADS = 2
_STARTED = "T5MIX_BENCHMARK_STARTED"
_VERSIONS = (
    "t5mix",
    "seqio",
    "grain",
    "tensorflow",
    "jax",
    "torch",
    "transformers",
    "numpy",
    "pyarrow",
    "sentencepiece",
)

Figures = dict[str, Any]
Side = Callable[[argparse.Namespace], Figures]


def since_start() -> float:
    """Returns the seconds since this process was started: Python's own start, imports and all."""
    return time.monotonic() - float(os.environ[_STARTED])


def resident_kib() -> tuple[int, int]:
    """Returns the resident memory of this process in KiB, mapped files included, and its number of threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]), int(fields["Threads"])


def real_tokens(batch: Mapping[str, Any]) -> int:
    """Returns the number of tokens of a packed batch that are no padding."""
    return sum(int((batch[f"{name}_segment_ids"] > 0).sum()) for name in LENGTHS)


class Bench:
    """What a script compares with.

    Attributes:
      options: of the command line.
      folder: where data of this run is kept, deleted at the end.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder

    def run(self, side: str, **options: Any) -> Figures:
        """Returns the figures of one run of a side, in a process of its own."""
        given = {"text": self.options.text, "vocabulary": self.options.vocabulary, "seconds": self.options.seconds}
        arguments = {"side": side, "folder": self.folder, **given, **options}
        command = [sys.executable, sys.argv[0]]
        command += [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
        environment = {**os.environ, _STARTED: repr(time.monotonic())}
        # As pip installs a package, with its code compiled: otherwise a checkout alone is compiled at each start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def alternate(self, sides: Mapping[str, Mapping[str, Any]]) -> dict[str, Figures]:
        """Returns the medians of each side's figures, after `--times` rounds through all sides.

        Args:
          sides: for each side to compare its options, `side` among them if the name is not that of the side.
        """
        found: dict[str, list[Figures]] = {name: [] for name in sides}
        for round_ in range(self.options.times):
            for name, options in sides.items():
                figures = self.run(**{"side": name, **options})
                found[name].append(figures)
                print(f"{round_ + 1}  {name:24} {_shown(figures)}", flush=True)
        medians = {name: _medians(runs) for name, runs in found.items()}
        for name, figures in medians.items():
            print(f"median  {name:18} {_shown(figures)}", flush=True)
        return medians


def _medians(runs: Sequence[Figures]) -> Figures:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _shown(figures: Figures) -> str:
    return "  ".join(f"{key} {value:,.6g}" for key, value in figures.items())


def main(
    description: str | None,
    sides: Mapping[str, Side],
    compare: Callable[[Bench], Figures],
    seconds: float = 15.0,
    quick_seconds: float = 3.0,
) -> None:
    """Runs a script: one of its sides, where it is named, and otherwise the comparison.

    Args:
      description: the script's docstring.
      sides: the sides by name.
      compare: runs sides and returns the figures of the last line.
      seconds: how long a side is measured.
      quick_seconds: the same with `--quick`.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=DATA / "books", help="folder of English text, .md and .txt")
    parser.add_argument(
        "--vocabulary",
        type=Path,
        default=DATA / "t5_vocab" / "spiece.model",
        help="SentencePiece model of 32k pieces; where the file is missing, one is trained on --text",
    )
    parser.add_argument("--quick", action="store_true", help="a first look: fewer tasks, once, up to a minute")
    parser.add_argument("--times", type=int, help="rounds through the sides [3]")
    parser.add_argument("--seconds", type=float, help=f"how long a side is measured [{seconds:g}]")
    own = parser.add_argument_group("for the processes of the sides")
    own.add_argument("--side", choices=sorted(sides))
    own.add_argument("--folder", type=Path)
    own.add_argument("--tasks", type=int)
    own.add_argument("--cached", type=int, choices=(0, 1))
    own.add_argument("--compiled", type=int, choices=(0, 1))
    own.add_argument("--size")
    options = parser.parse_args()
    options.times = options.times or (1 if options.quick else 3)
    options.seconds = options.seconds or (quick_seconds if options.quick else seconds)
    if options.side:
        print(json.dumps(sides[options.side](options)))
        return
    _prepare_environment()
    with tempfile.TemporaryDirectory(prefix="t5mix-benchmark-") as folder:
        figures = compare(Bench(options, Path(folder)))
    print(_machine())
    print(json.dumps({key: float(f"{value:.4g}") for key, value in figures.items()}))


def _prepare_environment() -> None:
    """Pins this process and those it starts to THREADS CPUs, and lets them find t5mix."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(THREADS)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def _machine() -> str:
    """Returns a line about the machine and the versions."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = int(_lines("/proc/meminfo")[0].split()[1]) / 2**20
    versions = " ".join(f"{name} {_version(name)}" for name in _VERSIONS)
    cpus = len(os.sched_getaffinity(0))
    return (
        f"{time.strftime('%Y-%m-%d')}; {cpus} CPUs of {names[0] if names else platform.machine()}, {memory:.0f} GiB; "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()} {versions}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "-"
