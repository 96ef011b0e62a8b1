"""What resuming takes: the stream's state for 1000 tasks, and tf.data's iterator checkpoint of a seqio mixture.

    python benchmarks/stream_state.py [--theirs 10]

Ours: 1000 cached tasks of 50 lines of text, with names of 40 characters, rows of 512 and 128, batch 8, packed: bytes of
the state as JSON, the time to make and write it, and the time from the state to the batch of step 10**6, in a stream
that is open; and that batch again by another stream.  Theirs (with seqio installed): tasks of the same files through
seqio, packed, after 20 batches: `tf.train.Checkpoint` of the iterator, its size, the time to write it and to restore
it.  tf.data has no seek.  The last line is JSON.
"""

import argparse
import itertools
import json
import random
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


def write(folder: Path, tasks: int) -> dict[str, str]:
    """Writes a file of random words for each task, two fields a line, and returns their paths by the tasks' names."""
    chance = random.Random(0)
    paths = {}
    for number in range(tasks):
        lines = (f"{_words(chance, 20, 60)}\t{_words(chance, 2, 20)}\n" for _ in range(EXAMPLES))
        path = folder / f"{number:04}.tsv"
        path.write_text("".join(lines))
        paths[f"{'benchmark_task':_<36}{number:04}"] = str(path)
    return paths


def _words(chance: random.Random, least: int, most: int) -> str:
    return "".join(chance.choices("abcdefghij ", k=chance.randint(least, most)))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it returns."""
    begin = time.perf_counter()
    result = run()
    return time.perf_counter() - begin, result


def ours(paths: dict[str, str], folder: Path) -> dict[str, Any]:
    """Figures of the stream."""
    import t5mix
    from t5mix.data import Stream

    feature = t5mix.Feature(t5mix.ByteVocabulary(), add_eos=False)
    declared = [
        t5mix.Task(
            name,
            source=t5mix.TextLineDataSource({"train": path}),
            preprocessors=[t5mix.preprocessors.parse_tsv, t5mix.preprocessors.tokenize],
            output_features={"inputs": feature, "targets": feature},
        )
        for name, path in paths.items()
    ]
    mixture = t5mix.Mixture("benchmark", [(task, 1.0 + number % 7) for number, task in enumerate(declared)])

    def opened() -> Stream:
        return Stream(mixture, LENGTHS, BATCH, cache_dir=folder / "cache")

    made, stream = timed(opened)
    print(f"t5mix: {len(paths)} tasks tokenized and cached in {made:.1f} s")
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


def theirs(paths: dict[str, str], folder: Path) -> dict[str, Any]:
    """Figures of tf.data's checkpoint of seqio's iterator."""
    import seqio
    import tensorflow as tf

    @seqio.map_over_dataset
    def parse(line: Any) -> dict[str, Any]:
        inputs, targets = tf.io.decode_csv(line, ["", ""], field_delim="\t", use_quote_delim=False)
        return {"inputs": inputs, "targets": targets}

    feature = seqio.Feature(seqio.ByteVocabulary(), add_eos=False)
    for name, path in paths.items():
        seqio.TaskRegistry.add(
            name,
            source=seqio.TextLineDataSource({"train": path}),
            preprocessors=[parse, seqio.preprocessors.tokenize],
            output_features={"inputs": feature, "targets": feature},
        )
    seqio.MixtureRegistry.add("benchmark", [(name, 1.0 + number % 7) for number, name in enumerate(paths)])
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
        "theirs_tasks": len(paths),
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write(folder, max(arguments.tasks, arguments.theirs))
        result = ours(dict(itertools.islice(paths.items(), arguments.tasks)), folder)
        for name, figure in result.items():
            print(f"t5mix: {name} {figure}")
        if arguments.theirs:
            try:
                import seqio  # noqa: F401
            except ImportError:
                print("seqio is not installed: its side is left out")
            else:
                result |= theirs(dict(itertools.islice(paths.items(), arguments.theirs)), folder)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
