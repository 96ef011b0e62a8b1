"""Gradients of tasks add up to the batch's, and what is left out of the loss leaves the rest as it was."""

import json

import numpy as np
import pytest

from t5mix.mesh.engine import COUNTED, Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import gradual_unfreezing
from t5mix.training.loop import train
from t5mix.training.task_gradients import TaskGradients, task_gradients, task_of_each_loss, without_losses
from tests.mesh import small
from tests.training import toy

# Its steps are proportional to gradients.
PLAIN = adamw(beta1=0.0, beta2=0.0, epsilon=1e4)


def engine_of(step: StepConfig | None = None, **changes) -> Engine:
    return Engine(
        small.config(**changes),
        MeshConfig(),
        batch_size=small.BATCH,
        lengths=small.LENGTHS,
        num_tasks=2,
        step=step or StepConfig(optimizer=PLAIN),
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_of()


def parts_and_whole(engine: Engine, batch):
    """Returns the gradient of each task, and that of the batch, as vectors; dropout is on."""
    state = engine.initialize(seed=0)
    of_tokens = task_of_each_loss(batch)

    def gradient(counted):
        found = engine.gradients(state, {**batch, COUNTED: counted}, step=3, seed=5)
        return np.concatenate([np.asarray(one, np.float64).ravel() for one in found])

    return [gradient(of_tokens == task) for task in (0, 1)], gradient(np.ones_like(of_tokens)), state


def test_they_add_up_to_the_gradient_that_the_step_follows(engine):
    batch = small.batch()
    parts, whole, state = parts_and_whole(engine, batch)
    assert min(np.linalg.norm(part) for part in parts) > 0.1 * np.linalg.norm(whole) > 0
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-4, atol=1e-6 * np.abs(whole).max())
    found = task_gradients(engine, state, batch, step=3, seed=5)
    np.testing.assert_allclose(found.products, np.array(parts) @ np.array(parts).T, rtol=1e-4)
    _, metrics = engine.train_step(state, batch, learning_rate=1e-3, step=3, seed=5)
    assert found.norm == pytest.approx(float(metrics.gradient_norm), rel=1e-5)
    assert found.tasks == (0, 1)


@pytest.mark.slow
def test_they_do_so_in_micro_batches_and_where_the_inputs_of_a_decoder_have_a_loss(engine):
    _, whole, _ = parts_and_whole(engine, small.batch())
    parts, same, _ = parts_and_whole(engine_of(StepConfig(optimizer=PLAIN, micro_batches=2)), small.batch())
    for vector in (sum(parts), same):
        np.testing.assert_allclose(vector, whole, rtol=1e-4, atol=1e-6 * np.abs(whole).max())
    alone = engine_of(architecture="prefix_lm", loss_on_targets_only=False, num_encoder_layers=0)
    parts, whole, _ = parts_and_whole(alone, small.decoder_batch())
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-4, atol=1e-6 * np.abs(whole).max())


def test_norms_and_cosines_are_those_of_the_vectors(engine):
    batch = small.batch(1)
    (first, second), whole, state = parts_and_whole(engine, batch)
    found = task_gradients(engine, state, batch, step=3, seed=5).by_name(["a", "b"])
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    expected = {"norm": np.linalg.norm(whole), "norm/a": np.linalg.norm(first), "norm/b": np.linalg.norm(second)}
    assert found == pytest.approx({**expected, "cosine/a/b": cosine}, rel=1e-3)


def test_the_norm_is_that_of_the_step_where_a_task_is_masked(engine):
    batch = small.batch()
    (first, second), _, state = parts_and_whole(engine, batch)
    found = task_gradients(engine, state, batch, step=3, seed=5, masked=[0])
    assert found.norms == pytest.approx([np.linalg.norm(first), np.linalg.norm(second)], rel=1e-4)
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert found.cosines[0, 1] == pytest.approx(cosine, abs=1e-4)
    # The one is measured against what is learned from; the other has no company.
    assert found.cosines_with_others[0] == pytest.approx(cosine, abs=1e-4) and np.isnan(found.cosines_with_others[1])
    _, metrics = engine.train_step(state, without_losses(batch, [0]), learning_rate=1e-3, step=3, seed=5)
    assert found.norm == pytest.approx(float(metrics.gradient_norm), rel=1e-5)


def test_sums_of_many_leave_out_those_that_are_masked():
    vectors = np.random.default_rng(0).normal(size=(4, 9))
    found = TaskGradients((0, 2, 3, 7), vectors @ vectors.T, masked=(2, 5))
    assert found.norm == pytest.approx(np.linalg.norm(vectors[[0, 2, 3]].sum(0)))
    for index, others in enumerate(([2, 3], [0, 2, 3], [0, 3], [0, 2])):
        one, other = vectors[index], vectors[others].sum(0)
        expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert found.cosines_with_others[index] == pytest.approx(expected)


