"""One checkpoint through meshes and numbers of processes, and back: are all its values what they were, bit for bit?

    python benchmarks/reshard.py [--quick] [--blocks 4]

A state of weights and optimizer slots is drawn on one device and written. Then, for each mesh and number of processes
in turn, it is read onto that mesh and written from there: 2x2, 4x1, 1x4 (data x model), fully sharded, each in one
process and in two, and 1x1 at last. The values of the last are compared with the first's.

The last line is JSON: {"equal": true, "checkpoints": .., "mib": ..}.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from several import group

LAYOUT = "batch:batch,vocab:model,d_ff:model,heads:model"
SHARDED = f"{LAYOUT},weights:batch"


def main() -> None:
    """Writes, reads and writes again, and compares; or does one of these in a process that this has started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small model on two devices")
    parser.add_argument("--blocks", type=int, default=4, help="of each stack of the model, whose d_model is 256")
    parser.add_argument("--child", nargs=4, metavar=("FOLDER", "SHAPE", "LAYOUT", "NUMBER"), help=argparse.SUPPRESS)
    parser.add_argument("--coordinator", help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--wait", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(through_all(Path(place), args)))


def through_all(folder: Path, args: argparse.Namespace) -> dict:
    """Returns what the last line says."""
    ways = [("batch:2", SHARDED, 2), ("model:2", LAYOUT, 2), ("batch:2", LAYOUT, 1)] if args.quick else []
    ways = ways or [
        (shape, layout, count)
        for shape, layout in (
            ("batch:2;model:2", LAYOUT),
            ("batch:4", LAYOUT),
            ("model:4", LAYOUT),
            ("batch:4", SHARDED),
            ("batch:2;model:2", SHARDED),
        )
        for count in (1, 2)
    ]
    ways = [("batch:1", LAYOUT, 1), *ways, ("batch:1", LAYOUT, 1)]
    size = ["--quick"] if args.quick else ["--blocks", str(args.blocks)]
    for number, (shape, layout, count) in enumerate(ways):
        devices = int(np.prod([int(part.split(":")[1]) for part in shape.split(";")]))
        command = [sys.executable, __file__, *size, "--child", str(folder), shape, layout, str(number)]
        group.finish(command, count, devices // count, folder, f"way{number}")
        print(f"{number}: {shape} in {count}, layout {layout}", file=sys.stderr, flush=True)
    first, last = (dict(np.load(folder / f"{number}.npz")) for number in (0, len(ways) - 1))
    equal = first.keys() == last.keys() and all(first[name].tobytes() == last[name].tobytes() for name in first)
    mib = sum(value.nbytes for value in first.values()) / 2**20
    return {"equal": equal, "checkpoints": len(ways), "mib": round(mib, 1)}


def child(args: argparse.Namespace) -> None:
    """Reads the checkpoint before, or draws values, onto a mesh; writes it, and its values if there is one process."""
    from t5mix.internal.processes.joining import joined
    from t5mix.mesh.devices import configure_cpu

    with joined(args.coordinator, args.processes, args.process, configure_cpu):
        from t5mix.mesh.engine import Engine
        from t5mix.mesh.layouts import MeshConfig
        from t5mix.mesh.t5.config import T5Config
        from t5mix.training.checkpoints import Checkpoints

        place, shape, layout, number = args.child
        blocks, width = (1, 16) if args.quick else (args.blocks, 256)
        model = T5Config(
            vocab_size=16 * width,
            d_model=width,
            d_ff=4 * width,
            num_heads=4,
            d_kv=width // 4,
            num_encoder_layers=blocks,
            num_decoder_layers=blocks,
        )
        mesh = MeshConfig(shape=shape, layout=layout)
        engine = Engine(model, mesh, batch_size=4, lengths={"inputs": 8, "targets": 8})
        step = int(number)
        if step:
            _, state, extra = Checkpoints(f"{place}/{step - 1}").restore(0, engine)
            assert extra == {"way": step - 1}
        else:
            state = engine.initialize(seed=1)
            chance = np.random.default_rng(0)  # slots are all alike at first
            for name in [name for name in state if "_slot_" in name]:
                state[name] = engine.spread(name, chance.random(state[name].shape, np.float32))
        Checkpoints(f"{place}/{step}").save(0, state, {"way": step})
        if args.processes is None:
            np.savez(f"{place}/{step}.npz", **{name: np.asarray(value) for name, value in state.items()})


if __name__ == "__main__":
    main()
