"""A training that goes on reads the examples that it was started with: checked before anything slow, and named.

`data.json`, beside the checkpoints, holds what the examples were made from at the start.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.data import Stream
from t5mix.data.cache import store
from t5mix.data.cache.identity import origins
from t5mix.data.cache.identity.key import cache_job
from t5mix.declarations.mixture import Mixture
from t5mix.declarations.registry import get_subtasks
from t5mix.internal.files import read_json, write_atomically
from t5mix.internal.terminal import say
from t5mix.runs.config.settings import Training
from t5mix.runs.preflight.tasks import Provider
from t5mix.runs.records.run_folder import Trained
from t5mix.training.checkpoints import Checkpoints

_SPLIT = "train"
# How many changes a refusal tells.
_CHANGES_SHOWN = 6


class SameData:
    """The examples of a training, now and when it was started.

    Args:
        provider: the task or mixture that is trained on.
        trained: the training's folder.
        settings: of the training; `allow_changed_mixture` lets all changes pass.

    Raises:
        ValueError: naming the task, when a step cannot be identified.
    """

    def __init__(self, provider: Provider, trained: Trained, settings: Training) -> None:
        self._trained, self._settings = trained, settings
        self._tasks = {task.name: task for task in _read_tasks(provider)}
        self._now = origins.of_tasks(list(self._tasks.values()), _SPLIT)
        self._before = _recorded(trained.data) if trained.steps() else {}

    def check_origins(self) -> None:
        """Refuses other sources, steps and vocabularies than at the start; before their tokens are made.

        Raises:
            ValueError: naming the task and what changed.
        """
        try:
            changes = origins.changes(self._before, self._now)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError(
                f"{self._trained.data} is damaged: it is not the JSON that t5mix writes; delete it, and what changed "
                "since the start is told by the checkpoint alone"
            ) from None
        if changes and not self._settings.allow_changed_mixture:
            raise self._refusal(changes, [])

    def check_stream(self, stream: Stream) -> None:
        """Refuses a stream of other batches than the checkpoint's; before the model is compiled.

        Raises:
            ValueError: naming what changed, libraries included.
        """
        steps = self._trained.steps()
        if not steps or self._settings.allow_changed_mixture:
            return
        state = Checkpoints(self._trained.checkpoints).extra(steps[-1])["stream"]
        changes = stream.changes(state)
        if changes:
            raise self._refusal(changes, self._because_of_libraries(changes))

    def record(self) -> None:
        """Writes down what the examples are made from, for the next start."""
        self._trained.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self._trained.data, json.dumps(self._now, separators=(",", ":"), ensure_ascii=False) + "\n")

    def _because_of_libraries(self, changes: list[str]) -> list[str]:
        """Says which library gives the tasks among `changes` other tokens, and in which example first."""
        names = [name for name in self._tasks if any(each.startswith(f"task {name!r} has other") for each in changes)]
        found: dict[str, None] = {}
        for name in names:
            job = cache_job(self._tasks[name], _SPLIT)
            reasons = [store.replaced(job, store.folder_of())] if name in self._before else []
            if not any(reasons) and name in self._before:
                reasons = origins.library_changes(self._before[name], self._now[name])
            found.update(dict.fromkeys(filter(None, reasons)))
        return list(found)

    def _refusal(self, changes: list[str], because: list[str]) -> ValueError:
        more = [f"and {len(changes) - _CHANGES_SHOWN} more changes"] if len(changes) > _CHANGES_SHOWN else []
        message = "; ".join([*changes[:_CHANGES_SHOWN], *more, *because[:_CHANGES_SHOWN]])
        return ValueError(
            f"the training in {str(self._trained.path)!r} cannot go on with other examples: {message}. "
            "Restore what it was; or start anew in another folder with --run_folder; or go on all the same with "
            f"{type(self._settings).__name__}.allow_changed_mixture = True"
        )


def _read_tasks(provider: Provider) -> list[Any]:
    tasks = [task for task in get_subtasks(provider) if _SPLIT in task.splits]
    if not isinstance(provider, Mixture):
        return tasks
    return [task for task in tasks if any(provider.get_rate(task, step) > 0 for step in provider.rate_steps)]


def _recorded(path: Path) -> Mapping[str, Any]:
    try:
        return read_json(path)
    except FileNotFoundError:  # of an earlier release: the checkpoint's state tells the rest
        return {}
    except ValueError:
        say(f"{path} is damaged: it cannot be said by name what changed since the start")
        return {}
