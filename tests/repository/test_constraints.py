"""`make demo` and `make test` install one set of versions: no extra asks for less of a package than constraints.txt.

python tests/repository/test_constraints.py     # asks pip what each would install, and compares
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.repository.asked import asked, requirements

ROOT = Path(__file__).resolve().parents[2]
# What the two targets of the Makefile install.
TARGETS = (".", ".[dev,hf,beam]")


def _bounds(asked: set[tuple[str, str]]) -> Iterator[tuple[str, str, str, Version]]:
    """Yields (package, who bounds it, operator, version) of upper bounds."""
    for who, extra in sorted(asked):
        for each in requirements(who, extra):
            for one in each.specifier:
                if one.operator in ("<", "<="):
                    yield canonicalize_name(each.name), who, one.operator, Version(one.version)


def _constraints() -> dict[str, SpecifierSet]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(each.name): each.specifier for each in found}


def test_what_extras_bound_is_bounded_for_all() -> None:
    if missing := [name for name in ("apache_beam", "datasets") if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{' and '.join(missing)} not installed")
    base = asked(())
    names = {name for name, _ in base}
    allowed = _constraints()
    for name, _, operator, version in _bounds(base):
        allowed[name] = allowed.get(name, SpecifierSet()) & SpecifierSet(f"{operator}{version}")
    wider = []
    for name, who, operator, version in _bounds(asked(("dev", "hf", "beam")) - base):
        # The first release that is too new, for them, and one that is much too new.
        first = version.base_version if operator == "<" else f"{version.base_version}.1"
        if name in names and any(allowed.get(name, SpecifierSet()).contains(each) for each in (first, "9999")):
            wider.append(f"{name}{operator}{version} ({who})")
    assert not wider, f"constraints.txt lets `make demo` install what the extras do not take: {wider}; bound it there"


def test_both_targets_use_the_constraints() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    installs = [line for line in lines if " install " in line and "--editable" in line]
    assert len(installs) == len(TARGETS) and all("--constraint constraints.txt" in line for line in installs)


def _resolved(target: str, folder: str) -> dict[str, str]:
    report = Path(folder) / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--constraint", "constraints.txt", "--report", str(report), target]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    metadata = [each["metadata"] for each in json.loads(report.read_text())["install"]]
    return {canonicalize_name(each["name"]): each["version"] for each in metadata}


def compare() -> str:
    """Says which packages the two targets would install in different versions; "" is none."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_resolved(target, folder) for target in TARGETS)
    other = [f"{name} {few[name]} by demo, {many.get(name)} by test" for name in few if many.get(name) != few[name]]
    print(
        f"make demo installs {len(few)} packages, make test the same and {len(many) - len(few)} more", file=sys.stderr
    )
    return "; ".join(other)


if __name__ == "__main__":
    differing = compare()
    sys.exit(f"not one set of versions: {differing}; bound them in constraints.txt" if differing else 0)
