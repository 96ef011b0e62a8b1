"""What resuming takes: the stream's state for 1000 tasks, and tf.data's iterator checkpoint of a seqio mixture.

    python benchmarks/stream_state.py [--theirs 10]

Ours: 1000 cached tasks of 50 examples, rows of 512 and 128, batch 8, packed: bytes of the state as JSON, the time to
make and write it, and the time from the state to the batch of step 10**6, in a stream that is open; and that batch
again by another stream.  Theirs (with seqio installed): tasks of the same kind through seqio, packed, after 20
batches: `tf.train.Checkpoint` of the iterator, its size, the time to write it and to restore it.  tf.data has no seek.
The last line is JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LENGTHS = {"inputs": 512, "targets": 128}
EXAMPLES = 50
BATCH = 8


def sizes(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of inputs and of targets of a task's examples."""
    rng = np.random.default_rng(number)
    return rng.integers(20, 60, EXAMPLES), rng.integers(2, 20, EXAMPLES)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it returns."""
    begin = time.perf_counter()
    result = run()
    return time.perf_counter() - begin, result


def ours(tasks: int, folder: Path) -> dict[str, Any]:
    """Figures of the stream."""
    from t5mix.features import Feature
    from t5mix.mixture import Mixture
    from t5mix.sources import FunctionDataSource
    from t5mix.stream import Stream
    from t5mix.task import Task
    from t5mix.vocabularies import PassThroughVocabulary

    feature = Feature(PassThroughVocabulary(30_000), add_eos=False)
    declared = [
        Task(
            f"benchmark_task_{number:04d}",
            source=FunctionDataSource(Tokens(number), splits=["train"]),
            preprocessors=[],
            output_features={"inputs": feature, "targets": feature},
        )
        for number in range(tasks)
    ]
    mixture = Mixture("benchmark", [(task, 1.0 + number % 7) for number, task in enumerate(declared)])

    def opened() -> Stream:
        return Stream(mixture, LENGTHS, BATCH, cache_dir=folder / "cache")

    made, stream = timed(opened)
    print(f"t5mix: {tasks} tasks tokenized and cached in {made:.1f} s")
    seconds, stream = timed(opened)
    path = folder / "state.json"
    saves, seeks = [], []
    for step in range(10**6, 10**6 + 5 * 10**4, 10**4):
        save, _ = timed(lambda step=step: path.write_text(json.dumps(stream.state(step))))
        saves.append(save)

        def seek() -> dict[str, np.ndarray]:
            state = json.loads(path.read_text())
            stream.check_state(state)
            return stream.batch(state["step"])

        seconds_of_seek, batch = timed(seek)
        seeks.append(seconds_of_seek)
    again = opened().batch(10**6 + 4 * 10**4)
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    return {
        "bytes_1000_tasks": path.stat().st_size,
        "save_ms": round(1e3 * statistics.median(saves), 2),
        "seek_1e6_s": round(statistics.median(seeks), 4),
        "seek_1e6_s_first": round(seeks[0], 4),
        "open_s": round(seconds, 3),
    }


class Tokens:
    """A source of random token ids."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fingerprint(self, split: str) -> str:
        """Names the content."""
        return f"{split} {self.number}"

    def __call__(self, split: str, shuffle_files: bool, seed: int | None = None) -> Any:
        """Returns the data set."""
        import tensorflow as tf

        rng = np.random.default_rng(self.number)
        columns = {
            name: tf.ragged.constant([rng.integers(3, 30_000, size).tolist() for size in lengths], dtype=tf.int32)
            for name, lengths in zip(LENGTHS, sizes(self.number), strict=True)
        }
        return tf.data.Dataset.from_tensor_slices(columns).map(lambda example: {**example})


def theirs(tasks: int, folder: Path) -> dict[str, Any]:
    """Figures of tf.data's checkpoint of seqio's iterator."""
    import seqio
    import tensorflow as tf

    feature = seqio.Feature(seqio.PassThroughVocabulary(30_000), add_eos=False)
    names = []
    for number in range(tasks):
        names.append(f"benchmark_task_{number:04d}")
        seqio.TaskRegistry.add(
            names[-1],
            source=seqio.FunctionDataSource(Tokens(number), splits=["train"]),
            preprocessors=[],
            output_features={"inputs": feature, "targets": feature},
        )
    seqio.MixtureRegistry.add("benchmark", [(name, 1.0 + number % 7) for number, name in enumerate(names)])
    dataset = seqio.get_dataset(
        "benchmark",
        LENGTHS,
        dataset_split="train",
        shuffle=True,
        num_epochs=None,
        seed=0,
        feature_converter=seqio.EncDecFeatureConverter(pack=True),
    ).batch(BATCH)
    iterator = iter(dataset)
    for _ in range(20):
        next(iterator)
    checkpoint = tf.train.Checkpoint(iterator=iterator)
    saved, path = timed(lambda: checkpoint.save(str(folder / "iterator")))
    size = sum(file.stat().st_size for file in folder.glob("iterator*"))
    restored, _ = timed(lambda: checkpoint.restore(path))
    return {
        "theirs_tasks": tasks,
        "theirs_bytes": size,
        "theirs_save_ms": round(1e3 * saved, 1),
        "theirs_restore_s": round(restored, 3),
    }


def main() -> None:
    """Measures ours, then theirs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of ours")
    parser.add_argument("--theirs", type=int, default=10, help="tasks of theirs; 0 leaves them out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = ours(arguments.tasks, Path(folder))
        for name, figure in result.items():
            print(f"t5mix: {name} {figure}")
        if arguments.theirs:
            try:
                import seqio  # noqa: F401
            except ImportError:
                print("seqio is not installed: its side is left out")
            else:
                result |= theirs(arguments.theirs, Path(folder))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
