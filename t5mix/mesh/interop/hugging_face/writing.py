"""A Hugging Face folder, written whole, that transformers 4.57 and 5 load."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import write_json
from t5mix.internal.lazy import import_quietly
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.hugging_face.config import config_json, generation_json
from t5mix.mesh.interop.hugging_face.generation import GENERATION
from t5mix.mesh.interop.hugging_face.reading import CONFIG, INDEX, SINGLE
from t5mix.mesh.interop.hugging_face.tokenizer_writing import write_tokenizer
from t5mix.mesh.interop.names import hugging_face_weights
from t5mix.mesh.interop.safe_files import new_folder
from t5mix.mesh.interop.weights import ExpectedWeight, Weights, match
from t5mix.vocabularies.base import Vocabulary

# transformers' own limit of a file before it starts another one.
SHARD_BYTES = 5 * 10**9

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """What a Hugging Face folder is made of.

    Attributes:
        model: size and shape.
        weights: by t5mix's names; others, such as an optimizer's slots, are to be left out before.
        vocabulary: of inputs and targets.
        card: text of README.md.
        generation: settings of generation_config.json besides T5's ids.
        dtype: of the weights on disk: "float32", or "bfloat16" for half the size.
    """

    model: Architecture
    weights: Weights
    vocabulary: Vocabulary
    card: str = ""
    generation: Mapping[str, Any] | None = None
    dtype: str = "float32"


def write_folder(export: Export, path: str, *, shard_bytes: int = SHARD_BYTES) -> None:
    """Writes a folder: config, weights, tokenizer, generation settings and model card.

    Args:
        export: what goes into it.
        path: of the folder, which appears when it is complete.
        shard_bytes: size of a file of weights at most, where one weight is not larger.

    Raises:
        ValueError: something is there already, a weight is missing or too many, or transformers has no such model or
            tokenizer.
    """
    if export.dtype not in _BYTES:
        raise ValueError(f"dtype is {export.dtype!r}: choose from {', '.join(_BYTES)}")
    expected = hugging_face_weights(export.model)
    ours = [ExpectedWeight(w.name, w.name, w.shape[::-1] if w.transpose else w.shape) for w in expected]
    arrays = match(ours, export.weights, "the model to be exported")
    if export.vocabulary.vocab_size > export.model.vocab_size:
        raise ValueError(
            f"{export.vocabulary!r} has {export.vocabulary.vocab_size} ids, and the model {export.model.vocab_size} "
            "rows: it was trained with another vocabulary"
        )
    theirs = {w.theirs: arrays[w.name].transposed if w.transpose else arrays[w.name] for w in expected}
    with new_folder(path) as folder:
        write_json(folder / CONFIG, config_json(export.model, export.dtype))
        write_json(folder / GENERATION, generation_json(export.generation))
        write_tokenizer(folder, export.vocabulary)
        _write_weights(folder, theirs, export.dtype, shard_bytes)
        (folder / "README.md").write_text(export.card, encoding="utf-8")


def _write_weights(folder: Path, arrays: Weights, dtype: str, shard_bytes: int) -> None:
    """Writes weights into one file, or into several with an index."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, array in arrays.items():
        size = int(np.prod(array.shape)) * _BYTES[dtype]
        if shards[-1] and filled + size > shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    if len(shards) == 1:
        _write_shard(folder / SINGLE, arrays, shards[0], dtype)
        return
    places: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        _write_shard(folder / file, arrays, names, dtype)
        places |= dict.fromkeys(names, file)
    total = sum(int(np.prod(array.shape)) * _BYTES[dtype] for array in arrays.values())
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))})


def _write_shard(path: Path, arrays: Weights, names: list[str], dtype: str) -> None:
    numpy_dtype = import_quietly("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    tensors = {name: np.ascontiguousarray(arrays[name].float32().astype(numpy_dtype)) for name in names}
    # "pt" is what transformers asks for before it reads a file.
    import_quietly("safetensors.numpy").save_file(tensors, path, metadata={"format": "pt"})
