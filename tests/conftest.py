"""What every test shares: a quiet environment, JAX on the CPU, and real data where there is any."""

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# A busy machine is no fault of the code, and the same cases on every run are easier to talk about.
hypothesis.settings.register_profile("t5mix", deadline=None, derandomize=True)
hypothesis.settings.load_profile("t5mix")

# Set before any test module imports TensorFlow or JAX; subprocesses inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("T5MIX_CPU_DEVICES", "4")  # so that meshes can be tried
os.environ["T5MIX_PROGRESS_SECONDS"] = "900"  # what is said must not depend on the machine's speed
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps token caches made by tests away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["T5MIX_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def memory_is_given_back() -> Iterator[None]:
    """Forgets compiled programs after each file: all of them together would be 16 GiB."""
    yield
    gc.collect()
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; its tests skip where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data sets in ../shared/data")
    return folder
