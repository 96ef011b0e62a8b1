"""Commands carried out by two processes for real, with one CPU device each."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.runs.config.binding import bind
from t5mix.training.checkpoints import Checkpoints

LONGEST = 600.0  # seconds after which processes that hang are killed

TASKS = """
import functools
import t5mix
from t5mix import preprocessors


def digits(split, shuffle_files, start):
    import tensorflow as tf

    first = start + {"train": 0, "test": 20}[split]
    numbers = [str(number) for number in range(first, first + 7)]
    return tf.data.Dataset.from_tensor_slices({"inputs": [f"say {n}" for n in numbers], "targets": numbers})


def accuracy(targets, predictions):
    return {"accuracy": 100.0 * sum(t == p for t, p in zip(targets, predictions)) / len(targets)}


feature = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))
for name, start, metrics in (("several_a", 0, [accuracy]), ("several_b", 100, [])):
    t5mix.TaskRegistry.add(
        name,
        source=t5mix.FunctionDataSource(functools.partial(digits, start=start), splits=("train", "test")),
        preprocessors=[preprocessors.tokenize, preprocessors.append_eos],
        output_features={"inputs": feature, "targets": feature},
        metric_fns=metrics,
    )
t5mix.MixtureRegistry.add("several", ["several_a", "several_b"], default_rate=1.0)
"""

SETTINGS = """
Run.mixture = 'several'
Run.sequence_length = {'inputs': 16, 'targets': 8}
Run.batch_size = 4
T5Config.vocab_size = 264
T5Config.d_model = 16
T5Config.d_ff = 32
T5Config.num_heads = 2
T5Config.d_kv = 8
T5Config.num_encoder_layers = 1
T5Config.num_decoder_layers = 1
T5Config.dropout_rate = 0.1
MeshConfig.shape = 'batch:2'
Training.steps = 4
Training.schedule = @constant()
Training.log_every = 1
Training.checkpoint_every = 2
constant.learning_rate = 0.01
Evaluation.split = 'test'
"""


def write_run(folder: Path) -> None:
    """Writes the tasks and the settings."""
    (folder / "tasks.py").write_text(TASKS)
    (folder / "run.gin").write_text(SETTINGS)


def train(folder: Path, name: str, *params: str) -> list[str]:
    """Returns the arguments of a training."""
    more = [word for param in params for word in ("--gin_param", param)]
    run = ["train", "--gin_file", str(folder / "run.gin"), "--run_folder", str(folder / name), *more]
    return [*run, "--include", str(folder / "tasks.py")]


def start(arguments: Sequence[str], count: int, devices: int) -> list[subprocess.Popen]:
    """Starts a command in several processes, or in one that is told nothing of others."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        several = ["--coordinator", f"localhost:{free.getsockname()[1]}", "--processes", str(count), "--wait", "90"]
    environment = {**os.environ, "T5MIX_CPU_DEVICES": str(devices)}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "t5mix", *arguments, *([*several, "--process", str(i)] if count > 1 else [])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]


def ends(processes: Sequence[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Waits for the processes; returns status, standard output and standard error of each."""
    last, found = time.monotonic() + LONGEST, []
    for process in processes:
        try:
            out, errors = process.communicate(timeout=max(0.1, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            for other in processes:
                other.kill()
            out, errors = process.communicate()
        found.append((process.returncode, out, errors))
    return found


def finish(arguments: Sequence[str], count: int, devices: int) -> list[tuple[int, str, str]]:
    """Runs a command to its end, again where somebody took the port in between; all processes must end well."""
    found: list[tuple[int, str, str]] = []
    for _ in range(3):
        found = ends(start(arguments, count, devices))
        if not any("did not find each other" in errors for *_, errors in found):
            break
    assert [status for status, *_ in found] == [0] * count, "\n".join(errors for *_, errors in found)
    return found


def values(run: Path, step: int = 4) -> dict[str, np.ndarray]:
    """Returns a checkpoint's values, read by this process on one device."""
    settings = bind([str(run / "operative_config.gin")], ["MeshConfig.shape = 'batch:1'"], include=[]).run
    engine = Engine(settings.model, MeshConfig(), batch_size=4, lengths=settings.sequence_length)
    _, state, _ = Checkpoints(run / "checkpoints").restore(step, engine)
    return {name: np.asarray(value) for name, value in state.items()}
