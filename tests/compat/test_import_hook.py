"""`import seqio` means t5mix where a process asks for it, and nowhere else."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import t5mix
from t5mix.compat import import_hook

REAL = {"seqio/__init__.py": "WHO = 'real'", "t5/__init__.py": "", "t5/data.py": "WHO = 'real'"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the root of the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=Path(t5mix.__file__).parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A folder, for PYTHONPATH, where packages named seqio and t5 are installed."""
    for name, content in REAL.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return os.pathsep.join([str(tmp_path), str(Path(t5mix.__file__).parents[1])])


def test_the_originals_modules_are_ours_within_the_block_and_gone_after_it() -> None:
    with t5mix.as_seqio():
        for name, ours in import_hook.MODULES.items():
            module = importlib.import_module(name)
            assert module is importlib.import_module(ours), name
            assert module.__name__ == ours and module.__spec__ is not None and module.__spec__.name == ours
        with t5mix.as_seqio():  # asked for twice: the inner one ends nothing
            pass
        import seqio
        import t5.data
        from t5.data import preprocessors

        assert seqio is t5mix and preprocessors.translate is t5mix.preprocessors.translate
        assert t5.data.get_default_vocabulary() == t5mix.T5Vocabulary()
    assert not [name for name in sys.modules if name.partition(".")[0] in ("seqio", "t5")]
    assert not [each for each in sys.meta_path if isinstance(each, type(import_hook._Finder()))]


@pytest.mark.parametrize(
    ("name", "fix"),
    {
        "seqio.beam_utils": "t5mix cache --runner",
        "seqio.scripts": "t5mix cache",
        "t5.models": "t5mix train",
        "t5.data.nothing": "its modules are seqio, seqio.dataset_providers",
    }.items(),
)
def test_a_module_without_a_counterpart_is_refused_with_what_takes_its_place(name: str, fix: str) -> None:
    with t5mix.as_seqio(), pytest.raises(ModuleNotFoundError, match=f"no counterpart of {name}.*{fix}"):
        importlib.import_module(name)


def test_a_process_that_did_not_ask_gets_what_is_installed(installed: str) -> None:
    code = "import t5mix, seqio, t5.data; t5mix.TaskRegistry.names(); print(seqio.WHO, t5.data.WHO)"
    assert run("-c", code, PYTHONPATH=installed).stdout.split() == ["real", "real"]


def test_a_process_that_asked_gets_t5mix_though_the_real_ones_are_installed(installed: str) -> None:
    code = """
        import t5mix
        with t5mix.as_seqio():
            import seqio, t5.data
            print(seqio.__name__, t5.data.__name__)
        import seqio
        print(seqio.WHO)
    """
    assert run("-c", textwrap.dedent(code), PYTHONPATH=installed).stdout.split() == ["t5mix", "t5mix.t5.data", "real"]


def test_asking_too_late_is_refused(installed: str) -> None:
    result = run("-c", "import t5mix, seqio; t5mix.as_seqio()", PYTHONPATH=installed)
    assert "ValueError: as_seqio: the real seqio is imported already, from" in result.stderr


THEIRS = """
import sys

import seqio
from t5.data import glue_utils

assert __name__ != "__main__" or seqio.__name__ == "t5mix"
seqio.TaskRegistry.add(
    "theirs",
    source=seqio.TextLineDataSource({"train": __file__}),
    preprocessors=[],
    output_features={"targets": seqio.Feature(seqio.ByteVocabulary())},
)
if "--fail" in sys.argv:
    raise KeyError("theirs")
print(*sys.argv[1:], len(glue_utils.GLUE_METRICS))
"""


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """A file of somebody else's."""
    file = tmp_path / "theirs.py"
    file.write_text(THEIRS)
    return str(file)


def test_a_program_of_others_runs_with_its_arguments(theirs: str) -> None:
    result = run("-m", "t5mix", "run-as-seqio", theirs, "one", "--debug")
    assert (result.returncode, result.stdout) == (0, "one --debug 12\n")
    package = os.pathsep.join([str(Path(theirs).parent), str(Path(t5mix.__file__).parents[1])])
    result = run("-m", "t5mix", "run-as-seqio", "theirs", "two", PYTHONPATH=package)
    assert (result.returncode, result.stdout) == (0, "two 12\n")


def test_an_error_of_a_program_begins_in_the_program(theirs: str) -> None:
    result = run("-m", "t5mix", "run-as-seqio", theirs, "--fail")
    assert result.returncode == 1
    assert result.stderr.splitlines()[1].startswith(f'  File "{theirs}"') and "KeyError: 'theirs'" in result.stderr


@pytest.mark.parametrize("program", ["nothing.py", "no.such.module", "nomodule"])
def test_a_program_that_is_not_there_is_refused(program: str) -> None:
    result = run("-m", "t5mix", "run-as-seqio", program)
    assert result.returncode == 2 and result.stderr.startswith("t5mix: error: run-as-seqio: there is no file")


def test_commands_include_files_of_others_when_they_are_asked_to(theirs: str) -> None:
    listing = ["-m", "t5mix", "list", "--include", theirs]
    assert "theirs" in run(*listing, "--as_seqio").stdout
    assert "theirs" in run(*listing, T5MIX_AS_SEQIO="1").stdout
    for environment in ({}, {"T5MIX_AS_SEQIO": "0"}):
        refused = run(*listing, **environment)
        assert refused.returncode == 2 and "No module named 'seqio'; with --as_seqio" in refused.stderr
