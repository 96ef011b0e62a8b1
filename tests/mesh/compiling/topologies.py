"""TPU devices for tests: of a real topology where libtpu is installed; else a test is skipped."""

import importlib.util

import pytest

needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="compiling for a TPU takes libtpu: pip install 't5mix[tpu]'"
)
