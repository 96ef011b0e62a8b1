"""The same training and the same answers in one process, in two and in four, on every kind of mesh.

    python benchmarks/processes.py [--quick] [--folder FOLDER]

A tiny model is trained for 20 steps with dropout 0.1 at T5's rate for fine-tuning (0.001), on meshes of four devices:
of data, of the model, of both, and with fully sharded weights; in one process with all devices, in two and in four with
their part each. Compared are the losses of all steps with those of one device; what each process makes of a batch with
the whole batch; and the answers of one checkpoint (`t5mix predict`), by all.

With --quick two devices and fully sharded weights alone, in two processes. The last line is JSON.
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
        again = ("T5Config.num_heads", "constant.learning_rate")
        kept = [line for line in SETTINGS.splitlines() if not line.startswith(again)]
        (folder / "run.gin").write_text("\n".join(kept) + TRAINING)
        print(json.dumps(compare(folder, args.quick)))


def compare(folder: Path, quick: bool) -> dict:
    """Returns what the last line says."""
    devices = 2 if quick else 4
    meshes = [("batch:2", SHARDED)] if quick else []
    meshes = meshes or [("batch:4", LAYOUT), ("model:4", LAYOUT), ("batch:2;model:2", LAYOUT), ("batch:4", SHARDED)]
    truth, answers = train_and_predict(folder, "one", "batch:1", LAYOUT, 1, 1)
    difference, batches_equal, answers_equal = 0.0, rows_are_equal(folder), True
    for number, (shape, layout) in enumerate(meshes):
        for count in (2,) if quick else (1, 2, 4):
            name = f"mesh{number}-{count}"
            lines, found = train_and_predict(folder, name, shape, layout, count, devices // count)
            far = max(abs(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(lines, truth, strict=True))
            same = all(counts(a) == counts(b) for a, b in zip(lines, truth, strict=True))
            told = f"losses differ by {far:.1e}, batches equal {same}, answers equal {found == answers}"
            tell(f"{shape} {layout} in {count}: {told}")
            difference, batches_equal = max(difference, far), batches_equal and same
            answers_equal = answers_equal and found == answers
    return {
        "max_relative_loss_difference": difference,
        "batches_equal": batches_equal,
        "answers_equal": answers_equal,
    }


def train_and_predict(
    folder: Path, name: str, shape: str, layout: str, count: int, devices: int
) -> tuple[list[dict], str]:
    """Trains, and answers by the first run's weights; returns the lines of metrics.jsonl, and the answers."""
    questions, answers = folder / "questions.txt", folder / f"answers-{name}.txt"
    # Some have an answer of their own, and some do not.
    questions.write_text("".join(f"turn {'abcdef'[: 1 + number % 6]}{number}\n" for number in range(11)))
    train = ["train", "--gin_file", str(folder / "run.gin"), "--run_folder", str(folder / name)]
    predict = ["predict", "--checkpoint", str(folder / "one"), "--input_file", str(questions)]
    predict += ["--output_file", str(answers), "--scores"]
    mesh = [f"MeshConfig.shape = {shape!r}", f"MeshConfig.layout = {layout!r}"]
    both = [*(word for setting in mesh for word in ("--gin_param", setting)), "--include", str(folder / "tasks.py")]
    (folder / f"{name}.json").write_text(json.dumps([[*train, *both], [*predict, *both]]))
    command = [sys.executable, group.COMMANDS, "--commands", str(folder / f"{name}.json")]
    group.finish(command, count, devices, folder, name)
    lines = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    found = [json.loads(line) for line in answers.read_text().splitlines()]
    assert (len(lines), len(found)) == (STEPS, 11)
    return lines, json.dumps([[answer["text"] for answer in line["answers"]] for line in found])


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
