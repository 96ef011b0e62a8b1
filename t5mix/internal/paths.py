"""Where things are: the shipped declarations and gin files, the cache folder, and files named after other things."""

import hashlib
import os
import re
from pathlib import Path

# The folder t5mix/.
PACKAGE = Path(__file__).resolve().parents[1]
SHIPPED = ("tasks", "mixtures", "gin")

# What a name is made of that a file may have, too: no path, nothing hidden, and short enough for endings.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:#-]{0,99}")


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


def cache_address(chosen: str | os.PathLike[str] | None = None) -> str:
    """Returns the cache folder: the one that is named, else $T5MIX_CACHE, else t5mix in the user's cache folder.

    A text, since it may be the address of an object store, of which a `Path` would take a slash.

    Args:
        chosen: may begin with "~", as $T5MIX_CACHE may.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    folder = chosen or os.environ.get("T5MIX_CACHE") or os.path.join(home, "t5mix")
    return os.path.expanduser(os.fspath(folder))


def cache_folder() -> Path:
    """Returns the default cache folder; see `cache_address`."""
    return Path(cache_address())


def file_name(name: str) -> str:
    """Returns the name of the file or folder of a task, a split, or whatever else has a name.

    A plain name stays as it is. In another, what could lead elsewhere becomes "_", and a hash tells it from others.

    Example: "sst2" is "sst2", and "../a" is "___a-" with 16 hex digits behind it.
    """
    if _PLAIN.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80].lstrip("-")
    return f"{plain or '_'}-{digest}"
