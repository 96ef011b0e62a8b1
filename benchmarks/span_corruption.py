"""Compares span corruption on the stream with that of T5 0.9.4 on seqio 0.0.20, 512 inputs and 114 targets.

    pip install 't5mix[bench]'
    python benchmarks/span_corruption.py

Both sides get the same documents, tokenized with T5's vocabulary beforehand, in one process on the same two CPUs, and
take turns.  Tokens that are not padding are counted, and each side's median of all turns is compared, at two places:

    batches       what a user trains on: T5's preprocessor, EOS, seqio's converter with packing, and batches, as NumPy
                  arrays, against `Stream.batch`; the last line's `ratio`
    preprocessor  inputs and targets of each example alone: T5's `span_corruption` and EOS, counted within TensorFlow,
                  against `ObjectiveExamples.gather`; the last line's `ratio_preprocessor`
"""

import argparse
import functools
import json
import os
import statistics
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
from t5mix.stream import Stream  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
LENGTHS = {"inputs": 512, "targets": 114}
THREADS = 2
BATCH_SIZE = 128  # T5's

# One turn of a side: gives real tokens a second.
Turn = Callable[[], float]


def main() -> None:
    """Takes turns, prints each and the medians, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--turns", type=int, default=5, help="measured, after one that warms up")
    parser.add_argument("--batches", type=int, default=15, help="batches of T5 a turn; t5mix makes ten times as many")
    options = parser.parse_args()
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    vocabulary = t5mix.SentencePieceVocabulary(str(options.data / "t5_vocab" / "spiece.model"), extra_ids=100)
    documents = tokenized(options.data, vocabulary)
    print(f"{len(documents):,} documents, {sum(map(len, documents)):,} tokens")
    with tempfile.TemporaryDirectory(prefix="t5mix-benchmark-") as folder:
        stream = Stream(t5mix_task(documents, vocabulary), LENGTHS, BATCH_SIZE, cache_dir=folder)
        steps = iter(range(10**9))
        examples = stream._examples["span_corruption"]
        figures = {
            "batches": compare(
                t5=functools.partial(t5_batch_turn, documents, options.batches),
                t5mix=functools.partial(t5mix_batch_turn, stream, steps, 10 * options.batches),
                turns=options.turns,
            ),
            "preprocessor": compare(
                t5=functools.partial(t5_alone_turn, documents),
                t5mix=functools.partial(t5mix_alone_turn, examples, iter(range(10**9))),
                turns=options.turns,
            ),
        }
    shown = {"ratio": figures["batches"], "ratio_preprocessor": figures["preprocessor"]}
    print(json.dumps({name: round(value, 1) for name, value in shown.items()}))


def compare(t5: Turn, t5mix: Turn, turns: int) -> float:
    """Returns how many times more tokens a second t5mix gives, by medians of turns."""
    sides = {"t5": t5, "t5mix": t5mix}
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, side in sides.items():
            speed = side()
            if turn:  # the first one warms up
                speeds[name].append(speed)
                print(f"{turn}  {name:6} {speed:14,.0f} tokens/s", flush=True)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print("median  " + "  ".join(f"{name} {speed:,.0f} tokens/s" for name, speed in medians.items()), flush=True)
    return medians["t5mix"] / medians["t5"]


def tokenized(data: Path, vocabulary: t5mix.Vocabulary) -> list[np.ndarray]:
    """Token ids of the books' paragraphs, fifty to a document, and of C4's documents."""
    texts = []
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


def dataset_of(documents: list[np.ndarray]) -> tf.data.Dataset:
    """Tokenized documents in memory, as `tf.data` reads them fastest."""
    ragged = tf.RaggedTensor.from_row_lengths(np.concatenate(documents), [len(ids) for ids in documents])
    return tf.data.Dataset.from_tensor_slices(ragged).map(lambda ids: {"targets": tf.ensure_shape(ids, [None])})


def t5mix_task(documents: list[np.ndarray], vocabulary: t5mix.Vocabulary) -> t5mix.Task:
    """The task; its token cache is made once, before the turns."""
    feature = t5mix.Feature(vocabulary, required=False)

    def read(split: str, shuffle_files: bool = False, seed: int | None = None) -> tf.data.Dataset:
        return dataset_of(documents)

    return t5mix.Task(
        "span_corruption",
        source=t5mix.FunctionDataSource(read, splits=["train"]),
        preprocessors=[
            t5mix.CacheDatasetPlaceholder(),
            t5mix.objectives.span_corruption,
            t5mix.preprocessors.append_eos_after_trim,
        ],
        output_features={"inputs": feature, "targets": feature},
    )


def t5_examples(documents: list[np.ndarray]) -> tf.data.Dataset:
    """T5's preprocessor and EOS, endlessly, with two threads and as much parallelism as tf.data likes."""
    vocabulary = seqio.PassThroughVocabulary(size=32_100, eos_id=1)
    features = {name: seqio.Feature(vocabulary) for name in LENGTHS}
    dataset = t5_preprocessors.span_corruption(dataset_of(documents).repeat(), LENGTHS, features)
    return seqio.preprocessors.append_eos_after_trim(dataset, output_features=features, sequence_length=LENGTHS)


def with_threads(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset on two threads."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = THREADS
    return dataset.with_options(options)


def t5_batch_turn(documents: list[np.ndarray], count: int) -> float:
    """Speed of seqio's packed batches, after the first of them."""
    converter = seqio.EncDecFeatureConverter(pack=True)
    packed = converter(t5_examples(documents), task_feature_lengths=LENGTHS)
    dataset = packed.batch(BATCH_SIZE, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    # New in each turn, so that nothing is made ahead while the other side runs.
    batches = with_threads(dataset).as_numpy_iterator()
    next(batches)
    started = time.perf_counter()
    tokens = sum(real_tokens(next(batches), "encoder", "decoder") for _ in range(count))
    return tokens / (time.perf_counter() - started)


def t5mix_batch_turn(stream: Stream, steps: Iterator[int], count: int) -> float:
    """Speed of the stream's packed batches; each turn goes on where the last one stopped."""
    started = time.perf_counter()
    tokens = sum(real_tokens(stream.batch(next(steps)), "inputs", "targets") for _ in range(count))
    return tokens / (time.perf_counter() - started)


def real_tokens(batch: dict[str, np.ndarray], *sides: str) -> int:
    """Tokens of a batch that belong to an example."""
    return sum(int(np.count_nonzero(batch[f"{side}_segment_ids"])) for side in sides)


def t5_alone_turn(documents: list[np.ndarray]) -> float:
    """Speed of T5's examples, counted within TensorFlow; the time to begin is left out."""
    examples = t5_examples(documents).map(lambda x: sum(tf.size(x[name], tf.int64) for name in LENGTHS))
    sizes = with_threads(examples.batch(100).prefetch(tf.data.AUTOTUNE)).as_numpy_iterator()
    next(sizes)
    started = time.perf_counter()
    tokens = sum(int(next(sizes).sum()) for _ in range(30))
    return tokens / (time.perf_counter() - started)


def t5mix_alone_turn(examples: object, epochs: Iterator[int]) -> float:
    """Speed of the stream's examples, an epoch at a time."""
    started = time.perf_counter()
    made = examples.gather(next(epochs), np.arange(examples.count))
    return sum(int(tokens.lengths.sum()) for tokens in made) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
