"""One fact, said by CLDR in two languages: the parallel phrases behind the translation tasks."""

import datetime
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from t5mix.internal.lazy import lazy_import
from t5mix.sources.corpora import cldr
from t5mix.sources.corpora.corpus import Corpus, Row
from t5mix.sources.corpora.splits import Draw

if TYPE_CHECKING:
    import babel
    from babel import dates, lists, localedata, numbers, units
else:
    dates = lazy_import("babel.dates")
    lists = lazy_import("babel.lists")
    localedata = lazy_import("babel.localedata")
    numbers = lazy_import("babel.numbers")
    units = lazy_import("babel.units")

# A phrase says one drawn fact in the language of a locale: an object, for Babel reads an identifier at each call anew.
Phrase = Callable[["babel.Locale"], str]

_CURRENCIES = (
    "USD EUR GBP CHF RON JPY CNY INR BRL MXN CAD AUD NZD SEK NOK DKK PLN CZK HUF TRY ZAR KRW THB "
    "IDR PHP EGP ILS UAH ARS CLP COP PEN MAD KES NGN"
).split()
_TERRITORIES = (
    "AR AT AU BE BG BR CA CH CL CN CO CU CY CZ DE DK EE EG ES FI FR GB GR HR HU IE IL IN IQ IR IS "
    "IT JP KE KR LT LU LV MA MX NG NL NO NZ PE PL PT RO RS RU SE SI SK TH TN TR UA US VN ZA"
).split()
_LANGUAGES = "ar bg cs da de el en es et fi fr he hi hr hu is it ja ko nl no pl pt ro ru sv".split()
_UNIT_KINDS = ("length", "mass", "duration", "volume", "area", "speed", "digital", "energy")
_SPANS = ("year", "month", "week", "day", "hour", "minute", "second")


def translations(language: str, count: int = 10_000) -> Corpus:
    """Makes English phrases and the same facts in `language`. Rows: {"en": str, language: str}.

    Phrases are dates, times, spans of time, measures, amounts of money, large numbers, shares, lists
    of countries, and languages by country. The item is the English phrase, so a phrase is in the
    same split for every language, and what is held out is unseen combinations of seen words.

    Args:
        language: identifier of a locale of CLDR, e.g. "de".
        count: number of facts drawn; those that English says alike count once.

    Example:
        >>> translations("de").rows("train")[0].keys()
        dict_keys(['en', 'de'])
    """
    read = _reader(language, count)
    limits = {"validation": 300, "test": 300}
    return Corpus(f"cldr.translations({language!r}, {count})", read, ("Babel",), 0.05, limits)


@functools.cache
def _reader(language: str, count: int) -> Callable[[], Iterator[tuple[str, Row]]]:
    """Returns one function object for the same arguments, so that reading is done once."""
    return functools.partial(_rows, language, count)


def _rows(language: str, count: int) -> Iterator[tuple[str, Row]]:
    seen: set[str] = set()
    for number in range(count):
        phrase = _draw(Draw(f"translations {number}"))
        english = cldr.plain(phrase(cldr.locale("en")))
        if english not in seen:
            seen.add(english)
            yield english, {"en": english, language: cldr.plain(phrase(cldr.locale(language)))}


def _draw(draw: Draw) -> Phrase:
    """Draws one kind of phrase, then its fact."""
    return draw.one(_KINDS)(draw)


def _date(draw: Draw) -> Phrase:
    day = datetime.date(1900, 1, 1) + datetime.timedelta(days=draw.below(55_000))
    style = draw.one(("full", "long", "long", "medium"))
    return lambda language: dates.format_date(day, style, language)


def _month(draw: Draw) -> Phrase:
    day = datetime.date(draw.between(1900, 2050), draw.between(1, 12), draw.between(1, 28))
    skeleton = draw.one(("yMMMM", "MMMMd", "yMMMM"))
    return lambda language: dates.format_skeleton(skeleton, day, locale=language)


def _time(draw: Draw) -> Phrase:
    day = datetime.datetime(2000, 1, 1) + datetime.timedelta(minutes=draw.below(20_000_000))
    return lambda language: (
        f"{dates.format_date(day, 'full', language)}, {dates.format_time(day, 'short', locale=language)}"
    )


def _span(draw: Draw) -> Phrase:
    span = draw.one(_SPANS)
    count = draw.between(1, 48) * (1 if draw.below(2) else -1)
    seconds = count * dict(dates.TIMEDELTA_UNITS)[span]
    delta = datetime.timedelta(seconds=seconds)
    return lambda language: dates.format_timedelta(
        delta, granularity=span, threshold=10_000, add_direction=True, locale=language
    )


@functools.cache
def _units() -> tuple[str, ...]:
    """Returns the everyday units that Babel's English names, without the exotic ones."""
    known = localedata.load("en")["unit_patterns"]
    allowed = [name for name in sorted(known) if name.split("-")[0] in _UNIT_KINDS]
    return tuple(name for name in allowed if name.count("-") <= 3 and "person" not in name)


def _value(draw: Draw) -> float:
    """Draws 1 often (singular and plural must be distinguished), small and large numbers, decimals."""
    kind = draw.below(8)
    if kind == 0:
        return 1
    if kind <= 4:
        return draw.between(2, 99)
    if kind == 5:
        return draw.between(100, 20_000)
    return draw.between(11, 999) / 10


def _measure(draw: Draw) -> Phrase:
    unit, value = draw.one(_units()), _value(draw)
    return lambda language: units.format_unit(value, unit, "long", locale=language)


def _measures(draw: Draw) -> Phrase:
    spans = [_SPANS[index] for index in sorted(draw.some(range(len(_SPANS)), draw.between(2, 3)))]
    parts = [(draw.between(1, 30), f"duration-{span}") for span in spans]
    return lambda language: lists.format_list(
        [units.format_unit(value, unit, "long", locale=language) for value, unit in parts],
        locale=language,
    )


def _amount(draw: Draw) -> Phrase:
    value, code = _value(draw), draw.one(_CURRENCIES)
    return lambda language: numbers.format_currency(value, code, locale=language, format_type="name")


def _large(draw: Draw) -> Phrase:
    value = draw.between(11, 999) * 10 ** draw.between(3, 9)
    return lambda language: numbers.format_compact_decimal(
        value, format_type="long", locale=language, fraction_digits=1
    )


def _countries(draw: Draw) -> Phrase:
    codes = draw.some(_TERRITORIES, draw.between(2, 3))
    return lambda language: lists.format_list([language.territories[code] for code in codes], locale=language)


def _variety(draw: Draw) -> Phrase:
    language_code, territory = draw.one(_LANGUAGES), draw.one(_TERRITORIES)
    return lambda language: f"{language.languages[language_code]} ({language.territories[territory]})"


_KINDS: tuple[Callable[[Draw], Phrase], ...] = (
    _date,
    _month,
    _time,
    _span,
    _measure,
    _measures,
    _amount,
    _large,
    _countries,
    _variety,
)
