"""Registries can be switched off, as long as nobody registered anything."""

import subprocess
import sys
import textwrap
from pathlib import Path

import t5mix


def run(code: str) -> str:
    """Runs Python in a process of its own: what is switched off stays off."""
    before = """
        import t5mix
        from t5mix import experimental
        feature = {"targets": t5mix.Feature(t5mix.ByteVocabulary())}
        source = t5mix.TextLineDataSource({"train": "x"})
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(before) + textwrap.dedent(code)],
        cwd=Path(t5mix.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_registry_that_is_off_takes_nothing_and_gives_nothing() -> None:
    code = """
        experimental.disable_registry()
        before = t5mix.TaskRegistry.names()
        t5mix.TaskRegistry.add("mine", source=source, output_features=feature)
        t5mix.MixtureRegistry.add("all", ["mine"], default_rate=1)
        assert t5mix.TaskRegistry.names() == before and "glue_rte_v002" in before
        for registry, name in ((t5mix.TaskRegistry, "glue_rte_v002"), (t5mix.MixtureRegistry, "all_mix")):
            try:
                registry.get(name)
            except ValueError as error:
                print(error)
    """
    assert run(code).splitlines() == [
        "Disabled TaskRegistry.get call: glue_rte_v002",
        "Disabled MixtureRegistry.get call: all_mix",
    ]


def test_it_is_refused_once_something_is_registered() -> None:
    code = """
        task = t5mix.TaskRegistry.add("mine", source=source, output_features=feature)
        try:
            experimental.disable_registry()
        except ValueError as error:
            print(error)
        assert t5mix.TaskRegistry.get("mine") is task
    """
    assert run(code).startswith("The TaskRegistry is non-empty. Please invoke `disable_registry()` before")
