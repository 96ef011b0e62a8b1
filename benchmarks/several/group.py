"""Several processes of one command, on this machine, each with some of its devices."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = str(Path(__file__).with_name("commands.py"))

# Seconds after which processes that have not ended are killed.
LONGEST = 300.0


def free_port() -> int:
    """Returns a port that nobody had a moment ago."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def start(command: Sequence[str], count: int, devices: int, folder: Path, name: str) -> list[subprocess.Popen]:
    """Starts a command in several processes.

    Args:
        command: program and arguments, to which those of several processes are added.
        count: of processes; one is told nothing of others.
        devices: of each process.
        folder: of caches, and of what they say: `NAME.INDEX.err` and `.out`.
        name: of those files.
    """
    several = ["--coordinator", f"localhost:{free_port()}", "--processes", str(count), "--wait", "45"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "T5MIX_CACHE": str(folder / "cache"),
        "T5MIX_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    started = []
    for index in range(count):
        with open(folder / f"{name}.{index}.err", "wb") as errors, open(folder / f"{name}.{index}.out", "wb") as out:
            more = [*several, "--process", str(index)] if count > 1 else []
            started.append(subprocess.Popen([*command, *more], env=environment, stdout=out, stderr=errors))
    return started


def ends(processes: Sequence[subprocess.Popen], longest: float = LONGEST) -> list[int]:
    """Waits for the processes; returns their exit statuses, -9 for those that had to be killed."""
    last = time.monotonic() + longest
    for process in processes:
        try:
            process.wait(max(0.1, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
    return [process.wait() for process in processes]


def finish(command: Sequence[str], count: int, devices: int, folder: Path, name: str) -> None:
    """Runs a command in several processes to its end.

    Raises:
        RuntimeError: it fails; with what the processes said.
    """
    for _ in range(3):
        statuses = ends(start(command, count, devices, folder, name))
        said = "\n".join((folder / f"{name}.{index}.err").read_text() for index in range(count))
        if "did not find each other" not in said:  # somebody took the port
            break
    if any(statuses):
        raise RuntimeError(f"{name} in {count} processes ended with {statuses}:\n{said[-4000:]}")


def t5mix(*arguments: str) -> list[str]:
    """Returns the command line of a command of t5mix."""
    return [sys.executable, "-m", "t5mix", *arguments]
