"""Ctrl-C, SIGTERM and SIGHUP: a command ends in one line, with the exit code that shells expect."""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator

from t5mix.internal.terminal import say
from t5mix.training.interruption import first_signal

_PATIENCE = 3.0  # seconds until a stop that some library has swallowed is carried out
_APART = 1.0  # seconds after which a second Ctrl-C is one: programs around this one may hand on the first once more


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
        with first_signal(stop), _second_ctrl_c_followed():
            yield
    finally:
        for timer in timers:
            timer.cancel()


@contextlib.contextmanager
def _second_ctrl_c_followed() -> Iterator[None]:
    """Ends the process at a second Ctrl-C, too, where Python does not come to handle signals.

    The compiler, or a step of a large model, may take minutes, after which both would count as one. The system hands
    each signal to a pipe at once, and a thread reads it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_follow, args=(reading,), name="t5mix-signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)


def _follow(reading: int) -> None:
    """Reads the numbers of signals until the pipe is closed, and ends the process where nobody else does."""
    first = None
    with open(reading, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] != signal.SIGINT:
                continue
            if first is None:
                first = time.monotonic()
            elif time.monotonic() - first > _APART:
                select.select([pipe], [], [], _PATIENCE)  # the command may end by itself, or a third one come
                if not select.select([pipe], [], [], 0)[0] or pipe.read(1):
                    _end(signal.SIGINT)


def _end(number: int) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    say(f"{show_cursor}t5mix: {Stopped(number)}")
    os._exit(128 + number)
