"""Settings out of a stranger's gin file, read as data: nothing is imported, included, looked up or called."""

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t5mix.internal.files import read_text

# How deep a macro may stand for a macro.
_DEPTH = 20

# Marks, within the text handed to `ast.literal_eval`, what is no literal.
_MACRO, _REFERENCE = "\0macro:", "\0reference:"

Tokens = list[tokenize.TokenInfo]


def read(path: Path) -> dict[str, Any]:
    """Reads a gin file; see `parse`."""
    return parse(read_text(path), str(path))


def parse(text: str, source: str) -> dict[str, Any]:
    """Returns the values of all bindings, `{"decoder/DenseReluDense.activation": "relu", "d_ff": 2048}`.

    `%NAME` becomes the value of that macro; a reference, `@name` or `@name()`, becomes the text "@name". Statements
    that are no bindings, such as `import`, are passed over.

    Args:
        text: of the file.
        source: its name, for errors.

    Raises:
        ValueError: a line is not gin.
    """
    raw: dict[str, Any] = {}
    try:
        for statement in _statements(text):
            if statement[0].string in ("import", "include", "from"):
                continue
            equals = next((n for n, token in enumerate(statement) if token.string == "="), None)
            if not equals:
                raise ValueError(f"{source}:{statement[0].start[0]}: this is not gin: {statement[0].line.strip()[:80]}")
            raw["".join(token.string for token in statement[:equals])] = _literal(statement[equals + 1 :], source)
    except (tokenize.TokenError, SyntaxError) as error:  # an IndentationError is a SyntaxError
        raise ValueError(f"{source}: this is not gin: {error.args[0]}") from None
    return {name: _resolved(value, raw, source) for name, value in raw.items()}


def _statements(text: str) -> Iterator[Tokens]:
    """Yields the tokens of each logical line."""
    statement: Tokens = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if statement:
                yield statement
            statement = []
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            statement.append(token)


def _literal(tokens: Tokens, source: str) -> Any:
    """Returns the value of a right side: a literal, in which references and macros are marked texts."""
    parts = []
    place = 0
    while place < len(tokens):
        if tokens[place].string in ("%", "@"):
            mark = _MACRO if tokens[place].string == "%" else _REFERENCE
            name, place = _name(tokens, place + 1)
            parts.append(repr(mark + name))
        else:
            parts.append(tokens[place].string)
            place += 1
    try:
        return ast.literal_eval(" ".join(parts))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        line = tokens[0].start[0] if tokens else 0
        raise ValueError(f"{source}:{line}: the right side is no literal: {' '.join(parts)[:80]!r}") from None


def _name(tokens: Tokens, place: int) -> tuple[str, int]:
    """Returns the name that begins at a token, as `scope/module.name`, and the place behind it."""
    name = ""
    while place < len(tokens) and (tokens[place].type == tokenize.NAME or tokens[place].string in ("/", ".")):
        if name and name[-1] not in "/." and tokens[place].type == tokenize.NAME:
            break
        name += tokens[place].string
        place += 1
    if tokens[place : place + 2] and [token.string for token in tokens[place : place + 2]] == ["(", ")"]:
        place += 2
    return name, place


def _resolved(value: Any, raw: Mapping[str, Any], source: str, depth: int = 0) -> Any:
    """Returns a value with the values of its macros in their places; an unknown macro stays a text, "%name"."""
    if isinstance(value, str) and value.startswith(_MACRO):
        name = value.removeprefix(_MACRO)
        if depth > _DEPTH:
            raise ValueError(f"{source}: the macro {name} stands for itself")
        stated = next(
            (raw[key] for key in (name, f"{name}/macro.value", f"{name}/gin.macro.value") if key in raw), None
        )
        return f"%{name}" if stated is None else _resolved(stated, raw, source, depth + 1)
    if isinstance(value, str):
        return f"@{value.removeprefix(_REFERENCE)}" if value.startswith(_REFERENCE) else value
    if isinstance(value, list | tuple):
        return type(value)(_resolved(item, raw, source, depth) for item in value)
    if isinstance(value, dict):
        return {key: _resolved(item, raw, source, depth) for key, item in value.items()}
    return value


def find(bindings: Mapping[str, Any], *endings: str) -> Any:
    """Returns the value of the first binding whose name ends in one of `endings`, whatever its scope and module.

    Args:
        bindings: from `parse`.
        endings: such as "DenseReluDense.activation"; the first that is bound counts.
    """
    for ending in endings:
        for name, value in bindings.items():
            if name == ending or name.endswith((f".{ending}", f"/{ending}")):
                return value
    return None
