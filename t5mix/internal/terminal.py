"""Printing for people: to a terminal with colours and its own width, to a file as plain text."""

import io
import sys
import threading
import time
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich import progress
    from rich.console import RenderableType

_FILE_WIDTH = 140  # columns where the output is no terminal


def emit(*parts: "RenderableType", file: IO[str] | None = None) -> None:
    """Prints tables and texts below one another.

    Args:
        parts: what rich can render; strings are printed as they are, without markup.
        file: where to print; standard output by default. A file gets no colours, a fixed width, and no blanks at
            the ends of lines.
    """
    from rich.console import Console

    target = file or sys.stdout
    if target.isatty():
        Console(file=target, highlight=False, markup=False).print(*parts, sep="\n")
        return
    text = io.StringIO()
    Console(file=text, highlight=False, markup=False, width=_FILE_WIDTH).print(*parts, sep="\n")
    for line in text.getvalue().splitlines():
        print(line.rstrip(), file=target)


def say(line: str) -> None:
    """Prints a line about what is being done, to standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Returns seconds as people say them: "45s", "3m10s", "2h05m"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


class Progress:
    """How far something is, and when it will be done: a bar on a terminal, elsewhere a line now and then.

    Lines come also while nothing is told: a user who waits should know for what.

    Args:
        file: where to show it; standard error by default.
        every: seconds between lines where there is no terminal; what takes less says nothing.
        what: what is being done, until something else is told.
    """

    def __init__(self, file: IO[str] | None = None, every: float = 5.0, what: str = ""):
        self._file = file or sys.stderr
        self._every = every
        self._what = self._shown = what
        self._began = self._last_line = time.monotonic()
        self._bar: progress.Progress | None = None
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._done = 0
        self._total: int | None = None

    def __enter__(self) -> Self:
        if self._file.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(file=self._file), transient=True)
            self._bar.start()
            if self._what:
                self._bar.add_task(self._what, total=None)
        elif self._every:
            threading.Thread(target=self._tell_now_and_then, name="t5mix-progress", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with self._lock:  # a line that is being printed is printed first
            if self._bar:
                self._bar.stop()

    def tell(self, what: str, done: int, total: int | None, now_at: str = "") -> None:
        """Takes in that `done` parts of `total` are done, None where that is not known; a new `what` begins anew.

        Args:
            what: what is being done.
            done: how much of it.
            total: of how much.
            now_at: the part that is being done, shown behind `what`.
        """
        with self._lock:
            self._shown = f"{what} {now_at}".rstrip()
            if self._bar:
                if what != self._what:
                    for task in self._bar.task_ids:
                        self._bar.remove_task(task)
                    self._bar.add_task(what, total=total)
                self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=self._shown)
            if what != self._what:
                self._what, self._began = what, time.monotonic()
            self._done, self._total = done, total
            self._line_if_due()

    def _tell_now_and_then(self) -> None:
        while not self._ended.wait(max(0.05, self._last_line + self._every - time.monotonic())):
            with self._lock:
                if not self._ended.is_set():
                    self._line_if_due()

    def _line_if_due(self) -> None:
        now = time.monotonic()
        if self._bar or not self._what or now - self._last_line < self._every:
            return
        self._last_line = now
        try:
            print(f"{self._shown}: {_so_far(self._done, self._total, now - self._began)}", file=self._file, flush=True)
        except (OSError, ValueError):  # nobody reads, or the file is closed: no reason to stop working
            self._ended.set()


def _so_far(done: int, total: int | None, seconds: float) -> str:
    if not done:
        return f"{duration(seconds)} so far"
    if not total:
        return f"{done:,}"
    return f"{done:,} of {total:,}, {duration(seconds * max(0, total - done) / done)} left"
