"""`t5mix list`: the tasks and mixtures that are registered; and the models that are shipped."""

import argparse
import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from t5mix.cli import output
from t5mix.internal.code import signatures
from t5mix.internal.terminal import Progress, emit, put

if TYPE_CHECKING:
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.task import Task

EPILOG = """\
examples:
  t5mix list
  t5mix list 'glue_*' --names
  t5mix list --format json
  t5mix list --include my_tasks.py
  t5mix list --models
  t5mix list --models t5_1_1 --format json
"""

# A longer list is printed as plain columns: a table that is fitted to the terminal takes a second for each 1,000 rows.
_MANY = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("pattern", nargs="*", help="show only names that hold this, or match it, as 'glue_*' does")
    parser.add_argument(
        "--models", action="store_true", help="show the models of gin/models with their parameters and memory"
    )
    parser.add_argument("--names", action="store_true", help="names only")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Prints the list."""
    if args.models:
        return _list_models(args)
    from t5mix.declarations.registry import MixtureRegistry, TaskRegistry

    with Progress(what="loading declarations"):
        tasks = _chosen(TaskRegistry.names(), args.pattern)
        mixtures = _chosen(MixtureRegistry.names(), args.pattern)
    if args.pattern and not tasks and not mixtures:
        raise ValueError(f"no task or mixture matches {' '.join(args.pattern)}; try: t5mix list")
    if args.names:
        _print_names(tasks, mixtures, args.format)
        return 0
    described = {
        "tasks": [_describe_task(TaskRegistry.get(name)) for name in tasks],
        "mixtures": [_describe_mixture(MixtureRegistry.get(name)) for name in mixtures],
    }
    if args.format == "json":
        output.print_json(described)
    else:
        _print_tables(described)
    return 0


def _list_models(args: argparse.Namespace) -> int:
    from t5mix.mesh.interop.sizes import ModelSize
    from t5mix.runs.config.shipped_models import shipped_models

    models = {model.gin_file: model for model in shipped_models()}
    chosen = [name for name in models if name in _chosen(list(models), args.pattern)]
    if not chosen:
        raise ValueError(f"no model matches {' '.join(args.pattern)}; try: t5mix list --models")
    if args.names:
        output.print_json({"models": chosen}) if args.format == "json" else put("\n".join(chosen))
        return 0
    described = [
        {
            "name": name,
            "parameters": ModelSize.of(models[name].config).parameters,
            "memory_bytes": ModelSize.of(models[name].config).bytes(),
            "binds_vocab_size": models[name].binds_vocab_size,
            "config": dataclasses.asdict(models[name].config),
        }
        for name in chosen
    ]
    if args.format == "json":
        output.print_json({"models": described})
    else:
        _print_models(described)
    return 0


def _print_models(described: list[dict[str, Any]]) -> None:
    kinds = ("weights_float32", "weights_bfloat16", "adafactor", "train_adafactor", "train_adamw")
    rows = [
        (
            entry["name"],
            f"{entry['config']['vocab_size']:,}{'' if entry['binds_vocab_size'] else '*'}",
            output.count(entry["parameters"]),
            *(output.size(entry["memory_bytes"][kind]) for kind in kinds),
        )
        for entry in described
    ]
    columns = ("gin file", ">ids", ">parameters", ">float32", ">bfloat16", ">Adafactor", ">training", ">with AdamW")
    _print_table("model", columns, rows)
    notes = ["training: weights, gradients and Adafactor's slots in float32, or AdamW's; activations come on top of it"]
    if not all(entry["binds_vocab_size"] for entry in described):
        notes.append("*: the mixture's vocabulary decides; counted with T5's")
    emit(*notes)


def _chosen(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [name for name in sorted(names) if not patterns or any(p in name or fnmatch(name, p) for p in patterns)]


def _print_names(tasks: list[str], mixtures: list[str], form: str) -> None:
    if form == "json":
        output.print_json({"tasks": tasks, "mixtures": mixtures})
    else:
        put("\n".join((*tasks, *mixtures)))


def _describe_task(task: "Task") -> dict[str, Any]:
    return {
        "name": task.name,
        "declared_at": task.declared_at,
        "source": type(task.source).__name__,
        "features": {name: type(feature.vocabulary).__name__ for name, feature in task.output_features.items()},
        "metrics": [signatures.name(function) for function in task.metric_fns],
    }


def _describe_mixture(mixture: "Mixture") -> dict[str, Any]:
    return {
        "name": mixture.name,
        "declared_at": mixture.declared_at,
        "tasks": [task.name for task in mixture.tasks],
    }


def _print_tables(described: dict[str, list[dict[str, Any]]]) -> None:
    tasks = [
        (
            entry["name"],
            entry["source"],
            ", ".join(entry["metrics"]) or "-",
            output.short_line(entry["declared_at"]),
        )
        for entry in described["tasks"]
    ]
    mixtures = [
        (entry["name"], len(entry["tasks"]), output.short_line(entry["declared_at"])) for entry in described["mixtures"]
    ]
    _print_table("task", ("name", "source", "metrics", "declared at"), tasks)
    _print_table("mixture", ("name", ">tasks", "declared at"), mixtures)


def _print_table(noun: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    title = output.plural(len(rows), noun)
    if len(rows) > _MANY:
        put("\n".join([title, *output.plain_table(columns, rows)]))
    elif rows:
        emit(output.table(title, columns, rows))
