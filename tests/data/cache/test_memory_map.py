"""Maps of files: their bytes, no writing, no descriptors, and no memory once they are dropped."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from t5mix.data.cache import memory_map


def _maps_of(path: Path) -> int:
    return sum(str(path) in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_a_map_holds_the_bytes_takes_no_descriptor_and_goes_with_its_last_view(tmp_path):
    path = tmp_path / "numbers"
    numbers = np.random.default_rng(0).integers(0, 1 << 30, 50_000).astype(np.int32)
    path.write_bytes(numbers.tobytes())
    before = len(os.listdir("/proc/self/fd"))
    content = memory_map.map_file(str(path), path.stat().st_size)
    assert len(os.listdir("/proc/self/fd")) == before
    assert content.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        content[0] = 1
    view = content[4:].view(np.int32)[:10]
    del content
    gc.collect()
    assert _maps_of(path) == 1
    assert np.array_equal(view, numbers[1:11])
    del view
    gc.collect()
    assert _maps_of(path) == 0


def test_what_cannot_be_mapped_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        memory_map.map_file(str(tmp_path / "missing"), 10)
    with pytest.raises(OSError, match="cannot map"):
        memory_map.map_file(str(tmp_path), 1 << 60)
