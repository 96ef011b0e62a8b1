"""gin files and `--gin_param` settings, read into statements that remember their file and line.

gin's own parser does the reading. What is added: files are found by path or by their name in the
shipped folder, `import` is refused because it runs code, and every error is one line that says
where.
"""

import dataclasses
import difflib
import os
import tokenize
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.internal import paths, text_files
from t5mix.runs.config.gin_library import config_parser

_SHOWN = 200  # characters of a --gin_param in a message

# What a run folder records of its settings.
RECORD = "operative_config.gin"


@dataclasses.dataclass(frozen=True)
class Location:
    """Where a statement stands: a file and a line, or one `--gin_param` (line 0).

    Attributes:
        source: the file, or what the user typed.
        line: of the file.
        recorded: whether a run folder recorded it: it is data, and nobody typed or named the files that it names.
    """

    source: str
    line: int = 0
    recorded: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclasses.dataclass(frozen=True)
class Reference:
    """`@scope/name()`: what the configurable `name` returns, built within `scope`."""

    name: str
    evaluate: bool

    def __repr__(self) -> str:
        return f"@{self.name}{'()' if self.evaluate else ''}"


@dataclasses.dataclass(frozen=True)
class Macro:
    """`%NAME`: the value that `NAME = ...` gives."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


@dataclasses.dataclass(frozen=True)
class Binding:
    """`scope/configurable.parameter = value`, or `NAME = value` (a macro), which has no configurable."""

    scope: str
    configurable: str
    parameter: str
    value: Any
    location: Location

    @property
    def key(self) -> str:
        """The left side, as it is written in a gin file."""
        scope = f"{self.scope}/" if self.scope else ""
        dot = "." if self.configurable else ""
        return f"{scope}{self.configurable}{dot}{self.parameter}"

    @property
    def is_macro(self) -> bool:
        """Whether this is `NAME = value`."""
        return not self.configurable

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r}"


def read(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> list[Binding]:
    """Reads files (with their includes), then single settings, in the order in which they take effect.

    Args:
        gin_files: paths, or names within the shipped gin folder, such as "runs/offline.gin".
        gin_params: single settings, such as "Training.steps = 100"; they come after all files.

    Raises:
        FileNotFoundError: a file is at neither location; names similar ones.
        ValueError: a line is not gin, or imports; says where.
    """
    bindings: list[Binding] = []
    for name in gin_files:
        bindings += _read_file(find_gin_file(name), including=(), recorded=False)
    for text in gin_params:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
        bindings += _read_text(text, f"--gin_param {shown!r}", single=True)
    return bindings


def with_defaults(defaults: Mapping[str, Any], gin_files: Sequence[str], gin_params: Sequence[str]) -> list[str]:
    """Returns single settings with others before them, for what nobody says.

    Of a part of the run, such as `Decoding`, the defaults hold together or not at all: some would not go with what is
    said; but a seed goes with all. Those of `Run` itself hold one by one.

    Args:
        defaults: values by name, such as `{"Run.batch_size": 8}`.
        gin_files: that the user names.
        gin_params: that the user gives.
    """
    known = said(gin_files, gin_params)
    parts = parts_of(known)
    free = {key: value for key, value in defaults.items() if key not in known and key.partition(".")[0] not in parts}
    return [*(f"{key} = {value!r}" for key, value in free.items()), *gin_params]


def parts_of(keys: Collection[str]) -> set[str]:
    """Returns the parts of the run, such as "Decoding", that these settings are of; a seed says nothing of its part."""
    return {key.partition(".")[0] for key in keys if not key.endswith(".seed")} - {"Run"}


def said(gin_files: Sequence[str], gin_params: Sequence[str]) -> set[str]:
    """Returns the names of the settings that somebody binds, such as "Run.mixture".

    Args:
        gin_files: that the user names.
        gin_params: that the user gives.
    """
    return {binding.key.removeprefix("t5mix.") for binding in read(gin_files, gin_params)}


def bound_to(key: str, gin_files: Sequence[str], gin_params: Sequence[str]) -> Any:
    """Returns the value that a setting is bound to, as it is written; None where nobody binds it.

    Args:
        key: such as "Run.mixture".
        gin_files: that the user names.
        gin_params: that the user gives.
    """
    values = [one.value for one in read(gin_files, gin_params) if one.key.removeprefix("t5mix.") == key]
    return values[-1] if values else None


def find_gin_file(name: str, beside: Path | None = None) -> Path:
    """Finds a gin file by path, or by its name in the shipped folder.

    Args:
        name: what the user typed, or what an `include` names.
        beside: folder of the including file, which is looked in first.

    Raises:
        FileNotFoundError: it is nowhere; suggests shipped files of a similar name.
    """
    shipped = paths.shipped("gin")
    here = [] if beside is not None and beside.is_relative_to(shipped) else [Path(name)]
    by_name = [shipped / name, shipped / name.removeprefix("gin/")]
    for path in ([beside / name] if beside is not None else []) + here + by_name:
        if path.is_file():
            return path
    known = sorted(str(path.relative_to(shipped)) for path in shipped.rglob("*.gin"))
    close = difflib.get_close_matches(name.removeprefix("gin/"), known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"shipped ones are {', '.join(known)}"
    raise FileNotFoundError(f"no gin file {name!r}, by path or in the shipped gin folder; {hint}")


class _Delegate(config_parser.ParserDelegate):
    """Keeps references and macros as they are written."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        return Reference(scoped_configurable_name, evaluate)

    def macro(self, macro_name: str) -> Macro:
        return Macro(macro_name)


