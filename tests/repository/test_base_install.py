"""`pip install t5mix`, without an extra, brings all that a run needs: JAX asks for some only when it is used."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.repository.asked import asked

ROOT = Path(__file__).resolve().parents[2]

# Trains a step with the engine, whose programs are kept on disk.
PROGRAM = """
import json, sys, warnings

hidden = set(json.loads(sys.argv[1]))

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
warnings.simplefilter("error", UserWarning)
from t5mix.mesh.engine import Engine
from t5mix.mesh.layouts import MeshConfig
from tests.mesh.small import BATCH, LENGTHS, batch, config

engine = Engine(config(), MeshConfig(), batch_size=BATCH, lengths=LENGTHS, num_tasks=2)
state, metrics = engine.train_step(engine.initialize(0), batch(), learning_rate=1e-3, step=0, seed=0)
print(float(metrics.loss))
"""


def hidden() -> list[str]:
    """The modules that only packages of extras bring."""
    base = {name for name, _ in asked(())}
    modules = importlib.metadata.packages_distributions()
    return sorted(module for module, packages in modules.items() if not base & set(map(canonicalize_name, packages)))


def test_programs_are_kept_where_no_extra_is_installed(tmp_path: Path) -> None:
    assert "pytest" in hidden() and not {"jax", "tensorflow", "t5mix", "numpy"} & set(hidden())
    environment = {**os.environ, "T5MIX_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT), "T5MIX_CPU_DEVICES": "1"}
    command = [sys.executable, "-c", PROGRAM, json.dumps(hidden())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("programs/*/*-cache")), f"JAX has kept no executable: {done.stderr}"
