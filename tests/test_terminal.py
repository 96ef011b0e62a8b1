"""What goes into a file is plain, whatever rich would do on a terminal."""

import io

from rich.table import Table
from rich.text import Text

from t5mix.terminal import emit


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