def is_record(path: Path) -> bool:
    """Tells whether a gin file is what a run folder recorded: its operative_config.gin, or config.gin beside that."""
    for each in (path, Path(os.path.realpath(path))):
        if each.name == RECORD or (each.name == "config.gin" and (each.parent / RECORD).is_file()):
            return True
    return False


def _read_file(path: Path, including: tuple[Path, ...], recorded: bool) -> list[Binding]:
    if path.resolve() in including:
        chain = " includes ".join(str(other) for other in (*including, path))
        raise ValueError(f"{path}: gin files include each other in a circle: {chain}")
    recorded = recorded or is_record(path)
    return _read_text(text_files.read(path), str(path), path, including, recorded=recorded)


def _read_text(
    text: str,
    source: str,
    path: Path | None = None,
    including: tuple[Path, ...] = (),
    single: bool = False,
    recorded: bool = False,
) -> list[Binding]:
    """Reads the statements of one text; `single` ones have no line numbers and include nothing."""
    bindings: list[Binding] = []
    for statement in _parse(text, source, single):
        location = Location(source, 0 if single else statement.location.line_num, recorded)
        if isinstance(statement, config_parser.BindingStatement):
            bindings.append(_binding(statement, location))
        elif isinstance(statement, config_parser.ImportStatement):
            raise ValueError(
                f"{location}: `{statement.format()}` would run code; delete the line "
                "(tasks come from declarations files: Run.include, or --include)"
            )
        elif isinstance(statement, config_parser.IncludeStatement):
            if path is None:
                raise ValueError(f"{location}: name a file with --gin_file, not with include")
            try:
                found = find_gin_file(statement.filename, beside=path.parent)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"{location}: {error}") from None
            bindings += _read_file(found, (*including, path.resolve()), recorded)
    return bindings


def _parse(text: str, source: str, single: bool) -> list[Any]:
    """Returns gin's statements of a text, in order."""
    hint = "; text needs quotes of its own: --gin_param \"Run.mixture = 'offline_proportional'\"" if single else ""
    parser = None
    try:
        # The parser yields None at the end of the text, and its iterator stops there.
        parser = config_parser.ConfigParser(text, _Delegate())
        return list(parser)
    except (RecursionError, MemoryError):
        location = Location(source, 0 if single or parser is None else parser.current_token.start[0])
        raise ValueError(f"{location}: this is not gin: its brackets are nested too deeply{hint}") from None
    except (SyntaxError, tokenize.TokenError) as error:
        message, place = error.args[0], error.args[1] if len(error.args) > 1 else (0, 0)
        line = place[1] if isinstance(error, SyntaxError) else place[0]
        # "malformed node or string <...> Failed to parse token 'offline'": only the end of it
        # helps.
        reason = " ".join(str(message).split())
        reason = reason[max(0, reason.find("Failed to parse token")) :].rstrip(".")
        location = Location(source, 0 if single else line)
        raise ValueError(f"{location}: this is not gin: {reason}{hint}") from None
    except Exception as error:  # Python's parser has limits of its own, such as 4,300 digits of a number
        location = Location(source, 0 if single or parser is None else parser.current_token.start[0])
        raise ValueError(f"{location}: this is not gin: {' '.join(str(error).split())}{hint}") from None


def _binding(statement: Any, location: Location) -> Binding:
    if statement.arg_name:
        name, parameter = statement.selector, statement.arg_name
        if name in ("macro", "gin.macro"):
            return Binding("", "", statement.scope, statement.value, location)
        return Binding(statement.scope, name, parameter, statement.value, location)
    macro = f"{statement.scope}/{statement.selector}" if statement.scope else statement.selector
    return Binding("", "", macro, statement.value, location)
