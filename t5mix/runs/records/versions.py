"""What a run is computed by: libraries, Python, the state of the checkout, and the machine with its devices."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from t5mix.internal import paths
from t5mix.mesh.devices import kinds_of_devices

# Libraries whose version can change what a run computes.
PACKAGES = (
    "t5mix",
    "tensorflow",
    "tensorflow-text",
    "tensorflow-datasets",
    "mesh-tensorflow",
    "jax",
    "jaxlib",
    "libtpu",
    "orbax-checkpoint",
    "numpy",
    "pyarrow",
    "sentencepiece",
    "gin-config",
    "scipy",
    "scikit-learn",
    "sacrebleu",
    "rouge-score",
    "Babel",
    "vaderSentiment",
)


def versions() -> dict[str, Any]:
    """Returns the versions of packages, Python and the platform; the machine; and git commits, where there are any.

    "git" is that of the checkout that t5mix runs from, "project" that of the one that the command was started in, which
    may have tasks and settings of its own; None where it is the same, or there is none.
    """
    return {
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "python": sys.version,
        "platform": platform.platform(),
        "machine": machine(),
        "git": _git(paths.PACKAGE.parent) if (paths.PACKAGE.parent / ".git").exists() else None,
        "project": _project(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _project() -> dict[str, Any] | None:
    """Returns what `_git` does of the checkout that this process works in, unless it is t5mix's."""
    try:
        top = Path(_git_says(Path(), "rev-parse", "--show-toplevel"))
    except (OSError, subprocess.SubprocessError):  # no checkout, or no git
        return None
    return None if os.path.realpath(top) == os.path.realpath(paths.PACKAGE.parent) else _git(top)


def _git(root: Path) -> dict[str, Any] | None:
    """Returns the commit of a checkout, and whether files differ from it; None where git cannot say."""
    try:
        commit = _git_says(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git_says(root, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git_says(root: Path, *arguments: str) -> str:
    # No watcher that the checkout names is run, and no lock taken that somebody's own git would stumble over.
    git = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", str(root)]
    done = subprocess.run([*git, *arguments], capture_output=True, timeout=20, check=True)
    return os.fsdecode(done.stdout).rstrip("\n")  # may be a path, of any bytes


def machine() -> dict[str, Any]:
    """Returns what kind of machine this is; not its name, which is nobody's business who gets the folder."""
    return {
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "devices": kinds_of_devices(),
    }


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # no Linux
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
