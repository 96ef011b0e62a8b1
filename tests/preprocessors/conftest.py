"""Running a preprocessor on examples."""

from collections.abc import Callable

import pytest
import tensorflow as tf


@pytest.fixture
def rows_of() -> Callable:
    """A function that runs a preprocessor on examples and returns Python values, texts decoded."""

    def run(preprocessor: Callable, *examples: dict | str, **arguments: object) -> list[dict]:
        spec = tf.data.Dataset.from_tensors(examples[0]).element_spec
        spec = tf.nest.map_structure(lambda s: tf.TensorSpec([None] * s.shape.rank, s.dtype), spec)
        dataset = tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=spec)
        made = preprocessor(dataset, **arguments)
        return [{key: plain(value) for key, value in row.items()} for row in made.as_numpy_iterator()]

    return run


def plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode()
    return [plain(item) for item in value] if getattr(value, "shape", ()) else value
