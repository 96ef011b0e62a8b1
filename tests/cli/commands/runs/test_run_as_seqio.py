"""A program of somebody else's ends with the status, and gets the arguments, that Python gives it."""

from pathlib import Path

import pytest

from t5mix.cli.main import main

# What a program does, and the status and the last line on stderr with which Python ends it.
ENDINGS = {
    "pass": (0, ""),
    "sys.exit()": (0, ""),
    "sys.exit(0)": (0, ""),
    "sys.exit(3)": (3, ""),
    "sys.exit(True)": (1, ""),
    "sys.exit('what was wrong')": (1, "what was wrong"),
    "sys.exit(('a', 2))": (1, "('a', 2)"),
    "raise SystemExit": (0, ""),
    "import unittest; unittest.main(argv=['it', 'it.no'], exit=True)": (1, "FAILED (errors=1)"),
    "raise KeyError('theirs')": (1, "KeyError: 'theirs'"),
    "import asyncio; raise asyncio.CancelledError('theirs')": (1, "asyncio.exceptions.CancelledError: theirs"),
}


@pytest.mark.parametrize("body", ENDINGS)
def test_a_program_ends_with_pythons_status(tmp_path: Path, capfd: pytest.CaptureFixture[str], body: str) -> None:
    (tmp_path / "theirs.py").write_text(f"import sys\n{body}\n")
    status, last = ENDINGS[body]
    assert main(["run-as-seqio", str(tmp_path / "theirs.py")]) == status
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1:] == ([last] if last else [])


@pytest.mark.parametrize("before", [[], ["--traceback"]])
@pytest.mark.parametrize("between", [[], ["--traceback"]])
def test_what_stands_behind_a_program_is_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], before: list[str], between: list[str]
) -> None:
    (tmp_path / "theirs.py").write_text("import sys\nprint(*sys.argv[1:])\n")
    own = ["--traceback", "list", "--help", "--traceback", "--as_seqio"]
    assert main([*before, "run-as-seqio", *between, str(tmp_path / "theirs.py"), *own]) == 0
    assert capfd.readouterr().out.split() == own
