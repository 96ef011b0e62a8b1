"""Supervised tasks of real text, the same for seqio and t5mix: a few sentences of a book, and how it goes on.

Each task is a TSV file of its own with two fields a line.  Tasks differ in book, length of examples, and number of
examples, by a factor of up to nine, and are mixed in proportion to it.
"""

import collections
import functools
import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MIXTURE = "books_mixture"
PREFIX = "continue: "
_SEED = 20261121
# Characters of an example: about 500 and 120 tokens at most, so that nothing is truncated.
_LONGEST = {"inputs": 1600, "targets": 360}


def write(folder: Path, text: Path, vocabulary: Path, tasks: int, examples: int) -> Path:
    """Writes the files of `tasks` tasks of `examples` examples in all, and returns their folder.

    The vocabulary beside them is a copy of `vocabulary`, or trained on the text where that file is missing.
    """
    place = folder / f"tasks-{tasks}"
    place.mkdir()
    books = [_sentences(path) for path in sorted(text.glob("*.md")) + sorted(text.glob("*.txt"))]
    books = [sentences for sentences in books if len(sentences) > 20]
    if not books:
        raise SystemExit(f"{text} holds no .md or .txt file with text; name a folder by --text")
    _link_vocabulary(place, text, vocabulary)
    chance = random.Random(_SEED)
    weights = [3 ** chance.uniform(-1, 1) for _ in range(tasks)]
    counts = {}
    for number, weight in enumerate(weights):
        counts[f"books_{number:04}"] = count = max(2, round(examples * weight / sum(weights)))
        pairs = _pairs(books[number % len(books)], chance, count)
        lines = "".join(f"{inputs}\t{targets}\n" for inputs, targets in pairs)
        (place / f"books_{number:04}.tsv").write_text(lines)
    (place / "counts.json").write_text(json.dumps(counts))
    return place


def _sentences(path: Path) -> list[str]:
    text = re.sub(r"[\s\"]+", " ", path.read_text(errors="replace"))
    return [sentence for sentence in re.split(r"(?<=[.!?]) ", text) if 0 < len(sentence) <= _LONGEST["targets"]]


