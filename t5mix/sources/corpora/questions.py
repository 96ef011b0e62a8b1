"""Questions whose answer stands in a passage of CLDR facts, as in SQuAD."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from t5mix.internal.lazy import lazy_import
from t5mix.sources.corpora import cldr
from t5mix.sources.corpora.corpus import Corpus, Row
from t5mix.sources.corpora.splits import Draw

if TYPE_CHECKING:
    from babel import languages as official
    from babel import lists, localedata
else:
    lists = lazy_import("babel.lists")
    localedata = lazy_import("babel.localedata")
    official = lazy_import("babel.languages")

_NAMED_IN = ("de", "fr", "ro")
_FACTS_A_PASSAGE = 3


@dataclass(frozen=True)
class Fact:
    """A sentence of a passage, the question it answers, and the answer, which stands in it."""

    sentence: str
    question: str
    answer: str


def questions(passages: int = 24) -> Corpus:
    """Makes questions on territories and languages. Rows: {"id", "question", "context", "answers"}.

    A territory's passage tells its currency, its languages, the first day of its week and its name
    in three languages; a language's tells some of its days and months. The item is
    the territory or the language: no test passage is about one that a training passage is about,
    though common answers, such as Monday, recur.

    Args:
        passages: number of passages written of an item, each of other facts in another order.
    """
    limits = {"validation": 300, "test": 300}
    return Corpus(f"cldr.questions({passages})", _reader(passages), ("Babel",), 0.1, limits)


@functools.cache
def _reader(passages: int) -> "functools.partial[Iterator[tuple[str, Row]]]":
    return functools.partial(_rows, passages)


def _rows(passages: int) -> Iterator[tuple[str, Row]]:
    for item, facts in _facts().items():
        for number in range(passages):
            draw = Draw(f"questions {item} {number}")
            chosen = draw.some(facts, _FACTS_A_PASSAGE)
            context = " ".join(fact.sentence for fact in chosen)
            asked = draw.one(chosen)
            yield (
                item,
                {
                    "id": f"{item}:{number}",
                    "question": asked.question,
                    "context": context,
                    "answers": {"text": [asked.answer]},
                },
            )


@functools.cache
def _facts() -> dict[str, list[Fact]]:
    """Returns item -> its facts, more of them than one passage tells."""
    of_territories = {f"territory:{code}": _of_territory(code) for code in cldr.territories()}
    of_languages = {f"language:{code}": _of_language(code) for code in _languages()}
    return {item: facts for item, facts in (of_territories | of_languages).items() if len(facts) > _FACTS_A_PASSAGE}


def _of_territory(code: str) -> list[Fact]:
    name = cldr.names("territories", "en")[code]
    facts = []
    currency = cldr.currency_of(code)
    if currency is not None and currency in cldr.names("currencies", "en"):
        money = cldr.names("currencies", "en")[currency]
        facts.append(Fact(f"The currency of {name} is {money}.", f"What is the currency of {name}?", money))
    spoken = [cldr.names("languages", "en").get(x) for x in official.get_official_languages(code)]
    if spoken and all(spoken):
        answer = lists.format_list(spoken, locale="en")
        facts.append(
            Fact(
                f"People in {name} speak {answer}.",
                f"What do people in {name} speak?",
                answer,
            )
        )
    first = cldr.week_start(code)
    if first is not None:
        day = cldr.weekdays("en")[first]
        facts.append(Fact(f"Weeks in {name} start on {day}.", f"When do weeks in {name} start?", day))
    for language in _NAMED_IN:
        called = cldr.plain(cldr.names("territories", language).get(code, name))
        tongue = cldr.names("languages", "en")[language]
        facts.append(Fact(f"Its {tongue} name is {called}.", f"What is its {tongue} name?", called))
    return facts


@functools.cache
def _languages() -> tuple[str, ...]:
    """Returns languages written in Latin letters that have names of their own for the days."""
    known = cldr.names("languages", "en")
    codes = [code for code in sorted(localedata.locale_identifiers()) if "_" not in code]
    return tuple(
        code for code in codes if code in known and code != "en" and all(map(cldr.is_latin, cldr.weekdays(code)))
    )


def _of_language(code: str) -> list[Fact]:
    name = cldr.names("languages", "en")[code]
    pairs = list(zip(cldr.weekdays("en"), cldr.weekdays(code), strict=True))
    pairs += zip(cldr.months("en"), cldr.months(code), strict=True)
    return [
        Fact(f"{word} in {name} is {said}.", f"What is {word} in {name}?", said)
        for word, said in pairs
        if cldr.is_latin(said) and said != word
    ]
