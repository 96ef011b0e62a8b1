"""Checkpoints of t5x: a folder of zarr arrays, `target.encoder...`, and a msgpack file, `checkpoint`, that lists them.

A small array may stand in the msgpack file itself, as Flax writes it. Paths and drivers that the file names are not
used: an array `x` is the folder `target.x`, read by tensorstore from this machine, or it is refused.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import LARGEST_TEXT
from t5mix.internal.lazy import import_quietly
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import weights_of
from t5mix.mesh.interop.published import gin_text
from t5mix.mesh.interop.published.shapes import architecture_of
from t5mix.mesh.interop.safe_files import file_inside, folder_inside
from t5mix.mesh.interop.weights import ExpectedWeight, LazyArray, match

_INDEX = "checkpoint"
_STEP = re.compile(r"checkpoint_([0-9]+)")

# Where equal layers are one loop, t5x has them in this dimension of each array.
_LAYER_AXIS = 1

# Flax's extension types of msgpack.
_ARRAY, _SCALAR = 1, 3


def find_checkpoint(path: Path) -> Path | None:
    """Returns the folder of a t5x checkpoint, or None where there is none.

    Args:
        path: such a folder, or one that holds `checkpoint_STEP`, of which the newest counts.
    """
    if (path / _INDEX).is_file() and (_STEP.fullmatch(path.name) or any(path.glob("target.*"))):
        return path
    inner = [entry for entry in path.glob("checkpoint_*") if _STEP.fullmatch(entry.name) and entry.is_dir()]
    inner = [entry for entry in inner if (entry / _INDEX).is_file()]
    newest = max(inner, key=lambda entry: step_of(entry) or 0, default=None)
    return None if newest is None else folder_inside(path, newest.name)


def step_of(folder: Path) -> int | None:
    """Returns the step that a checkpoint's name says."""
    found = _STEP.fullmatch(folder.name)
    return int(found[1]) if found else None


def read_t5x(folder: Path) -> tuple[Architecture, dict[str, LazyArray]]:
    """Returns the architecture of a t5x checkpoint, and its weights by t5mix's names.

    Args:
        folder: from `find_checkpoint`.

    Raises:
        ValueError: the checkpoint is damaged, a weight is missing, of another shape, or too many.
    """
    source = f"{str(folder)!r}"
    found = {name: _two_dimensional(name, array) for name, array in _unstacked(_arrays(folder), source)}
    published = {_published(name): array for name, array in found.items()}
    model = architecture_of(published, _bindings(folder), source)
    expected = [ExpectedWeight(names.name, names.t5x, names.shape) for names in weights_of(model)]
    return model, match(expected, found, source)


def _bindings(folder: Path) -> dict[str, Any]:
    """Returns the settings of config.gin, beside the arrays or beside `checkpoint_STEP`."""
    for place in (folder, folder.parent) if _STEP.fullmatch(folder.name) else (folder,):
        if (place / "config.gin").exists():
            return gin_text.read(file_inside(place, "config.gin"))
    return {}


def _arrays(folder: Path) -> dict[str, LazyArray]:
    """Returns the model's arrays by t5x's names, below "target"."""
    content = _read_index(file_inside(folder, _INDEX))
    optimizer = content.get("optimizer", content)
    target = optimizer.get("target") if isinstance(optimizer, dict) else None
    if not isinstance(target, dict):
        raise ValueError(f"{str(folder / _INDEX)!r} lists no weights: it has no optimizer.target")
    return {name: _leaf(folder, name, leaf) for name, leaf in _flat(target)}


