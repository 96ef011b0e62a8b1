"""What lies in a folder of token caches: by their manifests, whether or not their tasks are known."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from t5mix.data.cache import manifest, shard_record

# Called with the bytes that are read, and those of all.
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class CacheEntry:
    """A token cache on disk.

    Attributes:
        place: its folder.
        task: the task; of a damaged cache the name of its folder.
        split: the split; of a damaged cache "".
        examples: number of examples.
        tokens: number of tokens of each feature.
        skipped: bad records of the source that were left out.
        size: bytes of its shards.
        damage: what is wrong with it; "" is nothing that was looked for.
    """

    place: str
    task: str
    split: str
    examples: int
    tokens: dict[str, int]
    skipped: int
    size: int
    damage: str = ""


def entries(folder: Path) -> Iterator[CacheEntry]:
    """Yields the caches in a folder of caches, sorted by task and folder; private folders of writers are left out."""
    for path in sorted((folder / "tokens").glob("[!.]*/[!.]*")):
        if path.is_dir():
            yield entry_of(path)


def entry_of(path: Path) -> CacheEntry:
    """Describes the cache in a folder, by its manifest and its files' sizes."""
    try:
        content = manifest.read(path)
        found = described(str(path), content)
        missing = [record.name for record in _records(content) if not _is_whole(path, record)]
        return dataclasses.replace(found, damage=f"{missing[0]} is missing or cut short") if missing else found
    except (shard_record.DamagedError, KeyError, TypeError, AttributeError) as damage:
        size = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
        return CacheEntry(str(path), path.parent.name, "", 0, {}, 0, size, str(damage))


def described(path: str, content: dict[str, Any]) -> CacheEntry:
    """Describes a cache by its manifest."""
    records = _records(content)
    return CacheEntry(
        path,
        task=str(content["task"]),
        split=str(content["split"]),
        examples=int(content["examples"]),
        tokens={str(name): int(count) for name, count in content["tokens"].items()},
        skipped=sum(len(record.skipped) for record in records),
        size=sum(record.size for record in records),
    )


def verified(caches: Sequence[CacheEntry], progress: Progress | None = None) -> Iterator[CacheEntry]:
    """Yields the caches with the damage that shows when every byte is read."""
    done, total = 0, sum(each.size for each in caches)
    for each in caches:
        yield each if each.damage else dataclasses.replace(each, damage=damage_of(Path(each.place)))
        done += each.size
        if progress is not None:
            progress(done, total)


def damage_of(path: Path) -> str:
    """Reads every byte of a cache, and returns what is wrong with it; "" is nothing."""
    try:
        for record in _records(manifest.read(path)):
            if not _is_whole(path, record):
                return f"{record.name} is missing or cut short"
            found = shard_record.checksums_of(shard_record.read(path / record.name, record.size))
            wrong = [block for block, checksum in enumerate(record.checksums.tolist()) if found[block] != checksum]
            if wrong:
                return f"{record.name} does not match its checksum from byte {wrong[0] * shard_record.BLOCK} on"
    except (shard_record.DamagedError, KeyError, TypeError) as damage:
        return str(damage)
    return ""


def _records(content: dict[str, Any]) -> list[shard_record.ShardRecord]:
    return [shard_record.ShardRecord.from_json(one) for one in content["shards"]]


def _is_whole(path: Path, record: shard_record.ShardRecord) -> bool:
    try:
        return (path / record.name).stat().st_size == record.size
    except OSError:
        return False
