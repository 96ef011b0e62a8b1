"""The check that no split holds the examples of another."""

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from t5mix.declarations.task import Task
from t5mix.evaluation.checks import samples
from t5mix.evaluation.checks.findings import Finding, Limits
from t5mix.evaluation.overlap.normalized import normalized_together

# Words in the names of splits that no model is trained on, such as "test" in "test_matched" and "test2019".
_HELD_OUT = frozenset(("validation", "valid", "val", "dev", "test", "eval"))


def splits(task: Task, names: Sequence[str], limits: Limits) -> Finding:
    """Checks that at most a small share of a split's different examples is in another split too.

    An example is its inputs and targets as text, without white space at the ends. Published data sets do hold some
    twice; a split read by a wrong name, or drawn by row instead of by item, holds many.

    Of two splits that are both held out, such as validation and test, a shared example is counted, and fails only where
    a limit is given: often one is declared to stand for the other, whose labels are not published.

    Examples that another split has with other case, punctuation or blanks are counted too, and fail nothing: `t5mix
    overlap` says more of them.
    """
    if len(names) < 2:
        return Finding("splits", "skip", "there is one split")
    texts = {name: list(samples.texts(task, name, limits.overlap_examples, limits.lengths)) for name in names}
    held = {name: _digests(pairs) for name, pairs in texts.items()}
    counts: list[str] = []
    failures: list[str] = []
    for one, other in itertools.combinations(names, 2):
        both = len(held[one] & held[other])
        if not both:
            continue
        smaller = min((one, other), key=lambda name: len(held[name]))
        share = both / len(held[smaller])
        counts.append(f"{one} and {other} share {both:,} ({share:.1%} of {smaller})")
        two_held_out = _held_out(one) and _held_out(other)
        limit = limits.held_out_overlap if two_held_out else limits.overlap
        if limit is not None and share > limit:
            option = "--held_out_overlap_limit" if two_held_out else "--overlap_limit"
            failures.append(
                f"{counts[-1]}, more than {limit:.1%}: see that the source's splits differ, or raise {option}"
            )
        elif two_held_out and share > limits.overlap:
            counts[-1] += ", neither is trained on: a score on one says little that the other's does not"
    if failures:
        return Finding("splits", "fail", "; ".join(failures))
    counts += _alike(texts, held)
    full = [name for name in names if len(held[name]) >= limits.overlap_examples]
    message = "; ".join(counts) or "no example in common"
    if full:
        message += f"; compared are the first {limits.overlap_examples:,} of {', '.join(full)}"
    return Finding("splits", "note" if counts else "pass", message)


def _held_out(split: str) -> bool:
    """Tells whether a split's name says that no model is trained on it; any other may be trained on."""
    words = set(re.findall("[a-z]+", split.lower()))
    return bool(words & _HELD_OUT) and "train" not in words


def _digests(pairs: Iterable[tuple[str, str]]) -> set[bytes]:
    return set(map(_digest, pairs))


def _digest(pair: tuple[str, str]) -> bytes:
    return hashlib.blake2b("\0".join(map(str.strip, pair)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _alike(texts: Mapping[str, Sequence[tuple[str, str]]], held: Mapping[str, set[bytes]]) -> list[str]:
    """Says how many examples of each split stand in another with other case, punctuation or blanks only."""
    digests: dict[str, list[tuple[bytes, bytes]]] = {}
    for name, pairs in texts.items():
        inputs, targets = (normalized_together([pair[side] for pair in pairs]) for side in (0, 1))
        # Of inputs without a word, such as "?!", nothing is left that could be alike.
        digests[name] = [
            (_digest(pair), _digest((words, target)))
            for pair, words, target in zip(pairs, inputs, targets, strict=True)
            if words or (target and not pair[0].strip())
        ]
    said = []
    for one, other in itertools.combinations(texts, 2):
        smaller, larger = sorted((one, other), key=lambda name: len(held[name]))
        known = {words for _, words in digests[larger]}
        alike = {exact for exact, words in digests[smaller] if exact not in held[larger] and words in known}
        if alike:
            said.append(f"{len(alike):,} of {smaller} are in {larger} but for case, punctuation or blanks")
    return said
