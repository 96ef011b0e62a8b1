"""Tokenization of the token cache against SentencePiece's own list API and against tensorflow-text.

    python benchmarks/tokenization.py [--text FILE ...] [--vocabulary MODEL] [--megabytes 10] [--rounds 5]

The sides take turns in one process, on the same lines, with as many threads on as many CPUs; each figure is the median
of its rounds.  That of t5mix is the time in which the writer of a cache gets ids, as NumPy arrays, of lines that it
hands over a thousand at a time; that of SentencePiece the time of its own lists, of all lines by one call.
tensorflow-text encodes a line at a time in `Dataset.map`, as the preprocessor `tokenize` does by itself.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).resolve().parents[1]
_DATA = _ROOT.parent / "shared" / "data"
_THREADS = 2
# Lines that are handed over at once.
_AT_ONCE = 1024


def main() -> None:
    """Measures, and prints the figures, the last line as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", default=sorted((_DATA / "books").glob("*.md")))
    parser.add_argument("--vocabulary", type=Path, default=_DATA / "t5_vocab" / "spiece.model")
    parser.add_argument("--megabytes", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_THREADS])
    lines = _lines(arguments.text, int(arguments.megabytes * 1e6))
    size = sum(map(len, lines)) / 1e6
    sides = _sides(arguments.vocabulary, lines)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    made: dict[str, list[list[int]] | tuple[np.ndarray, np.ndarray]] = {}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            start = time.perf_counter()
            made[name] = side()
            seconds[name].append(time.perf_counter() - start)
    speed = {name: size / statistics.median(times) for name, times in seconds.items()}
    for name, value in speed.items():
        print(f"{name}: {value:.1f} MB/s of {size:.1f} MB, {len(lines)} lines")
    ids = {name: found if isinstance(found, tuple) else _joined(map(_one, found)) for name, found in made.items()}
    # Of raw SentencePiece a line in thousands differs, where pieces tie: encode_tf, tensorflow-text, is the measure.
    equal = all(np.array_equal(a, b) for a, b in zip(ids["t5mix"], ids["tf_text"], strict=True))
    ratios = {f"ratio_{name}": round(speed["t5mix"] / speed[name], 3) for name in sides if name != "t5mix"}
    print(json.dumps({**ratios, "ids_equal": equal}))


def _lines(paths: list[Path], most: int) -> list[bytes]:
    if not paths:
        raise SystemExit("there is no text; name files by --text")
    lines: list[bytes] = []
    for path in paths:
        lines += [line for line in path.read_bytes().splitlines() if line.strip()]
    whole, size = list(lines), 0
    for number, line in enumerate(whole):
        size += len(line)
        if size > most:
            return whole[:number]
    return whole


def _sides(vocabulary_file: Path, lines: list[bytes]) -> dict[str, Callable[[], Any]]:
    import tensorflow as tf

    from t5mix.data.tokenization import thread_pool, tokenizers
    from t5mix.data.tokenization.task_shard import Chunk
    from t5mix.vocabularies import SentencePieceVocabulary

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(_THREADS)
    vocabulary = SentencePieceVocabulary(vocabulary_file, 100)
    tokenize = tokenizers.tokenizer_of(vocabulary)
    assert tokenize is not None
    processor = vocabulary.tokenizer
    step = tokenizers.TokenizeStep({"text": tokenize}, {}, copy_pretokenized=False)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        parts = (lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE))
        chunks = (Chunk((0, 0), {"text": part}, step) for part in parts)
        columns = [columns["text"] for _, columns in thread_pool.tokenized(chunks)]
        return _joined((column.values.to_numpy(), np.diff(column.offsets.to_numpy())) for column in columns)

    def raw() -> list[list[int]]:
        return processor.encode(lines, num_threads=_THREADS)

    def tf_text() -> tuple[np.ndarray, np.ndarray]:
        dataset = tf.data.Dataset.from_tensor_slices(lines)
        dataset = dataset.map(vocabulary.encode_tf, num_parallel_calls=_THREADS).prefetch(64)
        return _joined([_one(ids) for ids in dataset.as_numpy_iterator()])

    return {"t5mix": ours, "raw": raw, "tf_text": tf_text}


def _one(ids: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(ids, np.int32), np.array([len(ids)])


def _joined(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    values, lengths = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(lengths)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
