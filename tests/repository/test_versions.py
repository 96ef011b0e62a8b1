"""tools/try_versions.py chooses the ends that pyproject.toml says; the whole takes minutes and a network."""

import importlib.metadata
import importlib.util
from pathlib import Path

from packaging.requirements import Requirement

TOOL = Path(__file__).resolve().parents[2] / "tools" / "try_versions.py"


def tool():
    spec = importlib.util.spec_from_file_location("try_versions", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_ends_are_those_of_pyproject():
    module = tool()
    assert set(module.requirements()) == set(module.RANGED)
    oldest = [Requirement(text) for text in module.pins("oldest")]
    for requirement in oldest:
        lowest = str(requirement.specifier).removeprefix("==")
        allowed = module.requirements()[requirement.name].specifier
        assert allowed.contains(lowest)
        before, _, last = lowest.rpartition(".")
        assert not allowed.contains(f"{before}.{int(last) - 1}")
    assert module.pins("newest") == []


def test_what_is_installed_is_in_the_range():
    for name, requirement in tool().requirements().items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        assert requirement.specifier.contains(version), f"{name} {version} is not in {requirement.specifier}"


def test_the_newest_end_is_not_held_back_by_constraints(tmp_path):
    """constraints.txt keeps transformers below 5 for `make test`; the newest end is beyond that."""
    module = tool()
    stated = [Requirement(line) for line in module.constraints(tmp_path).read_text().splitlines()]
    assert {each.name for each in stated}.isdisjoint(module.RANGED)
    assert {"numpy", "protobuf"} <= {each.name for each in stated}
