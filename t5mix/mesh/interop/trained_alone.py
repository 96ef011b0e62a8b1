"""What was trained, alone in a folder: LoRA, adapters, a prompt, or the weights that patterns chose.

    trained.safetensors   the weights that training changed, float32, by t5mix's names
    trained.json          what was trained; the weights that it belongs to, their hash, and where they were; the task
                          and the lengths that it was trained with

The hash is of all weights that training left alone. So the folder is put back onto those very weights, wherever they
lie, and onto no others.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import read_json, write_json
from t5mix.internal.lazy import import_quietly
from t5mix.mesh.interop.safe_files import file_inside, new_folder
from t5mix.mesh.optimizers.step_config import StepConfig, briefly
from t5mix.mesh.state import fetched
from t5mix.mesh.t5.fine_tuning.lora_merged import merged
from t5mix.mesh.t5.fine_tuning.selection import is_added, is_trained
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything, gradual_unfreezing, lora

WEIGHTS, DESCRIPTION = "trained.safetensors", "trained.json"
FORMAT = 1

# Those that have a length.
FEATURES = ("inputs", "targets")


@dataclasses.dataclass(frozen=True)
class TrainedAlone:
    """What such a folder holds.

    Attributes:
        trained: what was trained.
        weights: those that training changed.
        base_hash: of the weights that it left alone.
        base: where these were, for people.
        source: the folder, for errors.
        task: the name of what it was trained on; None where nobody noted it.
        lengths: tokens of each feature in training; none where nobody noted them.
    """

    trained: Trained
    weights: Mapping[str, np.ndarray]
    base_hash: str
    base: str
    source: str
    task: str | None = None
    lengths: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def onto(self, base: Mapping[str, Any], *, added_up: bool = True) -> dict[str, Any]:
        """Returns a model's weights, trained: with LoRA added up, with adapters or a prompt beside them.

        Args:
            base: the model's weights, as they were before.
            added_up: whether LoRA is; else its matrices are among the weights, to be trained further.

        Raises:
            ValueError: they are others.
        """
        left_alone = {name: value for name, value in base.items() if name not in self.weights}
        if hash_of(left_alone) != self.base_hash:
            raise ValueError(
                f"{self.source} was trained on other weights than these: on those of {self.base} (hash "
                f"{self.base_hash[:12]}); give that checkpoint"
            )
        whole = {**base, **self.weights}
        return merged(whole, self.trained) if added_up and isinstance(self.trained, lora) else whole

    @property
    def beside(self) -> Trained:
        """What the model has besides T5's weights once this is put onto it; LoRA is added up."""
        return everything() if isinstance(self.trained, lora) else self.trained


def hash_of(weights: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of weights: names, shapes and float32 values, in the order of names.

    One at a time is fetched; where they lie on the devices of several processes, all of these must ask.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(fetched(weights[name]), "<f4")
        digest.update(f"{name} {list(array.shape)}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def check_alone(trained: Trained) -> None:
    """Refuses to write what was trained alone where that is the whole model.

    Raises:
        ValueError: everything was trained, so there is nothing to leave out.
    """
    if isinstance(trained, everything | gradual_unfreezing):
        raise ValueError(f"all weights were trained ({briefly(trained)}): export the whole model with another format")


def write_trained(
    weights: Mapping[str, Any],
    trained: Trained,
    path: str,
    base: str,
    task: str | None = None,
    lengths: Mapping[str, int] | None = None,
) -> None:
    """Writes the weights that training changed.

    Args:
        weights: of the whole model, by t5mix's names, without optimizer slots.
        trained: what was trained.
        path: of the folder, which appears when it is complete.
        base: where training started, for people.
        task: the name of what it was trained on.
        lengths: tokens of each feature in training.

    Raises:
        ValueError: everything was trained, so there is nothing to leave out; or something is at `path` already.
    """
    check_alone(trained)
    changed = {
        name: np.ascontiguousarray(value, np.float32) for name, value in weights.items() if is_trained(trained, name)
    }
    left_alone = {name: value for name, value in weights.items() if name not in changed}
    description = {
        "format": FORMAT,
        "trained": StepConfig(trained=trained).description()["trained"],
        "base": {"hash": hash_of(left_alone), "path": base},
        "run": {"task": task, "sequence_length": dict(lengths or {})},
        "weights": {name: list(value.shape) for name, value in changed.items()},
    }
    with new_folder(path) as folder:
        import_quietly("safetensors.numpy").save_file(changed, folder / WEIGHTS)
        write_json(folder / DESCRIPTION, description)


def read_trained(path: str) -> TrainedAlone:
    """Reads what `write_trained` wrote.

    Raises:
        FileNotFoundError: there is no such folder, or a file is missing.
        ValueError: it holds something else.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {path!r} of trained weights: `t5mix export --format trained` writes one")
    description = read_json(file_inside(folder, DESCRIPTION))
    try:
        step = StepConfig.of_description({"trained": description["trained"]})
        base, shapes = description["base"], description["weights"]
        base_hash, where = str(base["hash"]), str(base["path"])
        task, lengths = _run(description.get("run", {}))
        if description["format"] != FORMAT:
            raise ValueError(f"its format is {description['format']}")
        weights = import_quietly("safetensors.numpy").load_file(file_inside(folder, WEIGHTS))
    except FileNotFoundError:
        raise
    except Exception as error:  # safetensors has errors of its own
        raise ValueError(f"{path!r} holds no trained weights that this version of t5mix reads: {error}") from None
    found = {name: list(array.shape) for name, array in weights.items()}
    if found != shapes or any(array.dtype != np.float32 for array in weights.values()):
        raise ValueError(f"{path!r} is damaged: {WEIGHTS} has not the weights that {DESCRIPTION} says")
    return TrainedAlone(step.trained, weights, base_hash, where, path, task, lengths)


def _run(noted: Any) -> tuple[str | None, dict[str, int]]:
    """Returns the task and the lengths that are noted; earlier versions noted none.

    Raises:
        ValueError: they are none.
    """
    task, lengths = noted.get("task"), noted.get("sequence_length", {})
    if not isinstance(task, str | None) or not isinstance(lengths, dict):
        raise ValueError("its run is not described as t5mix does it")
    if any(name not in FEATURES or type(length) is not int for name, length in lengths.items()):
        raise ValueError(f"its sequence_length is {lengths!r}")
    return task, lengths


def check_whole(weights: Iterable[str], trained: Trained, what: str) -> None:
    """Refuses weights that T5 alone cannot compute with.

    Args:
        weights: t5mix's names of them.
        trained: what was trained.
        what: they are to be written as, for the error.

    Raises:
        ValueError: there are adapters or a prompt among them.
    """
    added = next(filter(is_added, weights), None)
    if added is not None:
        raise ValueError(
            f"the checkpoint was trained with {briefly(trained)}, and {what} has no place for {added}: export what was "
            "trained alone, with --format trained"
        )
