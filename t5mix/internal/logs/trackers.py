"""Weights & Biases and Trackio: numbers by step go there, too, where T5MIX_TRACK names them.

The choice is one of the environment, not of a run's settings: those are recorded, and a folder of somebody else's must
not decide whom this machine calls. Where each sends numbers, and as whom, is set as it says: WANDB_MODE=offline,
TRACKIO_SPACE_ID and the like.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t5mix.internal.logs.closing import Closing
from t5mix.internal.suggestions import suggestion
from t5mix.internal.terminal import say

NAMES = ("wandb", "trackio")
_CHOICE = "T5MIX_TRACK"
_PROJECT = "t5mix"


def chosen() -> tuple[str, ...]:
    """Returns what T5MIX_TRACK names, in the order of `NAMES`.

    Raises:
        ValueError: it names something else.
        ImportError: what it names is not installed.
    """
    said = [name.strip() for name in os.environ.get(_CHOICE, "").split(",") if name.strip()]
    for name in said:
        if name not in NAMES:
            raise ValueError(f"{_CHOICE} names {name!r}: it may name {' and '.join(NAMES)}{suggestion(name, NAMES)}")
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"{_CHOICE} names {name!r}, which is not installed: pip install {name}")
    return tuple(name for name in NAMES if name in said)


class Trackers(Closing):
    """What follows one training. Nothing is imported where nothing is chosen.

    One that fails later, for want of a network say, is told once and left out: training goes on.

    Args:
        folder: of the training. Its path decides the run's name there, so that a training goes on as the same run.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder).resolve()
        self._runs: dict[str, Any] = {}
        for name in chosen():
            with _to_standard_error():
                self._runs[name] = _STARTS[name](importlib.import_module(name), self._folder)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hands on the values of a step that are numbers.

        Args:
            step: steps done so far.
            values: numbers by name; slashes make groups.
        """
        numbers = {name: value for name, value in values.items() if math.isfinite(value)}
        for name in list(self._runs if numbers else ()):
            with self._leaving_out(name):
                self._runs[name].log(numbers, step=step)

    def close(self) -> None:
        """Tells them that no more comes."""
        for name in list(self._runs):
            with self._leaving_out(name):
                self._runs[name].finish()

    @contextlib.contextmanager
    def _leaving_out(self, name: str) -> Iterator[None]:
        try:
            with _to_standard_error():
                yield
        except Exception as error:  # they raise errors of many kinds
            del self._runs[name]
            say(f"warning: {name} follows {str(self._folder)!r} no further: {type(error).__name__}: {error}")


def _wandb(module: Any, folder: Path) -> Any:
    identity = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    project = os.environ.get("WANDB_PROJECT") or _PROJECT
    return module.init(project=project, name=_name(folder), id=identity, resume="allow", dir=str(folder))


def _trackio(module: Any, folder: Path) -> Any:
    return module.init(project=os.environ.get("TRACKIO_PROJECT") or _PROJECT, name=_name(folder), resume="allow")


_STARTS = {"wandb": _wandb, "trackio": _trackio}


def _name(folder: Path) -> str:
    """Returns the name of the run folder; of a fine-tuning with that of its task."""
    return f"{folder.parents[1].name}/{folder.name}" if folder.parent.name == "finetune" else folder.name


def _to_standard_error() -> contextlib.AbstractContextManager[Any]:
    """Keeps what they print out of a command's results."""
    return contextlib.redirect_stdout(sys.stderr)
