"""Small real tasks for the stream, over bytes."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from t5mix.features import Feature
from t5mix.preprocessors import append_eos_after_trim, tokenize
from t5mix.sources import FunctionDataSource
from t5mix.steps import CacheDatasetPlaceholder
from t5mix.task import Task
from t5mix.vocabularies import ByteVocabulary

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
