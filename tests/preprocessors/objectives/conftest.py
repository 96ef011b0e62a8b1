"""Documents of known tokens, as a task on which an objective runs."""

from collections.abc import Callable

import pytest

from t5mix.declarations.task import Task
from t5mix.preprocessors.pipeline import CacheDatasetPlaceholder, Step
from t5mix.sources import FunctionDataSource
from t5mix.vocabularies import ByteVocabulary
from t5mix.vocabularies.features import Feature


@pytest.fixture
def features() -> dict[str, Feature]:
    """The features of an objective's examples; bytes, with T5's number of sentinels."""
    vocabulary = ByteVocabulary(extra_ids=100)
    return {"inputs": Feature(vocabulary, required=False), "targets": Feature(vocabulary)}


@pytest.fixture
def text_task(features: dict[str, Feature]) -> Callable[..., Task]:
    """A function that makes the task `text`: four documents, one of them empty, and an objective behind the cache."""

    def documents(split: str, shuffle_files: bool):
        import tensorflow as tf

        bounds = tf.constant([[3, 43], [103, 203], [3, 3], [53, 183]])
        return tf.data.Dataset.from_tensor_slices(bounds).map(lambda b: {"targets": tf.range(b[0], b[1]) % 250 + 3})

    def make(step: Step, output_features: dict[str, Feature] = features) -> Task:
        return Task(
            "text",
            source=FunctionDataSource(documents, splits=["train"]),
            preprocessors=[CacheDatasetPlaceholder(), step],
            output_features=output_features,
        )

    return make
