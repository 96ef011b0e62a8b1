"""The rated words of VADER: sentiment and valence.

Hutto, Gilbert (2014), "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text": ten people rated each word from -4 (most negative) to 4 (most positive). MIT licence.
"""

import functools
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from t5mix.sources.corpora.corpus import Corpus, Row

_WORD = re.compile(r"[a-z][a-z-]{2,}")
_LIMITS = {"validation": 300, "test": 500}


def sentiment() -> Corpus:
    """Makes words with what most raters felt, as SST-2 labels sentences: 0 negative, 1 positive.

    Rows: {"idx": int, "sentence": str, "label": int}. The item is the word: a test word is in no
    training row, while others of its family may be.
    """
    return Corpus("lexicon.sentiment", _sentiment_rows, ("vaderSentiment",), 0.1, _LIMITS)


def valence() -> Corpus:
    """Makes words with the mean of their ten ratings, in steps of 0.2 as STS-B's similarities are.

    Rows: {"idx": int, "word": str, "label": int}; label 0 is -4.0, label 40 is 4.0. The item is the
    word, so that both tasks hold out the same words.
    """
    return Corpus("lexicon.valence", _valence_rows, ("vaderSentiment",), 0.1, _LIMITS)


@functools.cache
def rated_words() -> tuple[tuple[str, float], ...]:
    """Returns (word, mean rating) of every plain word of the lexicon, in its order."""
    found = importlib.util.find_spec("vaderSentiment")
    if found is None or found.origin is None:
        raise ValueError("The sentiment tasks read vaderSentiment: pip install vaderSentiment.")
    text = Path(found.origin).with_name("vader_lexicon.txt").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line.strip())
    words = {word: float(mean) for word, mean, *_ in lines if _WORD.fullmatch(word)}
    return tuple(words.items())


def _sentiment_rows() -> Iterator[tuple[str, Row]]:
    for index, (word, mean) in enumerate(rated_words()):
        if mean != 0:
            yield word, {"idx": index, "sentence": word, "label": int(mean > 0)}


def _valence_rows() -> Iterator[tuple[str, Row]]:
    for index, (word, mean) in enumerate(rated_words()):
        yield word, {"idx": index, "word": word, "label": round((mean + 4) * 5)}
