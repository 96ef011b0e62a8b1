"""Entries of a log, written out and in short: the condensing task, both sides as CLDR writes them."""

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
    from babel import dates, lists, numbers, units
else:
    dates = lazy_import("babel.dates")
    lists = lazy_import("babel.lists")
    numbers = lazy_import("babel.numbers")
    units = lazy_import("babel.units")

_CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "BRL", "CAD", "SEK", "PLN", "RON")
_SPANS = ("day", "hour", "minute", "second")
_UNITS = (
    "length-kilometer", "length-meter", "length-centimeter", "length-millimeter", "length-mile",
    "length-foot", "length-inch", "mass-kilogram", "mass-gram", "mass-tonne", "mass-pound",
    "mass-ounce", "volume-liter", "volume-milliliter", "volume-gallon", "speed-kilometer-per-hour",
    "speed-meter-per-second", "speed-mile-per-hour", "digital-megabyte", "digital-gigabyte",
    "area-square-kilometer", "area-square-meter", "energy-kilowatt-hour", "power-kilowatt",
    "temperature-celsius", "frequency-megahertz",
)  # fmt: skip


def abbreviations(count: int = 9_000) -> Corpus:
    """Makes two to three facts written out, and as CLDR abbreviates them.

    Rows: {"article": str, "highlights": str}. The item is the article, so what is held out is unseen
    combinations of dates, spans of time, measures and amounts.

    Args:
        count: number of articles drawn.

    Example:
        An article is "Friday, May 7, 2021; 3 hours and 20 minutes", its highlights "5/7/21; 3h 20m".
    """
    limits = {"validation": 300, "test": 300}
    return Corpus(f"cldr.abbreviations({count})", _reader(count), ("Babel",), 0.05, limits)


@functools.cache
def _reader(count: int) -> Callable[[], Iterator[tuple[str, Row]]]:
    return functools.partial(_rows, count)


def _rows(count: int) -> Iterator[tuple[str, Row]]:
    seen: set[str] = set()
    for number in range(count):
        draw = Draw(f"abbreviations {number}")
        kinds = draw.some(_KINDS, draw.between(2, 3))
        pairs = [kind(draw) for kind in kinds]
        article = cldr.plain("; ".join(long for long, _ in pairs))
        if article not in seen:
            seen.add(article)
            short = cldr.plain("; ".join(short for _, short in pairs))
            yield article, {"article": article, "highlights": short}


def _english() -> "babel.Locale":
    return cldr.locale("en")


def _date(draw: Draw) -> tuple[str, str]:
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=draw.below(11_000))
    return dates.format_date(day, "full", _english()), dates.format_date(day, "short", _english())


def _span(draw: Draw) -> tuple[str, str]:
    spans = [_SPANS[index] for index in sorted(draw.some(range(len(_SPANS)), draw.between(1, 3)))]
    parts = [(draw.between(1, 59), f"duration-{span}") for span in spans]
    long = [units.format_unit(value, unit, "long", locale=_english()) for value, unit in parts]
    short = [units.format_unit(value, unit, "narrow", locale=_english()) for value, unit in parts]
    return lists.format_list(long, locale=_english()), lists.format_list(short, "unit-narrow", _english())


def _measure(draw: Draw) -> tuple[str, str]:
    unit, value = draw.one(_UNITS), draw.between(2, 999) / draw.one((1, 1, 10))
    return (
        units.format_unit(value, unit, "long", locale=_english()),
        units.format_unit(value, unit, "short", locale=_english()),
    )


def _amount(draw: Draw) -> tuple[str, str]:
    value, code = draw.between(2, 9_999) / draw.one((1, 100)), draw.one(_CURRENCIES)
    long = numbers.format_currency(value, code, locale=_english(), format_type="name")
    return long, numbers.format_currency(value, code, locale=_english())


def _large(draw: Draw) -> tuple[str, str]:
    value = draw.between(11, 999) * 10 ** draw.between(3, 9)
    long, short = (
        numbers.format_compact_decimal(value, format_type=style, locale=_english(), fraction_digits=1)
        for style in ("long", "short")
    )
    return long, short


_KINDS = (_date, _span, _measure, _amount, _large)
