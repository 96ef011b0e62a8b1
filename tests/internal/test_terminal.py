"""What goes into a file is plain, whatever rich would do on a terminal."""

import io
import re
import time

from rich.table import Table
from rich.text import Text

from t5mix.internal.terminal import Progress, duration, emit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_file_gets_plain_text() -> None:
    file = io.StringIO()
    table = Table("name")
    table.add_row(Text("x", style="bold red"))
    emit(table, "a [bold] word", file=file)
    text = file.getvalue()
    assert "\x1b" not in text and "a [bold] word" in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_a_terminal_gets_colours(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    file = Terminal()
    emit(Text("x", style="bold red"), file=file)
    assert "\x1b[" in file.getvalue()


def test_progress_in_a_file_is_a_line_now_and_then() -> None:
    file = io.StringIO()
    with Progress(file, every=0) as progress:
        for done in (1, 2):
            progress.tell("reading", done, 1000)
        progress.tell("counting", 5, None)
        progress.tell("counting", 6, None)
    assert file.getvalue().splitlines() == [
        "reading: 1 of 1,000, 0s left",
        "reading: 2 of 1,000, 0s left",
        "counting: 5",
        "counting: 6",
    ]
    quiet = io.StringIO()
    with Progress(quiet) as progress:
        progress.tell("reading", 1, 2)
        progress.tell("reading", 2, 2)
    assert quiet.getvalue() == ""


def test_what_takes_long_says_so_while_nothing_is_told() -> None:
    file = io.StringIO()
    with Progress(file, every=0.1, what="opening") as progress:
        while file.getvalue().count("\n") < 2:
            time.sleep(0.01)
        progress.tell("reading", 1, 4, "a file")
        while file.getvalue().count("\n") < 4:
            time.sleep(0.01)
    lines = file.getvalue().splitlines()
    assert lines[:2] == ["opening: 0s so far"] * 2
    assert re.fullmatch(r"reading a file: 1 of 4, \d+s left", lines[-1])
    time.sleep(0.3)
    assert file.getvalue().splitlines() == lines


def test_many_small_things_one_after_the_other_are_told_too() -> None:
    file = io.StringIO()
    with Progress(file, every=0.1) as progress:
        for number in range(40):
            progress.tell(f"thing {number}", 1, 1)
            time.sleep(0.01)
    assert 2 <= len(file.getvalue().splitlines()) <= 5


def test_a_reader_that_has_gone_stops_nothing() -> None:
    with Progress(Gone(), every=0) as progress:
        progress.tell("reading", 1, 2)


def test_progress_on_a_terminal_is_a_bar(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    file = Terminal()
    with Progress(file) as progress:
        progress.tell("reading", 1, 2)
        progress.tell("decoding", 1, None)
    assert "decoding" in file.getvalue()


def test_durations() -> None:
    assert [duration(s) for s in (0.2, 59, 190, 7500)] == ["0s", "59s", "3m10s", "2h05m"]
