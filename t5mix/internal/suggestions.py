"""What might have been meant by a name that is not known."""

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x' or 'y'?" for the nearest of `known`, or an empty text."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    if not near:
        near = [candidate for candidate in lowered if name.lower() in candidate][:3]
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(lowered[candidate]) for candidate in near) + "?"
