"""Tasks and mixtures of a TOML file."""

import tomllib
from pathlib import Path
from typing import Any

from t5mix.declarations import registry
from t5mix.declarations.declaration import SourceInfo
from t5mix.declarations.namespace import namespace
from t5mix.declarations.rates import proportional
from t5mix.declarations.toml import mixing
from t5mix.declarations.toml.table import DeclarationError, Table
from t5mix.declarations.toml.task_arguments import task_arguments
from t5mix.internal import text_files

_KINDS = ("tasks", "mixtures")


def declares(file: Path) -> bool:
    """Tells whether a TOML file declares tasks or mixtures, as pyproject.toml does not."""
    return any(kind in _read(file)[0] for kind in _KINDS)


def declare(file: Path) -> None:
    """Registers the tasks and mixtures of a TOML file.

    Raises:
        DeclarationError: naming file, line and the fix, when one cannot work or a name is taken.
    """
    parsed, lines = _read(file)
    unknown = [key for key in parsed if key not in _KINDS]
    if unknown or not parsed:
        what = f"{unknown[0]!r} is no kind of declaration" if unknown else "nothing is declared"
        raise DeclarationError(f"{file}:1: {what}; write [tasks.NAME] or [mixtures.NAME]")
    for kind in _KINDS:
        tables = parsed.get(kind, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise DeclarationError(f"{file}:1: {kind} is no set of tables; write [{kind}.NAME] for each")
        for name, held in tables.items():
            table = Table(file, lines, kind, name, held)
            try:
                _add(table)
            except ValueError as error:
                located = _located(table, error)
                if namespace.put_aside(kind.removesuffix("s"), name, located, f"{file}:{table.line()}") is None:
                    raise located from error


def _read(file: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns what a TOML file says, and its lines, in which `Table` finds where it says it."""
    try:
        text = text_files.read(file)
    except ValueError as error:
        raise DeclarationError(str(error)) from None
    try:
        return tomllib.loads(text), tuple(text.splitlines())
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{file}: is no TOML: {error}") from error
    except RecursionError:
        raise DeclarationError(f"{file}: its brackets are nested too deeply") from None


def _located(table: Table, error: ValueError) -> DeclarationError:
    if isinstance(error, DeclarationError):
        return error
    return DeclarationError(f"{table.file}:{table.line()}: {error}")


def _add(table: Table) -> None:
    declared_at = SourceInfo(str(table.file), table.line())
    if table.kind == "tasks":
        registry.TaskRegistry.add(table.name, source_info=declared_at, **task_arguments(table))
        return
    table.check_keys(("tasks", "rate", "maximum", "rates", "budget", "unit", "max_epochs"), ("tasks",))
    registry.MixtureRegistry.add(
        table.name, _parts(table), _default_rate(table), source_info=declared_at, **mixing.arguments(table)
    )


def _parts(table: Table) -> list[Any]:
    tasks = table.held["tasks"]
    if isinstance(tasks, dict):
        for key in ("rate", "maximum", "rates"):
            if key in table.held:
                table.refuse(key, "is of tasks without a rate, and tasks gives each its own; leave it out")
        return [(name, mixing.rate(table, "tasks", f"gives {name!r} the rate", rate)) for name, rate in tasks.items()]
    return list(table.texts("tasks"))


def _default_rate(table: Table) -> Any:
    """Returns a number, or the number of examples up to a maximum; None where all rates are given together."""
    if mixing.are_together(table):
        if "maximum" in table.held:
            table.refuse("maximum", 'limits the rate "examples"; leave it out')
        return None
    rate, maximum = table.held.get("rate", "examples"), table.held.get("maximum")
    if maximum is not None and (isinstance(maximum, bool) or not isinstance(maximum, int) or maximum < 1):
        table.refuse("maximum", f"is {maximum!r}; give a number of examples")
    if rate == "examples":
        return proportional(maximum=maximum)
    if maximum is not None:
        table.refuse("maximum", 'limits the rate "examples"; leave it out, or rate')
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        table.refuse("rate", f'is {rate!r}; give a number, "examples" for a task\'s number of examples, or "unimax"')
    return rate
