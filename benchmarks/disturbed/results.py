"""What a command computed: checksums by name, which two runs share where they are equal."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disturbed.scene import Scene, notes_of

# Speeds, times and the names of folders are no part of a result.
NOT_COMPARED = ("command.txt", "starts.jsonl", "versions.json", "timing.jsonl", "config.gin", "operative_config.gin")


def consumed(run: Path) -> dict[str, list[Any]]:
    """Returns the examples of each step by its training; what was noted twice must be the same.

    Raises:
        ValueError: a step was given other examples the second time.
    """
    found: dict[str, list[Any]] = {}
    text = notes_of(run).read_text() if notes_of(run).exists() else ""
    for line in text.splitlines():
        name, step, examples = json.loads(line)
        if found.setdefault(f"{name} step {step}", examples) != examples:
            raise ValueError(f"{run}: step {step} of {name} saw other examples when it was done again")
    return found


def results(scene: Scene, run: Path) -> dict[str, str]:
    """Returns a checksum of everything that a run computed, by name."""
    found = {f"examples of {step}": repr(examples) for step, examples in consumed(run).items()}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        parts = Path(name).parts
        if "checkpoints" in parts:
            if parts[-2:-1] == ("checkpoints",):
                found |= {f"{name}: {what}": value for what, value in checkpoint(scene, path).items()}
        elif path.is_file() and path.name not in NOT_COMPARED and "tensorboard" not in parts and path.name[0] != ".":
            found[name] = hashlib.sha256(without_weights(path)).hexdigest()
    return found


def without_weights(path: Path) -> bytes:
    """Returns a file's bytes; of a score without the checksum of the checkpoint's files, which Orbax names anew."""
    if path.suffix != ".json":
        return path.read_bytes()
    content = json.loads(path.read_bytes())
    if isinstance(content.get("made_of"), dict):
        content["made_of"].pop("weights", None)
    if {"checkpoint", "sha256"} <= set(content):  # start.json
        del content["sha256"]
    return json.dumps(content).encode()


def checkpoint(scene: Scene, folder: Path) -> Mapping[str, str]:
    """Returns checksums of a checkpoint's arrays, and what else it holds."""
    import numpy as np

    from t5mix.training.checkpoints import Checkpoints

    fine_tuned = folder.parents[2].name == "finetune"
    _, state, extra = Checkpoints(folder.parent).restore(int(folder.name), engine(scene, fine_tuned))
    arrays = {name: np.ascontiguousarray(np.asarray(value)) for name, value in state.items()}
    assert any("_slot_" in name for name in arrays)
    sums = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    return {**sums, "extra": json.dumps(extra, sort_keys=True)}


_ENGINES: dict[bool, Any] = {}


def engine(scene: Scene, fine_tuned: bool) -> Any:
    """Returns the model of the runs, as one of their processes makes it."""
    if fine_tuned not in _ENGINES:
        from t5mix.declarations import discovery
        from t5mix.declarations.registry import get_mixture_or_task
        from t5mix.runs.components import Components
        from t5mix.runs.config import binding

        discovery.include(str(scene.folder / "tasks.py"))
        kind = "finetune" if fine_tuned else "train"
        scene.arguments(kind, scene.folder / "unused")
        run = binding.bind([str(scene.folder / f"{kind}.gin")], ["Run.folder = 'unused'"]).run
        components = Components(run, get_mixture_or_task(run.mixture))
        _ENGINES[fine_tuned] = components.engine(run.finetune if fine_tuned else run.train)
    return _ENGINES[fine_tuned]


def differences(truth: Mapping[str, str], found: Mapping[str, str], *, stopped: bool = False) -> list[str]:
    """Returns the names of results that differ.

    Args:
        truth: of an undisturbed run.
        found: of another.
        stopped: whether it was asked to stop, so that it has a checkpoint more: those that both have are compared.
    """
    names = list({**truth, **found})
    if stopped:
        shared = _checkpoints(truth) & _checkpoints(found)
        assert shared
        names = [name for name in names if _step_of(name) in (None, *shared)]
    return [name for name in names if truth.get(name) != found.get(name)]


def _checkpoints(results: Mapping[str, str]) -> set[str]:
    return {step for name in results if (step := _step_of(name)) is not None}


def _step_of(name: str) -> str | None:
    """Returns the folder of the checkpoint that a result is of; None where it is of none."""
    found = re.match(r"(.*checkpoints/\d+): ", name)
    return found and found[1]
