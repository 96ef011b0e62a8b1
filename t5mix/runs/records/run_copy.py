"""A copy of a run folder in an object store, gs:// or s3://, or wherever else Arrow finds a folder by its address.

With each checkpoint the copy becomes what the folder is, and a run whose folder is gone is brought back from there. A
store puts an object in its place whole or not at all. The manifest of a checkpoint comes last and goes first: a
checkpoint without one is none. Of several processes each copies its share.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from t5mix.internal.processes import agreement
from t5mix.internal.terminal import Progress, say
from t5mix.runs.records.run_folder import RunFolder
from t5mix.training import checkpoint_files
from t5mix.training.checkpoint_files import MANIFEST, DamagedCheckpointError, is_step, manifest_of, set_aside
from t5mix.training.interruption import noted_signal

# What lies in a folder of checkpoints: that folder, and the name in it.
_CHECKPOINTS = re.compile(r"((?:finetune/[^/]+/)?checkpoints/)([^/]+)(?:/|$)")
# Bytes that are copied at once.
_AT_ONCE = 1 << 24
# What lies beside a score, whose presence says that both are whole.
_ANSWERS = ".predictions.jsonl"
# How a file is named that only shows whether one can be written; a kill may leave it behind.
_PROBE = ".probe-"
# Stores that know no folders: to make one would be to make a bucket.
_WITHOUT_FOLDERS = ("s3", "gcs")


class RunCopy:
    """The copy of one run.

    Args:
        folder: of the run.
        address: of the copy: gs://BUCKET/NAME, s3://BUCKET/NAME; what stands behind "?" says how to reach the store.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self._address = RunFolder(folder), address
        self._sent: dict[str, tuple[int, int]] = {}  # names to times and sizes
        self._told: set[str] = set()

    @property
    def shown(self) -> str:
        """The address, without what nobody else is to read."""
        kind, colon, rest = self._address.partition("?")[0].partition("://")
        if not colon:
            return kind
        place, slash, path = rest.partition("/")
        return f"{kind}://{place.rpartition('@')[2]}{slash}{path}"

    def prepare(self) -> None:
        """Brings a run back whose folder is not there; refuses an address that is of another run, or not writable.

        All processes must call it.

        Raises:
            ValueError: saying why.
        """
        agreement.first_alone(self._prepare)

    def mend(self, checkpoint: Path) -> str | None:
        """Puts the copy of a checkpoint in the place of a damaged one, where there is one with the same manifest.

        A manifest that is damaged itself is not compared: the address holds this run. A copy that is not whole takes
        no place. All processes must call it.

        Args:
            checkpoint: of the run folder.

        Returns:
            Where it came from; None where there is none.
        """
        mended = agreement.first_alone(lambda: agreement.is_first() and self._mend(checkpoint))
        return f"the copy at {self.shown}" if agreement.first_says(lambda: mended) else None

    def put(self) -> None:
        """Makes the copy what the folder is. All processes must call it.

        Raises:
            OSError: the store does not take it.
        """
        with self._named("written"), _no_signal():
            there, path = self._open()
            plan = agreement.first_says(lambda: self._plan(there, path))
            states = {name: self._state(name) for name in (*plan["files"], *plan["last"])}
            whose, others = plan["files"][: plan["whose"]], plan["files"][plan["whose"] :]
            if agreement.is_first():
                self._upload(there, path, whose)
                _delete(there, path, plan["outdated"])
            agreement.wait_for_all("outdated manifests deleted")
            self._upload(there, path, others[agreement.index() :: agreement.count()])
            agreement.wait_for_all("files copied")
            if agreement.is_first():
                self._upload(there, path, plan["last"])
                _delete(there, path, plan["gone"])
                self._sent.update(states)

    def _prepare(self) -> None:
        with self._named("used"):
            there, path = self._open()
            self._check_apart(there, path)
            names = _names(there, path)
            if self.folder.starts.name in names and not self.folder.starts.exists():
                self._bring_back(there, path, names)
            self._check_same(there, path, names)
            probe = f"{path}/{_PROBE}{secrets.token_hex(8)}"
            _write(there, probe, b"")
            there.delete_file(probe)

    def _bring_back(self, there: Any, path: str, names: Sequence[str]) -> None:
        folder = self.folder.path
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(
                f"--copy_to: {self.shown} holds a run, and {str(folder)!r} holds something else: choose another "
                "address, or another run folder"
            )
        whole = _whole(names)
        wanted = [name for name in names if _checkpoint_of(name) in whole or not _CHECKPOINTS.match(name)]
        say(f"{str(folder)!r} is brought back from {self.shown}")
        private = folder.with_name(f".{secrets.token_hex(8)}.partial")
        try:
            self._download(there, path, wanted, private)
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            os.rename(private, folder)
        finally:
            shutil.rmtree(private, ignore_errors=True)

    def _download(self, there: Any, path: str, names: Sequence[str], into: Path) -> None:
        with Progress(what=f"reading {self.shown}") as progress:
            for number, name in enumerate(names):
                progress.tell(f"reading {self.shown}, files", number, len(names))
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                with there.open_input_stream(f"{path}/{name}") as source, open(into / name, "xb") as target:
                    shutil.copyfileobj(source, target, _AT_ONCE)

    def _mend(self, checkpoint: Path) -> bool:
        with self._named("read"):
            there, path = self._open()
            path += f"/{checkpoint.absolute().relative_to(self.folder.path).as_posix()}"
            names = _names(there, path)
            if MANIFEST not in names or not _may_be_manifest(checkpoint, _read(there, f"{path}/{MANIFEST}")):
                return False
            private = checkpoint.with_name(f".{checkpoint.name}.partial")
            shutil.rmtree(private, ignore_errors=True)
            try:
                came = private / checkpoint.name  # a manifest says whose it is
                self._download(there, path, names, came)
                checkpoint_files.verify_alone(came)  # what is here does not make way for less
                set_aside(checkpoint)
                os.rename(came, checkpoint)
            except DamagedCheckpointError as error:
                say(f"warning: its copy at {self.shown} is damaged, too: {error}")
                return False
            finally:
                shutil.rmtree(private, ignore_errors=True)
        return True

    def _check_apart(self, there: Any, path: str) -> None:
        """Refuses the run folder itself, one inside it, and one around it: a file would be written onto itself."""
        if there.type_name != "local":
            return
        own, other = self.folder.path.resolve(), Path(path).resolve()
        if own.is_relative_to(other) or other.is_relative_to(own):
            raise ValueError(
                f"--copy_to: {self.shown} is the run folder {str(self.folder.path)!r}, or lies inside or around it: "
                "choose another address"
            )

    def _check_same(self, there: Any, path: str, names: Collection[str]) -> None:
        """Refuses an address that holds something else: what the folder lacks would be deleted there."""
        if names and self.folder.starts.name not in names:
            raise ValueError(f"--copy_to: {self.shown} is not empty, and holds no run: choose another address")
        noted = _read(there, f"{path}/{self.folder.starts.name}") if names else b""
        own = self.folder.starts.read_bytes() if self.folder.starts.exists() else b""
        if own.startswith(noted):
            return
        if own.partition(b"\n")[0] == noted.partition(b"\n")[0]:
            raise ValueError(
                f"--copy_to: the run at {self.shown} has gone on from another folder than {str(self.folder.path)!r}: "
                "move that away, and the run is brought back from there"
            )
        raise ValueError(
            f"--copy_to: {self.shown} holds another run than {str(self.folder.path)!r}: choose another address, or "
            "another run folder"
        )

    def _plan(self, there: Any, path: str) -> dict[str, Any]:
        """Returns names: of files to be copied, of those that follow, of files to be deleted behind that or before.

        What follows says by its presence that other files are whole: manifests, scores, and the settings.

        Of a checkpoint that is there with the same manifest nothing is copied. The first files, so many as `whose`
        says, tell whose copy it is.
        """
        own, others = _files(self.folder.path), set(_names(there, path))
        self._check_same(there, path, others)
        manifests = [name for name in own if _is_manifest(name) and self._is_new(there, path, name, others)]
        damaged = self._damaged(others)
        manifests = [name for name in manifests if _checkpoint_of(name) not in damaged]
        new = {_checkpoint_of(name) for name in manifests}
        files = [
            name
            for name in own
            if not _is_manifest(name)
            and (_checkpoint_of(name) in new if _checkpoint_of(name) else self._sent.get(name) != self._state(name))
        ]
        files.sort(key=lambda name: name != self.folder.starts.name)
        scores = {f"{name.removesuffix(_ANSWERS)}.json" for name in own if name.endswith(_ANSWERS)}
        whole_by = scores | {self.folder.operative_config.name}
        last = [name for name in files if name in whole_by]
        files = [name for name in files if name not in whole_by]
        whose = int(self.folder.starts.name in files)
        gone = [name for name in others - set(own) if _checkpoint_of(name) not in damaged]
        gone.sort(key=lambda name: (not _is_manifest(name), name))
        outdated = sorted(others & set(manifests))
        return {"whose": whose, "files": files, "last": [*last, *manifests], "gone": gone, "outdated": outdated}

    def _damaged(self, others: Collection[str]) -> set[str | None]:
        """Returns the checkpoints whose manifest is damaged here, and whole there: those stay as they are."""
        damaged: set[str | None] = set()
        for name in sorted(_whole(others) - {None}, key=str):
            checkpoint = self.folder.path / str(name)
            if checkpoint.is_dir():
                try:
                    manifest_of(checkpoint)
                except DamagedCheckpointError as error:
                    if str(error) not in self._told:
                        say(f"warning: {error}; its copy at {self.shown} stays as it is")
                    self._told.add(str(error))
                    damaged.add(name)
        return damaged

    def _is_new(self, there: Any, path: str, manifest: str, others: Collection[str]) -> bool:
        if manifest not in others:
            return True
        if self._sent.get(manifest) == self._state(manifest):
            return False
        return _read(there, f"{path}/{manifest}") != (self.folder.path / manifest).read_bytes()

    def _state(self, name: str) -> tuple[int, int]:
        try:
            found = (self.folder.path / name).stat()
        except FileNotFoundError:  # somebody else's, such as what `t5mix eval` has just written and renamed
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _upload(self, there: Any, path: str, names: Sequence[str]) -> None:
        what = f"copying to {self.shown}, MiB"
        total, done = sum(self._state(name)[1] for name in names), 0
        with Progress(what=what) as progress:
            for name in names:
                if not _checkpoint_of(name) and self._state(name) == (0, 0):
                    continue
                with open(self.folder.path / name, "rb") as source, _new(there, f"{path}/{name}") as target:
                    while content := source.read(_AT_ONCE):
                        target.write(content)
                        done += len(content)
                        progress.tell(what, done >> 20, total >> 20)

    def _open(self) -> tuple[Any, str]:
        from pyarrow import fs

        try:
            there, path = fs.FileSystem.from_uri(self._address)
        except (ValueError, OSError, NotImplementedError) as error:
            raise ValueError(
                f"--copy_to is {self.shown}, which Arrow does not open ({error}): give an address such as "
                "gs://BUCKET/NAME or s3://BUCKET/NAME"
            ) from error
        return there, path.rstrip("/")

    @contextlib.contextmanager
    def _named(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise OSError(
                f"--copy_to: {self.shown} cannot be {done} ({why}); the run folder is as it was: see to it, and "
                "start again"
            ) from error


def prepared(folder: str, address: str | None) -> RunCopy | None:
    """Returns the copy of a run, see `RunCopy.prepare`; None where none is wanted.

    Args:
        folder: of the run.
        address: of the copy, or None.
    """
    if address is None:
        return None
    copy = RunCopy(Path(folder).absolute(), address)
    copy.prepare()
    return copy


def _files(folder: Path) -> list[str]:
    """Returns the names of what is copied: no links, no pipes, nothing hidden, and of checkpoints the whole ones."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        inside = Path(place).relative_to(folder)
        found += [(inside / name).as_posix() for name in sorted(names) if _is_file(Path(place, name))]
    whole = _whole(found)
    return [
        name
        for name in found
        if _checkpoint_of(name) in whole
        or not (_CHECKPOINTS.match(name) or any(part.startswith(".") for part in name.split("/")))
    ]


def _may_be_manifest(checkpoint: Path, there: bytes) -> bool:
    """Tells whether a manifest of the copy may be that of a checkpoint here, of which every byte may be damaged."""
    try:
        manifest_of(checkpoint)
    except DamagedCheckpointError:
        return True
    return (checkpoint / MANIFEST).read_bytes() == there


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


@contextlib.contextmanager
def _no_signal() -> Iterator[None]:
    """Puts off the first signal to stop until the body has ended: Arrow would put half a file in its place."""
    with noted_signal() as stop:
        yield
    if stop.number is not None:
        signal.raise_signal(stop.number)


def _whole(names: Iterable[str]) -> set[str | None]:
    """Returns the checkpoints that have a manifest."""
    return {_checkpoint_of(name) for name in names if _is_manifest(name)}


def _checkpoint_of(name: str) -> str | None:
    """Returns the folder of the checkpoint that a file is of, as a name; None where it is of none."""
    found = _CHECKPOINTS.match(name)
    return f"{found[1]}{found[2]}" if found and is_step(found[2]) else None


def _is_manifest(name: str) -> bool:
    folder = _checkpoint_of(name)
    return folder is not None and name == f"{folder}/{MANIFEST}"


def _delete(there: Any, path: str, names: Iterable[str]) -> None:
    for name in names:
        there.delete_file(f"{path}/{name}")


def _names(there: Any, path: str) -> list[str]:
    """Returns the names of all files in a folder of a store, sorted.

    Raises:
        ValueError: one of them would lead out of a folder.
    """
    from pyarrow import fs

    found = there.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    names = sorted(one.path.removeprefix(path).lstrip("/") for one in found if one.type == fs.FileType.File)
    for name in names:
        if {"", ".", ".."} & set(name.split("/")) or "\0" in name or "\\" in name:
            raise ValueError(f"--copy_to: the store holds {name!r}, which is no name of a file: delete it there")
    return [name for name in names if not name.startswith(_PROBE)]


def _read(there: Any, address: str) -> bytes:
    with there.open_input_stream(address) as file:
        content: bytes = file.read()
    return content


def _write(there: Any, address: str, content: bytes) -> None:
    with _new(there, address) as file:
        file.write(content)


def _new(there: Any, address: str) -> Any:
    if there.type_name not in _WITHOUT_FOLDERS:
        there.create_dir(address.rpartition("/")[0], recursive=True)
    return there.open_output_stream(address)
