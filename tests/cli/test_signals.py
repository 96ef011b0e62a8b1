"""A command that is asked to stop says so in one line and exits as shells expect."""

import signal
import subprocess
import sys

import pytest

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