def _flat(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, leaf) of a tree; what describes an array in a file is a leaf."""
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and not {"driver", "kvstore"} <= value.keys():
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _leaf(folder: Path, name: str, leaf: Any) -> LazyArray:
    """Returns an array that stands in the index, or in a folder of its own."""
    if isinstance(leaf, np.ndarray):
        return LazyArray.of(leaf)
    if not isinstance(leaf, dict | str):
        raise ValueError(f"{str(folder / _INDEX)!r}: {name} is no array")
    place = folder_inside(folder, f"target.{name}")
    for entry in place.rglob("*"):
        if entry.is_symlink():
            raise ValueError(f"{str(entry)!r} is a link, and links are not followed: put a copy of the file there")
    store = _open(place)
    return LazyArray(tuple(store.shape), str(store.dtype.name), functools.partial(_read, store, place))


def _open(place: Path) -> Any:
    tensorstore = import_quietly("tensorstore")
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{place}/"}}
    try:
        return tensorstore.open(spec, open=True, read=True).result()
    except (ValueError, OSError, OverflowError) as error:
        raise ValueError(f"{str(place)!r} is no zarr array: {' '.join(str(error).split())[:300]}") from None


def _read(store: Any, place: Path) -> np.ndarray:
    try:
        return np.asarray(store.read().result())
    except (ValueError, OSError) as error:
        raise ValueError(f"{str(place)!r} is damaged: {' '.join(str(error).split())[:300]}") from None


def _unstacked(arrays: Mapping[str, LazyArray], source: str) -> Iterator[tuple[str, LazyArray]]:
    """Yields the arrays, with those of a loop over layers cut into one for each layer."""
    for name, array in arrays.items():
        stack, _, rest = name.partition(".")
        if stack not in ("encoder", "decoder") or not rest.startswith(f"{stack}."):
            yield name, array
            continue
        if len(array.shape) < 2:
            raise ValueError(f"{source}: {name} has shape {list(array.shape)}, and its second dimension counts layers")
        shape = array.shape[:_LAYER_AXIS] + array.shape[_LAYER_AXIS + 1 :]
        for layer in range(array.shape[_LAYER_AXIS]):
            read = functools.partial(_layer, array, layer)
            yield f"{stack}.layers_{layer}.{rest.removeprefix(f'{stack}.')}", LazyArray(shape, array.dtype, read)


def _layer(array: LazyArray, layer: int) -> np.ndarray:
    return np.take(array.read(), layer, axis=_LAYER_AXIS)


def _two_dimensional(name: str, array: LazyArray) -> LazyArray:
    """Returns an array of attention with heads and their width in one dimension, as most checkpoints have it."""
    if len(array.shape) != 3:
        return array
    first, second, third = array.shape
    return array.reshaped((first * second, third) if name.endswith(".out.kernel") else (first, second * third))


def _published(name: str) -> str:
    """Returns published T5's name of those weights that tell the architecture; others stay as they are."""
    fixed = {
        "token_embedder.embedding": "shared/embedding",
        "decoder.logits_dense.kernel": "decoder/logits/kernel",
        "encoder.relpos_bias.rel_embedding": "encoder/block_000/layer_000/SelfAttention/relative_attention_bias",
    }
    if name in fixed:
        return fixed[name]
    found = re.fullmatch(r"(encoder|decoder)\.layers_([0-9]+)\.(.*)", name)
    if not found:
        return name
    block = f"{found[1]}/block_{int(found[2]):03d}"
    within = {
        "relpos_bias.rel_embedding": "layer_000/SelfAttention/relative_attention_bias",
        "attention.query.kernel": "layer_000/SelfAttention/q",
        "mlp.wi.kernel": "layer_001/DenseReluDense/wi/kernel",
        "mlp.wi_0.kernel": "layer_001/DenseReluDense/wi_0/kernel",
    }
    return f"{block}/{within.get(found[3], found[3])}"


def _read_index(path: Path) -> dict[str, Any]:
    """Reads Flax's msgpack: data alone, arrays among it."""
    msgpack = import_quietly("msgpack")
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError(f"{str(path)!r} has {path.stat().st_size:,} bytes: weights must lie in folders beside it")
    try:
        content = msgpack.unpackb(path.read_bytes(), ext_hook=_extension, raw=False, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ValueError(f"{str(path)!r} is not Flax's msgpack: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} is msgpack, but no tree of arrays")
    return content


def _extension(code: int, data: bytes) -> Any:
    if code not in (_ARRAY, _SCALAR):
        return None  # a complex number, which no T5 has
    shape, dtype, values = import_quietly("msgpack").unpackb(data, raw=True)
    name = dtype.decode("ascii")
    kind = import_quietly("ml_dtypes").bfloat16 if name in ("bfloat16", "V2") else np.dtype(name)
    if np.dtype(kind).hasobject:
        raise ValueError(f"an array of {name} is no array of numbers")
    array = np.frombuffer(values, kind).reshape(tuple(shape))
    return array if code == _ARRAY else array[()]
