"""`open_checkpoint`: a T5 that others have published, in any format, as weights, config and vocabulary of t5mix."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.hugging_face import generation, hub, reading, tokenizer_reading
from t5mix.mesh.interop.published import t5x, tensorflow_t5
from t5mix.mesh.interop.weights import Weights
from t5mix.mesh.t5.config import T5Config
from t5mix.vocabularies.base import Vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenedCheckpoint:
    """A checkpoint of another program, checked; values are read when they are asked for.

    Attributes:
        source: path or name, as the user gave it.
        kind: "Hugging Face", "Mesh-TensorFlow T5" or "t5x".
        config: size and shape, for the engine.
        weights: by t5mix's names, with t5mix's shapes, in the checkpoint's own type.
        vocabulary: that it was trained with; None where the folder does not say, as Mesh-TensorFlow T5's and t5x's.
        step: optimizer steps, where the name says; else 0.
        files: all that decides what the model answers.
        generation: content of a Hugging Face folder's generation_config.json; empty where there is none.
    """

    source: str
    kind: str
    config: T5Config
    weights: Weights
    vocabulary: Vocabulary | None = None
    step: int = 0
    files: Sequence[Path] = ()
    generation: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def is_foreign(path_or_name: str) -> bool:
    """Tells whether this is a checkpoint of another program, or may be a name of the Hub: no run folder of t5mix.

    Args:
        path_or_name: what a user gave as a checkpoint.
    """
    path = Path(path_or_name)
    if os.path.lexists(path) or os.path.lexists(f"{path}.index"):
        return (
            reading.is_hugging_face(path)
            or tensorflow_t5.find_prefix(path) is not None
            or t5x.find_checkpoint(path) is not None
        )
    return hub.is_hub_name(path_or_name) and not path.parent.exists()


def open_checkpoint(path_or_name: str) -> OpenedCheckpoint:
    """Opens a checkpoint: reads its settings, checks names and shapes of its weights, and reads no weight yet.

    Args:
        path_or_name: a Hugging Face folder; a folder with a TensorFlow checkpoint of Mesh-TensorFlow T5, or
            FOLDER/model.ckpt-STEP; a folder of t5x; or a name of the Hugging Face Hub, OWNER/MODEL[@REVISION].

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: one line that names what is missing, of another shape or too many; what of the model t5mix lacks;
            or why the files are not read.
    """
    path = Path(path_or_name)
    if not os.path.lexists(path) and not os.path.lexists(f"{path}.index"):
        if not hub.is_hub_name(path_or_name) or path.parent.exists():
            raise FileNotFoundError(f"no checkpoint {path_or_name!r}: there is no such folder")
        path = hub.download(path_or_name)
    if reading.is_hugging_face(path):
        return _hugging_face(path, path_or_name)
    prefix = tensorflow_t5.find_prefix(path)
    if prefix is not None:
        model, weights = tensorflow_t5.read_published(prefix)
        files = _plain(prefix.parent.glob(f"{prefix.name}.*"))
        return _opened(path_or_name, "Mesh-TensorFlow T5", model, weights, tensorflow_t5.step_of(prefix), files)
    folder = t5x.find_checkpoint(path)
    if folder is not None:
        model, weights = t5x.read_t5x(folder)
        places = [folder / "checkpoint", *(file for place in folder.glob("target.*") for file in place.rglob("*"))]
        files = _plain(places)
        return _opened(path_or_name, "t5x", model, weights, t5x.step_of(folder), files)
    raise FileNotFoundError(
        f"no checkpoint in {path_or_name!r}: it has neither config.json (Hugging Face), nor *.index (Mesh-TensorFlow "
        "T5), nor checkpoint and target.* (t5x)"
    )


def _plain(files: Iterable[Path]) -> list[Path]:
    """Returns those that are files and no links, each once, sorted."""
    return sorted({file for file in files if file.is_file() and not file.is_symlink()})


def _opened(
    source: str, kind: str, model: Architecture, weights: Weights, step: int | None, files: Sequence[Path]
) -> OpenedCheckpoint:
    config = model.t5_config(source)
    return OpenedCheckpoint(source=source, kind=kind, config=config, weights=weights, step=step or 0, files=files)


def _hugging_face(folder: Path, source: str) -> OpenedCheckpoint:
    model = reading.read_architecture(folder)
    config = model.t5_config(source)
    weights = reading.read_weights(folder, model)
    vocabulary = tokenizer_reading.read_vocabulary(folder)
    if vocabulary is not None and vocabulary.vocab_size > model.vocab_size:
        raise ValueError(
            f"{source}: its tokenizer has {vocabulary.vocab_size} ids, and its model {model.vocab_size}: they are not "
            "of the same model"
        )
    return OpenedCheckpoint(
        source=source,
        kind="Hugging Face",
        config=config,
        weights=weights,
        vocabulary=vocabulary,
        files=_plain(file for pattern in hub.FILES for file in folder.glob(pattern)),
        generation=generation.read_generation(folder),
    )
