"""Being asked to stop: SIGTERM, as schedulers send before they take a machine away; Ctrl-C; a terminal that closes."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say


class Interrupted(SystemExit):
    """Training stopped because it was asked to, after writing a checkpoint.

    The exit code is 128 + the signal's number, as shells expect.

    Args:
        number: of the signal.
        step: of the checkpoint.

    Attributes:
        together: that all processes of a run stop so, after the same step.
    """

    together = True

    def __init__(self, number: int, step: int):
        super().__init__(128 + number)
        name = signal.Signals(number).name
        self.message = f"{name}: stopped after step {step:,}, with a checkpoint; start again to go on"


class StopSignal:
    """Whether a signal has come.

    Attributes:
        number: Of the signal; None as long as there is none.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    def note(self, number: int) -> None:
        """Takes a signal in."""
        self.number = number


def signal_of_any(stop: StopSignal) -> int:
    """Returns the signal that has come to some process, on all of them; 0 where none has."""
    return max(agreement.gathered(stop.number or 0))


@contextlib.contextmanager
def noted_signal() -> Iterator[StopSignal]:
    """Notes the first signal to stop in the body, which goes on; a second one does what it did before."""
    stop = StopSignal()
    with first_signal(stop.note):
        yield stop


@contextlib.contextmanager
def first_signal(handle: Callable[[int], None]) -> Iterator[None]:
    """Calls `handle` at the first signal to stop in the body; the handlers from before are back when it is called.

    These are SIGINT, SIGTERM and SIGHUP, but for those that the process was told to ignore, as `nohup` does. Outside
    the main thread, where Python delivers no signals, nothing happens.

    Args:
        handle: Gets the signal's number; what it raises comes up in the body.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def caught(number: int, frame: FrameType | None) -> None:
        restore()
        handle(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, caught)
    try:
        yield
    finally:
        restore()


@contextlib.contextmanager
def stop_told() -> Iterator[None]:
    """Says that training was stopped, below whatever else is still shown."""
    try:
        yield
    except Interrupted as interrupted:
        if agreement.is_first():
            say(interrupted.message)
        raise
