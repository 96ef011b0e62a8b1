"""Rates of a mixture in a TOML file: numbers, stages by steps, and changes along a line."""

from collections.abc import Mapping
from typing import Any

from t5mix.declarations.rates import Changing, UniMax, linear, stages
from t5mix.declarations.toml.table import Table

_LINE = ("from", "to", "start", "stop")


def are_together(table: Table) -> bool:
    """Tells whether all rates of the mixture are given at once."""
    return "rates" in table.held or table.held.get("rate") == "unimax"


def arguments(table: Table) -> dict[str, Any]:
    """Returns the arguments `rates`, `unit` and `max_epochs` of a mixture, as far as the table says them.

    Example: `rates = { 0 = { a = 1.0, b = 1.0 }, 1000 = { b = 1.0 } }` and `max_epochs = 4` give
    `{"rates": stages({0: {"a": 1.0, "b": 1.0}, 1000: {"b": 1.0}}), "max_epochs": 4}`.
    """
    held, found = table.held, {key: table.held[key] for key in ("unit", "max_epochs") if key in table.held}
    if "rates" in held:
        if "rate" in held:
            table.refuse("rate", "is of each task, and rates gives all; leave one of them out")
        found["rates"] = _together(table)
    elif held.get("rate") == "unimax":
        for key in ("budget", "max_epochs"):
            if key not in held:
                table.refuse(None, f'says no {key!r}, which rate = "unimax" needs; add it')
        try:
            found["rates"] = UniMax(held["budget"], held["max_epochs"])
        except ValueError as error:
            table.refuse("rate", f'= "unimax": {error}')
    if "budget" in held and held.get("rate") != "unimax":
        table.refuse("budget", 'is of rate = "unimax"; leave it out')
    return found


def rate(table: Table, key: str, what: str, value: Any) -> float | Changing:
    """Returns a rate: a number, stages as in `{ 0 = 1.0, 1000 = 0.5 }`, or a line by `from`, `to`, `start`, `stop`.

    Args:
        table: the table.
        key: where the rate stands in it.
        what: begins a refusal.
        value: what is written.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, Mapping):
        table.refuse(key, f"{what} {value!r}; give a number, or one for each first step of a stage")
    return _changing(table, key, value, lambda one: isinstance(one, int | float) and not isinstance(one, bool))


def _together(table: Table) -> Any:
    value = table.held["rates"]
    if not isinstance(value, Mapping) or not value:
        table.refuse("rates", f"is {value!r}; give a table of tasks and numbers, or such a table for each stage")
    if all(isinstance(one, int | float) for one in value.values()) and not all(map(_is_step, value)):
        return value
    return _changing(table, "rates", value, lambda one: isinstance(one, Mapping))


def _changing(table: Table, key: str, value: Mapping[str, Any], fits: Any) -> Changing:
    is_line = any(name in _LINE for name in value)
    if is_line and sorted(value) != sorted(_LINE):
        table.refuse(key, f"has {', '.join(value)}; a change along a line is {{ {' = .., '.join(_LINE)} = .. }}")
    if not is_line:
        for step, one in value.items():
            if not _is_step(step) or not fits(one):
                table.refuse(key, f"has {step} = {one!r}; give for each first step of a stage what holds from it on")
    try:
        if is_line:
            return linear(value["from"], value["to"], value["start"], value["stop"])
        return stages({int(step): one for step, one in value.items()})
    except ValueError as error:
        table.refuse(key, str(error))


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdigit()
