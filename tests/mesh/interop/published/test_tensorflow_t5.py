"""TensorFlow checkpoints with Mesh-TensorFlow T5's names, written here by TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from t5mix.mesh.interop import is_foreign, open_checkpoint
from t5mix.mesh.interop.architecture import Architecture
from t5mix.mesh.interop.names import weights_of

MODEL = Architecture(
    vocab_size=256,
    d_model=16,
    d_ff=24,
    num_heads=2,
    d_kv=4,
    num_encoder_layers=2,
    num_decoder_layers=3,
    activations=("gelu", "linear"),
    tied_embeddings=False,
    dropout_rate=0.05,
)

# As the published files are: macros, references, lists over lines, an import that would run code.
GIN = """
from __gin__ import dynamic_registration
import t5.models.mesh_transformer
import a_module_that_would_run
include "/etc/passwd"

# Macros:
# ==============================================================================
d_ff = 24
num_heads = 2
dropout_rate = 0.05

# Parameters for decoder/DenseReluDense:
# ==============================================================================
decoder/mesh_tensorflow.transformer.transformer_layers.DenseReluDense.activation = ACTIVATION
decoder/DenseReluDense.dropout_rate = %dropout_rate
decoder/DenseReluDense.hidden_size = %d_ff
encoder/SelfAttention.num_heads = %num_heads
encoder/transformer.make_layer_stack.layers = \\
    [@mesh_tensorflow.transformer.transformer_layers.SelfAttention,
     @mesh_tensorflow.transformer.transformer_layers.DenseReluDense]
utils.run.mesh_shape = @mesh_tensorflow.transformer.utils.tpu_mesh_shape()
"""


def values_of(model):
    rng = np.random.default_rng(0)
    return {w.name: rng.normal(size=w.shape).astype(np.float32) for w in weights_of(model)}


def write(folder, model, values, *, step=1000, legacy=False, gin=None, dtype=tf.float32):
    """Writes a checkpoint as T5's training does: weights, slots, the step."""
    folder.mkdir(exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("global_step", initializer=np.int64(step))
        for w in weights_of(model):
            name = w.published
            if legacy:
                name = name.replace("/rms_norm/", "/layer_norm/")
                name = name.replace("coder/layer_norm/", "coder/final_layer_norm/")
            tf.compat.v1.get_variable(name, initializer=tf.cast(values[w.name], dtype))
            tf.compat.v1.get_variable(f"{name}_slot_vr", initializer=np.zeros(3, np.float32))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=step)
    if gin is not None:
        (folder / "operative_config.gin").write_text(gin)


def assert_read(folder, model, values):
    opened = open_checkpoint(str(folder))
    assert Architecture.of(opened.config) == model
    assert opened.kind == "Mesh-TensorFlow T5" and opened.vocabulary is None
    assert list(opened.weights) == list(values)
    for name, value in values.items():
        np.testing.assert_array_equal(opened.weights[name].float32(), value)
    return opened


@pytest.mark.parametrize("legacy", [False, True], ids=["rms_norm", "layer_norm"])
def test_a_checkpoint_is_read_with_what_its_gin_file_says(tmp_path, legacy):
    values = values_of(MODEL)
    write(tmp_path / "t5", MODEL, values, legacy=legacy, gin=GIN.replace("ACTIVATION", "['gelu', 'linear']"))
    assert is_foreign(str(tmp_path / "t5"))
    assert assert_read(tmp_path / "t5", MODEL, values).step == 1000


def test_t5_1_0_without_a_gin_file(tmp_path):
    model = Architecture(**{**vars(MODEL), "activations": ("relu",), "tied_embeddings": True, "dropout_rate": 0.1})
    values = values_of(model)
    write(tmp_path / "t5", model, values)
    assert_read(tmp_path / "t5", model, values)


def test_the_newest_of_several_counts_and_one_may_be_named(tmp_path):
    old, new = values_of(MODEL), {name: value + 1 for name, value in values_of(MODEL).items()}
    gin = GIN.replace("ACTIVATION", "['gelu', 'linear']")
    write(tmp_path / "t5", MODEL, old, step=999, gin=gin)
    write(tmp_path / "t5", MODEL, new, step=10000)
    assert assert_read(tmp_path / "t5", MODEL, new).step == 10000
    assert is_foreign(str(tmp_path / "t5" / "model.ckpt-999"))
    assert assert_read(tmp_path / "t5" / "model.ckpt-999", MODEL, old).step == 999
    assert assert_read(tmp_path / "t5" / "model.ckpt-999.index", MODEL, old).step == 999


def test_bfloat16_is_read_as_it_is(tmp_path):
    values = {name: np.asarray(tf.cast(tf.cast(v, tf.bfloat16), tf.float32)) for name, v in values_of(MODEL).items()}
    write(tmp_path / "t5", MODEL, values, gin="dropout_rate = 0.05", dtype=tf.bfloat16)
    assert_read(tmp_path / "t5", MODEL, values)


def test_what_does_not_fit_is_one_line(tmp_path):
    values = values_of(MODEL)
    write(tmp_path / "heads", MODEL, values, gin="SelfAttention.num_heads = 8\n")
    with pytest.raises(ValueError, match="say 8 heads, and its weights have 2"):
        open_checkpoint(str(tmp_path / "heads"))
    write(tmp_path / "gated", MODEL, values, gin="DenseReluDense.activation = 'relu'\n")
    with pytest.raises(ValueError, match=r"activations \('relu',\)"):
        open_checkpoint(str(tmp_path / "gated"))
    wider = {**values, "decoder/layer_004/EncDecAttention/k": np.zeros((16, 9), np.float32)}
    write(tmp_path / "wider", MODEL, wider)
    with pytest.raises(
        ValueError, match=r"decoder/block_001/layer_001/EncDecAttention/k has shape \[16, 9\].* \[16, 8\]"
    ):
        open_checkpoint(str(tmp_path / "wider"))


def test_damage_and_links_are_refused(tmp_path):
    values = values_of(MODEL)
    write(tmp_path / "t5", MODEL, values)
    data = tmp_path / "t5" / "model.ckpt-1000.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    place = content.index(values["shared/embedding"].tobytes())
    content[place + 100] ^= 1
    data.write_bytes(content)
    opened = open_checkpoint(str(tmp_path / "t5"))
    with pytest.raises(ValueError, match=r"shared/embedding is damaged"):
        opened.weights["shared/embedding"].read()
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="is a link"):
        open_checkpoint(str(tmp_path / "t5"))
    data.unlink()
    index = tmp_path / "t5" / "model.ckpt-1000.index"
    index.write_bytes(index.read_bytes()[:50])
    with pytest.raises(ValueError, match="no whole TensorFlow checkpoint"):
        open_checkpoint(str(tmp_path / "t5"))
