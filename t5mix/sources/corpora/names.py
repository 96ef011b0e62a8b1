"""Names of territories, languages, currencies, days and months, distinguished by their language."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator

from t5mix.sources.corpora import cldr
from t5mix.sources.corpora.corpus import Corpus, Row


def language_names(languages: tuple[str, ...]) -> Corpus:
    """Makes names in CLDR with the language they are in. Rows: {"idx", "name", "label"}.

    The label is an index into `languages`. The item is what is named (the territory CH, the month of
    May), so what is seen in one language is not met again in another split in any other. A name that
    two of the languages share says nothing of either, and is left out.

    Args:
        languages: locale identifiers in the order of their labels, e.g. ("en", "de").

    Example:
        >>> language_names(("en", "de")).rows("train")[0]
        {'idx': 0, 'name': 'Andorra la Vella', 'label': 0}
    """
    limits = {"train": 10_000, "validation": 300, "test": 300}
    return Corpus(f"cldr.names{languages}", _reader(languages), ("Babel",), 0.1, limits)


@functools.cache
def _reader(languages: tuple[str, ...]) -> Callable[[], Iterator[tuple[str, Row]]]:
    return functools.partial(_rows, languages)


def _rows(languages: tuple[str, ...]) -> Iterator[tuple[str, Row]]:
    named = [_named(language) for language in languages]
    uses = Counter(name for names in named for name in sorted(set(names.values())))
    index = 0
    for label, names in enumerate(named):
        done: set[str] = set()
        for item, name in names.items():
            if uses[name] == 1 and len(name) >= 5 and name not in done:
                done.add(name)
                yield item, {"idx": index, "name": name, "label": label}
                index += 1


def _named(language: str) -> dict[str, str]:
    """Returns item -> name in `language`, lower case, in the order of the items."""
    found = {
        f"{kind}:{code}": cldr.plain(name)
        for kind in ("territories", "languages", "currencies")
        for code, name in sorted(cldr.names(kind, language).items())
    }
    found |= {f"day:{day}": name for day, name in enumerate(cldr.weekdays(language))}
    found |= {f"month:{month}": name for month, name in enumerate(cldr.months(language))}
    # German capitals would give the label away.
    return {item: name.lower() for item, name in found.items()}
