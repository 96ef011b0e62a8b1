"""One small run on toy tasks, which questions are asked about."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from t5mix.cli.main import main
from tests.runs.conftest import SMALL, toy_tasks

# The first task of `toy` is drawn twice as often as the others.
FIRST_RATE = 2.0
SETTINGS = f"""{SMALL}
Evaluation.limit = 8
Training.steps = 6
Training.schedule = @constant()
Training.checkpoint_every = 2
Training.log_every = 1
constant.learning_rate = 0.01
"""


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "run.gin").write_text(SETTINGS.replace("FOLDER", str(folder / "run")))
    with toy_tasks(FIRST_RATE):
        assert main(["train", "--gin_file", str(folder / "run.gin")]) == 0
    return folder / "run"


@pytest.fixture
def tasks() -> Iterator[None]:
    """`toy_tasks`, until the end of the test."""
    with toy_tasks(FIRST_RATE):
        yield


@pytest.fixture
def original(_trained: Path, tasks: None, tmp_path: Path) -> Path:
    """A copy of the folder of a run that has ended."""
    return Path(shutil.copytree(_trained, tmp_path / "original"))
