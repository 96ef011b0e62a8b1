"""Architectures of Raffel et al. 2020, section 3.2, and UMT5's biases, against transformers and by laws."""

import numpy as np
import pytest

from t5mix.mesh.compiling.lowering import GlobalMeshImpl, Lowering
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.mesh_tensorflow import mtf, tf
from t5mix.mesh.t5.model import FEATURES, T5Model
from tests.mesh.small import BATCH, LENGTHS, batch, config, decoder_batch

LENGTH = sum(LENGTHS.values())
LM = {"architecture": "language_model", "num_encoder_layers": 0, "num_decoder_layers": 2}
PREFIX_LM = {**LM, "architecture": "prefix_lm"}
SHARED = {"architecture": "shared_encoder_decoder", "num_encoder_layers": 2, "num_decoder_layers": 2}
UMT5 = {"per_layer_bias": True, "num_encoder_layers": 3, "num_decoder_layers": 2, "activations": ("silu", "linear")}
ALL = [
    pytest.param(LM, id="language_model"),
    pytest.param(PREFIX_LM, id="prefix_lm"),
    pytest.param(SHARED, id="shared"),
    pytest.param(UMT5, id="umt5"),
]


def engine(changes, mesh: str = "batch:1", **more) -> Engine:
    return Engine(config(**{**changes, **more}), MeshConfig(shape=mesh), batch_size=BATCH, lengths=LENGTHS, num_tasks=2)


def data(changes, seed: int = 0):
    return decoder_batch(seed) if changes["num_encoder_layers"] == 0 else batch(seed)


def train(on: Engine, changes, steps: int = 3):
    state, losses = on.initialize(seed=0), []
    for step in range(steps):
        made, decay = data(changes, step), 1 - (step + 1) ** -0.8
        state, metrics = on.train_step(state, made, learning_rate=1e-2, decay_rate=decay, step=step, seed=0)
        losses.append(float(metrics.loss))
    return state, losses


def visible(made, *, prefix: bool) -> np.ndarray:
    """What each position sees, by its definition: bool [batch, length, length]."""
    segments = made["decoder_segment_ids"]
    same = (segments[:, :, None] == segments[:, None, :]) & (segments > 0)[:, None, :]
    before = np.tril(np.ones((LENGTH, LENGTH), bool))[None]
    return same & (before | (made["decoder_causal_attention"] > 0)[:, None, :]) if prefix else same & before


