"""One small run on toy tasks, which questions are asked about."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import t5mix
from t5mix.cli.main import main
from t5mix.declarations import registry
from tests.runs.conftest import register

SETTINGS = """\
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

Training.steps = 6
Training.schedule = @constant()
Training.checkpoint_every = 2
Training.log_every = 1
constant.learning_rate = 0.01

Evaluation.split = 'test'
Evaluation.limit = 8
"""


@contextlib.contextmanager
def toy_tasks() -> Iterator[None]:
    """The mixture `toy` of toy_a, toy_b and toy_plain, which has no metrics."""
    with registry.overlay():
        register("toy_a")
        register("toy_b", start=100)
        register("toy_plain", start=200, metrics=())
        t5mix.MixtureRegistry.add("toy", [("toy_a", 2.0), "toy_b", "toy_plain"], default_rate=1.0)
        yield


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "run.gin").write_text(SETTINGS.replace("FOLDER", str(folder / "run")))
    with toy_tasks():
        assert main(["train", "--gin_file", str(folder / "run.gin")]) == 0
    return folder / "run"


@pytest.fixture
def tasks() -> Iterator[None]:
    """`toy_tasks`, until the end of the test."""
    with toy_tasks():
        yield


@pytest.fixture
def original(_trained: Path, tasks: None, tmp_path: Path) -> Path:
    """A copy of the folder of a run that has ended."""
    return Path(shutil.copytree(_trained, tmp_path / "original"))
