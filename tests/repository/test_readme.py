"""The README is true: its example is a declarations file that works, its commands run, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    """Every t5mix command of the README, as one line each."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if ".venv/bin/t5mix" in line]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    """Runs a command of the README with this Python's t5mix; programs are stopped after a few steps."""
    this = f"{shlex.quote(sys.executable)} -m t5mix"
    command = command.replace(".venv/bin/t5mix", this)
    command = re.sub(r"--steps \d+", "--steps 3", command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_links_lead_somewhere():
    links = re.findall(r"\]\(((?!http)[^)]+)\)", README)
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_the_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.slow
def test_every_command_runs(tmp_path):
    (tmp_path / "my_tasks.py").write_text(blocks("python")[0], encoding="utf-8")
    ran = commands()
    assert len(ran) >= 9
    train = next(line for line in ran if " train " in line and "--dry_run" in line and "dates" in line)
    for command in ran:
        done = shell(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if command == train:  # "without --dry_run it trains"
            trained = shell(command.replace("--dry_run", ""), tmp_path)
            assert trained.returncode == 0, trained.stderr
            assert (tmp_path / "runs/dates/report.json").exists()
    assert "Traceback" not in done.stderr
