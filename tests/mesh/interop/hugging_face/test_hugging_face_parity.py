"""benchmarks/parity_hf.py runs, and its bars hold on a small model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.mark.slow
def test_the_benchmark_runs_and_its_bars_hold():
    root = Path(__file__).resolve().parents[4]
    command = [sys.executable, str(root / "benchmarks" / "parity_hf.py"), "--quick", "--inputs", "8"]
    done = subprocess.run(
        [*command, "--models", "t5-1.1"],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["greedy_equal"] == figures["beam_equal"] == figures["roundtrip_equal"] == 1.0
    assert figures["max_relative_logit_difference"] <= 2e-5
    assert figures["max_relative_loss_difference"] <= 1e-6
    assert figures["max_relative_gradient_difference"] <= 1e-4
    assert figures["max_relative_step_difference"] <= 1e-4
