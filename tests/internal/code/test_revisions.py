"""Code of t5mix that a token cache depends on does not change its results unnoticed.

For everything that a task may be made of, `revisions.json` holds its number in `t5mix/internal/code/revisions.py`
beside a hash of its code, which follows what it calls, and knows neither layout nor comments nor modules.  The number
of what fills token caches is their `FORMAT`.  After a change:

    python tests/internal/code/test_revisions.py     # writes the file anew
"""

import importlib
import json
import pkgutil
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import t5mix
from t5mix.data.cache.identity import key
from t5mix.internal.code import fingerprints, revisions, source_code

PINS = Path(__file__).with_name("revisions.json")
# Packages and modules of what tasks are made of.
MADE_OF = ("preprocessors", "vocabularies", "sources")
# Packages and modules that fill token caches, or finish examples on the stream as steps do.
FILLS = ("data.tokenization", "data.examples.trim_and_eos")


def _modules() -> Iterator[types.ModuleType]:
    for name in (*MADE_OF, *FILLS):
        module = importlib.import_module(f"t5mix.{name}")
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
            yield importlib.import_module(found.name)


def _objects() -> list[tuple[str, Any]]:
    """The functions and classes of what tasks are made of, by name; each once."""
    found = {
        id(obj): (name, obj)
        for module in _modules()
        for name, obj in vars(module).items()
        if not name.startswith("__") and isinstance(obj, types.FunctionType | type) and source_code.is_ours(obj)
        if obj.__module__ == module.__name__ and obj.__name__ == name
    }
    return sorted(found.values(), key=lambda named: named[0])


def pins() -> dict[str, list[Any]]:
    """What `revisions.json` holds: by name the number and hashes of the code; twins of one name share the number."""
    found: dict[str, list[Any]] = {}
    for name, obj in _objects():
        number = key.FORMAT if obj.__module__.startswith("t5mix.data.") else revisions.number_of(name)
        found.setdefault(name, [number]).append(fingerprints.of_own_code(obj)[:16])
    return {name: [number, *sorted(hashes)] for name, (number, *hashes) in found.items()}


def test_what_tasks_are_made_of_is_pinned() -> None:
    names = {name for name, _ in _objects()}
    assert {"append_eos", "translate", "SentencePieceVocabulary", "TextLineDataSource", "SpanCorruption"} <= names
    assert set(revisions.NUMBERS) <= names


def test_hashes_of_code_know_no_module_and_no_release_of_python() -> None:
    for name, obj in _objects():
        text = fingerprints._Describer(follow_ours=True).text(obj)
        assert not re.search(
            r"t5mix\.(internal|vocabularies|metrics|preprocessors|sources|data|declarations)\b", text
        ), name
        assert "bytecode" not in text, name


def test_code_that_changed_has_another_number_or_the_same_results() -> None:
    pinned, found = json.loads(PINS.read_text()), pins()
    changed = [name for name in found if found[name] != pinned.get(name)]
    assert not changed and pinned.keys() == found.keys(), (
        f"the code of {changed or sorted(pinned.keys() ^ found.keys())} changed, or what it calls. Did its results "
        "change? Then raise its number in t5mix/internal/code/revisions.py, or FORMAT in data/cache/identity/key.py: "
        "caches are made anew. In any case write the file anew: python tests/internal/code/test_revisions.py"
    )


def test_a_raised_number_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (t5mix.preprocessors.append_eos, t5mix.preprocessors.rekey)
    before = [fingerprints.of_callable(step) for step in steps]
    monkeypatch.setattr(revisions, "NUMBERS", {"append_eos": 2})
    after = [fingerprints.of_callable(step) for step in steps]
    assert before[0] != after[0] and before[1] == after[1]


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(pin)}" for name, pin in pins().items())
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
