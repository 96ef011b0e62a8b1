"""The check that no split holds the examples of another."""

import hashlib
import itertools
from collections.abc import Sequence

from t5mix.checking import samples
from t5mix.checking.findings import Finding, Limits
from t5mix.task import Task


def splits(task: Task, names: Sequence[str], limits: Limits) -> Finding:
    """At most a small share of a split's different examples is in another split too.

    An example is its inputs and targets as text, without white space at the ends.  Published data sets do hold some
    twice; a split read by a wrong name, or drawn by row instead of by item, holds many.
    """
    if len(names) < 2:
        return Finding("splits", "skip", "there is one split")
    held = {name: _digests(task, name, limits.overlap_examples) for name in names}
    counts: list[str] = []
    for one, other in itertools.combinations(names, 2):
        both = len(held[one] & held[other])
        if not both:
            continue
        smaller = min((one, other), key=lambda name: len(held[name]))
        share = both / len(held[smaller])
        counts.append(f"{one} and {other} share {both:,} ({share:.1%} of {smaller})")
        if share > limits.overlap:
            mend = f"more than {limits.overlap:.1%}: see that the source's splits differ, or raise --overlap_limit"
            return Finding("splits", "fail", f"{counts[-1]}, {mend}")
    full = [name for name in names if len(held[name]) >= limits.overlap_examples]
    message = ", ".join(counts) or "no example in common"
    if full:
        message += f"; compared are the first {limits.overlap_examples:,} of {', '.join(full)}"
    return Finding("splits", "note" if counts else "pass", message)


def _digests(task: Task, split: str, limit: int) -> set[bytes]:
    pairs = samples.texts(task, split, limit)
    return {hashlib.blake2b("\0".join(map(str.strip, pair)).encode(), digest_size=16).digest() for pair in pairs}
