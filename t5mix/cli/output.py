"""How commands print: tables for people, JSON for programs."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5mix.internal.code import signatures
from t5mix.internal.terminal import put_json, visible
from t5mix.vocabularies import Vocabulary
from t5mix.vocabularies.features import Feature

if TYPE_CHECKING:
    from rich.console import RenderableType


def print_json(content: Any) -> None:
    """Prints `content` as JSON, keys in the order they have."""
    put_json(content)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> "RenderableType":
    """Returns a table whose first column is never folded.

    Args:
        title: printed above it.
        columns: headings; one that begins with ">" belongs to a column of numbers, set right.
            Where all are empty, none is shown.
        rows: one cell a column; anything but a string or a rich text is shown by `str`.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
    )
    for index, heading in enumerate(columns):
        made.add_column(
            heading.lstrip(">"),
            justify="right" if heading.startswith(">") else "left",
            no_wrap=index == 0,
            style="cyan" if index == 0 else "",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    return made


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Returns the lines of a table that is as wide as it is; see `table` for the arguments."""
    cells = [[heading.lstrip(">") for heading in columns], *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [heading.startswith(">") for heading in columns]
    aligned = [
        [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        for row in cells
    ]
    head, *body = ["  ".join(row).rstrip() for row in aligned]
    return [head, "-" * len(head), *body]


def shortened(text: str, most: int) -> str:
    """Returns a text, or its beginning and how much more there is."""
    more = len(text) - most
    return text if more <= 0 else f"{text[:most]} ... and {more:,} more characters"


def bar(share: float, width: int = 30) -> str:
    """Returns a bar of `share`, in 0..1, of `width` characters, to an eighth of one."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def plural(number: int, noun: str) -> str:
    """Returns "1 task", "2 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def count(number: int | None) -> str:
    """Returns "12,345", or "?" for what is not known."""
    return "?" if number is None else f"{number:,}"


def size(number: int) -> str:
    """Returns a number of bytes as "23.4 MiB", "1.5 GiB"."""
    return f"{number / 2**20:,.1f} MiB" if number < 2**30 else f"{number / 2**30:,.1f} GiB"


def short_line(declared_at: str) -> str:
    """Returns "file:line" with the file relative to the working folder when it lies inside it."""
    file, _, line = declared_at.rpartition(":")
    relative = os.path.relpath(file) if file else declared_at
    return declared_at if relative.startswith("..") else f"{relative}:{line}"


def feature_as_json(declared: Feature, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a feature of one example as JSON: text, ids and pieces; or values, if it has no ids.

    Args:
        declared: the feature of the task.
        name: its name in `fields`.
        fields: the example, as NumPy arrays or bytes.
    """
    values = fields[name]
    if getattr(values, "ndim", 0) != 1 or not declared.dtype.startswith(("int", "uint")):
        return {"values": _plain(values)}
    ids = values.tolist()
    vocabulary = declared.vocabulary
    text = fields.get(f"{name}_pretokenized")
    return {
        "text": str(vocabulary.decode(ids)) if text is None else _plain(text),
        "ids": ids,
        "pieces": [piece(vocabulary, token) for token in ids],
    }


def piece(vocabulary: Vocabulary, token: int) -> str:
    """Returns what one id stands for: "▁the", "</s>", "é", or "<195>" for what is no text alone."""
    tokenizer = getattr(vocabulary, "tokenizer", None)
    if tokenizer is not None and 0 <= token < vocabulary.vocab_size:
        return tokenizer.id_to_piece(token)
    names = {vocabulary.pad_id: "<pad>", vocabulary.eos_id: "</s>", vocabulary.unk_id: "<unk>"}
    if token in names:
        return names[token]
    decoded = vocabulary.decode([token])
    return decoded if isinstance(decoded, str) and decoded else f"<{token}>"


def step_call(step: Any) -> str:
    """Returns a step as a call: "translate(source_language='en', target_language='de')"."""
    arguments: list[str] = []
    while isinstance(step, functools.partial):
        named = [f"{name}={_shown(value)}" for name, value in step.keywords.items()]
        arguments = [*map(_shown, step.args), *named, *arguments]
        step = step.func
    name = signatures.name(step)
    return f"{name}({', '.join(arguments)})" if arguments else name


def _shown(value: Any) -> str:
    text = signatures.name(value) if callable(value) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
