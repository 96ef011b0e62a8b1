"""Copies of run folders: whole checkpoints alone, nothing of others, and back again byte for byte."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from t5mix.cli.signals import Stopped, stoppable
from t5mix.runs.records import run_copy
from t5mix.runs.records.run_copy import RunCopy
from t5mix.training import checkpoint_files
from t5mix.training.checkpoints import Checkpoints


def write_checkpoint(parent: Path, step: int, size: int = 100) -> None:
    folder = parent / str(step)
    (folder / "state" / ".zarray").mkdir(parents=True)
    (folder / "state" / ".zarray" / "0.0").write_bytes(bytes([step]) * size)
    (folder / "state" / "empty").write_bytes(b"")
    checkpoint_files.seal(folder, {"step": step})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with checkpoints of pre-training and of a fine-tuning, and what is not copied."""
    folder = tmp_path / "run"
    for parent in (folder / "checkpoints", folder / "finetune" / "cola%20ä" / "checkpoints"):
        write_checkpoint(parent, 2)
        write_checkpoint(parent, 4)
    (folder / "starts.jsonl").write_text('{"time": "once"}\n')
    (folder / "metrics.jsonl").write_text('{"step": 2}\n')
    (folder / ".lock").touch()
    (folder / "checkpoints" / ".6.partial").mkdir()
    (folder / "checkpoints" / ".6.partial" / "half").write_text("half")
    (folder / "checkpoints" / "8").mkdir()
    (folder / "checkpoints" / "8" / "half").write_text("half")
    (folder / "checkpoints" / "1.damaged").mkdir()
    (folder / "checkpoints" / "1.damaged" / "bad").write_text("bad")
    os.symlink("/etc/hostname", folder / "link")
    os.mkfifo(folder / "pipe")  # who opens it waits for somebody
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def of_run(run: Path) -> dict[str, bytes]:
    """Returns what is to be copied."""
    out = (".lock", "link", "checkpoints/.6", "checkpoints/8", "checkpoints/1.")
    return {name: data for name, data in content(run).items() if not name.startswith(out)}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "there" / "copy"


@pytest.fixture
def copy(run: Path, there: Path) -> RunCopy:
    return RunCopy(run, there.as_uri())


def test_a_copy_becomes_what_the_folder_is(run, copy, there):
    copy.put()
    assert content(there) == of_run(run) and len(of_run(run)) == 2 + 4 * 3
    times = {name: (there / name).stat().st_mtime_ns for name in of_run(run)}
    write_checkpoint(run / "checkpoints", 6)
    shutil.rmtree(run / "checkpoints" / "2")
    (run / "metrics.jsonl").write_text('{"step": 2}\n{"step": 6}\n')
    copy.put()
    assert content(there) == of_run(run)
    sent = {name for name in of_run(run) if times.get(name) != (there / name).stat().st_mtime_ns}
    assert sent == {"metrics.jsonl", *(name for name in of_run(run) if name.startswith("checkpoints/6/"))}


def test_another_process_sends_no_checkpoint_again_and_replaces_one_of_the_same_step(run, copy, there):
    copy.put()
    shutil.rmtree(run / "checkpoints" / "4")
    write_checkpoint(run / "checkpoints", 4, size=50)
    before = (there / "checkpoints" / "2" / "manifest.json").stat().st_mtime_ns
    RunCopy(run, there.as_uri()).put()
    assert content(there) == of_run(run)
    assert (there / "checkpoints" / "2" / "manifest.json").stat().st_mtime_ns == before


def test_a_run_is_brought_back(run, copy, there, tmp_path):
    copy.put()
    (there / "checkpoints" / "6").mkdir()
    (there / "checkpoints" / "6" / "half").write_text("an upload that was killed")
    expected = of_run(run)
    shutil.rmtree(run)
    copy.prepare()
    assert content(run) == expected
    copy.put()
    assert content(there) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "there"]


