"""What goes into a file is plain, whatever rich would do on a terminal."""

import io

from rich.table import Table
from rich.text import Text

from t5mix.internal.terminal import Progress, duration, emit


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


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
    assert file.getvalue().splitlines() == ["reading: 2 of 1,000, 0s left", "counting: 6"]
    quiet = io.StringIO()
    with Progress(quiet) as progress:
        progress.tell("reading", 1, 2)
        progress.tell("reading", 2, 2)
    assert quiet.getvalue() == ""


def test_progress_on_a_terminal_is_a_bar(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    file = Terminal()
    with Progress(file) as progress:
        progress.tell("reading", 1, 2)
        progress.tell("decoding", 1, None)
    assert "decoding" in file.getvalue()


def test_durations() -> None:
    assert [duration(s) for s in (0.2, 59, 190, 7500)] == ["0s", "59s", "3m10s", "2h05m"]
