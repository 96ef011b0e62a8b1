"""What is kept of compiled programs: found again, checked, bounded, and never needed."""

import inspect
import os
import types
from pathlib import Path

import pytest

import t5mix.mesh
from t5mix.mesh.compiling import compilation
from tests.mesh.small import config


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache folder of its own, with JAX's cache left as it is."""
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path))
    monkeypatch.setattr(compilation, "compilation_folder", lambda: tmp_path)
    return tmp_path


def test_a_module_is_traced_once_and_again_when_its_file_is_damaged(folder):
    traced = []

    def trace() -> bytes:
        traced.append(1)
        return b"module"

    for _ in range(3):
        assert compilation.kept("program.stablehlo", trace) == b"module"
    assert len(traced) == 1
    (path,) = folder.glob("*.stablehlo")
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    assert compilation.kept("program.stablehlo", trace) == b"module"
    assert len(traced) == 2
    assert [p.suffix for p in folder.iterdir()] == [".stablehlo"]


def test_what_can_only_be_read_is_used(folder, monkeypatch):
    compilation.kept("program.stablehlo", lambda: b"module")

    def refused(path):
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr(compilation.os, "utime", refused)
    assert compilation.kept("program.stablehlo", lambda: b"made anew") == b"module"


def test_the_newest_modules_stay(folder, monkeypatch):
    monkeypatch.setattr(compilation, "_MAX_FILES", 3)
    for number in range(6):
        compilation.kept(f"p{number}.stablehlo", lambda: b"m")
        os.utime(folder / f"p{number}.stablehlo", (number, number))
    compilation.kept("p9.stablehlo", lambda: b"m")
    assert sorted(path.stem for path in folder.glob("*.stablehlo")) == ["p4", "p5", "p9"]


def test_old_modules_that_cannot_be_removed_are_in_nobody_s_way(folder, monkeypatch):
    monkeypatch.setattr(compilation, "_MAX_FILES", 1)
    (folder / "old.stablehlo").mkdir()  # which `unlink` refuses, as it does in a folder that can only be read
    os.utime(folder / "old.stablehlo", (0, 0))
    assert compilation.kept("new.stablehlo", lambda: b"m") == b"m"


def test_without_a_folder_everything_is_traced(monkeypatch):
    monkeypatch.setattr(compilation, "compilation_folder", lambda: None)
    assert compilation.kept("program.stablehlo", lambda: b"module") == b"module"
    with compilation.Told("train_step", "key"):
        pass


def test_all_code_of_the_engine_counts(tmp_path):
    """A program of before must not run after attention or an optimizer was changed."""
    code = compilation._code.__wrapped__
    (tmp_path / "t5").mkdir()
    file = tmp_path / "t5" / "attention.py"
    file.write_text("a = 1\n")
    before = code(tmp_path)
    file.write_text("a = 2\n")
    assert code(tmp_path) != before
    assert inspect.signature(code).parameters["folder"].default == Path(t5mix.mesh.__file__).parent


def test_a_fingerprint_depends_on_every_setting():
    model = config()
    first = compilation.fingerprint({"model": model, "batch_size": 4})
    assert first == compilation.fingerprint({"batch_size": 4, "model": config()})
    for other in ({"model": config(d_ff=32), "batch_size": 4}, {"model": model, "batch_size": 8}):
        assert compilation.fingerprint(other) != first


def test_a_line_says_what_is_compiled_and_how_long_it_took_last_time(folder, capsys, monkeypatch):
    clock = iter([0.0, 41.0, 100.0, 100.5])
    monkeypatch.setattr(compilation.time, "monotonic", lambda: next(clock))
    for _ in range(2):
        with compilation.Told("train_step for 5 parameters", "key"):
            pass
    first, done, again = capsys.readouterr().err.splitlines()
    assert first.startswith("compiling train_step for 5 parameters; large models take minutes")
    assert done == "compiled train_step for 5 parameters in 41.0s"
    assert again == "compiling train_step for 5 parameters; last time it took 41s"


def test_a_program_that_fails_to_compile_leaves_no_time(folder):
    with pytest.raises(RuntimeError), compilation.Told("train_step", "key"):
        raise RuntimeError
    assert not list(folder.iterdir())


def test_each_kind_of_processor_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("T5MIX_CACHE", str(tmp_path))
    monkeypatch.setattr(
        compilation, "jax", types.SimpleNamespace(config=types.SimpleNamespace(jax_compilation_cache_dir="-"))
    )
    found = set()
    for kind in ("one", "other", "one"):
        monkeypatch.setattr(compilation, "_processor", lambda kind=kind: kind)
        found.add(compilation.compilation_folder.__wrapped__())
    assert found == {tmp_path / "programs" / "one", tmp_path / "programs" / "other"}
    monkeypatch.setenv("T5MIX_COMPILATION_CACHE", "0")
    assert compilation.compilation_folder.__wrapped__() is None
