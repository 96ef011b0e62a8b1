"""Training: what it writes, how it goes on, and that being interrupted changes nothing."""

import functools
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from t5mix.data import Stream
from t5mix.mesh.optimizers.settings import adafactor, adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import lora
from t5mix.training.beside import Beside
from t5mix.training.checkpoints import Checkpoints
from t5mix.training.interruption import Interrupted
from t5mix.training.loop import train
from t5mix.training.schedules import constant
from t5mix.training.starting import to_train
from tests.internal.logs import test_trackers
from tests.training import toy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine():
    return toy.engine()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens")


def run(engine, folder: Path, cache: Path, steps: int, *, rate: float = 1e-2, **changes):
    settings = {"log_every": 3, "checkpoint_every": 4, **changes}
    return train(
        engine,
        toy.stream(cache),
        folder=folder,
        schedule=lambda step: rate,
        steps=steps,
        seed=1,
        start=lambda: engine.initialize(0),
        **settings,
    )


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_logs_and_checkpoints(engine, cache, tmp_path):
    run(engine, tmp_path, cache, 10)
    lines = metrics(tmp_path)
    assert [line["step"] for line in lines] == [3, 6, 9, 10]
    assert set(lines[0]) == {
        "step",
        "loss",
        "learning_rate",
        "gradient_norm",
        "tokens",
        "loss/toy_reverse",
        "loss/toy_upper",
        "examples/toy_reverse",
        "examples/toy_upper",
    }
    stream = toy.stream(cache)
    fed = {name: sum(line[f"examples/{name}"] for line in lines) for name in stream.task_names}
    assert fed == stream.fed(10)
    assert all(3 < line["loss"] < 8 for line in lines)
    assert Checkpoints(tmp_path / "checkpoints").steps() == [4, 8, 10]
    assert len((tmp_path / "timing.jsonl").read_text().splitlines()) == 4
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_going_on_equals_never_having_stopped(engine, cache, tmp_path):
    whole = run(engine, tmp_path / "whole", cache, 11)
    run(engine, tmp_path / "parts", cache, 5)
    parts = run(engine, tmp_path / "parts", cache, 11)
    for name, value in whole.items():
        np.testing.assert_array_equal(np.asarray(parts[name]), np.asarray(value), err_msg=name)
    # The line at step 5 is there because that start of the run ended there.
    kept = [line for line in metrics(tmp_path / "parts") if line["step"] != 5]
    assert kept[-2:] == metrics(tmp_path / "whole")[-2:]


