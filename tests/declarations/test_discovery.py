"""Declarations files: found by path, loaded once and in order, wrong ones named by file and line."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import t5mix
from t5mix.declarations.discovery import DeclarationError, Discovery
from t5mix.declarations.namespace import Namespace
from t5mix.internal import paths

ROOT = Path(t5mix.__file__).parents[1]

HEAD = """
import t5mix
def _none(split, shuffle_files): raise AssertionError("a declaration reads no example")
def task(name):
    return t5mix.TaskRegistry.add(name, t5mix.FunctionDataSource(_none, ["train"]),
                                  {"targets": t5mix.Feature(t5mix.ByteVocabulary())})
"""


def write(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + body)
    return path


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", f"import t5mix\n{code}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def output(code: str, **environment: str) -> str:
    result = run(code, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


SHOW = "print([n for n in t5mix.TaskRegistry.names() + t5mix.MixtureRegistry.names() if n.startswith('my_')])"


def test_a_file_is_found_by_its_path_and_no_import(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.py", "task('my_task')\nprint('ran')\n")
    code = (
        f"t5mix.include({str(file)!r})\nprint('added')\nt = t5mix.TaskRegistry.get('my_task')\nprint(t.declared_at)\n"
    )
    lines = output(code + SHOW).splitlines()
    assert lines == ["added", "ran", f"{file}:7", "['my_task']"]
    assert "importable" in output(code + "try:\n import mine\nexcept ImportError: print('not importable')")


def test_a_folder_gives_tasks_then_mixtures_then_its_own_files(tmp_path: Path) -> None:
    write(tmp_path / "tasks" / "b.py", "print('task b'); task('my_b')")
    write(tmp_path / "tasks" / "a.py", "print('task a'); task('my_a')")
    write(tmp_path / "mixtures" / "m.py", "print('mixture'); t5mix.MixtureRegistry.add('my_m', ['my_a', 'my_b'], 1)")
    write(tmp_path / "own.py", "print('own')")
    write(tmp_path / "_helper.py", "print('never')")
    expected = ["task a", "task b", "mixture", "own", "['my_a', 'my_b', 'my_m']"]
    assert output(f"t5mix.include({str(tmp_path)!r})\n{SHOW}").splitlines() == expected
    assert output(SHOW, T5MIX_INCLUDE=str(tmp_path)).splitlines() == expected


def test_the_first_names_go_on_working(tmp_path: Path) -> None:
    """`--pack`, T5MIX_PACKS and the group t5mix.packs, as the files were called before."""
    file = write(tmp_path / "mine.py", "task('my_task')")
    assert output(SHOW, T5MIX_PACKS=str(file)) == "['my_task']"
    listed = output(f"from t5mix.cli.main import main\nmain(['list', 'my_*', '--pack', {str(file)!r}])")
    assert "my_task" in listed
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[t5mix.packs]\na = mine\n")
    assert output(SHOW, PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path)])) == "['my_task']"


def test_environment_paths_are_divided_as_in_path_and_loaded_once(tmp_path: Path) -> None:
    one, two = (write(tmp_path / f"{n}.py", f"print({n!r}); task('my_{n}')") for n in ("one", "two"))
    text = os.pathsep.join([str(two), str(one), str(two)])
    code = f"t5mix.include({str(one)!r})\n{SHOW}\n{SHOW}"
    names = "['my_one', 'my_two']"
    assert output(code, T5MIX_INCLUDE=text).splitlines() == ["two", "one", names, names]


def test_a_file_may_use_what_a_later_file_declares(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "t5mix.MixtureRegistry.add('my_all', ['my_part', 'my_task'], 1)")
    write(tmp_path / "b.py", "t5mix.MixtureRegistry.add('my_part', ['my_task2'], 1)")
    write(tmp_path / "c.py", "task('my_task'); task('my_task2')")
    assert output(SHOW, T5MIX_INCLUDE=str(tmp_path)) == "['my_task', 'my_task2', 'my_all', 'my_part']"


def test_packs_that_need_each_other_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "t5mix.MixtureRegistry.add('my_a', ['my_b'], 1)")
    write(tmp_path / "b.py", "t5mix.MixtureRegistry.add('my_b', ['my_a'], 1)")
    result = run(SHOW, T5MIX_INCLUDE=str(tmp_path))
    assert result.returncode and "mixture 'my_b': there is no task or mixture 'my_a'" in result.stderr


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        ("task('my_ok')\ntask('my_ok')", 5, "wrong.py:8, has the name of the task declared at"),
        ("x = 1\ny = x +", 8, "invalid syntax"),
        ("import no_such_module", 7, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("task('my bad')", 5, "a name is made of"),
        ("def f():\n    return 1 / 0\nf()", 8, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_wrong_file_names_its_file_and_line(tmp_path: Path, body: str, where: int, what: str) -> None:
    file = write(tmp_path / "wrong.py", body)
    result = run(SHOW, T5MIX_INCLUDE=str(file))
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode and f"{file}:{where}: " in last and what in last, last


def test_a_failed_file_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    file = write(tmp_path / "p.py", "task('my_one')\nraise RuntimeError('oh')")
    code = f"""
