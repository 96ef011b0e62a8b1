"""Two processes, for real: when one ends, the other does, and says which one that was and why."""

import signal
import time

import pytest

from tests.internal.processes.two import ends, start

PROGRAM = """
with joined(f"localhost:{port}", 2, own, configure_cpu, 60):
    agreement.wait_for_all("there")
    (folder / f"{own}.there").touch()
    if (folder / "fails").exists() and own == 1:
        raise ValueError("no such mixture")
    while own == 0 or not (folder / "fails").exists():
        agreement.gathered(own)
"""


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_killed_ends_the_other(victim, tmp_path):
    processes = start(tmp_path, PROGRAM)
    while not all((tmp_path / f"{own}.there").exists() for own in range(2)):
        assert all(process.poll() is None for process in processes), [ends(process) for process in processes]
        time.sleep(0.01)
    processes[victim].send_signal(signal.SIGKILL)
    status, out, errors = ends(processes[1 - victim])
    assert (status, out) == (3, "")
    [line] = [line for line in errors.splitlines() if "has died" in line]
    assert f"t5mix: process {victim} of 2 (pid {processes[victim].pid} on " in line
    ends(processes[victim])


ALIKE = """
with joined(f"localhost:{port}", 2, own, configure_cpu, 60):
    agreement.wait_for_all("there")
    time.sleep(0 if own else 3)
    raise ValueError("no such mixture")
"""


def test_an_error_of_all_is_told_once_and_as_their_own(tmp_path):
    (first, _, errors), (second, _, other) = (ends(process) for process in start(tmp_path, f"import time\n{ALIKE}"))
    assert (first, second) == (2, 2)
    assert "ValueError: no such mixture" in errors and "has ended" not in errors
    assert "no such mixture" not in other and "has ended" not in other


def test_a_process_that_fails_ends_the_other_with_the_reason(tmp_path):
    (tmp_path / "fails").touch()
    (first, _, errors), (second, _, own) = (ends(process) for process in start(tmp_path, PROGRAM))
    assert (first, second) == (3, 2)
    assert "process 1 of 2 (pid " in errors and "has ended (ValueError: no such mixture): all processes end" in errors
    assert "ValueError: no such mixture" in own


GONE_BEFORE = """
import os, signal
if own == 1:
    configure_cpu()
    import jax
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, 1)
    assert jax.process_count() == 2
    os.kill(os.getpid(), signal.SIGKILL)
with joined(f"localhost:{port}", 2, own, configure_cpu, 60):
    raise AssertionError("both were there")
"""


@pytest.mark.slow  # Gloo waits for half a minute
def test_a_process_that_is_killed_while_all_meet_ends_the_other_with_a_line(tmp_path):
    status, out, errors = ends(start(tmp_path, GONE_BEFORE)[0])
    assert (status, out) == (2, "")
    assert errors.splitlines()[-1].startswith("t5mix: error: another process ended while all met (")
