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

# Compiles a program, which is to be kept on disk.
PROGRAM = """
import json, sys, warnings

hidden = set(json.loads(sys.argv[1]))

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
warnings.simplefilter("error", UserWarning)
from t5mix.mesh.compiling.compilation import compilation_folder
from t5mix.mesh.devices import jax

compilation_folder()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.jit(lambda x: x + 1)(1.0))
"""


def hidden() -> list[str]:
    """The modules that only packages of extras bring."""
    base = {name for name, _ in asked(())}
    modules = importlib.metadata.packages_distributions()
    return sorted(module for module, packages in modules.items() if not base & set(map(canonicalize_name, packages)))


def test_programs_are_kept_where_no_extra_is_installed(tmp_path: Path) -> None:
    assert "pytest" in hidden() and not {"jax", "tensorflow", "t5mix", "numpy"} & set(hidden())
    others = {name: value for name, value in os.environ.items() if "COMPILATION_CACHE" not in name}
    environment = {**others, "T5MIX_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, json.dumps(hidden())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("programs/*/*-cache")), f"JAX has kept no executable: {done.stderr}"
