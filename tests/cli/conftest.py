"""Declarations of toy tasks in a file, as a user would have it."""

from pathlib import Path

import pytest

from t5mix.declarations import registry

DECLARATIONS = """
import functools

import t5mix
from t5mix import preprocessors


def data(split, shuffle_files, count):
    import tensorflow as tf

    inputs = [f"toy: é{i}" for i in range(count)]
    targets = [str(i % 2) for i in range(count)]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": targets})


def accuracy(targets, predictions):
    return {"accuracy": 0.0}


for name, count in (("toy_large", 30), ("toy_small", 10)):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(
            functools.partial(data, count=count), ["train"], num_input_examples={"train": count}
        ),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={
            key: t5mix.Feature(t5mix.ByteVocabulary()) for key in ("inputs", "targets")
        },
        metric_fns=[accuracy],
    )
t5mix.MixtureRegistry.add("toy_mix", ["toy_large", ("toy_small", 10)], default_rate=30)
"""


@pytest.fixture
def declarations(tmp_path: Path):
    """Returns the path of a declarations file; what it declares is forgotten afterwards."""
    path = tmp_path / "toys.py"
    path.write_text(DECLARATIONS)
    with registry.overlay():
        yield str(path)
