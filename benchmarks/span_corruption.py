"""Compares span corruption on the stream with that of T5 0.9.4 on seqio 0.0.20, 512 inputs and 114 targets.

    pip install 't5mix[bench]'
    python benchmarks/span_corruption.py

Both sides get the same documents, tokenized with T5's vocabulary beforehand, and take turns, each in a process of its
own on the same two CPUs.  Tokens that are not padding are counted, and each side's median of all turns is compared, at
two places:

    batches       what a user trains on: T5's preprocessor, EOS, seqio's converter with packing, and batches, as NumPy
                  arrays, against `Stream.batch`; the last line's `ratio`
    preprocessor  inputs and targets of each example alone: T5's `span_corruption` and EOS, counted within TensorFlow,
                  against `ObjectiveExamples.gather`; the last line's `ratio_preprocessor`

On a busy machine read `ratio_cpu` and `ratio_preprocessor_cpu` beside them: tokens for each second of CPU work.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import seqio  # noqa: E402
import tensorflow as tf  # noqa: E402
from t5.data import preprocessors as t5_preprocessors  # noqa: E402

import t5mix  # noqa: E402
from t5mix.data import Stream  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
LENGTHS = {"inputs": 512, "targets": 114}
THREADS = 2
BATCH_SIZE = 128  # T5's

SECONDS = 5.0

# Tokens a second, and a second of all CPUs' work: what others do on the machine changes that less.
Speed = tuple[float, float]


def main() -> None:
    """Takes turns, prints each and the medians, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--turn", nargs=2, metavar=("PLACE", "FOLDER"), help="for the processes of the turns")
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(TURNS[options.turn[0]](options.data, Path(options.turn[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="t5mix-benchmark-") as folder:
        documents = tokenized(options.data)
        np.savez(
            Path(folder) / "documents.npz", tokens=np.concatenate(documents), sizes=[len(ids) for ids in documents]
        )
        print(f"{len(documents):,} documents, {sum(map(len, documents)):,} tokens")
        open_stream(options.data, Path(folder))  # makes the token cache
        speeds: dict[str, list[Speed]] = {place: [] for place in TURNS}
        for turn in range(options.turns):
            for place, found in speeds.items():
                found.append(take_turn(place, options.data, folder))
                print(
                    f"{turn + 1}  {place:22} {found[-1][0]:14,.0f} tokens/s {found[-1][1]:14,.0f} a CPU second",
                    flush=True,
                )
    ratios = {}
    for number, unit in enumerate(("", "_cpu")):
        medians = {place: statistics.median(speed[number] for speed in found) for place, found in speeds.items()}
        ratios[f"ratio{unit}"] = medians["t5mix batches"] / medians["t5 batches"]
        ratios[f"ratio_preprocessor{unit}"] = medians["t5mix preprocessor"] / medians["t5 preprocessor"]
    print(json.dumps({name: round(ratio, 1) for name, ratio in ratios.items()}))


def take_turn(place: str, data: Path, folder: str) -> Speed:
    """Returns the speed of one turn, in a process of its own."""
    command = [sys.executable, __file__, "--data", str(data), "--turn", place, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, cpu = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu


def vocabulary_of(data: Path) -> t5mix.Vocabulary:
    """T5's vocabulary, with its sentinels."""
    return t5mix.SentencePieceVocabulary(str(data / "t5_vocab" / "spiece.model"), extra_ids=100)


def tokenized(data: Path) -> list[np.ndarray]:
    """Token ids of the books' paragraphs, fifty to a document, and of C4's documents."""
    vocabulary, texts = vocabulary_of(data), []
    for path in sorted((data / "books").glob("*.md")):
        paragraphs = path.read_text("utf-8").split("\n\n")
        texts += ["\n".join(paragraphs[start : start + 50]) for start in range(0, len(paragraphs), 50)]
    found = [np.array(vocabulary.encode(text), dtype=np.int32) for text in texts]
    return [ids for ids in [*found, *_c4(data / "c4_span_corruption")] if len(ids)]


def _c4(folder: Path) -> Iterator[np.ndarray]:
    (path,) = folder.glob("c4_tokenized*.tfrecord*")
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        example = tf.train.Example.FromString(record)
        yield np.array(example.features.feature["targets"].int64_list.value, dtype=np.int32)


def dataset_of(folder: Path) -> tf.data.Dataset:
    """Tokenized documents in memory."""
    documents = np.load(folder / "documents.npz")
    ragged = tf.RaggedTensor.from_row_lengths(documents["tokens"], documents["sizes"])
    return tf.data.Dataset.from_tensor_slices(ragged).map(lambda ids: {"targets": tf.ensure_shape(ids, [None])})


def open_stream(data: Path, folder: Path) -> Stream:
    """The task's stream, on the token cache in the folder."""
    feature = t5mix.Feature(vocabulary_of(data), required=False)

    def read(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        return dataset_of(folder)

    read.fingerprint = lambda split: "documents"  # type: ignore[attr-defined]
    task = t5mix.Task(
        "span_corruption",
        source=t5mix.FunctionDataSource(read, splits=["train"]),
        preprocessors=[
            t5mix.CacheDatasetPlaceholder(),
            t5mix.preprocessors.objectives.span_corruption,
            t5mix.preprocessors.append_eos_after_trim,
        ],
        output_features={"inputs": feature, "targets": feature},
    )
    return Stream(task, LENGTHS, BATCH_SIZE, cache_dir=folder / "cache")


def t5_examples(folder: Path) -> tf.data.Dataset:
    """T5's preprocessor and EOS, endlessly, with two threads and as much parallelism as tf.data likes."""
    vocabulary = seqio.PassThroughVocabulary(size=32_100, eos_id=1)
    features = {name: seqio.Feature(vocabulary) for name in LENGTHS}
    dataset = t5_preprocessors.span_corruption(dataset_of(folder).repeat(), LENGTHS, features)
    return seqio.preprocessors.append_eos_after_trim(dataset, output_features=features, sequence_length=LENGTHS)


def with_threads(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset on two threads."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = THREADS
    return dataset.with_options(options)


def t5_batches(data: Path, folder: Path) -> Speed:
    """Speed of seqio's packed batches, after the first of them."""
    converter = seqio.EncDecFeatureConverter(pack=True)
    packed = converter(t5_examples(folder), task_feature_lengths=LENGTHS)
    dataset = packed.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    batches = with_threads(dataset).as_numpy_iterator()
    return speed(real_tokens(batch, "encoder", "decoder") for batch in batches)


def t5mix_batches(data: Path, folder: Path) -> Speed:
    """Speed of the stream's packed batches, after the first of them."""
    stream = open_stream(data, folder)
    return speed(real_tokens(stream.batch(step), "inputs", "targets") for step in itertools.count())


def t5_preprocessor(data: Path, folder: Path) -> Speed:
    """Speed of T5's examples, counted within TensorFlow, after the first hundred."""
    counts = t5_examples(folder).map(lambda x: sum(tf.size(x[name], tf.int64) for name in LENGTHS))
    sums = with_threads(counts.batch(100).prefetch(tf.data.AUTOTUNE)).as_numpy_iterator()
    return speed(int(sizes.sum()) for sizes in sums)


def t5mix_preprocessor(data: Path, folder: Path) -> Speed:
    """Speed of the stream's examples, a thousand at a time, after the first thousand."""
    examples = open_stream(data, folder)._examples["span_corruption"]
    parts = [np.arange(start, min(start + 1000, examples.count)) for start in range(0, examples.count, 1000)]
    made = (examples.gather(epoch, part) for epoch in itertools.count() for part in parts)
    return speed(sum(int(tokens.lengths.sum()) for tokens in some) for some in made)


def speed(counts: Iterator[int]) -> Speed:
    """Tokens a second and a CPU second, of what comes in SECONDS after the first count."""
    next(counts)
    tokens, started, worked = 0, time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - started) < SECONDS:
        tokens += next(counts)
    return tokens / passed, tokens / (time.process_time() - worked)


def real_tokens(batch: dict[str, np.ndarray], *sides: str) -> int:
    """Tokens of a batch that belong to an example."""
    return sum(int(np.count_nonzero(batch[f"{side}_segment_ids"])) for side in sides)


TURNS: dict[str, Callable[[Path, Path], Speed]] = {
    "t5 batches": t5_batches,
    "t5mix batches": t5mix_batches,
    "t5 preprocessor": t5_preprocessor,
    "t5mix preprocessor": t5mix_preprocessor,
}


if __name__ == "__main__":
    main()
