"""Files of strangers: none is read outside its folder. Folders for them: one appears whole, or not at all."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from t5mix.internal.files import wait_for_disk


def file_inside(folder: Path, name: str) -> Path:
    """Returns the path of the file `name` in `folder`.

    Args:
        folder: that the user has named.
        name: that data names, so it may be anything.

    Raises:
        ValueError: the name leaves the folder, or a link stands where a file should.
        FileNotFoundError: there is no such file.
    """
    path = _inside(folder, name)
    if not path.is_file():
        raise FileNotFoundError(f"{str(folder)!r} has no file {name!r}")
    return path


def folder_inside(folder: Path, name: str) -> Path:
    """Returns the path of the folder `name` in `folder`; raises as `file_inside` does."""
    path = _inside(folder, name)
    if not path.is_dir():
        raise FileNotFoundError(f"{str(folder)!r} has no folder {name!r}")
    return path


def _inside(folder: Path, name: str) -> Path:
    if not name or name in (".", "..") or "\0" in name or Path(name).name != name or "\\" in name:
        raise ValueError(
            f"{str(folder)!r} names the file {name!r}, which is no plain name: only its own files are read"
        )
    path = folder / name
    if path.is_symlink():
        raise ValueError(f"{str(path)!r} is a link, and links are not followed: put a copy of the file there")
    return path


def check_new_folder(path: str | os.PathLike[str]) -> Path:
    """Returns the path, where nothing is yet, or an empty folder.

    Raises:
        ValueError: something is there already.
    """
    target = Path(path).absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ValueError(f"{str(path)!r} is a file or a link: choose another folder to write to")
    if target.is_dir() and any(target.iterdir()):
        raise ValueError(f"{str(path)!r} holds something already: choose another folder, or delete it")
    return target


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary folder beside `path`, which takes that name when the body has ended well.

    Raises:
        ValueError: something is at `path` already.
    """
    target = check_new_folder(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                wait_for_disk(file)
        if target.is_dir():
            target.rmdir()  # empty, as was checked
        os.rename(temporary, target)
        wait_for_disk(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