def test_asked_to_stop_it_writes_a_checkpoint_and_can_go_on(engine, cache, tmp_path, capsys):
    whole = run(engine, tmp_path / "whole", cache, 40)

    def ask():
        while not (tmp_path / "parts" / "metrics.jsonl").exists() or not metrics(tmp_path / "parts"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    asker = threading.Thread(target=ask)
    asker.start()
    with pytest.raises(Interrupted) as stopped:
        run(engine, tmp_path / "parts", cache, 40)
    asker.join()
    assert stopped.value.code == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("SIGTERM: stopped after step")
    assert max(Checkpoints(tmp_path / "parts" / "checkpoints").steps()) < 40
    parts = run(engine, tmp_path / "parts", cache, 40)
    for name, value in whole.items():
        np.testing.assert_array_equal(np.asarray(parts[name]), np.asarray(value), err_msg=name)
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")


def test_asked_to_stop_while_the_last_checkpoint_is_written_it_stops_behind_it(engine, cache, tmp_path):
    def spared():
        signal.raise_signal(signal.SIGTERM)
        return ()

    with pytest.raises(Interrupted) as stopped:
        run(engine, tmp_path, cache, 3, beside=Beside(100, lambda step, state: False, spared))
    assert stopped.value.code == 143 and Checkpoints(tmp_path / "checkpoints").steps() == [3]


@pytest.mark.parametrize("ended", [False, True])
def test_asked_to_stop_while_it_looks_at_a_checkpoint_it_stops_there(engine, cache, tmp_path, ended):
    looked = []

    def look(step, state):
        looked.append(step)
        if len(looked) == 1:
            signal.raise_signal(signal.SIGTERM)
        return ended

    # Also after the last step, or where training ends early: whoever called does not go on to the next training.
    with pytest.raises(Interrupted) as stopped:
        run(engine, tmp_path, cache, 4, beside=Beside(4, look))
    assert stopped.value.code == 143
    assert looked == [4] and Checkpoints(tmp_path / "checkpoints").steps() == [4]
    run(engine, tmp_path, cache, 4, beside=Beside(4, look))
    assert looked == [4]
    with pytest.raises(Interrupted):
        looked.clear()
        run(engine, tmp_path, cache, 8, beside=Beside(8, look))
    assert looked == [8]


def test_what_is_found_beside_training_goes_to_the_services_that_follow_it(engine, cache, tmp_path, monkeypatch):
    library = tmp_path / "library"
    library.mkdir()
    (library / "trackio.py").write_text(test_trackers.LIBRARY)
    monkeypatch.syspath_prepend(library)
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    monkeypatch.setenv("T5MIX_TRACK", "trackio")
    found = {}

    def look(step, state):
        found["eval/test/toy/exact"] = float(step)
        return False

    for steps in (4, 8):  # the second start looks at step 4 again, as after a kill
        run(engine, tmp_path / "run", cache, steps, beside=Beside(4, look, numbers=lambda: found))
    told = [line for line in (library / "told.txt").read_text().splitlines() if "eval/test/toy/exact" in line]
    assert told == [f"log {step} [('eval/test/toy/exact', {step}.0)]" for step in (4, 4, 8)]
    del sys.modules["trackio"]


def test_a_loss_that_is_no_number_stops_training_without_a_checkpoint(engine, cache, tmp_path):
    with pytest.raises(FloatingPointError, match="in another folder with a lower learning rate"):
        run(engine, tmp_path, cache, 20, rate=1e30)
    assert Checkpoints(tmp_path / "checkpoints").steps() in ([], [4])


def test_weights_that_the_last_update_made_infinite_are_not_saved(engine, cache, tmp_path):
    with pytest.raises(FloatingPointError, match="at step 1 weights are no longer finite"):
        run(engine, tmp_path, cache, 1, rate=math.inf)
    assert Checkpoints(tmp_path / "checkpoints").steps() == []


def test_an_engine_made_for_fewer_tasks_is_refused(cache, tmp_path):
    with pytest.raises(ValueError, match=r"of 1 tasks and the stream has 2; .*num_tasks"):
        run(toy.engine(num_tasks=1), tmp_path, cache, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_only": True}, "decoder_only=False"),
        ({"batch_size": toy.BATCH + 1}, r"batches of \d+ rows of .* and the stream gives \d+ rows of"),
    ],
)
def test_a_stream_of_other_batches_is_refused_before_anything_is_compiled(engine, cache, tmp_path, changes, message):
    stream = Stream(toy.mixture(), toy.LENGTHS, **{"batch_size": toy.BATCH, **changes}, cache_dir=cache)
    with pytest.raises(ValueError, match=message):
        train(engine, stream, folder=tmp_path, schedule=lambda step: 1e-3, steps=1, seed=1, start=dict)


def test_a_checkpoint_of_another_model_or_mixture_is_refused(engine, cache, tmp_path):
    run(engine, tmp_path, cache, 2)
    with pytest.raises(ValueError, match=r"of another model: .*use the T5Config that it was trained with"):
        run(toy.engine(d_ff=64), tmp_path, cache, 4)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint of step 7 .*there are 2"):
        Checkpoints(tmp_path / "checkpoints").restore(7, engine)
    other = toy.stream(cache, seed=8)
    with pytest.raises(ValueError, match="seed"):
        train(
            engine,
            other,
            folder=tmp_path,
            schedule=constant(),
            steps=4,
            seed=1,
            start=lambda: engine.initialize(0),
        )


