"""The same training and the same answers in one process, in two and in four, on every kind of mesh.

    python benchmarks/processes.py [--quick] [--folder FOLDER]

A tiny model is trained for 20 steps with dropout 0.1 at T5's rate for fine-tuning (0.001), on meshes of four devices:
of data, of the model, of both, and with fully sharded weights; in one process with all devices, in two and in four with
their part each. Compared are the losses of all steps with those of one device; what each process makes of a batch with
the whole batch; and the answers of one checkpoint (`t5mix predict`), by all.

With --quick two devices, in one process and two, on two meshes. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from disturbed.scene import SETTINGS, write_declarations
from several import group

LAYOUT = "batch:batch,vocab:model,d_ff:model,heads:model"
SHARDED = f"{LAYOUT},weights:batch"
STEPS = 20
TRAINING = """
T5Config.dropout_rate = 0.1
Training.steps = 20
Training.schedule = @constant()
Training.log_every = 1
Training.checkpoint_every = 20
constant.learning_rate = 0.001
T5Config.num_heads = 4
"""


def main() -> None:
    """Trains, answers and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two devices instead of four")
    parser.add_argument("--folder", type=Path, help="where to keep everything; by default nothing is kept")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = (args.folder or Path(place)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        write_declarations(folder)
        (folder / "run.gin").write_text(SETTINGS.replace("T5Config.num_heads = 2\n", "") + TRAINING)
        print(json.dumps(compare(folder, args.quick)))


def compare(folder: Path, quick: bool) -> dict:
    """Returns what the last line says."""
    devices = 2 if quick else 4
    meshes = [("batch:2", SHARDED), ("model:2", LAYOUT)] if quick else []
    meshes = meshes or [("batch:4", LAYOUT), ("model:4", LAYOUT), ("batch:2;model:2", LAYOUT), ("batch:4", SHARDED)]
    truth = train(folder, "one", "batch:1", LAYOUT, 1, 1)
    answers = predict(folder, "one", "batch:1", LAYOUT, 1, 1)
    difference, batches_equal, answers_equal = 0.0, rows_are_equal(folder), True
    for number, (shape, layout) in enumerate(meshes):
        for count in (1, 2, 4)[: 2 if quick else 3]:
            name = f"mesh{number}-{count}"
            lines = train(folder, name, shape, layout, count, devices // count)
            far = max(abs(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(lines, truth, strict=True))
            same = all(counts(a) == counts(b) for a, b in zip(lines, truth, strict=True))
            found = predict(folder, name, shape, layout, count, devices // count)
            tell(f"{shape} {layout} in {count}: losses differ by {far:.1e}, batches equal {same}, {found == answers}")
            difference, batches_equal = max(difference, far), batches_equal and same
            answers_equal = answers_equal and found == answers
    return {
        "max_relative_loss_difference": difference,
        "batches_equal": batches_equal,
        "answers_equal": answers_equal,
    }


def train(folder: Path, name: str, shape: str, layout: str, count: int, devices: int) -> list[dict]:
    """Trains; returns the lines of metrics.jsonl."""
    mesh = [f"MeshConfig.shape = {shape!r}", f"MeshConfig.layout = {layout!r}"]
    command = group.t5mix("train", "--gin_file", str(folder / "run.gin"), "--run_folder", str(folder / name))
    for setting in mesh:
        command += ["--gin_param", setting]
    group.finish([*command, "--include", str(folder / "tasks.py")], count, devices, folder, f"train-{name}")
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == STEPS
    return lines


def predict(folder: Path, name: str, shape: str, layout: str, count: int, devices: int) -> str:
    """Answers questions, some with and some without an answer of their own, by the first run's weights."""
    questions = folder / "questions.txt"
    questions.write_text("".join(f"turn {'abcdef'[: 1 + number % 6]}{number}\n" for number in range(11)))
    answers = folder / f"answers-{name}.txt"
    command = group.t5mix("predict", "--checkpoint", str(folder / "one"), "--input_file", str(questions))
    command += ["--output_file", str(answers), "--scores", "--include", str(folder / "tasks.py")]
    for setting in (f"MeshConfig.shape = {shape!r}", f"MeshConfig.layout = {layout!r}"):
        command += ["--gin_param", setting]
    group.finish(command, count, devices, folder, f"predict-{name}")
    found = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(found) == 11
    return json.dumps([[answer["text"] for answer in line["answers"]] for line in found])


def counts(line: dict) -> dict:
    """Returns what a line says of the batch: tokens, and examples of each task."""
    return {name: value for name, value in line.items() if name == "tokens" or name.startswith("examples/")}


def rows_are_equal(folder: Path) -> bool:
    """Tells whether parts of batches, put together, are the batches."""
    from t5mix.data import Stream
    from t5mix.declarations import discovery
    from t5mix.declarations.registry import get_mixture_or_task

    discovery.include(str(folder / "tasks.py"))
    mixture = get_mixture_or_task("kill_mixture")
    streams = [Stream(mixture, {"inputs": 24, "targets": 12}, 4, cache_dir=folder / "cache") for _ in range(5)]
    for step in range(STEPS):
        whole = streams[0].batch(step)
        parts = [stream.batch(step, slice(row, row + 1)) for row, stream in enumerate(streams[1:])]
        if any(not np.array_equal(np.concatenate([part[name] for part in parts]), whole[name]) for name in whole):
            return False
    return True


def tell(text: str) -> None:
    """Says how far it is, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
