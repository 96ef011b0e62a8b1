"""What a checkpoint says of a stream, and how two streams differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from t5mix.internal.code import fingerprints

# Hex digits of a task's identity: of 16 million changed tasks, one keeps them; the digest tells that one, too.
_DIGITS = 6


def tasks(identities: Mapping[str, str], shares: Mapping[str, float]) -> dict[str, Any]:
    """Returns the part of a state that tells the tasks.

    Example: {"digest": "3f...", "tasks": ["0a1b2c 0.25 glue_cola_v002", "d3e4f5 0.75 glue_sst2_v002"]}.

    Args:
        identities: for each task, a hash of what decides its examples.
        shares: for each task, its share of examples, 0 to 1.

    Returns:
        "tasks": a line for each, in order: the first digits of its identity, its share to six digits, its name; and
        "digest": a hash of all of this in full.
    """
    full = [[name, identities[name], share.hex()] for name, share in shares.items()]
    return {
        "digest": fingerprints.digest(full)[:16],
        "tasks": [f"{identities[name][:_DIGITS]} {share:.6g} {name}" for name, share in shares.items()],
    }


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Says, by name, in what two states differ but for their steps; nothing if they do not."""
    if old.get("version") != new["version"]:
        made, is_now = old.get("version"), new["version"]
        return [f"this t5mix feeds examples in another order (version of the stream was {made!r} and is {is_now!r})"]
    arguments = [name for name in dict.fromkeys([*new, *old]) if name not in ("version", "step", "digest", "tasks")]
    changed = [
        f"{name} was {old.get(name)!r} and is {new.get(name)!r}" for name in arguments if old.get(name) != new.get(name)
    ]
    if old["digest"] != new["digest"]:
        changed += _changed_tasks(old["tasks"], new["tasks"])
    return changed


def _changed_tasks(old: Sequence[str], new: Sequence[str]) -> list[str]:
    before, now = _by_name(old), _by_name(new)
    changed = [f"task {name!r} is gone" for name in before if name not in now]
    changed += [f"task {name!r} is new" for name in now if name not in before]
    for name in [name for name in now if name in before]:
        (old_identity, old_share), (identity, share) = before[name], now[name]
        if old_identity != identity:
            changed.append(f"task {name!r} has other examples, steps or vocabularies")
        if old_share != share:
            changed.append(f"task {name!r} had share {old_share}, now {share}")
    return changed or ["shares of tasks changed, each by less than a part in 100,000 of it"]


def _by_name(lines: Sequence[str]) -> dict[str, list[str]]:
    """Returns [identity, share] of each task."""
    return {name: rest for *rest, name in (line.split(" ", 2) for line in lines)}
