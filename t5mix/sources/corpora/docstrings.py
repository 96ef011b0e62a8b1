"""Documentation of Python and of scientific packages, taken from their sources without importing.

Licences: Python PSF-2.0; NumPy, SciPy and scikit-learn BSD-3-Clause; TensorFlow Apache-2.0.
"""

import ast
import functools
import importlib.util
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from t5mix.internal.memo import no_collection
from t5mix.sources.corpora.corpus import Corpus, Row
from t5mix.sources.corpora.splits import digest

LIBRARIES = ("python", "numpy", "scipy", "scikit-learn", "tensorflow")

# Import name and the folder inside it that is read: enough text, and seconds to parse.
_FOLDERS = {
    "numpy": ("numpy", ""),
    "scipy": ("scipy", ""),
    "scikit-learn": ("sklearn", ""),
    "tensorflow": ("tensorflow", "python/ops"),
}
_SKIPPED = {
    "__pycache__", "site-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip",
    "encodings", "pydoc_data", "_vendor", "externals", "_lib", "_external", "array_api_extra",
}  # fmt: skip
# Bytes of source read of each library: thousands of docstrings in about a second.
_BUDGET = 8_000_000
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Docstring:
    """A documented function or class.

    Attributes:
        library: distribution it comes from.
        title: its name as lower-case words, e.g. "get source file".
        summary: its first sentence, on one line.
        text: all of it that is prose, on one line, without examples and parameter lists.
    """

    library: str
    title: str
    summary: str
    text: str


def documents() -> Corpus:
    """Makes passages of documentation for unsupervised objectives. Rows: {"text": str}.

    The item is the title, as in `libraries`: what one holds out, the other does not train on.
    """
    return Corpus("docstrings.documents", _document_rows, LIBRARIES, 0.1, {"validation": 300, "test": 300})


def libraries() -> Corpus:
    """Makes first sentences of documentation with their library. Rows: {"idx", "sentence", "label"}.

    The label is an index into `LIBRARIES`; a sentence found in two libraries is left out.
    """
    return Corpus("docstrings.libraries", _library_rows, LIBRARIES, 0.1, {"validation": 300, "test": 300})


def _document_rows() -> Iterator[tuple[str, Row]]:
    passages = [(f"topic {topic}", text) for topic, text in _topics()]
    passages += [(found.title, found.text) for found in _docstrings() if len(found.text) >= 80]
    seen: set[str] = set()
    for item, text in passages:
        if text not in seen:
            seen.add(text)
            yield item, {"text": text}


def _library_rows() -> Iterator[tuple[str, Row]]:
    for index, found in enumerate(_docstrings()):
        if len(found.summary) >= 20:
            label = LIBRARIES.index(found.library)
            yield found.title, {"idx": index, "sentence": found.summary, "label": label}


@functools.cache
def _docstrings() -> tuple[Docstring, ...]:
    """Returns the docstrings of all libraries, each first sentence once, in order of path."""
    found: dict[str, Docstring] = {}
    with no_collection():  # syntax trees have no cycles, and are many objects
        for library in LIBRARIES:
            for path in _sources(library):
                for docstring in _in_file(library, path):
                    found.setdefault(docstring.summary.lower(), docstring)
    return tuple(found.values())


def _root(library: str) -> Path:
    if library == "python":
        return Path(sysconfig.get_paths()["stdlib"])
    package, folder = _FOLDERS[library]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ValueError(f"The documentation tasks read {library}: pip install {library}.")
    return Path(found.origin).parent / folder


def _sources(library: str) -> list[Path]:
    """Returns some source files of a library, tests and generated tables left out.

    They are taken in the order of the sha256 of their paths, so that they come from all over it.
    """
    root = _root(library)
    if not root.is_dir():
        raise ValueError(f"No sources of {library} in {root}: install it with its .py files.")
    names = []
    for folder, inside, files in os.walk(root):
        inside[:] = [name for name in inside if name not in _SKIPPED]
        paths = [Path(folder, name).relative_to(root).as_posix() for name in files]
        names += [path for path in paths if path.endswith(".py")]
    taken: list[Path] = []
    left = _BUDGET
    for name in sorted(names, key=digest):
        left -= (root / name).stat().st_size
        if left < 0:
            break
        taken.append(root / name)
    return taken


def _in_file(library: str, path: Path) -> Iterator[Docstring]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a few files of the standard library are no modules
        return
    for node in _definitions(tree):
        text = ast.get_docstring(node)
        title = " ".join(_WORD.findall(node.name)).lower()
        if text and len(title) >= 3 and not node.name.startswith("__"):
            prose = _prose(text)
            if prose:
                yield Docstring(library, title, _first_sentence(prose), prose)


def _definitions(node: ast.Module | ast.ClassDef) -> Iterator[_Definition]:
    """Yields the functions and classes of a module, and those of its classes."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
        if isinstance(child, ast.ClassDef):
            yield from _definitions(child)


def _prose(text: str, limit: int = 350) -> str:
    """Returns the leading paragraphs that are sentences, within `limit` characters."""
    first_lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        is_prose = not re.search(r">>>|---|===|\.\. |::|^:|^@", paragraph)
        if not is_prose or len(" ".join([*first_lines, line])) > limit:
            break
        first_lines.append(line)
    return " ".join(first_lines)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?]) ", text, maxsplit=1)[0]


@functools.cache
def _topics() -> tuple[tuple[str, str], ...]:
    """Returns (topic, passage) of the language reference that `help()` shows."""
    from pydoc_data import topics

    found = []
    for topic, text in sorted(topics.topics.items()):
        for paragraph in re.split(r"\n\s*\n", text):
            line = " ".join(paragraph.split())
            if 80 <= len(line) <= 350 and "::=" not in line:
                found.append((topic, line))
    return tuple(found)
