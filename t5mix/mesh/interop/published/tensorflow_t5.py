"""Checkpoints of Mesh-TensorFlow T5, as published: in TensorFlow's format, with operative_config.gin beside it."""

import functools
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.lazy import import_quietly
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import canonical, published_weights
from t5mix.mesh.interop.published import gin_text
from t5mix.mesh.interop.published.shapes import architecture_of
from t5mix.mesh.interop.safe_files import file_inside
from t5mix.mesh.interop.weights import LazyArray, match

_STEP = re.compile(r"-([0-9]+)$")

# Beside weights a checkpoint has the step and the optimizer's slots.
_NO_WEIGHT = re.compile(r"(^|/)global_step$|_slot_[a-z]+$")


def find_prefix(path: Path) -> Path | None:
    """Returns what names the files of a TensorFlow checkpoint, without `.index`, or None where there is none.

    Args:
        path: a folder, of whose checkpoints the newest counts, or FOLDER/model.ckpt-STEP.
    """
    if not path.is_dir():
        prefix = path.with_name(path.name.removesuffix(".index"))
        return prefix if os.path.lexists(f"{prefix}.index") else None
    found = [entry.with_name(entry.name.removesuffix(".index")) for entry in sorted(path.glob("*.index"))]
    return max(found, key=lambda prefix: step_of(prefix) or 0, default=None)


def step_of(prefix: Path) -> int | None:
    """Returns the step that a checkpoint's name ends in."""
    found = _STEP.search(prefix.name)
    return int(found[1]) if found else None


def read_published(prefix: Path) -> tuple[Architecture, dict[str, LazyArray]]:
    """Returns the architecture of a published checkpoint, and its weights by t5mix's names.

    Args:
        prefix: from `find_prefix`.

    Raises:
        ValueError: the checkpoint is damaged, a weight is missing, of another shape, or too many.
    """
    source = f"{str(prefix)!r}"
    found: dict[str, LazyArray] = {}
    for name, array in _arrays(prefix).items():
        if not _NO_WEIGHT.search(name):
            found[_by_blocks(canonical(name))] = array
    gin = prefix.parent / "operative_config.gin"
    bindings = gin_text.read(file_inside(prefix.parent, gin.name)) if os.path.lexists(gin) else {}
    model = architecture_of(found, bindings, source)
    return model, match(published_weights(model), found, source)


def _arrays(prefix: Path) -> dict[str, LazyArray]:
    """Returns every array, by its name."""
    for entry in sorted(prefix.parent.glob(f"{prefix.name}.*")):
        file_inside(prefix.parent, entry.name)  # refuses links
    tf = import_quietly("tensorflow")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    except (ValueError, IndexError, RuntimeError, tf.errors.OpError) as error:
        raise ValueError(f"{str(prefix)!r} is no whole TensorFlow checkpoint: {error}") from None
    return {
        name: LazyArray(tuple(shapes[name]), types[name].name, functools.partial(_read, reader, prefix, name))
        for name in sorted(shapes)
    }


def _read(reader: Any, prefix: Path, name: str) -> np.ndarray:
    """Reads one array, whose checksum TensorFlow verifies."""
    tf = import_quietly("tensorflow")
    try:
        return np.asarray(reader.get_tensor(name))
    except (ValueError, IndexError, RuntimeError, tf.errors.OpError) as error:
        raise ValueError(f"{str(prefix)!r}: {name} is damaged: {error}") from None


def _by_blocks(name: str) -> str:
    """Returns t5mix's own way to count layers, encoder/layer_003/..., as published T5 counts them."""
    found = re.match(r"(encoder|decoder)/layer_([0-9]+)/(.*)", name)
    if not found:
        return name
    block, layer = divmod(int(found[2]), 2 if found[1] == "encoder" else 3)
    return f"{found[1]}/block_{block:03d}/layer_{layer:03d}/{found[3]}"
