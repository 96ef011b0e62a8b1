"""The pages in docs/ are true: their files work and their commands run, by the rule of CONTRIBUTING.md."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import t5mix
from t5mix.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\w*) *([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def lacking(need: str) -> str | None:
    """Returns what is missing of what a block needs: a library, or a data set of TFDS beside the checkout."""
    if "/" not in need:
        return None if importlib.util.find_spec(need) else f"the library {need}"
    there = (ROOT.parent / "shared" / "data" / "tfds" / need).is_dir()
    return None if there else f"the data set {need} in ../shared/data"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_work_and_commands_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(ROOT.parent / "shared" / "data" / "tfds"))
    monkeypatch.setenv("T5MIX_T5_VOCAB", str(ROOT.parent / "shared" / "data" / "t5_vocab" / "spiece.model"))
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    for language, info, body in blocks:
        if info and language != "sh":
            (tmp_path / info).write_text(body, encoding="utf-8")
    left_out = []
    with t5mix.overlay():
        for language, info, body in blocks:
            missing = info and language == "sh" and lacking(info.removeprefix("needs="))
            if missing:
                left_out.append(missing)
            elif language == "sh":
                for line in body.replace("\\\n", " ").splitlines():
                    run(line, capsys)
    if left_out:
        pytest.skip(f"the rest of {page.name} needs {' and '.join(left_out)}")


def run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(line, comments=True) or [""]
    if program == ".venv/bin/t5mix":
        capsys.readouterr()
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr()}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", text):
        path, _, anchor = link.partition("#")
        assert (page.parent / path).exists() if path else anchor in headings, link


def test_the_rule_finds_blocks_and_a_failing_command_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert sum(len(BLOCK.findall(page.read_text(encoding="utf-8"))) for page in PAGES) >= 15
    with pytest.raises(AssertionError, match="no_such_task"):
        run(".venv/bin/t5mix check no_such_task", capsys)