from pathlib import Path
t5mix.include({str(file)!r})
for _ in range(2):
    try:
        t5mix.TaskRegistry.get('my_one')
    except t5mix.declarations.discovery.DeclarationError as error:
        print('failed')
path = Path({str(file)!r})
path.write_text(path.read_text().replace("raise RuntimeError('oh')", ""))
{SHOW}
"""
    assert output(code).splitlines() == ["failed", "failed", "['my_one']"]


def test_what_a_failed_file_made_load_is_loaded_again(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "t5mix.MixtureRegistry.add('my_mix', ['my_task'], 1)\nif FAIL: raise RuntimeError('oh')")
    write(tmp_path / "b.py", "task('my_task')")
    code = f"""
import builtins
builtins.FAIL = True
t5mix.include({str(tmp_path)!r})
try:
    t5mix.TaskRegistry.names()
except t5mix.declarations.discovery.DeclarationError:
    print('failed')
builtins.FAIL = False
{SHOW}
"""
    assert output(code).splitlines() == ["failed", "['my_task', 'my_mix']"]


@pytest.mark.parametrize("name", ["none", "text.txt", "empty"])
def test_a_path_without_declarations_is_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"include: .*{name}"):
        t5mix.include(tmp_path / name)
    result = run(SHOW, T5MIX_INCLUDE=str(tmp_path / name))
    assert "T5MIX_INCLUDE: " in result.stderr


def test_dataclasses_and_future_annotations_work_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p.py"
    file.write_text(
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 3\n"
        + HEAD + "task(f'my_{A().x}')"
    )  # fmt: skip
    assert output(SHOW, T5MIX_INCLUDE=str(file)) == "['my_3']"


def test_an_installed_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    write(tmp_path / "their_tasks.py", "task('my_installed')\nFOLDER = __file__.replace('their_tasks', 'other')")
    write(tmp_path / "other.py", "task('my_other')")
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[t5mix.declarations]\nb = their_tasks\na = their_tasks:FOLDER\n")
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    assert output(SHOW, PYTHONPATH=path) == "['my_installed', 'my_other']"
    (info / "entry_points.txt").write_text("[t5mix.declarations]\na = their_tasks:task\n")
    assert "must name a module" in run(SHOW, PYTHONPATH=path).stderr
    assert importlib.metadata.entry_points(group="t5mix.declarations") is not None


def test_two_namespaces_share_nothing() -> None:
    namespace = Namespace()
    ran: list[str] = []
    found = Discovery(namespace, lambda: [])
    namespace.add("task", "x", object(), "here:1")
    assert namespace.names("task") == ["x"] and found.files() == [] and ran == []
    assert "x" not in t5mix.TaskRegistry
    assert issubclass(DeclarationError, ValueError)


def test_what_is_shipped_loads() -> None:
    for kind in ("tasks", "mixtures"):
        if not (ROOT / kind).is_dir():
            pytest.skip("needs the checkout's tasks/ and mixtures/")
    assert t5mix.TaskRegistry.names() and t5mix.MixtureRegistry.names()
    for name in t5mix.TaskRegistry.names():
        file = t5mix.TaskRegistry.get(name).declared_at.rsplit(":", 1)[0]
        assert Path(file).parent == paths.shipped("tasks"), name
