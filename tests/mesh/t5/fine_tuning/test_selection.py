"""Only what is trained changes and has slots; the rest stays bit for bit, on every mesh and in loops."""

import numpy as np
import pytest

from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.t5.fine_tuning.settings import adapters, everything, gradual_unfreezing, lora, matching, prompt_tuning
from tests.mesh.small import BATCH, LENGTHS, decoder_batch
from tests.mesh.t5.fine_tuning.trained import LOOP, after, changed, engine, slot_owners, trained_names, unpacked, values

CHOICES = [
    matching(patterns=("^decoder/.*EncDecAttention",)),
    matching(patterns=("layer_002/", "rms_norm")),  # a part of a stack
    adapters(inner_size=4),
    adapters(inner_size=4, after="every_layer"),
    lora(rank=2),
    lora(rank=2, projections=("q", "k", "v", "o", "wi", "wo")),
    prompt_tuning(length=5),
]


@pytest.mark.parametrize(
    ("trained", "loop"),
    [*((choice, "kept") for choice in CHOICES), *((choice, "off") for choice in (CHOICES[1], CHOICES[4]))],
    ids=repr,
)
def test_what_is_not_trained_stays_bit_for_bit_and_has_no_slots(trained, loop):
    on = engine(trained, **{**LOOP, "block_loop": loop})
    before, found, losses = after(on, 3)
    assert slot_owners(on) == trained_names(on)
    assert changed(before, found) == trained_names(on)
    assert np.isfinite(losses).all()
    assert 0 < len(trained_names(on)) < len([name for name in before if "_slot_" not in name])


def test_patterns_train_what_they_match():
    names = trained_names(engine(CHOICES[1], **LOOP))
    assert "decoder/layer_002/DenseReluDense/wi/kernel" in names and "encoder/layer_000/rms_norm/scale" in names
    assert "decoder/layer_001/EncDecAttention/q" not in names


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (
            matching(patterns=("decodr/",)),
            "matching.patterns: 'decodr/' matches no weight; there are .*, such as shared",
        ),
        (matching(patterns=("decoder/", "nothing")), "'nothing' matches no weight"),
        (lora(projections=("q", "wi_0")), "this model has no projection 'wi_0'; it has k, o, q, v, wi, wo"),
        (lora(projections=("logits",)), "this model has no projection 'logits'"),
    ],
)
def test_what_is_not_there_cannot_be_trained(trained, words):
    with pytest.raises(ValueError, match=words):
        engine(trained)


@pytest.mark.slow
@pytest.mark.parametrize("trained", [CHOICES[1], CHOICES[3], CHOICES[6]], ids=repr)
def test_loops_and_micro_batches_change_nothing(trained):
    plain = after(engine(trained, optimizer=adamw(epsilon=1.0), **{**LOOP, "block_loop": "off"}))
    for other in (
        engine(trained, optimizer=adamw(epsilon=1.0), **LOOP),
        engine(trained, optimizer=adamw(epsilon=1.0), micro_batches=2, **LOOP),
    ):
        _, found, losses = after(other)
        np.testing.assert_allclose(losses, plain[2], rtol=1e-5)
        for name, value in plain[1].items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("trained", [CHOICES[3], CHOICES[5], gradual_unfreezing(steps_per_layer=1)], ids=repr)
@pytest.mark.parametrize("shape", ["batch:2;model:2"])
def test_it_means_the_same_on_every_mesh(trained, shape):
    expected = after(engine(trained, **LOOP), 3)
    _, found, losses = after(engine(trained, shape, **LOOP), 3)
    np.testing.assert_allclose(losses, expected[2], rtol=1e-5)
    for name, value in expected[0].items():  # that were not to change
        if name not in changed(expected[0], expected[1]) and "_slot_" not in name:
            np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "trained"),
    [
        ("language_model", lora(rank=2)),
        ("prefix_lm", adapters(inner_size=4, after="every_layer")),
        ("shared_encoder_decoder", gradual_unfreezing(steps_per_layer=1)),
    ],
    ids=repr,
)
def test_every_architecture_trains_a_part(architecture, trained):
    on = engine(trained, micro_batches=2, architecture=architecture, **LOOP)
    state = on.initialize(seed=0)
    before = values(state)
    for step in range(3):
        rows = unpacked(step) if architecture == "shared_encoder_decoder" else decoder_batch(step)
        state, metrics = on.train_step(state, rows, learning_rate=1e-2, step=step, seed=0)
        assert np.isfinite(float(metrics.loss))
    assert changed(before, values(state)) == trained_names(on)
    assert slot_owners(on) == trained_names(on)
    ids = on.greedy_decode(state, unpacked(0)["inputs"])
    assert ids.shape == (BATCH, LENGTHS["targets"])


def test_a_decoder_alone_has_no_inputs_to_put_a_prompt_before():
    with pytest.raises(ValueError, match="this model is a decoder alone"):
        engine(prompt_tuning(length=3), architecture="prefix_lm")


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["kept", "off"])
def test_gradients_of_what_is_frozen_are_not_computed(loop):
    """Counted by XLA; forward is a third of a full step."""
    changes = {**LOOP, "block_loop": loop}

    def flops(trained):
        on = engine(trained, **changes)
        after(on, 1)
        return on.compiled("train_step").cost_analysis()["flops"]

    whole = flops(everything())
    assert flops(matching(patterns=("^decoder/rms_norm",))) < 0.6 * whole
    assert flops(matching(patterns=("^decoder/",))) < 0.85 * whole
    assert flops(lora(rank=2)) < 0.9 * whole


def test_everything_is_the_default():
    assert trained_names(engine()) == trained_names(engine(everything()))