def test_a_checkpoint_that_is_damaged_here_is_taken_from_the_copy(run, copy, there, capsys):
    """Whatever is damaged of it, and also where no other is whole; what was damaged stays beside."""
    copy.put()
    expected, checkpoints = of_run(run), run / "checkpoints"
    for name in ("state/.zarray/0.0", "manifest.json"):
        for step in ("2", "4"):
            (checkpoints / step / name).write_bytes(b"flipped")
        Checkpoints(checkpoints).recover(copy.mend)
        assert f"{there.as_uri()} has taken its place" in " ".join(capsys.readouterr().err.split())
        assert (checkpoints / "4.damaged" / name).read_bytes() == b"flipped"
        assert (checkpoints / "4" / name).read_bytes() == expected[f"checkpoints/4/{name}"]
        RunCopy(run, there.as_uri()).put()
        assert content(there) == expected


def test_a_copy_that_is_damaged_too_or_another_checkpoint_takes_no_place(run, copy, there, capsys):
    copy.put()
    checkpoints = run / "checkpoints"
    for step in ("2", "4"):
        (checkpoints / step / "state" / "empty").write_bytes(b"1")
    (there / "checkpoints" / "4" / "state" / ".zarray" / "0.0").write_bytes(b"flipped")
    Checkpoints(checkpoints).recover(copy.mend)
    assert Checkpoints(checkpoints).steps() == [2]
    aside = content(checkpoints / "4.damaged")  # it is the folder's own: of two damaged ones somebody can make one
    assert aside["state/empty"] == b"1" and aside["state/.zarray/0.0"] != b"flipped"
    assert "training goes on from step 2" in " ".join(capsys.readouterr().err.split())
    write_checkpoint(checkpoints, 4, size=50)  # it was done again otherwise, and not copied yet
    (checkpoints / "4" / "state" / "empty").write_bytes(b"1")
    assert copy.mend(checkpoints / "4") is None
    (there / "checkpoints" / "4" / "manifest.json").unlink()
    assert copy.mend(checkpoints / "4") is None
    assert not list(checkpoints.glob(".4*"))


@pytest.mark.parametrize("gone", [True, False])
def test_a_damaged_manifest_takes_no_whole_checkpoint_s_place(run, copy, there, gone, capsys):
    copy.put()
    before = content(there / "checkpoints" / "2")
    path = run / "checkpoints" / "2" / "manifest.json"
    path.unlink() if gone else path.write_bytes(b"flipped")
    (run / "metrics.jsonl").write_text("more")
    RunCopy(run, there.as_uri()).put()
    assert content(there / "checkpoints" / "2") == before
    assert (there / "metrics.jsonl").read_text() == "more"
    assert "checkpoints/2" in capsys.readouterr().err


def test_what_has_a_manifest_is_whole_whenever_copying_is_cut_off(run, copy, there, monkeypatch):
    scores = run / "scores" / "test"
    for path in (scores / "4.predictions.jsonl", scores / "4.json", run / "versions.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (run / "operative_config.gin").touch()
    send, left, said = RunCopy._upload, 0, []

    def upload(self, store, path, names):
        nonlocal left
        for name in names:
            if not left:
                raise OSError("the network is gone")
            left -= 1
            send(self, store, path, [name])

    monkeypatch.setattr(RunCopy, "_upload", upload)
    for number in range(20):
        shutil.rmtree(run / "checkpoints" / "4", ignore_errors=True)
        write_checkpoint(run / "checkpoints", 4, size=number)
        left = number
        try:
            copy.put()
        except OSError as error:
            said.append(str(error))
        for manifest in there.rglob("manifest.json"):
            checkpoint_files.verify(manifest.parent)
        if (there / "scores" / "test" / "4.json").exists():
            assert (there / "scores" / "test" / "4.predictions.jsonl").exists()
        if (there / "operative_config.gin").exists():
            assert (there / "versions.json").exists()
    assert content(there) == of_run(run)
    assert len(said) > 3 and f"{there.as_uri()} cannot be written (the network is gone)" in said[0]


def test_a_signal_leaves_no_half_of_a_file(run, copy, there, monkeypatch):
    new, left = run_copy._new, [signal.SIGTERM]

    def opened(store, address):
        file = new(store, address)
        if left and address.endswith("metrics.jsonl"):
            signal.raise_signal(left.pop())
        return file

    monkeypatch.setattr(run_copy, "_new", opened)
    with pytest.raises(Stopped), stoppable():
        copy.put()
    assert content(there) == of_run(run)


def test_a_run_is_not_copied_onto_itself(run):
    before = content(run)
    os.symlink(run, run.with_name("same"))
    for address in (run, run / "copy", run.parent, run.with_name("same")):
        with pytest.raises(ValueError, match=r"is the run folder '.*run', or lies inside or around it"):
            RunCopy(run, address.as_uri()).prepare()
    assert content(run) == before


def test_what_is_of_others_is_left_alone(run, copy, there, tmp_path):
    there.mkdir(parents=True)
    (there / "thesis.tex").write_text("years of work")
    for act in (copy.prepare, copy.put):
        with pytest.raises(ValueError, match="is not empty, and holds no run: choose another address"):
            act()
    (there / "starts.jsonl").write_text('{"time": "another"}\n')
    for act in (copy.prepare, copy.put):
        with pytest.raises(ValueError, match=r"holds another run than '.*run': choose another address"):
            act()
    (there / "starts.jsonl").write_text('{"time": "once"}\n{"time": "later, elsewhere"}\n')
    for act in (copy.prepare, copy.put):
        with pytest.raises(ValueError, match=r"has gone on from another folder than '.*run': move that away"):
            act()
    assert sorted(content(there)) == ["starts.jsonl", "thesis.tex"]
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "notes").touch()
    with pytest.raises(ValueError, match=r"holds a run, and '.*else' holds something else"):
        RunCopy(tmp_path / "else", there.as_uri()).prepare()