@pytest.mark.slow
def test_weights_that_are_not_trained_yet_have_no_gradient():
    step = StepConfig(optimizer=PLAIN, trained=gradual_unfreezing(steps_per_layer=5))
    engine = engine_of(step, num_encoder_layers=2, num_decoder_layers=2)
    batch, state = small.batch(), engine.initialize(seed=0)
    norms = []
    for step in (0, 99):
        norms.append(task_gradients(engine, state, batch, step=step, seed=5).norm)
        state, metrics = engine.train_step(state, batch, learning_rate=0.0, step=step, seed=5)
        assert norms[-1] == pytest.approx(float(metrics.gradient_norm), rel=1e-5)
    assert norms[0] < norms[1]


def test_a_task_that_the_batch_lacks_is_not_measured(engine):
    batch = small.batch()
    batch["targets_task"] = np.where(batch["targets_task"] >= 0, 1, -1).astype(np.int32)
    found = task_gradients(engine, engine.initialize(seed=0), batch, step=0, seed=0)
    assert found.tasks == (1,)
    assert list(found.by_name(["a", "b"])) == ["norm", "norm/b"]
    assert np.isnan(found.cosines_with_others).all()  # there are no others


def test_a_part_of_a_batch_is_refused(engine):
    """Each of several processes would find other tasks in its part."""
    part = {name: array[: small.BATCH // 2] for name, array in small.batch().items()}
    with pytest.raises(ValueError, match="2 of 4 rows: give all of them, on every process"):
        task_gradients(engine, engine.initialize(seed=0), part, step=0, seed=0)


def test_a_task_without_loss_is_reported_as_ever_and_moves_no_weight(engine):
    """Its tokens stay among those that the loss is divided by: what the others do to the weights is the same."""
    batch = small.batch()
    (_, second), _, state = parts_and_whole(engine, batch)
    before = {name: np.asarray(value) for name, value in state.items()}
    _, plain = engine.train_step(engine.initialize(seed=0), batch, learning_rate=1.0, step=3, seed=5)
    plain = [np.asarray(value) for value in plain]
    after, masked = engine.train_step(state, without_losses(batch, [0]), learning_rate=1.0, step=3, seed=5)
    for index in (0, 2, 3):  # loss, nats and tokens of each task
        np.testing.assert_allclose(np.asarray(masked[index]), plain[index], rtol=1e-6)
    assert float(masked.gradient_norm) == pytest.approx(np.linalg.norm(second), rel=1e-4)
    trained = [variable.name for variable in engine.trained_weights]
    moved = np.concatenate([(np.asarray(after[name]) - before[name]).ravel() for name in trained]) * -1e4
    found = np.dot(moved, second) / np.linalg.norm(moved) / np.linalg.norm(second)
    assert found == pytest.approx(1.0, abs=1e-3)


def test_inputs_of_a_decoder_are_of_the_task_of_their_example():
    batch = small.decoder_batch()
    found = task_of_each_loss(batch)
    where = batch["targets_task"] >= 0
    assert (found[where] == batch["targets_task"][where]).all()
    assert ((found >= 0) == (batch["decoder_segment_ids"] > 0)).all()
    assert (found >= 0).sum() > where.sum()


@pytest.fixture(scope="module")
def toy_engine() -> Engine:
    return toy.engine(dropout_rate=0.1)


def run(engine: Engine, folder, cache, steps: int, **changes) -> list[dict]:
    settings = {"log_every": 3, "checkpoint_every": 4, "conflict_every": 2, **changes}
    given = {"folder": folder, "schedule": lambda step: 1e-2, "steps": steps, "seed": 1, **settings}
    train(engine, toy.stream(cache), start=lambda: engine.initialize(0), **given)
    path = folder / "conflict.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_logs_them_and_learns_what_it_would_have_learned(toy_engine, private_cache, tmp_path):
    lines = run(toy_engine, tmp_path / "measured", private_cache, 6)
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert list(lines[0]) == ["step", "norm", "norm/toy_reverse", "norm/toy_upper", "cosine/toy_reverse/toy_upper"]
    for line in lines:
        one, other, cosine = line["norm/toy_reverse"], line["norm/toy_upper"], line["cosine/toy_reverse/toy_upper"]
        assert line["norm"] ** 2 == pytest.approx(one**2 + other**2 + 2 * cosine * one * other, rel=1e-4)
    assert run(toy_engine, tmp_path / "plain", private_cache, 6, conflict_every=None) == []
    measured, plain = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("measured", "plain"))
    assert measured == plain


def test_going_on_logs_the_same(toy_engine, private_cache, tmp_path):
    whole = run(toy_engine, tmp_path / "whole", private_cache, 8)
    run(toy_engine, tmp_path / "parts", private_cache, 5)
    (tmp_path / "parts" / "checkpoints" / "5").rename(tmp_path / "gone")  # back to step 4
    with open(tmp_path / "parts" / "conflict.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 6, "norm')  # cut short by a kill
    assert run(toy_engine, tmp_path / "parts", private_cache, 8) == whole
