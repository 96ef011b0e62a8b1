"""TPU machines, by what their bus says and by whether a server of metadata is there."""

import importlib.util
import os
import socket
from pathlib import Path

import pytest

from t5mix.internal.processes.tpu_machine import has_metadata, has_tpu, may_be_of_a_slice


@pytest.fixture
def bus(tmp_path: Path) -> Path:
    """A network card of Google's, something unreadable, and a chip."""
    for name, ids in {"card": ("0x1ae0", "0x0042"), "chip": ("0x1ae0", "0x0063")}.items():
        (tmp_path / name).mkdir()
        for file, content in zip(("vendor", "device"), ids, strict=True):
            (tmp_path / name / file).write_text(f"{content}\n")
    (tmp_path / "other").mkdir()
    return tmp_path


def test_a_chip_is_found_on_the_bus(bus):
    assert has_tpu(bus)
    (bus / "chip" / "device").write_text("0x0042\n")
    assert not has_tpu(bus) and not has_tpu(bus / "none")


def test_a_machine_whose_server_is_out_of_reach_stands_alone(bus, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)  # libtpu
    monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "")  # and back, in the end
    monkeypatch.delenv("TPU_WORKER_HOSTNAMES")
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = {"GCE_METADATA_IP": f"127.0.0.1:{server.getsockname()[1]}"}
        assert has_metadata(there) and may_be_of_a_slice(there, bus)
        assert not may_be_of_a_slice({**there, "JAX_PLATFORMS": "cpu"}, bus)
        assert "TPU_WORKER_HOSTNAMES" not in os.environ
    assert not has_metadata(there) and not may_be_of_a_slice(there, bus)
    assert os.environ["TPU_WORKER_HOSTNAMES"] == "localhost"
