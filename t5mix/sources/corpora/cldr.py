"""Facts of the Unicode CLDR as Babel ships them (Babel: BSD; CLDR: Unicode licence)."""

import functools
import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from t5mix.internal.lazy import lazy_import

if TYPE_CHECKING:
    import babel
    from babel import numbers
else:
    babel = lazy_import("babel")
    numbers = lazy_import("babel.numbers")

_LATIN = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")


@functools.cache
def locale(identifier: str) -> "babel.Locale":
    """Returns the locale of an identifier such as "de"."""
    return babel.Locale.parse(identifier)


def plain(text: str) -> str:
    """Replaces the many kinds of space of CLDR, such as no-break and thin ones, by one plain space."""
    return re.sub(r"[\s\u200e\u200f]+", " ", text).strip()


def is_latin(text: str) -> bool:
    """Tells whether a text is words in Latin letters, with spaces, hyphens and apostrophes between them."""
    return bool(_LATIN.fullmatch(text)) and all(
        unicodedata.name(letter, "").startswith("LATIN") for letter in text if letter.isalpha()
    )


@functools.cache
def territories() -> tuple[str, ...]:
    """Returns the codes of countries and dependencies, e.g. "CH": no continents, no groups."""
    names = locale("en").territories
    return tuple(
        sorted(
            code
            for code in names
            if re.fullmatch("[A-Z]{2}", code) and code not in ("EU", "EZ", "UN", "XA", "XB", "ZZ", "QO")
        )
    )


def currency_of(territory: str) -> str | None:
    """Returns the code of the currency of a territory today, or None where there are several."""
    codes = numbers.get_territory_currencies(territory)
    return codes[0] if len(codes) == 1 else None


def week_start(territory: str) -> int | None:
    """Returns the day on which weeks start there, 0 for Monday, or None where CLDR is silent."""
    try:
        return int(locale(f"und_{territory}").first_week_day)
    except babel.UnknownLocaleError:
        return None


def names(kind: str, language: str) -> Mapping[str, str]:
    """Returns code -> name in `language`; `kind` is "territories", "languages" or "currencies"."""
    return getattr(locale(language), kind)


@functools.cache
def weekdays(language: str) -> tuple[str, ...]:
    """Returns the names of the days as they stand in a sentence, Monday first."""
    return tuple(plain(locale(language).days["format"]["wide"][day]) for day in range(7))


@functools.cache
def months(language: str) -> tuple[str, ...]:
    """Returns the names of the months as they stand alone, January first."""
    return tuple(plain(locale(language).months["stand-alone"]["wide"][month]) for month in range(1, 13))
