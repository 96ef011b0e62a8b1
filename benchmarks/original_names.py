"""Goes through every public name of seqio 0.0.20 and T5 0.9.4, and says which t5mix has under the import swap.

    pip install 't5mix[bench]'
    python benchmarks/original_names.py

A module's names are what stands at its top level, or comes there by `from ... import *`, without a leading underscore;
and the private names that published files reach for. Each is looked up where `t5mix.as_seqio()` makes the import lead.
Names that are not there need a reason in this script. The last line is JSON; the exit code is 1 where one is missing.
"""

import ast
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("seqio", "t5")

# Private names that files of others use.
PRIVATE = {
    "seqio.evaluation": ["_cache_and_measure_examples"],
    "seqio.feature_converters": ["_check_exact_match", "_check_lengths"],
    "seqio.preprocessors": ["_append_to_innermost_axis"],
    "seqio.utils": ["_GLOBAL_CACHE_DIRECTORIES", "_TFDS_DATA_DIR_OVERRIDE", "_TFDS_DATA_READ_CONFIG_OVERRIDE"],
    "t5.data.mixtures": [
        *("_GLUE_WEIGHT_MAPPING", "_SUPER_GLUE_WEIGHT_MAPPING", "_SUPER_GLUE_WEIGHT_MAPPING_SENTINEL", "_dedupe"),
        *("_finetune_tasks", "_glue_tasks", "_glue_tasks_with_weight", "_large_supervised_tasks"),
        *("_large_translation_tasks", "_super_glue_tasks", "_super_glue_tasks_with_weight"),
        *("_super_glue_tasks_with_weight_sentinel", "_supervised_tasks", "_wsc_dpr_tasks"),
    ],
    "t5.data.preprocessors": ["_pad_punctuation", "_span_answer", "_string_join"],
    "t5.evaluation.metrics": ["_coqa_tokenize", "_sequence_f1"],
}
# Attributes of classes that files of others reach for.
ATTRIBUTES = {"seqio.TfdsDataSource": ["_tfds_dataset", "tfds_dataset"]}

IMPORTED = "the module imports it, from a library or another module of the package; it is found where it is defined"
LOOP = "the variable of a loop at the module's top level"
# Modules, with all in them, and why they are left out.
MODULES = {
    "seqio.beam_utils": "steps of seqio's own cache on Beam; `t5mix cache --runner` runs on Beam",
    "seqio.scripts": "programs; `t5mix cache`, `show` and `list` take their place",
    "seqio.task_registry_provenance_tracking": "`declared_at` of every task and mixture tells its line without asking",
    "seqio.version": "the number of a release of seqio; `t5mix.__version__` is t5mix's own",
    "t5.models": "the model APIs; `t5mix train`, `finetune`, `eval`, `predict` and `export` take their place",
    "t5.scripts": "programs; `t5mix show`, `eval` and `export` take their place",
    "t5.version": "the number of a release of T5; `t5mix.__version__` is t5mix's own",
}
# Names, and why they are left out.
NAMES = {
    "seqio.dataset_providers.PyGloveTunableMixture": "PyGlove's tuning of rates: rates are numbers or functions",
    "seqio.evaluation.MetricManager": "wraps clu's metric collections; clu is not required, metric objects work",
    "seqio.feature_converters.GrainFeatureConverter": "an abstract step of Grain's loader; t5mix has one of its own",
    **{
        f"t5.data.tasks.{name}": LOOP for name in ("b", "config_suffix", "glue_preprocessors", "prefix", "tfds_version")
    },
    **{f"t5.data.mixtures.{name}": LOOP for name in ("task_name", "task_names", "tasks")},
}


def main() -> int:
    """Goes through the names; prints those that are left out, by reason, and those that are missing."""
    wanted = {module: list(names) for module, names in _originals()}
    from t5mix import as_seqio

    as_seqio()
    counts = {"names": 0, "present": 0}
    left_out: dict[str, list[str]] = {}
    missing = []
    for module, names in wanted.items():
        for name, defined_in in names:
            full = f"{module}.{name}"
            counts["names"] += 1
            reason = _reason(module, name, defined_in)
            if _has(module, name):
                counts["present"] += 1
            elif reason:
                left_out.setdefault(reason, []).append(full)
            else:
                missing.append(full)
    for owner, attributes in ATTRIBUTES.items():
        module, _, cls = owner.rpartition(".")
        made = getattr(importlib.import_module(module), cls)("a/b:1.0.0")
        for attribute in attributes:
            counts["names"] += 1
            found = hasattr(made, attribute)
            counts["present"] += found
            missing += [] if found else [f"{owner}.{attribute}"]
    for reason, names in left_out.items():
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        print(f"{len(names):5} left out: {reason}\n      {shown}")
    for name in missing:
        print(f"missing: {name}")
    print(json.dumps({**counts, "left_out_with_reason": sum(map(len, left_out.values())), "missing": len(missing)}))
    return 1 if missing else 0


def _originals() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Yields each module of the originals and its names, each with the module that defines it, if one does."""
    tables = {module: _table(path) for package in PACKAGES for module, path in _files(package)}
    for module in tables:
        names = _names(module, tables)
        names |= {name: module for name in PRIVATE.get(module, ())}
        yield module, sorted(names.items())


def _files(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; pip install 't5mix[bench]'")
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py")):
        parts = [package, *path.relative_to(root).with_suffix("").parts]
        if not path.stem.endswith("_test"):
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _table(path: Path) -> dict[str, Any]:
    """Returns what a file defines, imports, and takes from others by a star, at its top level."""
    table: dict[str, Any] = {"defines": set(), "imports": set(), "stars": []}
    _collect(ast.parse(path.read_text("utf-8")).body, table)
    return table


def _collect(body: list[ast.stmt], table: dict[str, Any]) -> None:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            table["defines"].add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stored = (each for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
            table["defines"] |= {each.id for each in stored if isinstance(each.ctx, ast.Store)}
        elif isinstance(node, ast.Import):
            table["imports"] |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.names[0].name == "*":
                table["stars"].append(node.module)
            else:
                table["imports"] |= {alias.asname or alias.name for alias in node.names}
        for inner in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.For | ast.Try | ast.With):
                _collect(getattr(node, inner, []), table)


def _names(module: str, tables: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    """Returns the public names of a module, and what defines each: a module of the originals, or None."""
    table = tables[module]
    names: dict[str, str | None] = {name: None for name in table["imports"]}
    for star in table["stars"]:
        names |= _names(star, tables) if star in tables else {}
    names |= dict.fromkeys(table["defines"], module)
    return {name: home for name, home in names.items() if not name.startswith("_")}


def _reason(module: str, name: str, defined_in: str | None) -> str | None:
    """Returns why a name may be left out, or None."""
    homes = [home for home in (module, defined_in) if home]
    for left_out, reason in MODULES.items():
        if any(f"{home}.".startswith(f"{left_out}.") for home in homes):
            return reason
    named = [NAMES[f"{home}.{name}"] for home in homes if f"{home}.{name}" in NAMES]
    if named:
        return named[0]
    return None if defined_in else IMPORTED


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
