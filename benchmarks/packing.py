"""How full packed rows are, as a share of what the lengths allow.

    python benchmarks/packing.py [--data ../shared/data]

Rows of 512 inputs and 128 targets (language modelling: 512 targets).  Four kinds of lengths: of documents for language
modelling (log-normal), of short supervised examples, of pairs whose both sides have heavy tails (log-normal, their
limits equally scarce on average), and those of the GLUE tasks in the data folder, tokenized with T5's vocabulary.  No
packing can need fewer rows than the greatest sum of lengths divided by the row's length, over features: the shares are
of that bound.

For each: next-fit (what seqio's packing amounts to: a row is closed when the next example does not fit), the packer
on a window of 1024 rows, and the stream's own rows, windows and what they keep free included, over many windows.
The last line is JSON: the packer's shares.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from t5mix.data.cache.columns import ArrayColumn
from t5mix.data.examples.base import CachedExamples, Examples
from t5mix.data.examples.trim_and_eos import TrimAndEos
from t5mix.data.mixing.mixer import Mixer
from t5mix.data.packing import bin_packing
from t5mix.data.packing.capacity import Plan
from t5mix.data.packing.windows import PackedRows

ROWS = 1024
LIMITS = (512, 128)
GLUE = ("cola", "sst2", "mrpc", "stsb", "rte", "wnli")


def lengths_by_kind(count: int) -> dict[str, tuple[np.ndarray, tuple[int, ...]]]:
    """Seeded lengths, int64 [count, features], and the limits of rows."""
    rng = np.random.default_rng(0)

    def log_normal(mean: float, deviation: float, least: int, most: int) -> np.ndarray:
        return rng.lognormal(mean, deviation, count).clip(least, most).astype(np.int64)

    return {
        "lm": (log_normal(5.3, 0.9, 8, 512)[:, None], LIMITS[:1]),
        "short": (np.stack([log_normal(3.8, 0.5, 4, 512), rng.geometric(0.3, count).clip(1, 15) + 1], axis=1), LIMITS),
        "heavy": (np.stack([log_normal(3.9, 0.88, 4, 512), log_normal(2.5, 0.88, 2, 128)], axis=1), LIMITS),
    }


def glue(data: Path) -> np.ndarray:
    """Lengths of the GLUE tasks' training examples, int64 [examples, 2], task by task."""
    # Read when the data sets' and the tasks' modules are first loaded.
    os.environ["TFDS_DATA_DIR"] = str(data / "tfds")
    os.environ["T5MIX_T5_VOCAB"] = str(data / "t5_vocab" / "spiece.model")
    from t5mix.data.examples.opening import open_all
    from t5mix.declarations.registry import get_mixture_or_task

    lengths = []
    with tempfile.TemporaryDirectory() as folder:
        for name in GLUE:
            task = get_mixture_or_task(f"glue_{name}_v002")
            examples = open_all([task], "train", {"inputs": 512, "targets": 128}, 0, Path(folder))[0].examples
            lengths.append(examples.lengths(0, np.arange(examples.count)))
    return np.concatenate(lengths)


def bound(lengths: np.ndarray, limits: tuple[int, ...]) -> float:
    """Rows that no packing needs fewer of."""
    return float((lengths.sum(axis=0) / limits).max())


def next_fit(lengths: np.ndarray, limits: tuple[int, ...]) -> int:
    """Rows that closing a row at the first example that does not fit needs."""
    rows, used = 1, [0] * len(limits)
    for sizes in lengths.tolist():
        used = [one + size for one, size in zip(used, sizes, strict=True)]
        if any(one > limit for one, limit in zip(used, limits, strict=True)):
            rows, used = rows + 1, sizes
    return rows


def packed(lengths: np.ndarray, limits: tuple[int, ...]) -> tuple[float, float]:
    """The packer's share on a window, and examples a second."""
    some = lengths[: int(len(lengths) * ROWS / bound(lengths, limits))]
    begin = time.process_time()
    rows = int(bin_packing.choose_rows(some, limits, None).max()) + 1
    return bound(some, limits) / rows, len(some) / (time.process_time() - begin)


def streamed(lengths: np.ndarray, limits: tuple[int, ...], windows: int) -> tuple[float, int]:
    """The stream's share over windows of one task with these lengths, and how many examples it left out."""
    offsets = [np.append(0, np.cumsum(column)) for column in lengths.T]
    columns = tuple(ArrayColumn((np.empty(0, np.int32),), (one,)) for one in offsets)
    task: Examples = CachedExamples(columns, tuple(TrimAndEos(limit) for limit in limits))
    mixer = Mixer({"task": task}, {"task": 1.0}, 0)
    plan = Plan.of(mixer, {"task": task}, {"task": 1.0}, limits, ROWS, 8)
    rows = PackedRows(mixer, plan, 0)
    # Whole blocks, and not the first, which has no overflow to take.
    numbers = range(plan.windows, plan.windows * (1 + -(-windows // plan.windows)))
    held = sum(bound(rows.window(number).draws.lengths, limits) for number in numbers)
    return held / (len(numbers) * ROWS), sum(len(lost.task) for lost in rows.left_out.draws.values())


def main() -> None:
    """Packs each kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of tfds/ and t5_vocab/")
    parser.add_argument("--examples", type=int, default=200_000, help="examples of each made kind")
    parser.add_argument("--windows", type=int, default=32, help="windows of the stream, of 1024 rows each")
    arguments = parser.parse_args()
    kinds = lengths_by_kind(arguments.examples)
    if (arguments.data / "tfds" / "glue").is_dir():
        real = glue(arguments.data)
        kinds["glue"] = (real[np.random.default_rng(0).permutation(len(real))], LIMITS)
    else:
        print(f"GLUE is left out: there is no {arguments.data / 'tfds' / 'glue'}")
    print(f"{'lengths':8} {'mean':>12} {'next-fit':>9} {'packer':>9} {'stream':>9} {'left out':>9} {'examples/s':>11}")
    result: dict[str, float] = {}
    for name, (lengths, limits) in kinds.items():
        some = lengths[:20_000]
        share, speed = packed(lengths, limits)
        stream, lost = streamed(lengths, limits, arguments.windows)
        next_share = bound(some, limits) / next_fit(some, limits)
        means = "/".join(f"{mean:.1f}" for mean in lengths.mean(axis=0))
        print(f"{name:8} {means:>12} {next_share:9.2%} {share:9.2%} {stream:9.2%} {lost:9} {speed:11,.0f}")
        result |= {f"share_{name}": round(share, 4), f"stream_{name}": round(stream, 4)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
