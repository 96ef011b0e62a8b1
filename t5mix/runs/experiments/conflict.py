"""How the gradients of tasks lay to one another in a run: what its conflict.jsonl says, over all measurements."""

import dataclasses
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import read_text
from t5mix.runs.experiments import heat_map
from t5mix.runs.records.run_folder import check_links, check_local
from t5mix.training.logs import CONFLICT

_LARGEST = 2**30  # bytes of a log that are read


@dataclasses.dataclass(frozen=True)
class Pair:
    """The cosines between the gradients of two tasks.

    Attributes:
        first: the one task.
        second: the other.
        cosine: mean over the measurements.
        standard_error: of the mean; NaN of one measurement.
        negative: share of the measurements in which the cosine was below 0.
        measurements: how many batches had both tasks, with gradients that are not 0.
    """

    first: str
    second: str
    cosine: float
    standard_error: float
    negative: float
    measurements: int


@dataclasses.dataclass(frozen=True)
class Conflict:
    """What was measured in a run.

    Attributes:
        run: its folder.
        steps: of the measurements, ascending.
        norms: for each task the mean norm of its gradient in the batches that had it.
        pairs: each two tasks that stood in one batch; those that agree least come first.
    """

    run: str
    steps: Sequence[int]
    norms: Mapping[str, float]
    pairs: Sequence[Pair]

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return dataclasses.asdict(self)

    def draw(self, path: str) -> None:
        """Draws the mean cosines."""
        names = sorted({*self.norms, *(name for pair in self.pairs for name in (pair.first, pair.second))})
        values = np.full((len(names), len(names)), math.nan)
        np.fill_diagonal(values, 1.0)
        for pair in self.pairs:
            one, other = names.index(pair.first), names.index(pair.second)
            values[one, other] = values[other, one] = pair.cosine
        texts = [["" if math.isnan(value) else f"{value:.2f}" for value in line] for line in values]
        title = f"cosine between the gradients of tasks, {self.run}"
        heat_map.draw(path, names, names, values, texts, title=title)


def read_conflict(path: str, since: int = 0) -> Conflict:
    """Reads what a run measured.

    Args:
        path: its folder.
        since: measurements of earlier steps are left out.

    Raises:
        FileNotFoundError: nothing was measured; says how to.
        ValueError: the file is not what t5mix wrote.
    """
    check_local("run", path)
    if not os.path.isdir(path):
        raise FileNotFoundError(f"no run {path!r}: there is no such folder")
    check_links(Path(path))
    file = Path(path, CONFLICT)
    if not file.is_file():
        raise FileNotFoundError(
            f"{path!r} has no {CONFLICT}: nothing was measured; train with --gin_param 'Training.conflict_every = 100'"
        )
    lines = [line for line in _lines(file) if line["step"] >= since]
    if not lines:
        raise ValueError(f"{file} has no measurement of step {since} or a later one")
    norms: dict[str, list[float]] = {}
    cosines: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        for name, value in line.items():
            kind, *tasks = name.split("/")
            if kind == "norm" and len(tasks) == 1 and value is not None:
                norms.setdefault(tasks[0], []).append(value)
            elif kind == "cosine" and len(tasks) == 2 and value is not None:
                first, second = sorted(tasks)
                cosines.setdefault((first, second), []).append(value)
    pairs = [_pair(*names, values) for names, values in sorted(cosines.items())]
    means = {name: math.fsum(values) / len(values) for name, values in sorted(norms.items())}
    return Conflict(path, [line["step"] for line in lines], means, sorted(pairs, key=lambda pair: pair.cosine))


def _pair(first: str, second: str, values: Sequence[float]) -> Pair:
    count, mean = len(values), math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    error = math.sqrt(squares / (count - 1) / count) if count > 1 else math.nan
    return Pair(first, second, mean, error, sum(value < 0 for value in values) / count, count)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yields the lines of the log; the last may have been cut short by a kill, and is left out then."""
    text = read_text(file, _LARGEST)
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            content = json.loads(line)
            if type(content["step"]) is not int:
                raise ValueError("step is no number")
            numbers = (value for value in content.values() if value is not None)
            if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
                raise ValueError("a value is no number")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{file}:{number} is not a line of measurements that t5mix wrote ({error})") from None
        yield content
