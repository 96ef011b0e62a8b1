"""Printing for people: to a terminal with colours and its own width, to a file as plain text.

Names, examples and predictions may hold anything, escape sequences that command a terminal included. So whatever is
shown goes through `visible`: `emit` and `say` see to that, and `console` for displays.
"""

import functools
import io
import re
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich import progress
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

_FILE_WIDTH = 140  # columns where the output is no terminal

# What moves the cursor, begins a command to the terminal, or turns text around: control characters but for tabs and
# line feeds, and the characters that set the direction of others.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str, encoding: str | None = None) -> str:
    r"""Returns text in which what would command a terminal, or cannot be written, is spelled out, as `\x1b`.

    Args:
        text: any; where there is nothing of the kind it stays as it is.
        encoding: of the file; None is UTF-8.
    """
    text = _COMMANDS.sub(lambda found: _spelled(found[0]), text)
    if text.isascii():
        return text
    encoding = encoding or "utf-8"
    if not encoding.lower().startswith("utf"):
        text = re.sub("[\u2580-\u259f]", "#", text)  # bars
    return text.encode(encoding, "backslashreplace").decode(encoding)


def visible_json(text: str) -> str:
    """Returns JSON of the same meaning, with escapes for what would command a terminal."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def console(file: IO[str], **options: Any) -> "Console":
    """Returns a console of rich that shows every text as `visible` does."""
    return _console_class()(file=file, highlight=False, markup=False, **options)


@functools.cache
def _console_class() -> "type[Console]":
    from rich.console import Console
    from rich.segment import Segment

    class VisibleConsole(Console):
        def render_str(self, text: str, **options: Any) -> "Text":
            return super().render_str(visible(text, self.encoding), **options)  # before its width is measured

        def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterable[Segment]":
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control else Segment(visible(text, self.encoding), style)

    return VisibleConsole


class _Held(io.StringIO):
    """Text on its way to a file of some encoding."""

    def __init__(self, encoding: str | None) -> None:
        super().__init__()
        self._encoding = encoding or "utf-8"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def emit(*parts: "RenderableType", file: IO[str] | None = None) -> None:
    """Prints tables and texts below one another.

    Args:
        parts: what rich can render; strings are printed as they are, without markup.
        file: where to print; standard output by default. A file gets no colours, a fixed width, and no blanks at
            the ends of lines.
    """
    target = file or sys.stdout
    shown = [visible(part) if isinstance(part, str) else part for part in parts]
    if target.isatty():
        console(target).print(*shown, sep="\n")
        return
    text = _Held(getattr(target, "encoding", None))
    console(text, width=_FILE_WIDTH).print(*shown, sep="\n")
    for line in text.getvalue().split("\n")[:-1]:
        print(line.rstrip(), file=target)


def say(line: str, file: IO[str] | None = None) -> None:
    """Prints a line about what is being done, at once.

    Args:
        line: the text.
        file: where to print; standard error by default.
    """
    target = file or sys.stderr
    print(visible(line, getattr(target, "encoding", None)), file=target, flush=True)


def duration(seconds: float) -> str:
    """Returns seconds as people say them: "45s", "3m10s", "2h05m"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"


class Progress:
    """How far something is, and when it will be done: a bar on a terminal, elsewhere a line now and then.

    Args:
        file: where to show it; standard error by default.
        every: seconds between lines where there is no terminal; what takes less says nothing.
    """

    def __init__(self, file: IO[str] | None = None, every: float = 10.0):
        self._file = file or sys.stderr
        self._every = every
        self._what = ""
        self._began = self._last_line = time.monotonic()
        self._bar: progress.Progress | None = None

    def __enter__(self) -> Self:
        if self._file.isatty():
            from rich.progress import Progress as Bar

            self._bar = Bar(console=console(self._file), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        shown = f"{what} {now_at}".rstrip()
        if self._bar:
            if what != self._what:
                for task in self._bar.task_ids:
                    self._bar.remove_task(task)
                self._bar.add_task(what, total=total)
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=shown)
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
        elif not self._bar and now - self._last_line >= self._every:
            self._last_line = now
            say(f"{shown}: {_so_far(done, total, now - self._began)}", self._file)


def _so_far(done: int, total: int | None, seconds: float) -> str:
    if not total or not done:
        return f"{done:,}"
    return f"{done:,} of {total:,}, {duration(seconds * max(0, total - done) / done)} left"
