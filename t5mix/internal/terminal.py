"""The one place where t5mix prints: to a terminal with colours and its own width, to a file as plain text.

Names, examples and predictions may hold anything, escape sequences that command a terminal included: what is shown goes
through `visible`. A terminal that knows ASCII alone gets every line whole, with plain signs where it has no others.
"""

import codecs
import functools
import io
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from rich import progress
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text

_FILE_WIDTH = 140  # columns where the output is no terminal
# What moves the cursor, begins a command to the terminal, or turns text around: control characters but for tabs and
# line feeds, and the characters that set the direction of others.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# The name under which Python knows what `_stand_in` does.
_STAND_INS = "t5mix-stand-ins"
# Signs of ASCII for others, of one column each, so that tables keep their shape.
_ASCII = {
    **dict.fromkeys("\u2500\u2501\u2550\u2574\u2576\u2578\u257a\u2013\u2014", "-"),
    **dict.fromkeys("\u2502\u2503\u2551", "|"),
    **{"\u2581": "_", "\u2026": ".", "\u00b1": "+", "\u00d7": "x", "\u2192": ">", "\u2022": "*", "\u00a0": " "},
    **{"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'},
}
# The same for ranges: the first and the last sign, and what stands for each: corners, bars, what turns while one waits.
_ASCII_OF_RANGES = (("\u2500", "\u257f", "+"), ("\u2580", "\u259f", "#"), ("\u2800", "\u28ff", "*"))


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Replaces what an encoding has not: lines and bars by signs of ASCII, other letters by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_as_ascii, error.object[error.start : error.end])), error.end


def _as_ascii(sign: str) -> str:
    of_its_range = (plain for first, last, plain in _ASCII_OF_RANGES if first <= sign <= last)
    return _ASCII.get(sign) or next(of_its_range, sign.encode("ascii", "backslashreplace").decode())


codecs.register_error(_STAND_INS, _stand_in)


def never_fail_to_print() -> None:
    """Lets standard output and error write a plain sign in place of one that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_STAND_INS)


def visible(text: str) -> str:
    r"""Returns text in which what would command a terminal is spelled out, as `\x1b`; other text stays as it is."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_json(text: str) -> str:
    """Returns JSON of the same meaning, with escapes for what would command a terminal."""
    return re.sub(rf"(?!\n){_COMMANDS.pattern}", lambda found: f"\\u{ord(found[0]):04x}", text)


def fitting(text: str, file: IO[str]) -> str:
    """Returns a text, made `visible`, with plain signs in place of those that a file's encoding lacks."""
    return _encodable(visible(text), file)


def _encodable(text: str, file: IO[str]) -> str:
    encoding = getattr(file, "encoding", None) or "utf-8"
    return text.encode(encoding, _STAND_INS).decode(encoding)


class _Fitted:
    """A file whose `write` never fails for what its encoding lacks: for what rich draws by itself."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(_encodable(text, self._file))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def console(file: IO[str], **options: Any) -> "Console":
    """Returns a console of rich, for displays too that redraw themselves; it shows every text as `visible` does."""
    return _console_class()(file=cast("IO[str]", _Fitted(file)), highlight=False, markup=False, **options)


@functools.cache
def _console_class() -> "type[Console]":
    from rich.console import Console
    from rich.segment import Segment

    class VisibleConsole(Console):
        def render_str(self, text: str, **options: Any) -> "Text":
            return super().render_str(visible(text), **options)  # before its width is measured

        def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterable[Segment]":
            for segment in super().render(renderable, options):
                text, style, control = segment
                yield segment if control else Segment(visible(text), style)

    return VisibleConsole


def emit(*parts: "RenderableType", file: IO[str] | None = None) -> None:
    """Prints tables and texts below one another.

    Args:
        parts: what rich can render; strings are printed as they are, without markup.
        file: where to print; standard output by default. A file gets no colours, a fixed width, and no blanks at
            the ends of lines.
    """
    target = file or sys.stdout
    if target.isatty():
        console(target).print(*parts, sep="\n")
        return
    text = io.StringIO()
    console(text, width=_FILE_WIDTH).print(*parts, sep="\n")
    for line in text.getvalue().split("\n")[:-1]:
        put(line.rstrip(), file=target)


def put(text: str, file: IO[str] | None = None) -> None:
    """Prints lines, to standard output by default, at once."""
    target = file or sys.stdout
    print(fitting(text, target), file=target, flush=True)


def put_json(content: Any) -> None:
    """Prints content as JSON, keys in the order they have; where letters can not be written, by their numbers."""
    text = visible_json(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
    plain = fitting(text, sys.stdout) == text
    put(text if plain else json.dumps(content, indent=2, allow_nan=False))


def put_data(text: str) -> None:
    """Writes data to standard output: for a program in UTF-8, whatever the locale; for a person as `put` does."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        sys.stdout.write(fitting(text, sys.stdout))
    else:
        sys.stdout.flush()
        buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()


def say(line: str) -> None:
    """Prints a line about what is being done, to standard error, at once."""
    put(line, file=sys.stderr)


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
        every: seconds between lines where there is no terminal; what takes less says nothing. By default
            T5MIX_PROGRESS_SECONDS, or 5.
        what: what is being done, until something else is told.
    """

    def __init__(self, file: IO[str] | None = None, every: float | None = None, what: str = ""):
        self._file = file or sys.stderr
        self._every = _seconds_between_lines() if every is None else every
        self._what = self._shown = what
        self._began = self._last_line = time.monotonic()
        self._bar: progress.Progress | None = None
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._done = 0
        self._total: int | None = None

    def __enter__(self) -> Self:
        if self._file.isatty():
            from rich.progress import Progress as Bar

            self._bar = Bar(console=console(self._file), transient=True)
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
            put(f"{self._shown}: {_so_far(self._done, self._total, now - self._began)}", file=self._file)
        except (OSError, ValueError):  # nobody reads, or the file is closed: no reason to stop working
            self._ended.set()


def _seconds_between_lines() -> float:
    said = os.environ.get("T5MIX_PROGRESS_SECONDS") or "5"
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", said) or not float(said):
        raise ValueError(f"T5MIX_PROGRESS_SECONDS is {said!r}: say seconds between two lines, as 5 or 0.5")
    return float(said)


def _so_far(done: int, total: int | None, seconds: float) -> str:
    if not done:
        return f"{duration(seconds)} so far"
    if not total:
        return f"{done:,}"
    return f"{done:,} of {total:,}, {duration(seconds * max(0, total - done) / done)} left"
