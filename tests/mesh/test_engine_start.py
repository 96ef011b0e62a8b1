"""A second start: nothing is traced, TensorFlow is not loaded, and the numbers are the same."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config

SCRIPT = """
import json, sys
from tests.mesh.test_engine_start import numbers
print(json.dumps([numbers(), "tensorflow" in sys.modules]))
"""


def engine() -> Engine:
    return Engine(config(), MeshConfig(), batch_size=BATCH, lengths=LENGTHS, num_tasks=2)


def numbers() -> list[str]:
    """The losses of two steps, and a hash of all weights after them and of an answer."""
    on = engine()
    state, losses = on.initialize(seed=3), []
    for step in range(2):
        state, metrics = on.train_step(state, batch(step), learning_rate=0.1, step=step, seed=0)
        losses.append(float(metrics.loss).hex())
    digest = hashlib.sha256(on.greedy_decode(state, batch()["inputs"]).tobytes())
    for name in sorted(state):
        digest.update(bytes(memoryview(state[name].__array__())))
    return [*losses, digest.hexdigest()]


def test_what_a_run_imports_loads_no_tensorflow():
    modules = ("cli.commands.runs.train", "runs.pretrain", "runs.finetune", "runs.evaluate", "runs.answers.predict")
    script = f"import sys, {', '.join(f't5mix.{name}' for name in modules)}; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def again(environment: dict[str, str]) -> list:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_second_start_loads_no_tensorflow_and_has_the_same_numbers(tmp_path):
    kept = {"T5MIX_CACHE": str(tmp_path)}
    first, traced = again(kept)
    second, traced_again = again(kept)
    alone, _ = again({"T5MIX_COMPILATION_CACHE": "0"})
    assert (traced, traced_again) == (True, False)
    assert first == second == alone
