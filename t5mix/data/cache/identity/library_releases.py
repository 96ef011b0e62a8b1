"""Whether a cache that was made with other releases of libraries holds what today's would make.

Versions are no part of a cache's key. A manifest lists those with which its tokens were made, or compared: where
today's are not among them, the ids of probes and the first examples are made anew and compared.
"""

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t5mix.data.cache import manifest
from t5mix.data.cache.cached_tokens import FileTokens
from t5mix.data.cache.identity import probes
from t5mix.data.cache.identity.key import CacheJob
from t5mix.data.tokenization.record_batches import record_batches

# How many sets of versions a manifest keeps.
_KEPT = 16
# Numbers of an example that a message shows.
_SHOWN = 8


def are_todays(job: CacheJob, content: Mapping[str, Any]) -> bool:
    """Tells whether a manifest names today's versions of the libraries that the cache depends on."""
    today = job.versions.items()
    return any(today <= known.items() for known in content["libraries"])


def difference(job: CacheJob, tokens: FileTokens, content: Mapping[str, Any]) -> str:
    """Says in what a cache differs from what today's libraries make, and since which versions; "" is in nothing.

    Raises:
        DamagedError: when the cache's first file is not what was written.
    """
    found = _other_probe(job, content["probes"]) or _other_example(job, tokens)
    return f"{_changed(content['libraries'][-1], job.versions)}: {found}" if found else ""


def note(job: CacheJob, folder: Path, content: Mapping[str, Any]) -> None:
    """Notes today's versions in the manifest of a cache that holds what they make."""
    known = [*content["libraries"], job.versions][-_KEPT:]
    with contextlib.suppress(OSError):  # a folder that only others may write: it is compared each time
        manifest.write(folder, {**content, "libraries": known})


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in now if before.get(name) != now[name]]
    return ", ".join(
        f"{name} was {before.get(name) or 'not there'} and is {now[name] or 'not there'}" for name in names
    )


def _other_probe(job: CacheJob, before: Mapping[str, list[str]]) -> str:
    for name, answers in job.probes.items():
        for text, was, now in zip(probes.TEXTS, before.get(name, answers), answers, strict=False):
            if was != now:
                return f"the vocabulary of {name!r} gives {text!r} other ids"
    return ""


def _other_example(job: CacheJob, tokens: FileTokens) -> str:
    """Compares the first record batch of the first shard: of most tasks that is all of it."""
    import pyarrow as pa

    file = tokens.files[0]
    file.verify_all()
    batches = record_batches(job.shard(0))
    with contextlib.closing(batches):
        made = next(batches, None)
    with pa.memory_map(str(file.path)) as source:
        reader = pa.ipc.open_file(source)
        cached = reader.get_batch(0) if reader.num_record_batches else None
        if made is None or cached is None:
            return "" if made is cached else "it has examples with one of them only"
        return _first_other(made, cached)


def _first_other(made: Any, cached: Any) -> str:
    count = min(made.num_rows, cached.num_rows)
    made, cached = made.slice(0, count), cached.slice(0, count)
    if made.schema.names != cached.schema.names:
        return f"its examples had {cached.schema.names} and have {made.schema.names}"
    if made.equals(cached):
        return ""
    for number, (now, was) in enumerate(zip(made.to_pylist(), cached.to_pylist(), strict=True)):
        for name in now:
            if now[name] != was[name]:
                return f"example {number}, {name!r}, was {_shown(was[name])} and is {_shown(now[name])}"
    return ""


def _shown(value: Any) -> str:
    if not isinstance(value, list) or len(value) <= _SHOWN:
        return repr(value)
    return f"[{', '.join(map(repr, itertools.islice(value, _SHOWN)))}, ...]"
