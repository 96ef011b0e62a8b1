"""The sdist builds a wheel that installs `t5mix` and nothing beside it."""

import configparser
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("tasks", "mixtures", "gin")
LEFTOVERS = shutil.ignore_patterns(".*", "__pycache__", "*.pyc", "*.egg-info", "build", "dist", "runs.*")


def build(kind: str, source: Path, target: Path) -> Path:
    """Builds an sdist or a wheel of the project in `source` with this environment's setuptools."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(target)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


def files(folder: Path, prefix: str = "") -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {prefix + path.relative_to(folder).as_posix() for path in paths if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution, built from a copy so that the checkout stays clean."""
    work = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, work / "copy", ignore=LEFTOVERS)
    shutil.rmtree(work / "copy" / "runs", ignore_errors=True)
    with tarfile.open(build("sdist", work / "copy", work)) as archive:
        archive.extractall(work / "unpacked", filter="data")
    (folder,) = (work / "unpacked").iterdir()
    return folder


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", sdist, tmp_path_factory.mktemp("wheel")))


def test_only_t5mix_is_installed(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    (info,) = (name for name in tops if name.endswith(".dist-info"))
    assert tops == {"t5mix", info}
    assert not [name for name in wheel.namelist() if name.startswith("gin/")]


@pytest.mark.parametrize("folder", SHIPPED)
def test_shipped_folder_is_complete(wheel: zipfile.ZipFile, folder: str) -> None:
    prefix = f"t5mix/shipped/{folder}/"
    shipped = {name for name in wheel.namelist() if name.startswith(prefix)}
    assert shipped == files(ROOT / folder, prefix)
    assert shipped


@pytest.mark.parametrize("folder", SHIPPED)
def test_shipped_folders_are_no_packages(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_every_module_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert files(ROOT / "t5mix", "t5mix/") <= set(wheel.namelist())


def test_the_command_is_declared(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(path).decode())
    assert entries["console_scripts"]["t5mix"] == "t5mix.cli.main:main"


def test_the_licence_travels(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith("LICENSE")]


def test_the_sdist_can_be_tested_and_linted(sdist: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "typings/gin/__init__.pyi", "tests/conftest.py"):
        assert (sdist / name).is_file(), name
    for folder in SHIPPED:
        assert files(sdist / folder) == files(ROOT / folder)