def transformers_decoder(model, state, made, *, prefix: bool) -> np.ndarray:
    """Logits of transformers' decoder without an encoder, told by a mask what each position sees."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    settings = transformers.T5Config(
        vocab_size=model.padded_vocab_size,
        d_model=model.d_model,
        d_kv=model.d_kv,
        d_ff=model.d_ff,
        num_layers=model.num_decoder_layers,
        num_heads=model.num_heads,
        use_cache=False,
        dropout_rate=0.0,
    )
    settings._attn_implementation = "eager"
    stack = transformers.T5ForConditionalGeneration(settings).decoder.eval()
    weights = {
        "embed_tokens.weight": state["shared/embedding"],
        "final_layer_norm.weight": state["decoder/rms_norm/scale"],
    }
    for block in range(model.num_decoder_layers):
        for number, (ours, theirs) in enumerate((("SelfAttention", 0), ("DenseReluDense", 2))):
            layer, there = f"decoder/layer_{2 * block + number:03d}", f"block.{block}.layer.{theirs}"
            weights[f"{there}.layer_norm.weight"] = state[f"{layer}/rms_norm/scale"]
            for name in "qkvo" if ours == "SelfAttention" else ("wi", "wo"):
                end = "" if ours == "SelfAttention" else "/kernel"
                weights[f"{there}.{ours}.{name}.weight"] = state[f"{layer}/{ours}/{name}{end}"].T
    bias = "SelfAttention/relative_attention_bias"
    weights["block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = state[f"decoder/layer_000/{bias}"].T
    # Where inputs see each other, what comes behind has buckets of its own, as in Mesh-TensorFlow.
    stack.block[0].layer[0].SelfAttention.is_decoder = not prefix
    found = stack.load_state_dict({k: torch.tensor(np.array(v)) for k, v in weights.items()}, strict=False)
    assert not found.unexpected_keys and all("EncDecAttention" in k or ".layer.1." in k for k in found.missing_keys)
    mask = torch.tensor(np.where(visible(made, prefix=prefix), 0.0, -1e9).astype(np.float32))[:, None]
    with torch.no_grad():
        read = torch.tensor(made["decoder_input_tokens"])
        hidden = stack(input_ids=read, attention_mask=mask).last_hidden_state.numpy()
    return hidden * model.d_model**-0.5 @ np.asarray(state["shared/embedding"]).T


@pytest.mark.parametrize("changes", ALL[:2])
def test_a_decoder_alone_equals_transformers_with_the_mask_of_its_definition(changes):
    on = engine(changes)
    state, made = on.initialize(seed=3), data(changes, 5)
    name = "decoder/layer_000/SelfAttention/relative_attention_bias"
    state[name] = np.random.default_rng(0).normal(size=state[name].shape).astype(np.float32)
    expected = transformers_decoder(on.model, state, made, prefix=changes is PREFIX_LM)
    real = made["decoder_segment_ids"] > 0
    np.testing.assert_allclose(on.logits(state, made)[real], expected[real], rtol=2e-4, atol=2e-4)
    log_z = np.log(np.exp(expected).sum(-1))
    chosen = np.take_along_axis(expected, made["decoder_target_tokens"][..., None], -1)[..., 0]
    nats = (log_z - chosen) * made["decoder_loss_weights"]
    np.testing.assert_allclose(on.score(state, made), -nats.sum(1), rtol=1e-4)


def test_inputs_see_each_other_in_a_prefix_lm_alone():
    made = decoder_batch(1)
    last = int(np.flatnonzero(made["decoder_causal_attention"][0])[-1])
    assert made["decoder_segment_ids"][0, last] >= 1
    begin = int(np.flatnonzero(made["decoder_segment_ids"][0] == made["decoder_segment_ids"][0, last])[0])
    changed = {name: array.copy() for name, array in made.items()}
    changed["decoder_input_tokens"][0, last] = 77  # the last input of its example
    for changes, sees in ((LM, False), (PREFIX_LM, True)):
        on = engine(changes)
        state = on.initialize(seed=0)
        before, after = (on.logits(state, each)[0] for each in (made, changed))
        differs = np.abs(before - after).max(-1) > 1e-6
        assert differs[last] and differs[begin] == sees
        assert not differs[:begin].any()  # another example of the row


@pytest.mark.parametrize("changes", ALL[:2])
def test_targets_alone_have_a_loss_unless_inputs_are_to_have_one(changes):
    made = decoder_batch(2)
    on, everything = engine(changes, dropout_rate=0.0), engine(changes, dropout_rate=0.0, loss_on_targets_only=False)
    state = on.initialize(seed=0)
    logits = on.logits(state, made).astype(np.float64)
    chosen = np.take_along_axis(logits, made["decoder_target_tokens"][..., None], -1)[..., 0]
    nats = np.log(np.exp(logits).sum(-1)) - chosen
    score = on.score(state, made)
    for each, weights in ((on, made["decoder_loss_weights"]), (everything, made["decoder_segment_ids"] > 0)):
        np.testing.assert_allclose(each.score(state, made), score, rtol=1e-6)  # always of the targets
        start = each.initialize(seed=0)
        _, metrics = each.train_step(start, made, learning_rate=0.0, decay_rate=0.0, step=0, seed=0)
        assert float(metrics.loss) == pytest.approx((nats * weights).sum() / weights.sum(), rel=1e-5)
        by_task = [int((made["targets_task"] == task).sum()) for task in (0, 1)]
        assert np.asarray(metrics.task_tokens).tolist() == by_task


@pytest.fixture(scope="module", params=ALL)
def written_out(request):
    """An architecture, its engine without a loop, and what that comes to in three steps."""
    on = engine(request.param, block_loop="off")
    return request.param, on, *train(on, request.param)


# Each policy, and each architecture, once: all pairs take minutes. Models of encoder and decoder: test_loop.py.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("written_out", "policy"),
    [(LM, "kept"), (PREFIX_LM, "products"), (SHARED, "recomputed"), (UMT5, "kept")],
    indirect=["written_out"],
    ids=["language_model", "prefix_lm", "shared", "umt5"],
)
def test_a_loop_over_blocks_means_what_blocks_written_out_mean(written_out, policy):
    changes, before, expected, losses = written_out
    after = engine(changes, block_loop=policy)
    assert {v.name: v.shape for v in before.variables} == {v.name: v.shape for v in after.variables}
    state, found = train(after, changes)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for name in expected:
        np.testing.assert_allclose(state[name], expected[name], rtol=2e-3, atol=2e-4, err_msg=name)


@pytest.mark.slow
def test_a_mesh_means_what_one_device_means(written_out):
    changes, _, _, losses = written_out
    _, found = train(engine(changes, "batch:2;model:2", block_loop="kept"), changes)
    np.testing.assert_allclose(found, losses, rtol=1e-5)


def with_own_weights(shared):
    """Values of an encoder-decoder that shares nothing, equal to those of one that does."""
    values = dict(shared)
    for name in shared:
        stack, layer, *rest = name.split("/")
        if stack == "encoder" and layer.startswith("layer_") and rest[-1] != "relative_attention_bias":
            block, part = divmod(int(layer.removeprefix("layer_")), 2)
            values["/".join(["decoder", f"layer_{3 * block + 2 * part:03d}", *rest])] = shared[name]
    return values


def gradients(model, values, made):
    """Gradients of the mean loss, by the names of weights."""

    @tf.function(jit_compile=True)
    def compiled(weights, features):
        graph = mtf.Graph()
        mesh = mtf.Mesh(graph, "mesh")

        def tensor(name):
            dimensions = [mtf.Dimension("batch", BATCH), mtf.Dimension("length", LENGTHS[name.split("_")[0]])]
            return mtf.import_fully_replicated(mesh, features[name], mtf.Shape(dimensions), name)

        built = T5Model(model)
        _, loss = built.token_losses(built.batch([tensor(name) for name in FEATURES]), train=False)
        variables = graph.trainable_variables
        found = mtf.gradients([mtf.reduce_sum(loss)], [variable.outputs[0] for variable in variables])
        lowering = Lowering(graph, GlobalMeshImpl(MeshConfig(), weights))
        return {v.name: lowering.export_to_tf_tensor(g) for v, g in zip(variables, found, strict=True)}

    weights = {name: tf.constant(np.asarray(value)) for name, value in values.items()}
    found = compiled(weights, {name: tf.constant(array) for name, array in made.items()})
    return {name: value.numpy() for name, value in found.items()}


def test_an_encoder_and_a_decoder_that_share_weights_are_two_with_equal_ones():
    shared, own = engine(SHARED), engine({**SHARED, "architecture": "encoder_decoder"})
    assert shared.num_parameters < own.num_parameters
    state = shared.initialize(0)
    values = {v.name: np.array(state[v.name]) for v in shared.variables if v.trainable}
    theirs, made = with_own_weights(values), batch(1)
    assert theirs.keys() == {v.name for v in own.variables if v.trainable}
    np.testing.assert_allclose(shared.logits(values, made), own.logits(theirs, made), rtol=1e-5, atol=1e-6)
    inputs = made["inputs"] * (made["inputs_segment_ids"] == 1)
    np.testing.assert_array_equal(shared.greedy_decode(values, inputs), own.greedy_decode(theirs, inputs))
    found, both = gradients(shared.model, values, made), gradients(own.model, theirs, made)
    copies = with_own_weights({name: name for name in values})
    for name, gradient in found.items():
        expected = sum(both[copy] for copy, original in copies.items() if original == name)
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_names_on_disk():
    names = {v.name for v in engine(LM, block_loop="kept").variables if v.trainable}
    assert not any(name.startswith("encoder/") or "EncDecAttention" in name for name in names)
    assert "decoder/layer_002/SelfAttention/q" in names and "decoder/layer_003/DenseReluDense/wo/kernel" in names
    names = {v.name for v in engine(UMT5).variables if v.trainable}
    biases = sorted(name for name in names if name.endswith("relative_attention_bias"))
    assert [name.split("/")[:2] for name in biases] == [
        *(["decoder", f"layer_{n:03d}"] for n in (0, 3)),
        *(["encoder", f"layer_{n:03d}"] for n in (0, 2, 4)),
    ]
