"""A run whose folder is lost goes on from its copy as if nothing had been."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import t5mix
from t5mix.cli.main import main
from tests.runs.several import finish, train, values, write_run


def command(folder: Path, name: str, steps: int, *more: str) -> list[str]:
    return [*train(folder, name, f"Training.steps = {steps}", "Evaluation.every = 2"), *more]


def assert_equal(run: Path, other: Path) -> None:
    """Compares what decides the rest of a run: logs, and the values of its last checkpoint."""
    assert (run / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    assert checkpoints_of(run) == checkpoints_of(other) == ["2", "4", "6"]
    found, expected = values(run, 6), values(other, 6)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def checkpoints_of(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


@pytest.mark.slow
def test_a_run_whose_folder_is_lost_goes_on(tmp_path, capsys):
    write_run(tmp_path)
    copied = ["--copy_to", (tmp_path / "bucket").as_uri()]
    with t5mix.overlay():
        assert main(command(tmp_path, "lost", 4, *copied)) == 0
    shutil.rmtree(tmp_path / "lost")
    with t5mix.overlay():
        assert main(command(tmp_path, "lost", 6, *copied)) == 0
    assert "is brought back from file://" in capsys.readouterr().err
    with t5mix.overlay():
        assert main(command(tmp_path, "whole", 6)) == 0
    assert_equal(tmp_path / "lost", tmp_path / "whole")
    assert_equal(tmp_path / "bucket", tmp_path / "whole")
    assert (tmp_path / "bucket" / "report.json").is_file()
    with t5mix.overlay():
        assert main(command(tmp_path, "whole", 6, *copied)) == 2
    assert "holds another run than" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_share_the_copying_out(tmp_path):
    write_run(tmp_path)
    copied = ["--copy_to", (tmp_path / "bucket").as_uri()]
    finish(command(tmp_path, "lost", 4, *copied), 2, 1)
    shutil.rmtree(tmp_path / "lost")
    finish(command(tmp_path, "lost", 6, *copied), 2, 1)
    finish(command(tmp_path, "whole", 6), 2, 1)
    assert_equal(tmp_path / "lost", tmp_path / "whole")
    assert_equal(tmp_path / "bucket", tmp_path / "whole")
