"""Declaring without registering."""

import logging
from typing import Any, NoReturn

from t5mix.declarations.registry import MixtureRegistry, Registry, TaskRegistry
from t5mix.internal import paths

_log = logging.getLogger(__name__)


def disable_registry() -> None:
    """Makes both registries take nothing in and give nothing out, for the rest of the process.

    Raises:
        ValueError: when something is registered already, other than by what t5mix ships.
    """
    own = tuple(str(path) for path in _shipped())
    registries: dict[str, Registry[Any]] = {"Task": TaskRegistry, "Mixture": MixtureRegistry}
    there = [
        f"{kind}Registry"
        for kind, registry in registries.items()
        if any(not registry.get(name).declared_at.startswith(own) for name in registry.names())
    ]
    if there:
        names = ", ".join(there)
        raise ValueError(
            f"The {names} is non-empty. Please invoke `disable_registry()` before any Task/Mixtures are registered."
        )
    for kind, registry in registries.items():
        _disable(kind, registry)


def _shipped() -> list[Any]:
    folders = []
    for kind in ("tasks", "mixtures"):
        try:
            folders.append(paths.shipped(kind))
        except FileNotFoundError:  # the framework alone
            continue
    return folders


def _disable(kind: str, registry: Registry[Any]) -> None:
    def add(name: str, *args: Any, **kwargs: Any) -> None:
        _log.info("%s %s is not registered: disable_registry was called", kind.lower(), name)

    def get(name: str, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError(f"Disabled {kind}Registry.get call: {name}")

    vars(registry).update(add=add, add_provider=add, get=get)
