"""Whether two runs are the same, bit for bit: their logs, their weights and their answers."""

import dataclasses
import itertools
from typing import Any

import numpy as np

from t5mix.runs.components import Components
from t5mix.runs.config.settings import Finetuning, Training
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.records.run_folder import RunFolder, Trained
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.starting import as_written


@dataclasses.dataclass(frozen=True)
class Replay:
    """What two runs have in common.

    Attributes:
        lines: how many lines of metrics were compared.
        arrays: how many weights and optimizer slots of last checkpoints were.
        answers: how many files of answers to test examples were.
        differences: what is not the same, for people; nothing where the runs are equal.
    """

    lines: int
    arrays: int
    answers: int
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether all that was compared is the same."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON content."""
        return {"equal": self.equal, **dataclasses.asdict(self)}


def compare_bits(original: RunFolder, checked: Checked) -> Replay:
    """Compares a run with the one that it repeats.

    Args:
        original: the folder of the one.
        checked: the other, which has ended.
    """
    run, folder = checked.run, checked.folder
    assert run.train is not None
    pairs: list[tuple[Trained, Trained, Training | Finetuning]] = [
        (original.pretraining, folder.pretraining, run.train)
    ]
    if run.finetune is not None:
        names = [task.name for task in checked.finetune_tasks]
        pairs += [(original.finetuning(name), folder.finetuning(name), run.finetune) for name in names]
    components = Components(run, checked.provider)
    lines = arrays = answers = 0
    differences: list[str] = []
    for before, now, settings in pairs:
        what = now.path.relative_to(folder.path).as_posix()
        counted, found = _compare_lines(before, now)
        lines += counted
        differences += [f"{what}: {each}" for each in found]
        counted, found = _compare_weights(before, now, settings, components)
        arrays += counted
        differences += [f"{what}: {each}" for each in found]
        counted, found = _compare_answers(before, now, max(now.steps(), default=0))
        answers += counted
        differences += [f"{what}: {each}" for each in found]
    return Replay(lines, arrays, answers, tuple(differences))


def _compare_lines(before: Trained, now: Trained) -> tuple[int, list[str]]:
    texts = [(trained.path / "metrics.jsonl").read_bytes().splitlines() for trained in (before, now)]
    for number, (one, other) in enumerate(itertools.zip_longest(*texts), 1):
        if one != other:
            return number, [f"metrics.jsonl differs from line {number} on"]
    return len(texts[0]), []


def _compare_weights(
    before: Trained, now: Trained, settings: Training | Finetuning, components: Components
) -> tuple[int, list[str]]:
    engine, last = components.engine(settings), [max(trained.steps(), default=0) for trained in (before, now)]
    if last[0] != last[1]:
        return 0, [f"one ends at step {last[0]}, and one at step {last[1]}"]
    step = last[0]
    one, other = (as_written(Checkpoints(trained.checkpoints), step, engine) for trained in (before, now))
    differing = [name for name in one if _bits(one[name]) != _bits(other[name])]
    if not differing:
        return len(one), []
    return len(one), [f"{len(differing)} of {len(one)} arrays differ, {differing[0]} among them"]


def _bits(array: Any) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _compare_answers(before: Trained, now: Trained, step: int) -> tuple[int, list[str]]:
    names = [path.relative_to(now.path) for path in sorted(now.path.glob(f"scores/*/*/{step}*.predictions.jsonl"))]
    both = [name for name in names if (before.path / name).is_file()]
    differing = [name for name in both if (before.path / name).read_bytes() != (now.path / name).read_bytes()]
    return len(both), [f"{name} differs" for name in differing]
