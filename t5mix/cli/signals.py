"""Ctrl-C, SIGTERM and SIGHUP: a command ends in one line, with the exit code that shells expect."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from t5mix.internal.terminal import say
from t5mix.training.interruption import first_signal

_PATIENCE = 3.0  # seconds until a stop that some library has swallowed is carried out


class Stopped(KeyboardInterrupt):
    """The command was asked to stop.

    Args:
        number: of the signal; the exit code is 128 more.
    """

    def __init__(self, number: int):
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raises `Stopped` in the body at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.

    Training takes the first one itself, to write a checkpoint. Every file is written whole or not at all, so
    ending a process is safe at any moment. Outside the main thread, where Python delivers no signals, nothing
    happens.
    """
    timers: list[threading.Timer] = []

    def stop(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        # TensorFlow, while it is imported, swallows whatever is raised.
        timers.append(threading.Timer(_PATIENCE, _end, [number]))
        timers[-1].daemon = True
        timers[-1].start()
        raise Stopped(number)

    try:
        with first_signal(stop):
            yield
    finally:
        for timer in timers:
            timer.cancel()


def _end(number: int) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    say(f"{show_cursor}t5mix: {Stopped(number)}")
    os._exit(128 + number)
