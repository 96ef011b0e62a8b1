"""A Hugging Face folder's weights: names and shapes now, values when they are needed."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import read_json
from t5mix.internal.lazy import import_quietly
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.hugging_face.config import architecture, output_may_be_embedding
from t5mix.mesh.interop.names import hugging_face_weights
from t5mix.mesh.interop.safe_files import file_inside
from t5mix.mesh.interop.weights import LazyArray, match

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")

# safetensors' names of types.
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}

# Copies of the embedding, and a bias that T5's first release has and no program reads.
_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"


def is_hugging_face(folder: Path) -> bool:
    """Tells whether this is a Hugging Face folder."""
    return (folder / CONFIG).is_file()


def read_architecture(folder: Path) -> Architecture:
    """Returns what the folder's config.json means.

    Raises:
        ValueError: it is of another kind of model.
    """
    path = file_inside(folder, CONFIG)
    return architecture(read_json(path), str(path))


def read_weights(folder: Path, model: Architecture) -> dict[str, LazyArray]:
    """Returns the weights of a folder by t5mix's names.

    Args:
        folder: that holds config.json and safetensors.
        model: what config.json means.

    Raises:
        ValueError: a weight is missing, of another shape, or too many; or the folder has pickled weights alone.
        FileNotFoundError: it has no weights.
    """
    source = f"{str(folder)!r}"
    found = _found(folder)
    for name in _COPIES:
        if name in found and "shared.weight" in found:
            _check_equal(found, name, source)
        elif name in found:  # some folders have the copy alone
            found["shared.weight"] = found[name]
    if model.tied_embeddings:
        if "lm_head.weight" in found:
            _check_equal(found, "lm_head.weight", source)
            del found["lm_head.weight"]
    elif "shared.weight" in found and output_may_be_embedding(read_json(file_inside(folder, CONFIG))):
        found.setdefault("lm_head.weight", found["shared.weight"])
    return match(hugging_face_weights(model), found, source, ignored=(*_COPIES, _UNUSED))


def _check_equal(found: dict[str, LazyArray], name: str, source: str) -> None:
    """Refuses what is called a copy of the embedding, and is none."""
    copy, shared = found[name], found["shared.weight"]
    if copy.shape != shared.shape or not np.array_equal(copy.read(), shared.read()):
        raise ValueError(
            f"{source}: {name} differs from shared.weight, and by config.json it is the same: t5mix's model has one "
            "embedding, and reads an output layer of its own where tie_word_embeddings is false"
        )


def _found(folder: Path) -> dict[str, LazyArray]:
    """Returns every array of the folder, by Hugging Face's names."""
    if (folder / SINGLE).exists() or (folder / SINGLE).is_symlink():
        return _arrays(file_inside(folder, SINGLE))
    if (folder / INDEX).exists():
        index = read_json(file_inside(folder, INDEX)).get("weight_map")
        return _sharded(folder, index)
    pickles = [name for name in _PICKLES if (folder / name).exists()]
    if pickles:
        raise ValueError(
            f"{str(folder)!r} has its weights in {pickles[0]}, a pickle, which runs code when it is read: t5mix reads "
            "safetensors alone; in transformers, model.save_pretrained(FOLDER, safe_serialization=True) writes it"
        )
    raise FileNotFoundError(f"{str(folder)!r} has config.json and no {SINGLE}: the download is not complete")


def _sharded(folder: Path, index: Any) -> dict[str, LazyArray]:
    """Returns the arrays of several files, as the index says where each lies."""
    source = str(folder / INDEX)
    if not isinstance(index, dict) or not all(isinstance(x, str) for x in index.values()):
        raise ValueError(f"{source}: weight_map must give a file for each weight")
    files = {name: _arrays(file_inside(folder, name)) for name in sorted(set(index.values()))}
    for weight, name in index.items():
        if weight not in files[name]:
            raise ValueError(f"{source}: {weight} is said to be in {name}, and is not there")
    unnamed = sorted(weight for arrays in files.values() for weight in arrays if weight not in index)
    if unnamed:
        raise ValueError(f"{source} does not name {unnamed[0]}, which one of its files has")
    return {weight: files[name][weight] for weight, name in index.items()}


def _arrays(path: Path) -> dict[str, LazyArray]:
    """Returns the arrays of one safetensors file."""
    safetensors = import_quietly("safetensors")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            kinds = {name: (tuple(s.get_shape()), str(s.get_dtype())) for name, s in slices.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path}: this is not a whole safetensors file: {error}") from None
    return {
        name: LazyArray(shape, _DTYPES.get(kind, kind), functools.partial(_read, path, name))
        for name, (shape, kind) in kinds.items()
    }


def _read(path: Path, name: str) -> np.ndarray:
    with import_quietly("safetensors").safe_open(path, "numpy") as file:
        return file.get_tensor(name)
