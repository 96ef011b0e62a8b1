"""A command that is asked to stop says so in one line and exits as shells expect."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from t5mix.cli import signals
from t5mix.cli.signals import Stopped, stoppable

WAITS = """
import signal, sys, time, t5mix.cli.commands.tasks.list as command
from t5mix.cli import signals
from t5mix.cli.main import main

def run(args):
    print("begun", flush=True)
    {body}

command.run = run
signals._PATIENCE = 0.2
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests may run under nohup,
signal.signal(signal.SIGINT, signal.default_int_handler)  # or behind a shell's &
sys.exit(main(["list"]))
"""

STUBBORN = """
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(60)
"""


@pytest.mark.parametrize("body", ["time.sleep(60)", STUBBORN.strip()])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_one_line(number: signal.Signals, body: str) -> None:
    code = WAITS.format(body=body)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None and p.stdout.readline() == "begun\n"
        p.send_signal(number)
        _, said = p.communicate(timeout=300)
    assert (p.returncode, said) == (128 + number, f"t5mix: stopped by {number.name}\n")


WITHIN_A_LIBRARY = """
    import hashlib, threading

    def tell():
        while time.process_time() < begun + 0.3:
            time.sleep(0.05)
        print("within", flush=True)

    begun, signals._APART = time.process_time(), 0.0
    threading.Thread(target=tell).start()
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)  # takes many minutes
"""


def test_a_second_ctrl_c_ends_a_command_that_is_within_a_library() -> None:
    """There Python handles no signal: after minutes, all would be the first, which training only notes."""
    code = WAITS.format(body=WITHIN_A_LIBRARY.strip())
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None and [p.stdout.readline() for _ in range(2)] == ["begun\n", "within\n"]
        for _ in range(60):
            p.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(1)
                break
        _, said = p.communicate(timeout=60)
    assert (p.returncode, said) == (130, "t5mix: stopped by SIGINT\n")


@pytest.mark.parametrize(
    ("numbers", "apart", "ends"),
    [
        ([signal.SIGINT, signal.SIGINT], 0.0, True),
        ([signal.SIGINT, signal.SIGINT], 60.0, False),  # a program around this one has handed it on
        ([signal.SIGINT, signal.SIGTERM], 0.0, False),  # schedulers send this more than once
    ],
)
def test_which_signals_are_a_second_ctrl_c(monkeypatch, numbers: list[int], apart: float, ends: bool) -> None:
    ended: list[int] = []
    for name, value in {"_APART": apart, "_PATIENCE": 0.0, "_end": ended.append}.items():
        monkeypatch.setattr(signals, name, value)
    reading, writing = os.pipe()
    os.write(writing, bytes(numbers))
    thread = threading.Thread(target=signals._follow, args=(reading,))
    thread.start()
    if ends:
        while not ended:
            time.sleep(0.01)
    os.close(writing)
    thread.join()
    assert ended == ([signal.SIGINT] if ends else [])


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_the_process_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
