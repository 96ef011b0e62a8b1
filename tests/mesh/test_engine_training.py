"""A training step's options: micro batches, denominators, clipping, optimizers, bfloat16, steps that are not finite."""

import numpy as np
import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.settings import adafactor, adamw, adamw_scaled
from t5mix.mesh.optimizers.step_config import StepConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config

BLOCKS = {"num_encoder_layers": 2, "num_decoder_layers": 2, "block_loop": "kept"}


def engine(step: StepConfig | None = None, shape: str = "batch:1", **changes) -> Engine:
    return Engine(
        config(**changes),
        MeshConfig(shape=shape),
        batch_size=BATCH,
        lengths=LENGTHS,
        num_tasks=3,
        step=step or StepConfig(),
    )


def train(on: Engine, steps: int = 2, rate: float = 1e-2):
    """Returns the weights and slots as arrays, and what each step reported."""
    state, reported = on.initialize(seed=0), []
    for step in range(steps):
        state, metrics = on.train_step(state, batch(step), learning_rate=rate, step=step, seed=0)
        reported.append([np.asarray(value) for value in metrics])
    return {name: np.asarray(value) for name, value in state.items()}, reported


def assert_same(found, expected, rtol=2e-5, atol=1e-6):
    for one, other in zip(found[1], expected[1], strict=True):
        for value, wanted in zip(one, other, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=rtol, atol=atol)
    assert found[0].keys() == expected[0].keys()
    for name, value in found[0].items():
        np.testing.assert_allclose(value, expected[0][name], rtol=rtol, atol=atol, err_msg=name)


@pytest.fixture(scope="module")
def whole():
    """Two steps of the whole batch; AdamW with a large epsilon, whose steps are proportional to gradients."""
    return train(engine(StepConfig(optimizer=adamw(epsilon=1.0)), **BLOCKS))


@pytest.mark.parametrize("micro_batches", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_micro_batches_are_the_whole_batch(whole, micro_batches):
    """Dropout is on: each row has the masks that it has in the whole batch."""
    assert_same(train(engine(StepConfig(optimizer=adamw(epsilon=1.0), micro_batches=micro_batches), **BLOCKS)), whole)


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["batch:2", "batch:2;model:2"])
def test_micro_batches_mean_the_same_on_every_mesh(whole, shape):
    step = StepConfig(optimizer=adamw(epsilon=1.0), micro_batches=2)
    assert_same(train(engine(step, shape, **BLOCKS)), whole)


def test_micro_batches_must_divide_the_batch_and_the_mesh_them():
    with pytest.raises(ValueError, match="a batch of 4 rows cannot be computed in micro_batches = 3"):
        engine(StepConfig(micro_batches=3))
    with pytest.raises(ValueError, match=r"splits batch in 2 .* its size is 1"):
        engine(StepConfig(micro_batches=4), "batch:2")


@pytest.mark.parametrize(("denominator", "tokens"), [("positions", BATCH * LENGTHS["targets"]), (160.0, 160)])
def test_the_gradient_is_that_of_the_summed_loss_over_the_denominator(denominator, tokens):
    _, ((loss, norm, _, counted), *_) = train(engine(), 1)
    _, ((same, other, _, _), *_) = train(engine(StepConfig(loss_denominator=denominator)), 1)
    assert loss == pytest.approx(same, rel=1e-6)  # what is reported is by token always
    assert other == pytest.approx(norm * counted.sum() / tokens, rel=1e-5)


def test_a_long_gradient_is_shortened():
    large = adamw(beta1=0.0, beta2=0.0, epsilon=1e4)  # steps are proportional to gradients
    start = {name: np.asarray(value) for name, value in engine().initialize(seed=0).items()}
    free, ((_, norm, _, _),) = train(engine(StepConfig(optimizer=large)), 1, rate=1e3)
    clipped, ((_, same, _, _),) = train(engine(StepConfig(optimizer=large, clip_norm=float(norm) / 4)), 1, rate=1e3)
    loose, _ = train(engine(StepConfig(optimizer=large, clip_norm=float(norm) * 4)), 1, rate=1e3)
    assert same == pytest.approx(norm, rel=1e-5)  # reported as it was
    for name in ("shared/embedding", "encoder/layer_000/SelfAttention/v", "decoder/rms_norm/scale"):
        moved = free[name] - start[name]
        assert np.abs(moved).max() > 1e-5
        np.testing.assert_allclose(clipped[name] - start[name], moved / 4, rtol=2e-2, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(loose[name], free[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        # Where a gradient is next to 0, a small epsilon would make the least difference a whole step.
        adamw(epsilon=1e-3),
        pytest.param(adamw_scaled(epsilon=1e-3), marks=pytest.mark.slow),
        pytest.param(adafactor(beta1=0.9, min_dim_size_to_factor=16), marks=pytest.mark.slow),
        pytest.param(adafactor(factored=False), marks=pytest.mark.slow),
    ],
)
def test_every_optimizer_trains_a_loop_as_blocks_written_out(optimizer):
    step = StepConfig(optimizer=optimizer)
    looped = train(engine(step, **BLOCKS), 3)
    assert_same(looped, train(engine(step, **{**BLOCKS, "block_loop": "off"}), 3), rtol=1e-3, atol=1e-5)
    assert any(name.endswith("_slot_m") for name in looped[0]) == (optimizer != adafactor(factored=False))


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["model:2", "batch:2;model:2"])
@pytest.mark.parametrize("optimizer", [adamw_scaled(), adafactor(beta1=0.9, min_dim_size_to_factor=16)])
def test_every_optimizer_means_the_same_on_every_mesh(optimizer, shape):
    step = StepConfig(optimizer=optimizer, clip_norm=0.5)
    found, expected = train(engine(step, shape), 3), train(engine(step), 3)
    np.testing.assert_allclose([m[0] for m in found[1]], [m[0] for m in expected[1]], rtol=1e-5)


def test_bfloat16_activations_leave_variables_and_losses_float32():
    wide, narrow = engine(dropout_rate=0.0), engine(dropout_rate=0.0, activation_dtype="bfloat16")
    state, reported = train(narrow, 3)
    assert {value.dtype for value in state.values()} == {np.dtype(np.float32)}
    assert {np.asarray(value).dtype for value in reported[0]} == {np.dtype(np.float32)}
    losses = [float(metrics[0]) for metrics in reported]
    np.testing.assert_allclose(losses, [float(metrics[0]) for metrics in train(wide, 3)[1]], rtol=0.02)
    assert losses != [round(loss, 2) for loss in losses]  # no sum of bfloat16


@pytest.mark.slow
def test_bfloat16_means_the_same_on_every_mesh():
    losses = [
        [float(metrics[0]) for metrics in train(engine(None, shape, activation_dtype="bfloat16"), 3)[1]]
        for shape in ("batch:1", "batch:2", "model:2")
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=5e-3)
    np.testing.assert_allclose(losses[2], losses[0], rtol=5e-3)


@pytest.mark.parametrize(
    "step", [StepConfig(clip_norm=1.0), StepConfig(micro_batches=2), StepConfig(optimizer=adamw())]
)
def test_a_step_that_is_not_finite_changes_nothing(step):
    on = engine(step)
    state = on.initialize(seed=0)
    name = "encoder/rms_norm/scale"
    state[name] = state[name].at[0].set(np.inf)
    before = {name: np.asarray(value).copy() for name, value in state.items()}
    state, metrics = on.train_step(state, batch(1), learning_rate=1e-2, step=0, seed=0)
    assert not np.isfinite(float(metrics.gradient_norm))
    for name, value in state.items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
