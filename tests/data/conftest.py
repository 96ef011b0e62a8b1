"""Small real tasks for the stream, over bytes."""

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from t5mix.data import Stream
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.task import Task
from t5mix.preprocessors import append_eos_after_trim, objectives, tokenize
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature

VOCABULARY = ByteVocabulary(extra_ids=100)


class Texts:
    """A source of texts that counts how often it is read; its content is its identity."""

    def __init__(self, columns: dict[str, list[str]]) -> None:
        self.columns, self.read = columns, 0

    def fingerprint(self, split: str) -> str:
        return repr((split, self.columns))

    def __call__(self, split: str, shuffle_files: bool) -> Any:
        import tensorflow as tf

        self.read += 1
        columns = {name: tf.constant(texts, tf.string) for name, texts in self.columns.items()}
        return tf.data.Dataset.from_tensor_slices(columns)


def words(name: str, count: int, shortest: int, longest: int) -> list[str]:
    """Seeded texts of random length."""
    source = random.Random(name)
    return ["".join(source.choices("abcdefgh ", k=source.randint(shortest, longest))) for _ in range(count)]


def text_task(
    name: str,
    count: int = 40,
    longest: int = 30,
    *,
    columns: dict[str, list[str]] | None = None,
    before: Sequence[Any] = (),
    after: Sequence[Any] = (append_eos_after_trim,),
    splits: Sequence[str] = ("train",),
    vocabulary: Any = VOCABULARY,
) -> Task:
    """A task from random texts to random texts; its source is `task.texts`."""
    if columns is None:
        columns = {
            "inputs": words(name, count, 0, longest),
            "targets": words(name + "!", count, 1, longest // 2),
        }
    texts = Texts(columns)
    feature = Feature(vocabulary)
    task = Task(
        name,
        source=FunctionDataSource(texts, splits=splits),
        preprocessors=[*before, tokenize, CacheDatasetPlaceholder(), *after],
        output_features={"inputs": Feature(vocabulary, required=False), "targets": feature},
    )
    task.texts = texts  # type: ignore[attr-defined]
    return task


@pytest.fixture
def make_task() -> Callable[..., Task]:
    return text_task


@pytest.fixture
def make_texts() -> Callable[..., list[str]]:
    return words


@pytest.fixture
def make_source() -> Callable[[dict[str, list[str]]], Texts]:
    return Texts


@pytest.fixture
def mixture() -> Mixture:
    """Long examples, short ones, and span corruption of documents."""
    documents = {"inputs": [""] * 30, "targets": words("docs", 30, 0, 200)}
    corruption = objectives.span_corruption(noise_density=0.3)
    tasks = [
        (text_task("long", count=60, longest=50), 1.0),
        (text_task("short", count=25, longest=8), 2.0),
        (text_task("text", columns=documents, after=[corruption, append_eos_after_trim]), 1.5),
    ]
    return Mixture("mixed", tasks)


def digest_of(stream: Stream, steps: Iterable[int]) -> str:
    """A hash of the batches of these steps."""
    sha = hashlib.sha256()
    for step in steps:
        for name, array in sorted(stream.batch(step).items()):
            sha.update(name.encode() + array.tobytes())
    return sha.hexdigest()


@pytest.fixture
def digest() -> Callable[..., str]:
    return digest_of
