"""`t5mix lineage`: where a checkpoint comes from, as a tree."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from t5mix.cli import output
from t5mix.internal.terminal import emit

if TYPE_CHECKING:
    from rich.tree import Tree

EPILOG = """\
examples:
  t5mix lineage runs/offline
  t5mix lineage runs/offline/checkpoints/1000
  t5mix lineage runs/offline/finetune/offline_language --format json

Each checkpoint stands above what it was made of: the mixture with its rates, each task with the line that declares it,
the version and the checksum of its data, and the checkpoint that training began with, which leads on in the same way.
"""

# Hex digits that tell contents apart on a screen; JSON has all of them.
_DIGITS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument(
        "checkpoint", help="a run folder (its newest checkpoint), FOLDER/finetune/TASK, or FOLDER/checkpoints/STEP"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="table is a tree here")


def run(args: argparse.Namespace) -> int:
    """Prints the tree."""
    from t5mix.runs.records.lineage import lineage_of

    found = lineage_of(args.checkpoint)
    if args.format == "json":
        output.print_json(found)
    else:
        emit(_tree(found))
    return 0


def _tree(found: Mapping[str, Any]) -> "Tree":
    """Returns a checkpoint with all that it was made of."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(f"{found['checkpoint']}  {_short(found['sha256'])}", style="bold"))
    if "not_followed" in found:
        tree.add(Text(str(found["not_followed"])))
        return tree
    seeds = f"seed {found['seed']}, decoding's {found['decoding_seed']}"
    tree.add(Text(f"{found['training']} on {found['name']} to step {found['step']:,}, {seeds}"))
    tree.add(Text(f"declared at {_declared(found)}"))
    for start in found["starts"]:
        tree.add(Text(_start(start)))
    tasks = tree.add(Text(output.plural(len(found["tasks"]), "task")))
    for name, task in found["tasks"].items():
        _add_task(tasks, name, task, found["files"].get(name) or {})
    if isinstance(found["averaged"], list):
        tree.add(Text(f"mean of the checkpoints of steps {', '.join(map(str, found['averaged']))}, up to that below"))
    if found["trained_before"]:
        before = found["trained_before"]
        tree.add(Text(f"with what was trained before, {before.get('folder')}  {_short(before.get('sha256'))}"))
    began = found["began_with"]
    if began is None:
        tree.add(Text("began with initial weights"))
    else:
        tree.add(Text("began with")).add(_tree(began))
    return tree


def _add_task(tree: "Tree", name: str, task: Mapping[str, Any], files: Mapping[str, Any]) -> None:
    from rich.text import Text

    share = task.get("share")
    said = f"{share:.2%} of the examples" if isinstance(share, float) else "share not known"
    branch = tree.add(Text.assemble((name, "cyan"), f"  {said}, declared at {_declared(task)}"))
    source = task.get("source")
    if not isinstance(source, Mapping):
        branch.add(Text("the run's record has no such task: it was of the mixture at an earlier start"))
        return
    kind = " ".join(str(each) for each in (source.get("kind"), source.get("version")) if each)
    splits = source.get("splits")
    sums = [f"{split} {_short(value)}" for split, value in (splits.items() if isinstance(splits, Mapping) else ())]
    of_files = f", {output.plural(len(files), 'file')} of training" if files else ""
    branch.add(Text(f"data: {kind}{of_files}: {', '.join(sums)}"))
    vocabularies = task.get("vocabularies")
    for feature, vocabulary in vocabularies.items() if isinstance(vocabularies, Mapping) else ():
        if isinstance(vocabulary, Mapping):
            branch.add(Text(f"{feature}: {vocabulary.get('vocabulary')} {_short(vocabulary.get('fingerprint'))}"))


def _declared(found: Mapping[str, Any]) -> str:
    where = found.get("declared_at")
    content = f" ({_short(found['file_sha256'])})" if found.get("file_sha256") else ""
    return f"{output.short_line(where)}{content}" if isinstance(where, str) else "a line that is not recorded"


def _start(start: Mapping[str, Any]) -> str:
    packages, machine = (start.get(key) for key in ("packages", "machine"))
    parts = [f"t5mix {packages.get('t5mix')}, jax {packages.get('jax')}" if isinstance(packages, Mapping) else ""]
    for name in ("git", "project"):
        git = start.get(name)
        if isinstance(git, Mapping):
            parts.append(f"{name} {_short(git.get('commit'))}{' with changes' if git.get('dirty') else ''}")
    if isinstance(machine, Mapping) and isinstance(machine.get("devices"), Mapping):
        parts += [f"{number} x {kind}" for kind, number in machine["devices"].items()]
    return f"started {start.get('time')} at step {start.get('step')}: {', '.join(part for part in parts if part)}"


def _short(value: Any) -> str:
    return str(value)[:_DIGITS] if value else "(no checksum)"
