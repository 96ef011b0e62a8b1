"""What differs between two runs by what their folders record: settings, tasks, data, and what they were computed by."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t5mix.data.cache.identity import origins
from t5mix.internal.files import read_json
from t5mix.runs.config.settings import settings
from t5mix.runs.preflight.folders import recorded_run
from t5mix.runs.records.run_folder import RunFolder, Trained, check_links, check_local

# What two runs never share.
_OWN = ("Run.folder",)


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that two runs have otherwise.

    Attributes:
        name: of the setting, task, training or version.
        what: what of it; "" where the name says it.
        first: what the first run has, as text; None where it has no such thing.
        second: likewise.
    """

    name: str
    what: str
    first: str | None
    second: str | None


@dataclasses.dataclass(frozen=True)
class RunDifference:
    """What differs between two runs.

    Attributes:
        first: folder of the first run.
        second: folder of the second.
        settings: by gin name.
        tasks: declarations, shares, sources and vocabularies of tasks, and the mixture.
        data: what examples of training are made from, as far as both runs trained on them.
        computed_by: libraries, Python, git and machine, of the last starts.
    """

    first: str
    second: str
    settings: tuple[Change, ...]
    tasks: tuple[Change, ...]
    data: tuple[Change, ...]
    computed_by: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return dataclasses.asdict(self)


def difference(first: str, second: str) -> RunDifference:
    """Compares what two run folders record.

    Args:
        first: a run folder.
        second: another.

    Raises:
        FileNotFoundError: one of them is no run folder.
        ValueError: what one of them records is damaged.
    """
    runs = (_folder(first), _folder(second))
    ours, theirs = (dict(_settings(run)) for run in runs)
    return RunDifference(
        first,
        second,
        settings=tuple(change for change in _changes("", ours, theirs) if change.name not in _OWN),
        tasks=tuple(_tasks(*(_content(run.lineage) for run in runs))),
        data=tuple(_data(*runs)),
        computed_by=tuple(_changes("", *(_flat(_content(run.versions)) for run in runs))),
    )


def _folder(path: str) -> RunFolder:
    check_local("run", path)
    if not Path(path).is_dir():
        raise FileNotFoundError(f"no run {path!r}: there is no such folder")
    check_links(Path(path))
    return RunFolder(Path(path))


def _content(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _settings(run: RunFolder) -> Iterator[tuple[str, str]]:
    for name, value in settings(recorded_run(run)):
        yield name, repr(value)


def _changes(what: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*first, *second)):
        one, two = _text(first.get(name)), _text(second.get(name))
        if one != two:
            yield Change(name, what, one, two)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flat(content: Any, name: str = "") -> dict[str, Any]:
    """Returns nested JSON objects as one, with names such as "source.splits.train"."""
    if not isinstance(content, dict):
        return {name: content}
    parts = [_flat(value, f"{name}.{key}" if name else str(key)) for key, value in content.items()]
    return {key: value for part in parts for key, value in part.items()}


def _tasks(first: dict[str, Any], second: dict[str, Any]) -> Iterator[Change]:
    """Compares two lineages, task by task; of a task that one run has not, that alone is said."""
    tasks = [_object(content.pop("tasks", {})) for content in (first, second)]
    mixtures = [
        _flat({key: value for key, value in content.items() if "seed" not in key}) for content in (first, second)
    ]
    yield from _of_one("mixture", *mixtures)
    for name in dict.fromkeys((*tasks[0], *tasks[1])):
        if name in tasks[0] and name in tasks[1]:
            yield from _of_one(name, _flat(tasks[0][name]), _flat(tasks[1][name]))
        else:
            there = ["there" if name in each else None for each in tasks]
            yield Change(name, "", *there)


def _of_one(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Change]:
    for change in _changes("", first, second):
        yield dataclasses.replace(change, name=name, what=change.name)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _data(first: RunFolder, second: RunFolder) -> Iterator[Change]:
    """Compares what examples are made from, for each training of both; with what changed in words."""
    theirs = {trained.path.name: trained for trained in second.finetunings()}
    pairs: list[tuple[str, Trained, Trained]] = [("pre-training", first.pretraining, second.pretraining)]
    pairs += [
        (f"fine-tuning {each.path.name}", each, theirs[each.path.name])
        for each in first.finetunings()
        if each.path.name in theirs
    ]
    for name, one, two in pairs:
        before, after = _content(one.data), _content(two.data)
        try:
            for change in origins.changes(before, after):
                yield Change(name, change, None, None)
        except (KeyError, TypeError, AttributeError, ValueError):
            damaged = f"{one.data} or {two.data}"
            raise ValueError(f"{damaged} is damaged: it is not the JSON that t5mix writes; delete it") from None
