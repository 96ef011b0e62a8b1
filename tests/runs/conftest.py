"""Toy tasks and the settings of a run on them."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import t5mix
from t5mix import preprocessors
from t5mix.declarations import registry
from t5mix.runs.records.run_folder import Trained
from t5mix.training import checkpoint_files

# A run on the mixture `toy` with a model that is trained in seconds.
SMALL = """\
Run.folder = 'FOLDER'
Run.mixture = 'toy'
Run.sequence_length = {'inputs': 16, 'targets': 8}
Run.batch_size = 4

T5Config.vocab_size = 264
T5Config.d_model = 16
T5Config.d_ff = 32
T5Config.num_heads = 2
T5Config.d_kv = 8
T5Config.num_encoder_layers = 1
T5Config.num_decoder_layers = 1

Evaluation.split = 'test'
"""

# Settings of a complete run, as somebody would write them.
SETTINGS = f"""{SMALL}
STEPS = 6
Training.steps = %STEPS
Training.schedule = @constant()
Training.checkpoint_every = 2

Finetuning.steps = 3
Finetuning.schedule = @finetune/constant()

constant.learning_rate = 0.01
finetune/constant.learning_rate = 0.001
"""


def digits(split: str, shuffle_files: bool, start: int):
    """Examples such as {"inputs": "say 7", "targets": "7"}; the splits share none."""
    import tensorflow as tf

    first = start + {"train": 0, "test": 20}[split]
    numbers = [str(number) for number in range(first, first + 20)]
    inputs = [f"say {number}" for number in numbers]
    return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": numbers})


def hidden_digits(split: str, shuffle_files: bool, start: int):
    """The same without the answers of the test split, as a server that scores them publishes it."""
    examples = digits(split, shuffle_files, start)
    return examples.map(lambda example: {**example, "targets": "-1"}) if split == "test" else examples


def accuracy(targets, predictions):
    """Per cent of exact matches."""
    same = sum(target == prediction for target, prediction in zip(targets, predictions, strict=True))
    return {"accuracy": 100.0 * same / len(targets)}


def register(name: str, start: int = 0, metrics=(accuracy,), vocabulary=None, splits=("train", "test"), data=digits):
    """Registers a toy task."""
    feature = t5mix.Feature(vocabulary or t5mix.ByteVocabulary(extra_ids=5))
    return t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(functools.partial(data, start=start), splits=splits),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={"inputs": feature, "targets": feature},
        metric_fns=list(metrics),
    )


@contextlib.contextmanager
def toy_tasks(first_rate: float = 1.0) -> Iterator[None]:
    """The mixture `toy` of toy_a, toy_b (with metrics) and toy_plain (without)."""
    with registry.overlay():
        register("toy_a")
        register("toy_b", start=100)
        register("toy_plain", start=200, metrics=())
        t5mix.MixtureRegistry.add("toy", [("toy_a", first_rate), "toy_b", "toy_plain"], default_rate=1.0)
        yield


@pytest.fixture
def toy() -> Iterator[None]:
    """`toy_tasks`, until the end of the test."""
    with toy_tasks():
        yield


@pytest.fixture
def add_task(toy: None) -> Callable[..., t5mix.Task]:
    """Registers one more task like those of `toy`, until the end of the test."""
    return register


@pytest.fixture
def gin_file(tmp_path: Path) -> Path:
    """`SETTINGS` in a file, with a run folder beside it."""
    path = tmp_path / "run.gin"
    path.write_text(SETTINGS.replace("FOLDER", str(tmp_path / "run")))
    return path


def pretend_checkpoint(trained: Trained, step: int, extra: Mapping[str, Any] | None = None) -> None:
    """Writes a checkpoint such as training leaves, but for its weights."""
    folder = trained.checkpoints / str(step)
    folder.mkdir(parents=True)
    (folder / "weights").write_text("weights")
    checkpoint_files.seal(folder, {"step": step, "extra": dict(extra or {}), "variables": {}})