def _pairs(sentences: list[str], chance: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """Yields `count` examples: some sentences, about as many in every example of a task, and the next one."""
    usual = chance.randint(1, 8)
    for _ in range(count):
        size = max(1, usual + chance.randint(-1, 1))
        start = chance.randrange(len(sentences) - size)
        inputs = " ".join(sentences[start : start + size])
        yield inputs[-_LONGEST["inputs"] :], sentences[start + size]


def _link_vocabulary(place: Path, text: Path, vocabulary: Path) -> None:
    target = place.parent / "vocabulary.model"
    if not target.exists() and vocabulary.exists():
        os.symlink(vocabulary.resolve(), target)
    if not target.exists():
        _train_vocabulary(text, target)


def _train_vocabulary(text: Path, target: Path) -> None:
    import sentencepiece

    paths = sorted(text.glob("*.md")) + sorted(text.glob("*.txt"))
    sentencepiece.SentencePieceTrainer.train(
        input=[str(path) for path in paths],
        model_prefix=str(target.with_suffix("")),
        vocab_size=32000,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )


def files(place: Path) -> dict[str, int]:
    """Returns the number of examples of each task."""
    return json.loads((place / "counts.json").read_text())


def declare_for_t5mix(place: Path) -> Any:
    """Declares the tasks with t5mix and returns their mixture."""
    import t5mix

    return _declare(t5mix, functools.partial(t5mix.preprocessors.preprocess_tsv, inputs_format=PREFIX + "{0}"), place)


def declare_for_seqio(place: Path) -> Any:
    """Declares the tasks with seqio and returns their mixture."""
    import seqio
    import tensorflow as tf

    seqio.add_global_cache_dirs([str(place / "seqio_cache")])

    @seqio.map_over_dataset
    def parse(line: Any) -> dict[str, Any]:
        inputs, targets = tf.io.decode_csv(line, ["", ""], field_delim="\t", use_quote_delim=False)
        return {"inputs": tf.strings.join([PREFIX, inputs]), "targets": targets}

    return _declare(seqio, parse, place)


def _declare(library: Any, parse: Any, place: Path) -> Any:
    """Declares a mixture of the tasks; seqio and t5mix have the same words."""
    vocabulary = library.SentencePieceVocabulary(str(place.parent / "vocabulary.model"), extra_ids=100)
    feature = library.Feature(vocabulary)
    counts = files(place)
    for name, count in counts.items():
        library.TaskRegistry.add(
            name,
            source=library.TextLineDataSource(
                {"train": str(place / f"{name}.tsv")}, num_input_examples={"train": count}
            ),
            preprocessors=[
                parse,
                library.preprocessors.tokenize,
                library.CacheDatasetPlaceholder(),
                library.preprocessors.append_eos,
            ],
            output_features={"inputs": feature, "targets": feature},
        )
    library.MixtureRegistry.add(MIXTURE, list(counts), default_rate=library.mixing_rate_num_examples)
    return library.get_mixture_or_task(MIXTURE)


def seqio_batches(mixture: Any, lengths: dict[str, int], batch_size: int, cached: bool) -> Iterator[dict[str, Any]]:
    """Yields seqio's batches: shuffled, packed, NumPy; the arrays have the names and meaning of t5mix's."""
    import seqio
    import tensorflow as tf

    dataset = mixture.get_dataset(lengths, "train", use_cached=cached, shuffle=True, seed=0, num_epochs=None)
    dataset = seqio.trim_and_pack_dataset(dataset, lengths)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def grain_batches(mixture: Any, lengths: dict[str, int], batch_size: int) -> Iterator[dict[str, Any]]:
    """Yields Grain's batches of the same tokens, held in memory: mixed, shuffled, packed by its first fit.

    It reads in no thread but the caller's, as its documentation recommends for data in memory: here that is several
    times as quick as its default, 16 threads that read ahead.
    """
    import grain

    tasks = list(mixture.tasks)
    held = [list(task.get_dataset(use_cached=True, shuffle=False).as_numpy_iterator()) for task in tasks]
    parts = [grain.MapDataset.source(examples).seed(0).shuffle().repeat() for examples in held]
    mixed = grain.MapDataset.mix(parts, [len(examples) for examples in held])
    options = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
    packed = grain.experimental.FirstFitPackIterDataset(
        mixed.to_iter_dataset(options), length_struct=lengths, num_packing_bins=batch_size
    )
    return iter(packed.batch(batch_size, drop_remainder=True))


def write_seqio_cache(place: Path) -> None:
    """Writes the tokens as seqio's own cache has them: TFRecord, info, stats and COMPLETED of each task."""
    import seqio
    import tensorflow as tf

    declare_for_seqio(place)
    for name, count in files(place).items():
        folder = str(place / "seqio_cache" / name)
        os.makedirs(folder)
        task = seqio.get_mixture_or_task(name)
        with tf.io.TFRecordWriter(
            seqio.utils.get_cached_tfrecord_prefix(folder, "train") + "-00000-of-00001"
        ) as writer:
            for example in task.preprocess_precache(task.source.get_dataset("train", shuffle=False)):
                kept = {key: example[key].numpy() for key in task.output_features}
                writer.write(seqio.dict_to_tfexample(kept).SerializeToString())
        features = {key: {"shape": [None], "dtype": "int32"} for key in task.output_features}
        _write_json(seqio.utils.get_cached_info_path(folder, "train"), {"num_shards": 1, "features": features})
        _write_json(seqio.utils.get_cached_stats_path(folder, "train"), {"examples": count})
        Path(folder, "COMPLETED").touch()


def _write_json(path: str, content: dict[str, Any]) -> None:
    Path(path).write_text(json.dumps(content))


def write_t5mix_cache(place: Path, lengths: dict[str, int]) -> Any:
    """Makes t5mix's token cache of the tasks and returns the stream that reads it."""
    from t5mix.data import Stream

    return Stream(declare_for_t5mix(place), lengths, 8, cache_dir=place / "t5mix_cache")


def check_equal(place: Path, lengths: dict[str, int]) -> dict[str, int]:
    """Compares all examples of a task as the two deliver them, one a row, and returns how many are equal.

    Raises:
      SystemExit: when any differ.
    """
    import seqio

    import t5mix
    from t5mix.data import Stream
    from t5mix.data.packing import collate

    name, count = max(files(place).items(), key=lambda item: item[1])
    # All examples of a task are in a batch of as many rows, if that is a whole window of the stream.
    assert count >= 1024, "too few examples to compare"
    theirs = seqio.get_mixture_or_task(name).get_dataset(lengths, use_cached=True, shuffle=False)
    stream = Stream(t5mix.get_mixture_or_task(name), lengths, count, pack=False, cache_dir=place / "t5mix_cache")
    rows = collate.unpack(stream.batch(0), tuple(lengths))
    one, other = (
        collections.Counter(tuple(example[key].tobytes() for key in lengths) for example in examples)
        for examples in (theirs.as_numpy_iterator(), (example for row in rows for example in row))
    )
    equal = (one & other).total()
    if equal < count:
        raise SystemExit(f"{name}: {count - equal} of {count} examples of seqio and t5mix differ")
    return {"examples_equal": equal}
