"""Origins: what the examples of tasks are made from, in parts that have names, so that a change can be named.

A run keeps them in its folder; a stream's state, which is small, has no room for them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5mix.data.cache.identity.key import FingerprintMemo, cache_job
from t5mix.declarations.task import Task

# What is said of the first few changed files.
_FILES = 3


def of_tasks(tasks: Sequence[Task], split: str) -> dict[str, dict[str, Any]]:
    """Returns the origins of tasks, by name, as JSON.

    Raises:
        ValueError: naming the task, when a step cannot be identified.
    """
    memo = FingerprintMemo()
    return {task.name: _of_task(task, split, memo) for task in tasks}


def _of_task(task: Task, split: str, memo: FingerprintMemo) -> dict[str, Any]:
    job = cache_job(task, split, memo)
    made_from = job.made_from
    return {
        "source": made_from["source"],
        "files": task.source.contents(split),
        "before the cache": made_from["steps"],
        "features": made_from["features"],
        "revisions": made_from["revisions"],
        "behind the cache": job.named_steps(task.steps_after_cache),
        "libraries": job.versions,
    }


def changes(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Says what changed in the tasks that are in both, by name; versions of libraries are no change."""
    return [f"task {name!r}: {what}" for name in new if name in old for what in _changes(old[name], new[name])]


def library_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Says which libraries of a task have other versions, by its origins."""
    before, now = old["libraries"], new["libraries"]
    return [f"{name} was {before.get(name)} and is {now[name]}" for name in now if before.get(name) != now[name]]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    changed = []
    if old["source"] != new["source"]:
        changed.append(_source_change(old["files"], new["files"]))
    for place in ("before the cache", "behind the cache"):
        changed += _step_changes(place, old[place], new[place])
    for name in sorted({*old["features"], *new["features"]}):
        changed += _feature_changes(name, old["features"].get(name), new["features"].get(name))
    if old["revisions"] != new["revisions"]:
        names = sorted({*old["revisions"], *new["revisions"]})
        raised = [name for name in names if old["revisions"].get(name) != new["revisions"].get(name)]
        changed.append(f"t5mix's {', '.join(raised)} gives other results than before")
    return changed


def _source_change(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    changes = [f"{name!r} is gone" for name in old if name not in new]
    changes += [f"{name!r} is new" for name in new if name not in old]
    changes += [f"{name!r} has other content" for name in new if name in old and old[name] != new[name]]
    if not changes:
        return "its source has other content, or is read otherwise"
    more = f" and {len(changes) - _FILES} more" if len(changes) > _FILES else ""
    return f"of its source's files {', '.join(changes[:_FILES])}{more}"


def _step_changes(place: str, old: Sequence[Sequence[str]], new: Sequence[Sequence[str]]) -> list[str]:
    names = [[name for name, _ in steps] for steps in (old, new)]
    if names[0] != names[1]:
        return [f"its steps {place} were {', '.join(names[0]) or 'none'} and are {', '.join(names[1]) or 'none'}"]
    return [
        f"its step {name!r} {place} (number {number + 1}) has other code or arguments"
        for number, ((name, before), (_, now)) in enumerate(zip(old, new, strict=True))
        if before != now
    ]


def _feature_changes(name: str, old: Sequence[Any] | None, new: Sequence[Any] | None) -> list[str]:
    if old is None or new is None:
        return [f"its feature {name!r} is {'new' if old is None else 'gone'}"]
    parts: tuple[Callable[[], str], ...] = (
        lambda: f"the vocabulary of {name!r} is another",
        lambda: f"{name!r} had dtype {old[1]}, now {new[1]}",
        lambda: f"{name!r} had rank {old[2]}, now {new[2]}",
    )
    return [say() for say, before, now in zip(parts, old, new, strict=True) if before != now]
