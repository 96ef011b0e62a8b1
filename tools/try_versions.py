"""Runs the engine's tests with the oldest and the newest releases of JAX and transformers that pyproject.toml allows.

    python tools/try_versions.py                                  # both ends; minutes for each
    python tools/try_versions.py --end newest --python python3.12 -- tests/mesh/compiling
    python tools/try_versions.py --end oldest --folder /tmp/envs   # environments that are there are used again

Each end gets an environment of its own. From 0.11 on JAX needs Python 3.12: with an older one the newest that pip finds
is tried. What stands behind "--" goes to pytest; without it, that is tests/mesh. The last line is JSON: for each end
the versions, and whether all tests passed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
RANGED = ("jax", "transformers")
EXTRAS = "dev,hf"


def main() -> int:
    """Tries the ends that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--end", choices=("oldest", "newest"), help="both by default")
    parser.add_argument("--python", default=sys.executable, help="of the environments")
    parser.add_argument("--folder", type=Path, help="where environments are made and kept; a temporary one by default")
    parser.add_argument("pytest", nargs="*", default=["tests/mesh"], help="arguments of pytest")
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for end in (args.end,) if args.end else ("oldest", "newest"):
            python = environment((args.folder or Path(temporary)) / end, end, args.python)
            versions = installed(python)
            print(f"{end}: {versions}", flush=True)
            done = subprocess.run([python, "-m", "pytest", "-q", *args.pytest], cwd=ROOT, check=False)
            results[end] = {**versions, "passed": done.returncode == 0}
    print(json.dumps(results))
    return 0 if all(result["passed"] for result in results.values()) else 1


def requirements() -> dict[str, Requirement]:
    """Returns what pyproject.toml says of the libraries whose range has two ends."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    found = [Requirement(text) for text in [*project["dependencies"], *extras["hf"]]]
    return {each.name: each for each in found if each.name in RANGED}


def pins(end: str) -> list[str]:
    """Returns the arguments of pip that choose an end: the lower bounds, or nothing, for pip takes the newest."""
    if end == "newest":
        return []
    return [f"{name}=={_lower_bound(each)}" for name, each in requirements().items()]


def _lower_bound(requirement: Requirement) -> str:
    (bound,) = (specifier.version for specifier in requirement.specifier if specifier.operator == ">=")
    return bound


def environment(folder: Path, end: str, python: str) -> Path:
    """Makes an environment, or finds it made; returns its Python."""
    made, inside = folder / "made", folder / "bin" / "python"
    if made.exists():
        return inside
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    command = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--constraint", constraints(folder), f"{ROOT}[{EXTRAS}]", *pins(end)], check=True)
    # In one process with TensorFlow, where transformers 5 imports it, triton ends in a segmentation fault. PyTorch is
    # here to compare with, and compiles nothing.
    subprocess.run([inside, "-m", "pip", "uninstall", "--quiet", "--yes", "triton"], check=True)
    made.touch()
    return inside


def constraints(folder: Path) -> Path:
    """Writes constraints.txt without what it says of the libraries whose range is tried; returns the file."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    stated = [line.split("#")[0].strip() for line in lines]
    file = folder / "constraints.txt"
    file.write_text("".join(f"{each}\n" for each in stated if each and Requirement(each).name not in RANGED))
    return file


def installed(python: Path) -> dict[str, str]:
    """Returns the versions in an environment."""
    code = "import importlib.metadata as m, json, platform; "
    code += f"print(json.dumps({{'python': platform.python_version(), **{{n: m.version(n) for n in {RANGED!r}}}}}))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
