"""The same training on every mesh: 50 steps with dropout on one device, on two, and on four.

    python benchmarks/mesh_equality.py [--steps 50]

The demo's model on the demo's real batches, with dropout 0.1, at T5's learning rate for fine-tuning (0.001).  Prints
the loss of every step on every mesh; the last line is JSON with the largest difference from the single device's loss,
relative to it.

Sums of float32 depend on their order, and a mesh changes it: the first step differs by 1e-7.  Training then multiplies
a difference like any other disturbance, the faster the higher the learning rate.
"""

import argparse
import json
import os

os.environ.setdefault("T5MIX_CPU_DEVICES", "4")

from t5mix.data import Stream
from t5mix.declarations.registry import get_mixture_or_task
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from t5mix.runs.config.binding import bind
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight.tasks import model_vocab_size

MESHES = ("batch:1", "batch:2", "model:2", "batch:4", "model:4", "batch:2;model:2")
LEARNING_RATE = 1e-3


def losses(run: Run, stream: Stream, shape: str, steps: int) -> list[float]:
    """Mean cross-entropy of each step on one mesh."""
    engine = Engine(
        run.model,
        MeshConfig(shape=shape),
        batch_size=run.batch_size,
        lengths=run.sequence_length,
        num_tasks=len(stream.task_names),
    )
    state, result = engine.initialize(run.seed), []
    for step in range(steps):
        state, metrics = engine.train_step(
            state,
            stream.batch(step),
            learning_rate=LEARNING_RATE,
            step=step,
            seed=run.seed,
        )
        result.append(float(metrics.loss))
    return result


def main() -> None:
    """Trains on every mesh and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    steps = parser.parse_args().steps
    dropout = "T5Config.dropout_rate = 0.1"
    run = bind(["runs/offline.gin"], [dropout], vocab_size=model_vocab_size).run
    provider = get_mixture_or_task(run.mixture)
    stream = Stream(provider, run.sequence_length, run.batch_size, seed=run.seed)
    table = {shape: losses(run, stream, shape, steps) for shape in MESHES}
    print("step  " + "  ".join(f"{shape:>15}" for shape in MESHES))
    for step in range(steps):
        print(f"{step:4}  " + "  ".join(f"{table[shape][step]:15.7f}" for shape in MESHES))
    single = table[MESHES[0]]
    difference = max(
        abs(loss - expected) / expected
        for shape in MESHES[1:]
        for loss, expected in zip(table[shape], single, strict=True)
    )
    result = {"steps": steps, "meshes": MESHES, "max_relative_loss_difference": difference}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