def test_an_address_that_cannot_be_used_is_refused_before_work(run, tmp_path):
    with pytest.raises(ValueError, match=r"--copy_to is gopher://x/y, which Arrow does not open"):
        RunCopy(run, "gopher://me:secret@x/y?key=hidden").prepare()
    with pytest.raises(ValueError, match=r"--copy_to is runs/copy, which Arrow does not open"):
        RunCopy(run, "runs/copy").prepare()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"--copy_to: file://.*/file/copy cannot be used"):
        RunCopy(run, (tmp_path / "file" / "copy").as_uri()).prepare()
    copy = RunCopy(run, (tmp_path / "new").as_uri())
    copy.prepare()
    assert content(tmp_path / "new") == {}
    (tmp_path / "new" / ".probe-0123").touch()  # of a start that was killed
    copy.prepare()
    copy.put()
    assert content(tmp_path / "new") == {".probe-0123": b"", **of_run(run)}


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a bucket of a server on this machine that speaks a store's protocol."""
    kind, name = request.param
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("T5MIX_STORE_SERVERS", "")])
    program = shutil.which(name, path=places)  # elsewhere there may be one of an age that Arrow does not understand
    if program is None:
        pytest.skip(f"needs {name} beside Python, or in the folder $T5MIX_STORE_SERVERS")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    if kind == "s3":
        command = [program, "-H", "127.0.0.1", "-p", str(port)]
        address = f"s3://id:key@bucket/runs/one?scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
        address += "&allow_bucket_creation=true"
    else:
        command = [program, "start", f"--port={port}", "--in-memory", "--default-bucket=bucket"]
        address = f"gs://anonymous@bucket/runs/one?scheme=http&endpoint_override=localhost:{port}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it is another house
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as trying:
                if not trying.connect_ex(("127.0.0.1", port)):
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("server", [("s3", "moto_server"), ("gs", "gcp-storage-emulator")], indirect=True)
def test_stores_that_speak_their_protocol_hold_a_run(run, server):
    """Against moto[server] and gcp-storage-emulator, where they are installed."""
    from pyarrow import fs

    if server.startswith("s3"):
        store, _ = fs.FileSystem.from_uri(server)
        store.create_dir("bucket")
    copy = RunCopy(run, server)
    assert "key" not in copy.shown
    copy.prepare()
    copy.put()
    write_checkpoint(run / "checkpoints", 6, size=1 << 22)
    shutil.rmtree(run / "checkpoints" / "2")
    copy.put()
    expected = of_run(run)
    shutil.rmtree(run)
    RunCopy(run, server).prepare()
    assert content(run) == expected
    assert json.loads((run / "starts.jsonl").read_text()) == {"time": "once"}
