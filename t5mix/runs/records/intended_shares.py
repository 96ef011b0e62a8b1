"""The shares of examples that tasks are to have in a training, stage by stage; its log counts those that they had.

Beside them stand the steps at which it went on with a changed mixture.

They are the stream's, so they are shares of examples also where rates are of tokens, and follow rates that change and
tasks that end.
"""

import bisect
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.data import Stream
from t5mix.internal.files import LARGEST_TEXT, read_text, write_json
from t5mix.runs.records.lineage import shares_noted
from t5mix.runs.records.run_folder import Trained
from t5mix.training.checkpoints import Checkpoints

# Thousands of tasks may end one after another, and each end is a stage of all that are left.
_LARGEST = 16 * LARGEST_TEXT


@dataclasses.dataclass(frozen=True)
class Stage:
    """Shares that hold from some step on.

    Attributes:
        step: the first of them.
        shares: by task, 0 to 1; a task that is left out has none.
    """

    step: int
    shares: Mapping[str, float]


def record(trained: Trained, stream: Stream) -> None:
    """Writes the shares of a stream beside the log; of a training that goes on, those of the steps that are done stay.

    Args:
        trained: the training.
        stream: that it goes on with.
    """
    done = max(trained.steps(), default=0)
    known, changes = _read(trained) if done else ([], [])
    changes = [step for step in changes if step < done]
    fed = Checkpoints(trained.checkpoints).extra(done).get("stream") if done else None
    if fed is not None and stream.changes(fed):
        changes.append(done)
        known = known or _noted(fed)
    names = stream.task_names
    now = [Stage(each.step, dict(zip(names, each.shares, strict=True))) for each in stream.changes_of_shares]
    before = [stage for stage in known if stage.step < done]
    if before:
        now = [Stage(max(stage.step, done), stage.shares) for stage in _from(now, done)]
    first, *others = _without_repeats([*before, *now])
    stages = [first, *(Stage(stage.step, _above_0(stage)) for stage in others)]
    changed_at = {"changed_at": changes} if changes else {}
    write_json(trained.shares, {"stages": [dataclasses.asdict(stage) for stage in stages], **changed_at})


def read(trained: Trained) -> list[Stage]:
    """Returns what `record` wrote, by step; nothing where it wrote nothing.

    Raises:
        ValueError: the file holds something else.
    """
    return _read(trained)[0]


def changed_at(trained: Trained) -> list[int]:
    """Returns the steps from which on a training was fed another stream than before: its mixture was changed.

    Raises:
        ValueError: the file holds something else.
    """
    return _read(trained)[1]


def _read(trained: Trained) -> tuple[list[Stage], list[int]]:
    if not trained.shares.is_file():
        return [], []
    text = read_text(trained.shares, _LARGEST)
    try:
        content = json.loads(text)
        stages = [Stage(_step(one["step"]), _numbers(one["shares"])) for one in content["stages"]]
        changes = [_step(one) for one in content.get("changed_at", [])]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{trained.shares} is not what t5mix wrote ({error}): delete it") from None
    return sorted(stages, key=lambda stage: stage.step), sorted(changes)


def intended(stages: Sequence[Stage], fed: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Returns each task's intended share of the examples that were fed.

    Args:
        stages: by step; one at least.
        fed: for each line of a log how many steps were done then, and the examples of the steps since the line before.
    """
    total = sum(count for _, count in fed)
    if not total:
        return dict(stages[0].shares)
    sums: dict[str, float] = {name: 0.0 for stage in stages for name in stage.shares}
    parts = _parts_of_stages([stage.step for stage in stages], [(step, count / total) for step, count in fed])
    for stage, part in zip(stages, parts, strict=True):
        for name, share in stage.shares.items():
            sums[name] += part * share
    return sums


def _noted(fed: Mapping[str, Any]) -> list[Stage]:
    """Returns the shares that a checkpoint notes of the stream before it: a release may have written no `shares.json`.

    They are those of step 0, the only ones that it tells.
    """
    shares = {name: share for name, share in shares_noted(fed) if share is not None}
    return [Stage(0, shares)] if shares else []


def _parts_of_stages(starts: Sequence[int], fed: Sequence[tuple[int, float]]) -> list[float]:
    """Returns which part of all examples was fed in each stage; those of a line are spread evenly over its steps."""
    parts = [0.0] * len(starts)
    ends = [*starts[1:], math.inf]
    before = 0
    for step, part in fed:
        number = max(bisect.bisect_right(starts, before) - 1, 0)
        while before < step and number < len(starts) and starts[number] < step:
            steps = min(ends[number], step) - max(starts[number], before)
            parts[number] += part * (steps / (step - before))
            number += 1
        before = max(before, step)
    return parts


def _from(stages: Sequence[Stage], step: int) -> list[Stage]:
    """Returns the stage that a step is in, and those behind it."""
    first = max((number for number, stage in enumerate(stages) if stage.step <= step), default=0)
    return list(stages[first:])


def _without_repeats(stages: Sequence[Stage]) -> list[Stage]:
    above_0 = [_above_0(stage) for stage in stages]
    return [stage for number, stage in enumerate(stages) if not number or above_0[number] != above_0[number - 1]]


def _above_0(stage: Stage) -> dict[str, float]:
    return {name: share for name, share in stage.shares.items() if share}


def _step(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no step")
    return value


def _numbers(value: Any) -> dict[str, float]:
    if not all(type(share) in (int, float) for share in value.values()):
        raise TypeError("a share is no number")
    return {name: float(share) for name, share in value.items()}
