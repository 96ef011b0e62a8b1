"""T5 1.0 11B rehearsed for 64 chips of TPU v4 on this machine: how long compiling takes, in how much memory.

    python benchmarks/rehearse_11b.py [--model 11b] [--topology v4:4x4x4] [--mesh "batch:8;model:8"]

The training step is the run's own: 128 sequences of 512 inputs and 114 targets, bfloat16, T5's layout, Adafactor;
nothing is extrapolated from smaller models. It takes libtpu (`t5mix[tpu]`) and no TPU. `seconds` counts from this
process's start of work to the compiled program's costs, with no cache; `peak_gib` is the most memory of the process;
`gib_per_core` what the program needs of a core; `fits` whether the compiler found room. The last line is JSON.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["T5MIX_COMPILATION_CACHE"] = "0"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

GIB = 2**30

SETTINGS = """
include 'models/t5_1_0/MODEL.gin'
Run.folder = 'rehearsal'
Run.mixture = 'offline_language'
Run.sequence_length = {'inputs': 512, 'targets': 114}
Run.batch_size = 128
T5Config.activation_dtype = 'bfloat16'
T5Config.block_loop = 'LOOP'
MeshConfig.shape = 'MESH'
Training.steps = 524288
Training.schedule = @inverse_square_root()
"""


def main() -> None:
    """Compiles, and prints what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="11b", help="a file of gin/models/t5_1_0")
    parser.add_argument("--topology", default="v4:4x4x4")
    parser.add_argument("--mesh", help="[batch:8;model:8; with the 12 heads of base batch:16;model:4]")
    parser.add_argument("--block_loop", default="recomputed", help="what the loop over blocks keeps [recomputed]")
    args = parser.parse_args()
    began = time.monotonic()

    from t5mix.runs.config import binding
    from t5mix.runs.preflight.plans.rehearsal.programs import rehearse_training
    from t5mix.runs.preflight.plans.rehearsal.rehearse import check_rehearsal, open_topology

    args.mesh = args.mesh or ("batch:16;model:4" if args.model == "base" else "batch:8;model:8")
    chosen = SETTINGS.replace("MODEL", args.model).replace("MESH", args.mesh).replace("LOOP", args.block_loop)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.gin"
        path.write_text(chosen)
        run = binding.bind([str(path)]).run
    topology = open_topology(args.topology)
    check_rehearsal(run, topology)
    found = rehearse_training(run, 1, topology.devices)
    result = {
        "seconds": round(time.monotonic() - began, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB, 2),
        "gib_per_core": round(found.memory.needed / GIB, 2),
        "fits": found.memory.fits,
    }
    if found.time and found.costs:
        result |= {
            "step_seconds": round(found.time.seconds, 4),
            "compiler_seconds": found.time.compiler and round(found.time.compiler, 4),
            "limit": found.time.limit,
            "flops_per_core": found.costs.flops,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
