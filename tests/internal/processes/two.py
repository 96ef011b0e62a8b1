"""Programs in two processes that join each other, with one CPU device each."""

import os
import socket
import subprocess
import sys
from pathlib import Path

LONGEST = 120.0  # seconds after which a process that hangs is killed

HEAD = """
import sys
from pathlib import Path

from t5mix.internal.processes import agreement
from t5mix.internal.processes.joining import joined
from t5mix.mesh.devices import configure_cpu

folder, port, own = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
"""


def start(folder: Path, body: str) -> list[subprocess.Popen]:
    """Starts a program in two processes; its body is to join the process `own` of two at `port`."""
    (folder / "program.py").write_text(HEAD + body)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "T5MIX_CPU_DEVICES": "1", "JAX_PLATFORMS": "cpu"}
    return [
        subprocess.Popen(
            [sys.executable, str(folder / "program.py"), str(folder), port, str(own)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in range(2)
    ]


def ends(process: subprocess.Popen) -> tuple[int, str, str]:
    """Waits for a process; returns its status, standard output and standard error."""
    try:
        out, errors = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
    return process.returncode, out, errors