def test_a_changed_mixture_goes_on_where_that_is_allowed(engine, cache, tmp_path, capsys):
    run(engine, tmp_path, cache, 2)
    other = toy.stream(cache, seed=8)
    train(
        engine,
        other,
        folder=tmp_path,
        schedule=constant(),
        steps=3,
        seed=1,
        start=lambda: pytest.fail("there is a checkpoint"),
        allow_changed_mixture=True,
    )
    assert "changed stream: seed was" in capsys.readouterr().err
    assert Checkpoints(tmp_path / "checkpoints").steps()[-1] == 3


def test_a_checkpoint_loads_on_another_mesh(engine, cache, tmp_path):
    state = run(engine, tmp_path, cache, 2)
    other = toy.engine("batch:2;model:2")
    _, restored, _ = Checkpoints(tmp_path / "checkpoints").restore(None, other)
    for name, value in state.items():
        np.testing.assert_array_equal(np.asarray(restored[name]), np.asarray(value), err_msg=name)
    kernel = restored["encoder/layer_001/DenseReluDense/wi/kernel"]
    assert {shard.data.shape for shard in kernel.addressable_shards} == {(16, 16)}


# What a killed process and one that was never killed both run: it notes the examples of every batch.
_PROCESS = """
import json, sys
from pathlib import Path
from t5mix.data import Stream
from t5mix.mesh.optimizers.settings import adamw
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import lora
from t5mix.training.loop import train
from t5mix.training.schedules import constant
from t5mix.training.starting import same_arrays, step_of
from tests.training import toy

folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
consumed = open(folder / "consumed.jsonl", "a")

class Noting(Stream):
    def batch(self, step, rows=None):
        consumed.write(json.dumps([step, self.examples(step)]) + "\\n")
        consumed.flush()
        return super().batch(step, rows)

engine = toy.engine()
stream = Noting(toy.mixture(), toy.LENGTHS, toy.BATCH, cache_dir=cache, seed=7)
train(engine, stream, folder=folder, schedule=constant(learning_rate=1e-2), steps=400, seed=1,
      start=lambda: engine.initialize(0), log_every=10, checkpoint_every=35)
"""


