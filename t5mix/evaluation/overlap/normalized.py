"""Texts as they are compared: their words alone, without case and punctuation."""

import re
import unicodedata
from collections.abc import Sequence

# Stands between texts that are handled together; no normalized text holds it.
END = "\0"

_NOT_WORDS = re.compile(r"(?:[^\w\0]|_)+")


def normalized(text: str) -> str:
    """Returns a text's words, in Unicode's NFKC form and folded case, with one blank between them.

    Before: "“It’s   2nd-best,” he said."; after: "it s 2nd best he said"
    """
    return normalized_together([text])[0]


def normalized_together(texts: Sequence[str]) -> list[str]:
    """Returns `normalized` of each text; many at once take much less time."""
    if not texts:
        return []
    joined = END.join(text.replace(END, " ") if END in text else text for text in texts)
    folded = joined.casefold()
    if not folded.isascii():  # twice, because what is composed may have a case that its parts had not
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
    words = _NOT_WORDS.sub(" ", folded)
    return [part.strip() for part in words.split(END)]
