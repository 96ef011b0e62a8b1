"""Whether packing feeds a task's examples equally often: the counts of its examples after each of ten epochs.

    python benchmarks/epochs.py [--quick]

Tasks of 300, 3,000 and 30,000 examples, of short, long and equal lengths, each packed alone in rows of 512 inputs and
128 targets, 8 a batch; and three of these mixed.  Batches are made until a task's examples have been drawn ten times on
average.  After each batch the greatest difference between how often two of its examples were fed is taken; shown is the
greatest of all, and what it is after the batch that ends each epoch.  Lost is what found no room, and what ten epochs'
worth of draws did not feed ten times.  The last line is JSON.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

LENGTHS = {"inputs": 512, "targets": 128}
BATCH_SIZE = 8
EPOCHS = 10
# Characters of inputs and of targets, from least to most.
KINDS = {"short": ((2, 20), (1, 6)), "long": ((100, 400), (10, 100)), "equal": ((100, 100), (20, 20))}


class Texts:
    """A source of seeded texts of random lengths."""

    def __init__(self, kind: str, count: int) -> None:
        self._kind, self._count = kind, count

    def fingerprint(self, split: str) -> str:
        """Returns what the examples are known by."""
        return f"{self._kind} {self._count} {split}"

    def __call__(self, split: str, shuffle_files: bool) -> Any:
        """Returns the examples."""
        import tensorflow as tf

        rng = np.random.default_rng(self._count)
        sizes = [rng.integers(least, most + 1, self._count) for least, most in KINDS[self._kind]]
        inputs, targets = ([b"x" * size for size in one.tolist()] for one in sizes)
        return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": targets})


def task(kind: str, count: int) -> Any:
    """A task of so many examples of such lengths."""
    import t5mix

    feature = t5mix.Feature(t5mix.ByteVocabulary(), add_eos=False)
    return t5mix.Task(
        f"{kind}_{count}",
        source=t5mix.FunctionDataSource(Texts(kind, count), splits=["train"]),
        preprocessors=[t5mix.preprocessors.tokenize],
        output_features={"inputs": feature, "targets": feature},
    )


def measure(provider: Any, sizes: Mapping[str, int], folder: str) -> dict[str, Any]:
    """Feeds ten epochs of each task; returns the differences and what was lost."""
    from t5mix.data import Stream

    stream = Stream(provider, LENGTHS, BATCH_SIZE, cache_dir=folder)
    counts = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
    at_ends: dict[str, list[int]] = {name: [] for name in sizes}
    greatest, step = 0, 0
    while any(len(ends) < EPOCHS for ends in at_ends.values()):
        for name, _, index in stream.examples(step):
            counts[name][index] += 1
        step += 1
        for name, of_task in counts.items():
            difference = int(np.ptp(of_task))
            if len(at_ends[name]) < EPOCHS:
                greatest = max(greatest, difference)
                ended = int(of_task.sum()) // len(of_task)
                at_ends[name] += [difference] * (min(ended, EPOCHS) - len(at_ends[name]))
    statistics = stream.statistics()
    fed = stream.fed(step)
    assert fed == {name: int(of_task.sum()) for name, of_task in counts.items()}
    short = sum(int(np.maximum(EPOCHS - of_task, 0).sum()) for of_task in counts.values())
    return {
        "at_ends": at_ends,
        "greatest": greatest,
        "lost": sum(statistics.dropped.values()) + short,
        "fill": statistics.fill,
    }


def main() -> None:
    """Measures each kind and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="no task of 30,000 examples")
    arguments = parser.parse_args()
    import t5mix

    counts = (300, 3_000) if arguments.quick else (300, 3_000, 30_000)
    tasks = {kind: [task(kind, count) for count in counts] for kind in KINDS}
    mixed = [(tasks["short"][0], 3.0), (tasks["long"][1], 2.0), (tasks["equal"][0], 1.0)]
    providers = [one for of_kind in tasks.values() for one in of_kind] + [t5mix.Mixture("mixed", mixed)]
    print(f"{'task':14} {'after each epoch':32} {'greatest':>8} {'lost':>5}  slots filled")
    result = {"largest_difference": 0, "lost": 0}
    with tempfile.TemporaryDirectory() as folder:
        for provider in providers:
            names = [one.name for one in getattr(provider, "tasks", [provider])]
            found = measure(provider, {name: int(name.rpartition("_")[2]) for name in names}, folder)
            ends = "; ".join(" ".join(map(str, one)) for one in found["at_ends"].values())
            fill = ", ".join(f"{name} {share:.1%}" for name, share in found["fill"].items())
            print(f"{provider.name:14} {ends:32} {found['greatest']:8} {found['lost']:5}  {fill}", flush=True)
            result["largest_difference"] = max(result["largest_difference"], found["greatest"])
            result["lost"] += found["lost"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
