"""Being asked to stop: SIGTERM, as schedulers send before they take a machine away, and Ctrl-C."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interrupted(SystemExit):
    """Training stopped because it was asked to, after writing a checkpoint.

    The exit code is 128 + the signal's number, as shells expect.

    Args:
        number: of the signal.
        step: of the checkpoint.
    """

    def __init__(self, number: int, step: int):
        super().__init__(128 + number)
        name = signal.Signals(number).name
        self.message = f"{name}: stopped after step {step:,}, with a checkpoint; start again to go on"


class StopSignal:
    """Notes the first SIGTERM or SIGINT while it is entered; a second one ends the process as it always did.

    Outside the main thread, where Python delivers no signals, it never fires.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
