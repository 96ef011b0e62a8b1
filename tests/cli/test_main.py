"""The command's door: help at once, errors in one line, exit codes that scripts can use."""

import importlib
import os
import subprocess
import sys
import time

import pytest

from t5mix.cli import main as main_module
from t5mix.cli.main import COMMANDS, main, module_of

ROOT_PROBE = """
import sys
from t5mix.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({"tensorflow", "jax", "rich", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False)


def test_help_answers_at_once() -> None:
    # The best of three: the machine may be busy, and the bound is about the program.
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = python("-m", "t5mix", "--help")
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0
        assert all(command in done.stdout for command in COMMANDS)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    done = python("-c", ROOT_PROBE, *command, "--help")
    assert done.stdout.startswith("usage: t5mix")
    assert done.stderr.strip() == "[]"


def test_a_terminal_of_ascii_gets_everything(declarations: str) -> None:
    for arguments, status, words in (
        (["list", "toy_", "--include", declarations], 0, " ----"),
        (["list", "no-such-t\u00e4sk"], 2, "no-such-t\\xe4sk"),
    ):
        command = [sys.executable, "-m", "t5mix", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, env=environment, timeout=300, check=False)
        assert done.returncode == status and words in (done.stdout + done.stderr).decode("ascii")


def test_list_loads_no_framework(declarations: str) -> None:
    done = python("-c", ROOT_PROBE, "list", "--include", declarations, "--names", "toy_")
    assert done.stdout.split() == ["toy_large", "toy_small", "toy_mix"]
    assert "tensorflow" not in done.stderr and "jax" not in done.stderr


def test_errors_are_one_line(declarations: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "toy_larg", "--include", declarations]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("t5mix: error: ")
    assert captured.err.count("\n") == 1
    assert "toy_large" in captured.err


BROKEN = """
import t5mix
from t5mix.internal.lazy import import_quietly

def data(split, shuffle_files):
    tf = import_quietly("tensorflow")
    return tf.data.Dataset.from_tensor_slices({"targets": ["a"]})

@t5mix.map_over_dataset
def fail(example):
    raise ValueError("the example is odd")

t5mix.TaskRegistry.add(
    "toy_broken", source=t5mix.FunctionDataSource(data, ["train"]), preprocessors=[fail],
    output_features={"targets": t5mix.Feature(t5mix.ByteVocabulary())},
)
"""


def test_an_error_in_a_users_step_is_one_line_without_tensorflows_stack(tmp_path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    done = python("-m", "t5mix", "show", "toy_broken", "--include", str(tmp_path / "broken.py"))
    assert done.returncode == 2
    where = f"{tmp_path / 'broken.py'}:11"
    assert done.stderr == f"t5mix: error: {where}: the example is odd; in preprocessor 'fail' of task 'toy_broken'\n"


ENDINGS = {
    "raise SystemExit(0)": "SystemExit: 0",
    "import sys; sys.exit()": "SystemExit",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise type('Stop', (KeyboardInterrupt,), {})('here')": "Stop: here",
    "raise type('End', (BaseException,), {})('here')": "End: here",
    "raise GeneratorExit": "GeneratorExit",
    "{}['x']": "KeyError: 'x'",
    "def f(): f()\nf()": "RecursionError: maximum recursion depth exceeded",
    "assert False": "AssertionError",
    "exit(3)": "SystemExit: 3",
}


@pytest.mark.parametrize("body", ENDINGS)
def test_no_declarations_file_ends_the_command_by_itself(tmp_path, body: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"import t5mix\n{body}\n")
    done = python("-m", "t5mix", "list", "--include", str(file))
    [line] = done.stderr.splitlines()
    assert done.returncode == 2 and not done.stdout
    assert line.startswith(f"t5mix: error: {file}:") and f": {ENDINGS[body]}" in line


def test_debug_shows_the_traceback(declarations: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ["show", "toy_larg", "--include", declarations]
    for arguments in ([*wrong, "--debug"], [*wrong, "--traceback"], ["--traceback", *wrong]):
        with pytest.raises(ValueError, match="toy_large"):
            main(arguments)
    monkeypatch.setenv("T5MIX_TRACEBACK", "1")
    with pytest.raises(ValueError, match="toy_large"):
        main(wrong)
    monkeypatch.setenv("T5MIX_TRACEBACK", "0")
    assert main(wrong) == 2


def test_what_ends_a_program_is_shown_with_its_traceback_and_is_an_error(tmp_path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit(0)\n")
    done = python("-m", "t5mix", "list", "--traceback", "--include", str(tmp_path / "mine.py"))
    assert done.returncode != 0 and "Traceback" in done.stderr and "SystemExit: 0" in done.stderr


def test_a_missing_pack_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--include", "no/such/file.py"]) == 2
    assert "no/such/file.py" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["lisst"], ["list", "--formt", "json"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: t5mix" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["train", "--steps", "few"], ["train", "--steps", "0"], ["show", "x", "--examples", "-1"]]
)
def test_a_number_that_is_none_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert f"{arguments[-1]!r} is no whole number of at least" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--steps", str(2**40)],
        ["show", "x", "--length", str(2**40)],
        ["show", "x", "--seed", str(2**70)],
        ["check", "x", "--lengths", f"inputs={2**40}"],
    ],
)
def test_a_number_that_is_too_great_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "is more than" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("t5mix ")


def test_every_command_has_its_module() -> None:
    for command in COMMANDS:
        module = importlib.import_module(module_of(command))
        assert callable(module.add_arguments) and callable(module.run)
    assert main_module.__doc__
