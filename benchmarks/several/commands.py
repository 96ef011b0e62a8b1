"""Several commands of t5mix, one after the other, in processes that find each other once: starts take longest.

    python benchmarks/several/commands.py --commands FILE [--coordinator HOST:PORT --processes N --process I --wait S]

FILE is JSON, a list of the arguments of each command.
"""

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    """Carries them out; the first that fails ends all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=Path, required=True)
    parser.add_argument("--coordinator")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--process", type=int)
    parser.add_argument("--wait", type=int, default=300)
    args = parser.parse_args()

    from t5mix.cli.main import main as t5mix
    from t5mix.internal.processes.joining import joined
    from t5mix.mesh.devices import configure_cpu

    with joined(args.coordinator, args.processes, args.process, configure_cpu, args.wait):
        for command in json.loads(args.commands.read_text()):
            status = t5mix(command)
            if status:
                sys.exit(status)


if __name__ == "__main__":
    main()
