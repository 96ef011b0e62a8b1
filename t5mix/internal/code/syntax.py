"""The normal form of code: what its syntax tree says, without docstrings, comments, annotations and layout.

Two texts have the same normal form when only what a reader sees differs: a formatter, a comment or a type hint
changes nothing, an operator or a constant does.
"""

import ast
import copy
import dataclasses
import functools
import linecache
import sys
import types
from collections.abc import Iterator, Mapping

# Fields that say nothing of what code does.
_SILENT = frozenset({"annotation", "returns", "type_comment", "type_params", "kind", "ctx"})
_HERE = __name__.partition(".")[0]
# Classes whose annotations are their fields.
_RECORDS = frozenset({"NamedTuple", "TypedDict"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True)
class NormalForm:
    """Code by its syntax tree.

    Attributes:
        text: the tree as text; the same for all releases of Python that give the same tree.
        names: the names and attributes in it.
        chains: the dotted names in it, such as ("t5mix", "preprocessors", "rekey"); behind another
            expression ("", "rekey").
        imports: what it imports of t5mix where it stands, (module, name).
    """

    text: str
    names: frozenset[str]
    chains: frozenset[tuple[str, ...]]
    imports: tuple[tuple[str, str], ...]

    @functools.cached_property
    def roots(self) -> frozenset[str]:
        """The names that are looked up in a scope."""
        return frozenset(chain[0] for chain in self.chains)


@functools.lru_cache(maxsize=65536)
def normal_form(obj: types.CodeType | type) -> NormalForm | None:
    """Returns the normal form of a function's code or of a class, or None when it was not read from a file.

    A function's code, not the function: a decorated one would tell what it wraps, and not the decorator's.
    """
    if isinstance(obj, types.CodeType):
        file: str | None = obj.co_filename
    else:
        file = getattr(sys.modules.get(obj.__module__), "__file__", None)
    lines = linecache.getlines(file) if file else []
    try:
        parsed = _parsed("".join(lines))
    except (SyntaxError, ValueError):
        return None
    node = parsed.of_code(obj) if isinstance(obj, types.CodeType) else _node_of_class(parsed.tree, obj)
    if node is None:
        return None
    if isinstance(node, _Function):  # its decorators are met as the functions that they make
        node = copy.copy(node)
        node.decorator_list = []
    chains = frozenset(_chains(node))
    return NormalForm(_text(node), frozenset(name for chain in chains for name in chain), chains, _imports(node))


@dataclasses.dataclass(frozen=True)
class _Parsed:
    """A file's tree, and its functions by name and first line."""

    tree: ast.Module
    functions: Mapping[tuple[str, int], ast.AST]

    def of_code(self, code: types.CodeType) -> ast.AST | None:
        if code.co_name == "<lambda>":
            return _lambda(self.tree, code)
        return self.functions.get((code.co_name, code.co_firstlineno))


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> _Parsed:
    tree = ast.parse(text)
    functions = {
        (node.name, min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])): node
        for node in ast.walk(tree)
        if isinstance(node, _Function)
    }
    return _Parsed(tree, functions)


def _lambda(tree: ast.Module, code: types.CodeType) -> ast.Lambda | None:
    """Returns the innermost lambda whose body holds all of the code, which tells it from others on its line."""
    spans = [
        ((line, column), (end, end_column))
        for line, end, column, end_column in code.co_positions()
        if line is not None and end is not None and column is not None and end_column
    ]
    if not spans:
        return None
    begin, stop = min(span[0] for span in spans), max(span[1] for span in spans)
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and _begin(node.body) <= begin and stop <= _stop(node)
    ]
    return max(found, key=lambda node: _begin(node.body), default=None)


def _begin(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _stop(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _node_of_class(tree: ast.Module, obj: type) -> ast.ClassDef | None:
    """Returns the last class of this name, where it is defined more than once."""
    node: ast.AST = tree
    for name in obj.__qualname__.split("."):
        if name == "<locals>":
            continue
        inner = [each for each in ast.walk(node) if isinstance(each, ast.ClassDef | _Function) and each.name == name]
        if not inner:
            return None
        node = inner[-1]
    return node if isinstance(node, ast.ClassDef) else None


def _text(node: object, fields: bool = False) -> str:
    """Writes a tree as text.

    Args:
        node: a node, a list of nodes, or a plain value.
        fields: whether annotations make fields here: in the body of a dataclass, or of a class with bases.
    """
    if isinstance(node, list):
        return "[" + ",".join(text for each in node if (text := _statement(each, fields))) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Import | ast.ImportFrom):  # in any order
        names = sorted((alias.name, alias.asname) for alias in node.names)
        # t5mix's own modules may move: what is imported of them is looked up, see `imports`.
        module = "" if _is_from_here(node) else f"{getattr(node, 'module', None)},{getattr(node, 'level', 0)}"
        return f"{type(node).__name__}({module},{names})"
    if isinstance(node, ast.ClassDef):
        parts = [repr(node.name), _text(node.bases), _text(node.keywords), _text(node.decorator_list)]
        return f"ClassDef({','.join(parts)},{_text(node.body, _has_fields(node))})"
    found = ((name, getattr(node, name, None)) for name in node._fields if name not in _SILENT)
    # Empty fields come and go with releases of Python; a constant None is no empty field.
    present = ((n, v) for n, v in found if isinstance(node, ast.Constant) or (v is not None and v != []))
    return f"{type(node).__name__}({','.join(f'{name}={_text(value)}' for name, value in present)})"


def _statement(node: object, fields: bool) -> str:
    """Writes an element of a list; "" for one that does nothing: a docstring, `pass`, a bare annotation."""
    if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return ""
    if isinstance(node, ast.AnnAssign):
        if fields:
            return f"Field({_text(node.target)},{_text(node.value)})"
        if node.value is None:
            return ""
        return f"Assign(targets=[{_text(node.target)}],value={_text(node.value)})"
    return _text(node)


def _has_fields(node: ast.ClassDef) -> bool:
    """Tells whether annotations may make fields: in a dataclass or a named tuple."""
    return bool(node.decorator_list) or any(chain[-1] in _RECORDS for base in node.bases for chain in _chains(base))


def _is_from_here(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").partition(".")[0] == _HERE


def _imports(node: ast.AST) -> tuple[tuple[str, str], ...]:
    imports = [each for each in ast.walk(node) if isinstance(each, ast.ImportFrom) and _is_from_here(each)]
    return tuple(sorted((each.module or "", alias.name) for each in imports for alias in each.names))


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yields the dotted names in a tree; of annotations none."""
    if isinstance(node, ast.Name):
        yield (node.id,)
    elif isinstance(node, ast.Attribute):
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield (inner.id, *reversed(names))
        else:
            yield ("", *reversed(names))
            yield from _chains(inner)
    else:
        for field in node._fields:
            value = None if field in _SILENT else getattr(node, field, None)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    yield from _chains(each)
