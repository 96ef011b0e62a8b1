"""Where things are: the shipped declarations and gin files, and the cache folder."""

import os
from pathlib import Path

# The folder t5mix/.
PACKAGE = Path(__file__).resolve().parents[1]
SHIPPED = ("tasks", "mixtures", "gin")


def shipped(kind: str) -> Path:
    """Returns the folder of the declarations or gin files that come with t5mix.

    A wheel holds them in `t5mix/shipped/`; in a checkout they lie beside the package.

    Args:
        kind: "tasks", "mixtures" or "gin".

    Raises:
        ValueError: for any other kind.
        FileNotFoundError: when neither place has the folder.
    """
    if kind not in SHIPPED:
        raise ValueError(f"t5mix ships {', '.join(SHIPPED)}: there is no folder {kind!r}")
    candidates = (PACKAGE / "shipped" / kind, PACKAGE.parent / kind)
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"the folder {kind!r} is missing, looked for in {candidates[0]} and {candidates[1]}: "
        "install t5mix again, or run from a complete checkout"
    )


def cache_folder() -> Path:
    """Returns the default cache folder: $T5MIX_CACHE, else t5mix in the user's cache folder."""
    chosen = os.environ.get("T5MIX_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "t5mix"
