"""Numbers of rows, kept in the folder of caches: mixtures ask for them at each start, and to count takes seconds."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from t5mix.internal import paths
from t5mix.internal.code import fingerprints, source_code
from t5mix.internal.files import checksummed, read_checksummed, write_whole


def kept(identity: str, packages: Iterable[str], count: Callable[[], int]) -> int:
    """Returns the number that is kept; where there is none, the one that is counted, which is kept from then on.

    Args:
        identity: a hash of what decides the rows, but for the releases of the packages that they are read from.
        packages: these packages.
        count: counts the rows.
    """
    releases = [(name, source_code.version(name)) for name in packages]
    folder = paths.cache_address()
    if "://" in folder:  # a store, where no small files are kept
        return count()
    file = Path(folder) / "counts" / f"{fingerprints.digest(identity, releases)[:32]}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):  # not there, or damaged
        return int(read_checksummed(file.read_bytes())["rows"])
    found = count()
    with contextlib.suppress(OSError):  # a folder that only others may write
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, checksummed({"rows": found}), durable=False)
    return found
