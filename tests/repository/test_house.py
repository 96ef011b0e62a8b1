"""The house stays easy to see: few entries a folder, short files and functions, imports that run one way."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "t5mix"

# The order of imports: a package may import from itself and from those on floors before its own.  The last floors are
# the public names of t5mix/__init__.py, and the commands that use them.
FLOORS = (
    ("internal",),
    ("vocabularies",),
    ("mesh",),
    ("metrics", "preprocessors"),
    ("sources",),
    ("declarations",),
    ("data",),
    ("training", "evaluation"),
    ("runs", "compat"),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}

# Names that hide what is inside.
HIDING = frozenset(
    "ahead together kept ties endings shares shared_parts maps keys order fitting parts wanted pieces places".split()
)


def files() -> list[Path]:
    return sorted(path for path in HOUSE.rglob("*.py") if "shipped" not in path.parts)


def name_of(path: Path) -> str:
    """Returns the dotted name, without "t5mix." and without ".__init__": "data.stream"; "__init__" of t5mix itself."""
    names = list(path.relative_to(HOUSE).with_suffix("").parts)
    if names[-1] == "__init__" and len(names) > 1:
        names.pop()
    return ".".join(names)


MODULES = {name_of(path): path for path in files()}


def imported(path: Path) -> Iterator[str]:
    """Yields each module of t5mix that a file imports, wherever it does, or names for importlib."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield from known(f"{node.module}.{alias.name}") or known(node.module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from known(alias.name)
        elif isinstance(node, ast.Call) and name_of_call(node) in ("import_module", "lazy_import", "import_quietly"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield from known(argument.value)


def known(dotted: str) -> list[str]:
    if dotted == "t5mix":
        return ["__init__"]
    name = dotted.removeprefix("t5mix.")
    return [name] if dotted.startswith("t5mix.") and name in MODULES else []


def name_of_call(node: ast.Call) -> str:
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_a_folder_has_few_entries() -> None:
    """15 in the root, 13 elsewhere; `py.typed` is a mark for tools and not counted."""
    folders: dict[Path, set[str]] = {}
    for path in files():
        folders.setdefault(path.parent, set()).add(path.name)
        if path.parent != HOUSE:
            folders.setdefault(path.parent.parent, set()).add(path.parent.name)
    many = {
        str(folder.relative_to(ROOT)): len(entries)
        for folder, entries in folders.items()
        if len(entries) > (15 if folder == HOUSE else 13)
    }
    assert not many, f"group what is in {many}"


def test_every_folder_is_a_package() -> None:
    assert not [path.parent for path in files() if not (path.parent / "__init__.py").exists()]


def test_files_and_functions_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert not {name: count for name, count in lines.items() if count > 400}
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": length
        for path in files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := node.end_lineno - node.lineno + 1) > 60
    }
    assert not long, long


def test_packages_import_from_those_before_them() -> None:
    packages = {name.partition(".")[0] for name in MODULES}
    assert packages == set(FLOOR), "FLOORS says where each package stands in the order of imports"
    wrong = []
    for name, path in MODULES.items():
        package = name.partition(".")[0]
        for other in imported(path):
            used = other.partition(".")[0]
            if used != package and FLOOR[used] >= FLOOR[package]:
                wrong.append(f"{path.relative_to(ROOT)} imports t5mix.{other}")
    assert not wrong, "\n".join(wrong)


def test_no_import_runs_in_a_circle() -> None:
    """Modules that reach each other, by imports of any kind, would have to be read together."""
    arrows = {name: set(imported(path)) - {name} for name, path in MODULES.items()}
    while ends := [name for name, others in arrows.items() if not others]:
        for name in ends:
            del arrows[name]
        for others in arrows.values():
            others.difference_update(ends)
    heads = {name: others for name, others in arrows.items() if any(name in more for more in arrows.values())}
    assert not heads, f"in circles, or between them: {heads}"


def test_everything_is_printed_in_one_place() -> None:
    """A terminal of ASCII, or a stranger's escape, is a matter of `internal/terminal.py` alone."""
    astray = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for name, path in MODULES.items()
        if name not in ("internal.terminal", "internal.lazy")  # the latter hands on what TensorFlow wrote
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert not astray, f"print by terminal.put or say: {astray}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_names_say_what_is_inside(name: str) -> None:
    assert not HIDING.intersection(name.split("."))


def test_declarations_name_public_things_alone() -> None:
    """What tasks/ and mixtures/ import stands in t5mix/__init__.py, as what users import does."""
    inner = [
        f"{path.relative_to(ROOT)}:{node.lineno} from {node.module} import ..."
        for folder in ("tasks", "mixtures")
        for path in sorted((ROOT / folder).glob("*.py"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("t5mix.")
    ]
    assert not inner, "\n".join(inner)


def test_tests_mirror_the_package() -> None:
    """A test file is named after a module or package of its folder, and may add one more side of it to the name."""
    own = {"repository", "shipped"}
    astray = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        folders = path.relative_to(ROOT / "tests").parts[:-1]
        if folders[:1] and folders[0] in own:
            continue
        home = HOUSE.joinpath(*folders)
        known = {each.stem for each in home.glob("*.py")} | {each.name for each in home.glob("*/")} | {home.name}
        name = path.stem.removeprefix("test_")
        if not home.is_dir() or not any(name == each or name.startswith(f"{each}_") for each in known):
            astray.append(str(path.relative_to(ROOT)))
    assert not astray, f"name these after what they test: {astray}"


def test_files_that_docstrings_name_are_there() -> None:
    """The list of files in a package's docstring is of that package."""
    missing = [
        f"{path.relative_to(ROOT)} names {name}"
        for path in files()
        if path.name == "__init__.py"
        for name in re.findall(r"[\w/]+\.py\b", ast.get_docstring(tree_of(path)) or "")
        if not (path.parent / name).is_file()
    ]
    assert not missing, "\n".join(missing)


def test_files_that_pages_name_are_there() -> None:
    """A page may name a file by the end of its path; files that it tells its reader to write are its own."""
    paths = [f"/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("*/**/*.py") if ".venv" not in path.parts]
    paths += [f"/{path.name}" for path in ROOT.glob("*.py")]
    missing = []
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "README.md", ROOT / "Makefile"):
        if page.name == "CHANGELOG.md":
            continue
        text = page.read_text(encoding="utf-8")
        own = set(re.findall(r"^```\w+ (\S+\.py)$", text, re.M)) | set(re.findall(r"Save this as `(\S+\.py)`", text))
        own |= {name for name in re.findall(r"--include (\S+\.py)", text)} | {"my_tasks.py"}
        for name in sorted(set(re.findall(r"[\w./-]*[a-z0-9_]\.py\b", text)) - own):
            if not any(path.endswith("/" + name.lstrip("./")) for path in paths):
                missing.append(f"{page.relative_to(ROOT)} names {name}")
    assert not missing, "\n".join(missing)
