"""Numbers of t5mix's own functions and classes: what tells a token cache that one of them gives other results.

A function or class of t5mix is identified by its name, without its module, and by its number here. So a docstring, a
moved file or a release changes no cache. `tests/internal/code/test_revisions.py` holds, for everything that a task may
be made of,
a hash of its code beside the number: when the code changes, the test asks whether the results do.
"""

import types
from collections.abc import Mapping

# Raise the number of what gives other results than before; what is not named has number 1.
NUMBERS: Mapping[str, int] = {"TableDataSource": 2}


def name_of(obj: types.FunctionType | type) -> str:
    """Returns the name of a function or class of t5mix, without its module, such as "append_eos".

    A function's code is asked, since what is decorated is called as the function that it wraps.
    """
    return obj.__code__.co_qualname if isinstance(obj, types.FunctionType) else obj.__qualname__


def number_of(name: str) -> int:
    """Returns the number of a function or class; one inside another has that one's."""
    while name and name not in NUMBERS:
        name = name.rpartition(".")[0]
    return NUMBERS.get(name, 1)


def identity(obj: types.FunctionType | type) -> str:
    """Returns what tells a function or class of t5mix: its name and its number."""
    name = name_of(obj)
    return f"t5mix {name} {number_of(name)}"
