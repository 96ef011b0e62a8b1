"""The normal form of code: what it is of, and what it leaves out."""

import functools

from t5mix.internal.code.syntax import normal_form


def _plain(x, y=1):
    return x + y


def _dressed(x: int, y: "int" = 1) -> int:
    """Adds."""
    return (  # here
        x + y
    )


def _named(function, name):
    form = normal_form(function.__code__)
    return form.text.replace(repr(function.__name__), repr(name))


def test_only_what_is_read_is_left_out():
    assert _named(_plain, "f") == _named(_dressed, "f")


def test_lambdas_on_one_line_are_told_apart():
    functions = [lambda x: x + 1, lambda x: x + 2, lambda: lambda x: x + 1]
    functions.append(functions[2]())
    texts = [normal_form(function.__code__).text for function in functions]
    assert len(set(texts)) == 3 and texts[3] == texts[0]


def test_decorators_count_inside_and_not_outside():
    @functools.cache
    def outside(x):
        @functools.cache
        def inside(y):
            return y

        return inside(x)

    form = normal_form(outside.__wrapped__.__code__)
    assert form.text.count("cache") == 1


def test_names_of_annotations_are_none():
    form = normal_form(_dressed.__code__)
    assert form.names == {"x", "y"}


def test_what_is_imported_of_t5mix_is_found():
    def function():
        from t5mix.preprocessors import rekey, tokenize

        return rekey, tokenize

    form = normal_form(function.__code__)
    assert form.imports == (("t5mix.preprocessors", "rekey"), ("t5mix.preprocessors", "tokenize"))
    assert "t5mix.preprocessors" not in form.text


def test_code_without_a_file_has_no_form():
    scope = {}
    exec("def typed(x): return x", scope)
    assert normal_form(scope["typed"].__code__) is None
