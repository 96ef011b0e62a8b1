"""The manifest of a token cache: JSON whose first line is a checksum of the other lines."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.data.cache.shard_record import DamagedError, ShardRecord
from t5mix.internal.files import checksummed, read_checksummed, write_whole

NAME = "manifest.json"


def write(folder: str | Path, content: dict[str, Any]) -> None:
    """Writes the manifest of a cache into its folder, whole or not at all.

    A power cut may take it, or damage it: then the cache is made anew, which costs less than to wait for the disk at
    each of thousands of caches.

    Args:
        folder: an existing folder.
        content: JSON; it has at least one entry.
    """
    write_whole(f"{folder}/{NAME}", checksummed(content), durable=False)


def read(folder: str | Path) -> dict[str, Any]:
    """Returns the manifest of a cache.

    Raises:
        FileNotFoundError: when there is no such folder.
        NotADirectoryError: when a file stands in its way.
        DamagedError: when there is no manifest, or another than was written.
    """
    try:
        with open(f"{folder}/{NAME}", "rb", buffering=0) as file:
            data = file.readall()
    except FileNotFoundError:
        if os.path.exists(folder):
            raise DamagedError("it has no manifest") from None
        raise
    except NotADirectoryError:
        raise
    except OSError as error:
        raise DamagedError(f"its manifest cannot be read: {error.strerror}") from None
    try:
        return read_checksummed(data)
    except ValueError as error:
        raise DamagedError(f"its manifest {error}") from None


def read_of(folder: str | Path, key: str) -> dict[str, Any]:
    """Returns the manifest of the cache with a key.

    Raises:
        FileNotFoundError: when there is no such folder.
        NotADirectoryError: when a file stands in its way.
        DamagedError: when it is that of another cache, or says too little; see also `read`.
    """
    content = read(folder)
    if content.get("key") != key:
        raise DamagedError("it holds other tokens than its name says")
    if not content.get("libraries") or "probes" not in content:
        raise DamagedError("its manifest does not say which libraries made it")
    return content


def shard_records(content: Mapping[str, Any]) -> list[ShardRecord]:
    """Returns what a manifest says of the shards of a cache.

    Raises:
        DamagedError: when it contradicts itself.
    """
    try:
        examples, listed = content["examples"], list(content["shards"])
    except (KeyError, TypeError) as error:
        raise DamagedError(f"its manifest has no {error}") from None
    found = [ShardRecord.from_json(one) for one in listed]
    if sum(record.examples for record in found) != examples:
        raise DamagedError(f"its shards do not hold {examples} examples")
    return found


def eos_ids(content: Mapping[str, Any]) -> dict[str, int | None]:
    """Returns what a manifest says of the EOS of features, by name.

    Raises:
        DamagedError: when these are no ids.
    """
    found = content.get("eos", {})  # older caches say nothing of it
    if not isinstance(found, dict) or not all(isinstance(eos, int | None) for eos in found.values()):
        raise DamagedError(f"its manifest says that the features' EOS are {found!r}")
    return found