def _start(folder: Path, cache: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", _PROCESS, str(folder), str(cache)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def _consumed(folder: Path) -> dict[int, list]:
    consumed: dict[int, list] = {}
    for line in (folder / "consumed.jsonl").read_text().splitlines():
        step, examples = json.loads(line)
        assert consumed.setdefault(step, examples) == examples, f"step {step} saw other examples again"
    return consumed


@pytest.mark.slow
def test_killed_and_started_again_equals_never_killed(engine, cache, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert _start(whole, cache).wait(300) == 0
    process = _start(killed, cache)
    deadline = time.monotonic() + 300
    while not (killed / "metrics.jsonl").exists() or len(metrics(killed)) < 12:
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert max(Checkpoints(killed / "checkpoints").steps()) < 400
    process = _start(killed, cache)
    assert process.wait(300) == 0, process.stderr.read()

    _, expected, extra = Checkpoints(whole / "checkpoints").restore(400, engine)
    _, state, resumed_extra = Checkpoints(killed / "checkpoints").restore(400, engine)
    assert any("_slot_" in name for name in state)
    for name, value in expected.items():
        np.testing.assert_array_equal(np.asarray(state[name]), np.asarray(value), err_msg=name)
    assert resumed_extra == extra
    assert (killed / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert _consumed(killed) == _consumed(whole)


def line(folder: Path) -> dict:
    return metrics(folder)[-1]


def test_gradient_norms_are_logged(engine, cache, tmp_path):
    run(engine, tmp_path, cache, 3)
    assert 0 < line(tmp_path)["gradient_norm"] < 100


class Sometimes:
    """An engine of which some steps get a weight that is infinite, once."""

    def __init__(self, engine, broken):
        self._engine, self._broken = engine, broken

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def train_step(self, state, batch, *, step, **settings):
        name = "decoder/rms_norm/scale"
        if step not in self._broken:
            return self._engine.train_step(state, batch, step=step, **settings)
        value = state[name]
        state[name] = value * np.inf
        state, metrics = self._engine.train_step(state, batch, step=step, **settings)
        state[name] = value
        return state, metrics


def test_steps_that_are_not_finite_are_skipped_and_counted(engine, cache, tmp_path, capsys):
    run(Sometimes(engine, {1, 4}), tmp_path / "parts", cache, 5, skip_non_finite=2, checkpoint_every=2)
    found = run(Sometimes(engine, {1, 4}), tmp_path / "parts", cache, 6, skip_non_finite=2, checkpoint_every=2)
    assert "at step 4 the loss is nan: nothing is changed (2 of 2)" in capsys.readouterr().err
    assert line(tmp_path / "parts")["skipped"] == 2
    whole = run(Sometimes(engine, {1, 4}), tmp_path / "whole", cache, 6, skip_non_finite=2, checkpoint_every=2)
    for name, value in whole.items():
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(value), err_msg=name)
        assert np.isfinite(np.asarray(value)).all()
    with pytest.raises(
        FloatingPointError, match=r"at step 4 the loss is nan \(1 such steps were skipped before\)"
    ) as error:
        run(Sometimes(engine, {1, 4}), tmp_path / "fewer", cache, 6, skip_non_finite=1)
    task, _, index = toy.stream(cache).examples(4)[0]
    assert f"its examples are, by task and number: {task} {index}" in str(error.value)


def test_another_optimizer_is_refused_or_starts_its_slots_anew(engine, cache, tmp_path, capsys):
    before = run(engine, tmp_path, cache, 2)
    before = {name: np.asarray(value) for name, value in before.items()}
    other = engine.with_step(StepConfig(optimizer=adamw()))
    with pytest.raises(ValueError, match=r"was trained by adafactor\(.*this training is by adamw\(.*allow_changed_opt"):
        run(other, tmp_path, cache, 4)
    run(other, tmp_path, cache, 3, rate=0.0, allow_changed_optimizer=True)
    assert "optimizer slots start anew" in capsys.readouterr().err
    _, state, extra = Checkpoints(tmp_path / "checkpoints").restore(3, other)
    assert extra["slots_since"] == 2 and extra["training_step"]["optimizer"]["kind"] == "adamw"
    for name, value in state.items():
        if "_slot_" not in name:
            np.testing.assert_array_equal(np.asarray(value), before[name], err_msg=name)
    assert any(name.endswith("_slot_m") and np.any(np.asarray(value)) for name, value in state.items())
    with pytest.raises(ValueError, match=r"was trained on everything\(\), and this training is on lora"):
        run(engine.with_step(StepConfig(trained=lora())), tmp_path, cache, 4)


@pytest.mark.parametrize("optimizer", [adamw(), adafactor()])
def test_fine_tuning_goes_on_with_slots_that_are_as_old_as_they_were(cache, tmp_path, optimizer):
    """Its first step is that of a training which goes on, but for the batch; so is one after another start of it."""
    engine = toy.engine(dropout_rate=0.0).with_step(StepConfig(optimizer=optimizer))
    run(engine, tmp_path / "first", cache, 5)
    before = Checkpoints(tmp_path / "first" / "checkpoints")

    def tune(steps):
        settings = {"folder": tmp_path / "second", "schedule": lambda step: 1e-2, "steps": steps, "seed": 1}
        begin = functools.partial(to_train, before, 5, engine, 0, new_slots=False)
        return train(engine, toy.stream(cache), **settings, start=begin)

    expected, batches = before.restore(5, engine)[1], toy.stream(cache)
    for step in range(2):
        found = tune(step + 1)
        settings = {"learning_rate": 1e-2, "step": 5 + step, "seed": 1}
        expected, _ = engine.train_step(expected, batches.batch(step), **settings)
        for name, value in expected.items():
            np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(value), err_msg=name)
    assert Checkpoints(tmp_path / "second" / "checkpoints").extra(2)["slots_since"] == -5
