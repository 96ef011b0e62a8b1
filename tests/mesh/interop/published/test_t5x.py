"""Folders as t5x writes them: msgpack by Flax's rules, arrays by tensorstore."""

import msgpack
import numpy as np
import pytest
import tensorstore

from t5mix.mesh.interop import is_foreign, open_checkpoint
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import weights_of
from t5mix.mesh.interop.published.t5x import read_t5x
from tests.mesh.interop.published.test_tensorflow_t5 import MODEL, values_of

GIN = """
from t5x.examples.t5 import network
include 't5x/examples/t5/t5_1_1/base.gin'
network.T5Config.mlp_activations = ('gelu', 'linear')
network.T5Config.dropout_rate = 0.05
"""


def packed(array):
    """An array within msgpack, as flax.serialization writes it."""
    content = msgpack.packb((array.shape, array.dtype.name, array.tobytes()), use_bin_type=True)
    return msgpack.ExtType(1, content)


def write(folder, arrays, *, inline=(), gin=GIN, dtype="float32"):
    """Writes arrays by t5x's names; those of `inline` into the index."""
    folder.mkdir(parents=True)
    target: dict = {}
    for name, value in arrays.items():
        *path, last = name.split(".")
        tree = target
        for part in path:
            tree = tree.setdefault(part, {})
        if name in inline:
            tree[last] = packed(value)
            continue
        spec = {
            "driver": "zarr",
            "kvstore": {"driver": "file", "path": str(folder / f"target.{name}")},
            "metadata": {
                "shape": value.shape,
                "chunks": [max(1, size // 2) for size in value.shape],
                "compressor": {"id": "gzip", "level": 1},
                "dtype": {"float32": "<f4", "bfloat16": "bfloat16"}[dtype],
            },
        }
        store = tensorstore.open(spec, create=True, delete_existing=True).result()
        store.write(value.astype(store.dtype.numpy_dtype)).result()
        tree[last] = {
            "driver": "zarr",
            "dtype": dtype,
            "kvstore": {"driver": "gfile", "path": f"/somebody/else/target.{name}"},
            "metadata": {},
            "transform": {"input_exclusive_max": list(value.shape)},
        }
    content = {"version": 3, "optimizer": {"target": target, "state": {"step": packed(np.int32(7)[None])}}}
    (folder / "checkpoint").write_bytes(msgpack.packb(content, use_bin_type=True))
    if gin:
        (folder.parent / "config.gin").write_text(gin)


def named(model, values):
    return {w.t5x: values[w.name] for w in weights_of(model)}


def assert_equal(weights, values):
    assert list(weights) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(weights[name].float32(), value)


def test_a_checkpoint_is_read(tmp_path):
    values = values_of(MODEL)
    write(tmp_path / "t5x" / "checkpoint_999", {}, inline=())
    write(tmp_path / "t5x" / "checkpoint_10000", named(MODEL, values), inline=("encoder.encoder_norm.scale",))
    assert is_foreign(str(tmp_path / "t5x"))
    for path in (tmp_path / "t5x", tmp_path / "t5x" / "checkpoint_10000"):
        opened = open_checkpoint(str(path))
        assert opened.kind == "t5x" and opened.step == 10000
        assert Architecture.of(opened.config) == MODEL
        assert_equal(opened.weights, values)


def test_a_loop_over_layers_and_a_bias_for_each_as_umt5_has_them(tmp_path):
    model = Architecture(**{**vars(MODEL), "per_layer_bias": True})
    values = values_of(model)
    arrays = named(model, values)
    stacked = {}
    for name, value in arrays.items():
        stack, layer, *rest = name.split(".")
        if not layer.startswith("layers_"):
            stacked[name] = value
            continue
        kind = rest[-2]
        if kind in ("query", "key", "value"):  # with heads in a dimension of their own
            value = value.reshape(model.d_model, model.num_heads, model.d_kv)
        elif kind == "out":
            value = value.reshape(model.num_heads, model.d_kv, model.d_model)
        stacked.setdefault(".".join([stack, stack, *rest]), []).append(value)
    stacked = {name: np.stack(value, axis=1) if isinstance(value, list) else value for name, value in stacked.items()}
    write(tmp_path / "umt5" / "checkpoint_1", stacked)
    found, weights = read_t5x(tmp_path / "umt5" / "checkpoint_1")
    assert found == model
    assert_equal(weights, values)
    assert open_checkpoint(str(tmp_path / "umt5")).config.per_layer_bias


def test_bfloat16_is_read_as_it_is(tmp_path):
    values = {name: np.round(value * 4) / 4 for name, value in values_of(MODEL).items()}
    write(tmp_path / "t5x" / "checkpoint_5", named(MODEL, values), dtype="bfloat16")
    opened = open_checkpoint(str(tmp_path / "t5x"))
    assert opened.weights["shared/embedding"].dtype == "bfloat16"
    assert_equal(opened.weights, values)


def test_what_is_missing_or_damaged_is_one_line(tmp_path):
    arrays = named(MODEL, values_of(MODEL))
    less = {name: value for name, value in arrays.items() if name != "decoder.layers_2.mlp.wo.kernel"}
    write(tmp_path / "less" / "checkpoint_1", less)
    with pytest.raises(ValueError, match=r"lacks decoder.layers_2.mlp.wo.kernel"):
        open_checkpoint(str(tmp_path / "less"))
    write(tmp_path / "more" / "checkpoint_1", {**arrays, "encoder.layers_0.adapter.kernel": np.ones((2, 2), "f")})
    with pytest.raises(ValueError, match=r"has encoder.layers_0.adapter.kernel"):
        open_checkpoint(str(tmp_path / "more"))
    folder = tmp_path / "t5x" / "checkpoint_1"
    write(folder, arrays)
    place = folder / "target.encoder.layers_0.mlp.wo.kernel"
    (place / ".zarray").write_text("{}")
    with pytest.raises(ValueError, match="no zarr array"):
        open_checkpoint(str(folder))
    (place / ".zarray").unlink()
    (place / ".zarray").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="is a link"):
        open_checkpoint(str(folder))
    (folder / "checkpoint").write_bytes(b"\xc1\xff")
    with pytest.raises(ValueError, match=r"not Flax's msgpack"):
        open_checkpoint(str(folder))


def test_names_that_leave_the_folder_are_refused(tmp_path):
    folder = tmp_path / "t5x" / "checkpoint_1"
    write(folder, named(MODEL, values_of(MODEL)))
    content = msgpack.unpackb((folder / "checkpoint").read_bytes(), strict_map_key=False)
    content["optimizer"]["target"]["../../outside"] = {"driver": "zarr", "kvstore": {"driver": "file", "path": "x"}}
    (folder / "checkpoint").write_bytes(msgpack.packb(content))
    with pytest.raises(ValueError, match="no plain name"):
        open_checkpoint(str(folder))


def test_objects_within_msgpack_are_refused(tmp_path):
    folder = tmp_path / "t5x" / "checkpoint_1"
    write(folder, named(MODEL, values_of(MODEL)))
    evil = msgpack.ExtType(1, msgpack.packb(((1,), "object", b"12345678")))
    (folder / "checkpoint").write_bytes(
        msgpack.packb({"optimizer": {"target": {"token_embedder": {"embedding": evil}}}})
    )
    with pytest.raises(ValueError, match=r"not Flax's msgpack.*no array of numbers"):
        open_checkpoint(str(folder))


def test_a_small_model_may_stand_in_the_index_alone(tmp_path):
    values = values_of(MODEL)
    arrays = named(MODEL, values)
    write(tmp_path / "t5x" / "checkpoint_3", arrays, inline=tuple(arrays))
    opened = open_checkpoint(str(tmp_path / "t5x"))
    assert opened.step == 3 and Architecture.of(opened.config) == MODEL
    assert_equal(opened.weights, values)
