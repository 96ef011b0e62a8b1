"""What goes into a file is plain, whatever rich would do on a terminal."""

import io
import json
import re
import sys
import time
import types

import pytest
from rich import box
from rich.table import Table
from rich.text import Text

from t5mix.internal import terminal
from t5mix.internal.terminal import Progress, duration, emit, put, put_json, say, visible, visible_json


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class AsciiTerminal(io.TextIOWrapper):
    """A terminal of LANG=C: what is no ASCII is an error."""

    def __init__(self, terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("ascii")


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
    assert all(re.fullmatch(r"opening: \d+s so far", line) for line in lines[:2])
    assert re.fullmatch(r"reading a file: 1 of 4, (\d+m)?\d+s left", lines[-1])
    time.sleep(0.3)
    assert file.getvalue().splitlines() == lines


def test_many_small_things_one_after_the_other_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(terminal, "time", types.SimpleNamespace(monotonic=lambda: seconds))
    file = io.StringIO()
    with Progress(file, every=0.1) as progress:
        for number in range(40):
            progress.tell(f"thing {number}", 1, 1)
            seconds += 0.01
    assert 3 <= len(file.getvalue().splitlines()) <= 4


def test_seconds_between_lines_are_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T5MIX_PROGRESS_SECONDS", "0.05")
    file = io.StringIO()
    with Progress(file, what="opening"):
        while not file.getvalue():
            time.sleep(0.01)
    for wrong in ("often", "0", "-1", "1e400"):
        monkeypatch.setenv("T5MIX_PROGRESS_SECONDS", wrong)
        with pytest.raises(ValueError, match=r"T5MIX_PROGRESS_SECONDS is '.*': say seconds between two lines"):
            Progress(file)


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


ESCAPES = [
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\r\x08overwritten",
    "\x00\x7f",
    "\u202ertl\u202c\u2066x\u2069",
]


def commands(text: str) -> str:
    """What is left in a text that a terminal would obey."""
    return "".join(letter for letter in text if visible(letter) != letter)


@pytest.mark.parametrize("text", ESCAPES)
def test_no_text_commands_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", title=f"title {text}", caption=text)
    table.add_row(text, Text(f"rich {text}"))
    for file in (io.StringIO(), Terminal()):
        emit(table, text, Text(text), file=file)
        shown = file.getvalue()
        if file.isatty():
            shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # rich's own colours
        assert commands(shown) == "", repr(shown)
    say(f"about {text}")
    with Progress(every=0) as progress:
        progress.tell(text, 1, 2, text)
        progress.tell(text, 2, 2, text)
    assert commands(capsys.readouterr().err) == ""


def test_what_is_no_command_stays() -> None:
    text = "tab\tline\né 中 😀 العربية\u200f [bold] \\x1b"
    assert visible(text) == text
    assert visible("\x1b[1m") == r"\x1b[1m" and visible("\u202e") == r"\u202e"


@pytest.mark.parametrize("text", ESCAPES)
def test_json_keeps_its_meaning(text: str) -> None:
    written = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(written) == {text: [text]} and commands(written) == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_ascii_gets_the_whole_table(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = AsciiTerminal(terminal)
    table = Table("name", "\u00b1 s.e.", box=box.SIMPLE_HEAD, title="caf\u00e9")
    table.add_row("\u2581the", "\u2588\u2588\u258f")
    table.add_row("\u597d", "last")
    emit(table, "behind \ud800", file=file)
    lines = file.text().splitlines()
    assert "caf\\xe9" in lines[0] and "+ s.e." in file.text() and "---" in file.text()
    assert "_the" in file.text() and "###" in file.text() and "\\u597d" in file.text() and lines[-1] == "behind \\ud800"


def test_ascii_sees_progress() -> None:
    file = AsciiTerminal()
    with Progress(file) as progress:
        progress.tell("reading \u597d", 1, 2)
        progress.tell("reading \u597d", 2, 2)
    assert file.text()


def test_json_stays_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (AsciiTerminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", file)
        put_json({"text": "caf\u00e9 \u597d"})
        text = file.text() if isinstance(file, AsciiTerminal) else file.getvalue()
        assert json.loads(text) == {"text": "caf\u00e9 \u597d"}
    assert "\u597d" in text  # as it is where it can be written


def test_what_no_encoding_has_fails_nowhere() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    put("name\udcff", file=file)
    assert file.buffer.getvalue() == b"name\\udcff\n"
