"""`t5mix show`: what a task feeds the model, or what a mixture is made of."""

import argparse
import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.code import signatures
from t5mix.internal.terminal import Progress, emit

if TYPE_CHECKING:
    from t5mix.data.planning.feed_plan import FeedPlan
    from t5mix.declarations.mixture import Mixture
    from t5mix.declarations.task import Task

EPILOG = """\
examples:
  t5mix show offline_abbreviate
  t5mix show offline_abbreviate --split test --examples 5 --shuffle
  t5mix show offline_proportional
  t5mix show offline_abbreviate --steps 100 --batch_size 64
  t5mix show offline_proportional --examples 3 --format json
"""

# Changes of rates that a table shows, and tasks of each.
_CHANGES, _NAMES = 8, 6
_TRIED = 100  # tasks of a mixture of which is told what their steps make
# Tokens of an example that a table shows, and characters of a text.
_TOKENS, _CHARACTERS = 60, 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("name", help="a task or a mixture; t5mix list names them")
    parser.add_argument("--split", help="split of the examples; train where there is one")
    parser.add_argument(
        "--examples", type=arguments.count, help="how many examples: 2 of a task by default, 0 of a mixture"
    )
    parser.add_argument(
        "--length", type=arguments.length, default=512, help="tokens of a feature at most (default: 512)"
    )
    parser.add_argument(
        "--steps", type=arguments.positive, help="what so many steps feed, too; t5mix plan says more of it"
    )
    parser.add_argument("--batch_size", type=arguments.positive, default=128, help="rows of a batch of --steps [128]")
    parser.add_argument("--shuffle", action="store_true", help="examples in another order")
    parser.add_argument("--seed", type=arguments.seed, default=0, help="of shuffling and noise (default: 0)")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Prints the task or the mixture."""
    from t5mix.declarations.registry import get_mixture_or_task
    from t5mix.declarations.task import Task

    with Progress(what=f"looking at {args.name}"):
        found = get_mixture_or_task(args.name)
        described = _describe_task(found, args) if isinstance(found, Task) else _describe_mixture(found, args)
    plan = _plan(found, described["split"], args) if args.steps else None
    if args.format == "json":
        output.print_json({**described, **({"plan": plan.as_json()} if plan else {})})
        return 0
    if described["kind"] == "task":
        _print_task(described)
    else:
        _print_mixture(described)
    _print_examples(described["examples"], described["split"])
    if plan is not None:
        from t5mix.runs.preflight.plans.budget import Budget
        from t5mix.runs.preflight.plans.table import plan_lines, plan_table

        emit(plan_table(plan), *plan_lines(plan, Budget.of(found, plan)))
    return 0


def _plan(found: "Task | Mixture", split: str, args: argparse.Namespace) -> "FeedPlan":
    from t5mix.runs.preflight.plans import opening

    lengths = dict.fromkeys(found.output_features, args.length)
    stream = opening.open_stream(found, lengths, args.batch_size, split=split, seed=args.seed)
    return opening.plan_stream(stream, args.steps)


def _split(found: "Task | Mixture", asked: str | None) -> str:
    splits = tuple(found.splits)
    if asked is None:
        return "train" if "train" in splits else splits[0]
    if asked not in splits:
        raise ValueError(f"{found.name!r} has no split {asked!r}; it has {', '.join(map(repr, splits))}")
    return asked


def _describe_task(task: "Task", args: argparse.Namespace) -> dict[str, Any]:
    split = _split(task, args.split)
    count = 2 if args.examples is None else args.examples
    return {
        "kind": "task",
        "name": task.name,
        "declared_at": task.declared_at,
        "source": repr(task.source),
        "splits": {name: task.num_input_examples(name) for name in task.splits},
        "preprocessors": [output.step_call(step) for step in task.preprocessors],
        "output_features": {
            name: {
                "vocabulary": repr(feature.vocabulary),
                "add_eos": feature.add_eos,
                "required": feature.required,
                "dtype": feature.dtype,
            }
            for name, feature in task.output_features.items()
        },
        "postprocessor": output.step_call(task.postprocessor) if task.postprocessor else None,
        "metrics": [signatures.name(function) for function in task.metric_fns],
        "split": split,
        "rate": _rate(task, split, args.length) if count else None,
        "examples": _examples(task, split, count, args),
    }


def _rate(task: "Task", split: str, length: int) -> str | None:
    """Returns what the task's rate does not tell, of one that filters its examples."""
    from t5mix.evaluation.checks import filtering

    return filtering.line(filtering.made_of_raw(task, split, dict.fromkeys(task.output_features, length)))


def _rates(mixture: "Mixture", split: str, length: int) -> dict[str, str]:
    """Returns the same of the tasks of a mixture, of the first ones whose steps may filter and whose data are there."""
    found: dict[str, str] = {}
    for task in mixture.tasks[:_TRIED]:
        with contextlib.suppress(Exception):  # what is wrong with one task is not asked here: t5mix check tells
            if split in task.splits and (said := _rate(task, split, length)):
                found[task.name] = said
    return found


def _describe_mixture(mixture: "Mixture", args: argparse.Namespace) -> dict[str, Any]:
    split = _split(mixture, args.split)
    shares = mixture.rates()
    return {
        "kind": "mixture",
        "name": mixture.name,
        "declared_at": mixture.declared_at,
        "tasks": [
            {
                "name": task.name,
                "rate": float(mixture.get_rate(task)),
                "share": float(shares[task.name]),
                "examples": task.num_input_examples(split) if split in task.splits else None,
            }
            for task in mixture.tasks
        ],
        "total_rate": float(mixture.total_rate),
        "unit": mixture.unit,
        "max_epochs": mixture.max_epochs,
        "shares_from_step": {step: mixture.rates(step) for step in mixture.rate_steps[1:]},
        "notes": _rates(mixture, split, args.length),
        "output_features": {name: repr(feature.vocabulary) for name, feature in mixture.output_features.items()},
        "split": split,
        "examples": _examples(mixture, split, args.examples or 0, args),
    }


def _examples(found: "Task | Mixture", split: str, count: int, args: argparse.Namespace) -> list[dict[str, Any]]:

    if not count:
        return []
    # Steps such as span corruption make examples for a length, so there must be one.
    lengths = {name: args.length for name in found.output_features}
    # Of a mixture no texts are asked for, since not all its tasks may keep them; tokens tell what they were.
    dataset = found.get_dataset(lengths, split=split, shuffle=args.shuffle, seed=args.seed, num_epochs=1)
    features = found.output_features
    return [
        {name: output.feature_as_json(features[name], name, fields) for name in features if name in fields}
        for fields in dataset.take(count).as_numpy_iterator()
    ]


def _print_task(described: Mapping[str, Any]) -> None:
    features = described["output_features"].items()
    rows = [
        ("declared at", output.short_line(described["declared_at"])),
        ("source", described["source"]),
        ("splits", ", ".join(f"{k} {output.count(n)}" for k, n in described["splits"].items())),
        *([("rate", described["rate"])] if described["rate"] else []),
        *_numbered("preprocessors", described["preprocessors"]),
        *((f"feature {name}", _feature_text(feature)) for name, feature in features),
        ("postprocessor", described["postprocessor"] or "-"),
        ("metrics", ", ".join(described["metrics"]) or "-"),
    ]
    emit(output.table(f"task {described['name']}", ("", ""), rows))


def _numbered(heading: str, lines: Iterable[str]) -> list[tuple[str, str]]:
    texts = [f"{number}. {line}" for number, line in enumerate(lines, 1)] or ["-"]
    return [(heading if index == 0 else "", text) for index, text in enumerate(texts)]


def _feature_text(feature: Mapping[str, Any]) -> str:
    notes = ["EOS at its end" if feature["add_eos"] else "no EOS"]
    notes += [] if feature["required"] else ["not required"]
    return f"{feature['vocabulary']}, {feature['dtype']}, {', '.join(notes)}"


def _print_mixture(described: Mapping[str, Any]) -> None:
    tasks = described["tasks"]
    most = max(task["share"] for task in tasks)
    rows = [
        (
            task["name"],
            f"{task['rate']:,.6g}",
            f"{task['share']:.2%}",
            output.bar(task["share"] / most),
            output.count(task["examples"]),
        )
        for task in tasks
    ]
    title = f"mixture {described['name']}, {output.plural(len(tasks), 'task')}"
    columns = ("task", ">rate", ">share", "", f">raw {described['split']} examples")
    emit(output.table(title, columns, rows))
    for line in _mixing_lines(described):
        emit(f"  {line}")
    for name, note in described["notes"].items():
        emit(f"  {name}: {note}")
    for name, vocabulary in described["output_features"].items():
        emit(f"  feature {name}: {vocabulary}")
    emit(f"  declared at {output.short_line(described['declared_at'])}")


def _mixing_lines(described: Mapping[str, Any]) -> list[str]:
    """Returns what is said of rates that change, of shares of tokens and of limits, a line each."""
    lines = [] if described["unit"] == "examples" else [f"rates are shares of {described['unit']}"]
    if limits := described["max_epochs"]:
        of = {f"{most:g}": sum(one == most for one in limits.values()) for most in dict.fromkeys(limits.values())}
        lines.append("epochs at most: " + ", ".join(f"{most} of {output.plural(n, 'task')}" for most, n in of.items()))
    changes = list(described["shares_from_step"].items())
    shown = changes if len(changes) <= _CHANGES else [*changes[: _CHANGES - 1], changes[-1]]
    for step, shares in shown:
        greatest = sorted((name for name in shares if shares[name]), key=lambda name: -shares[name])
        more = f" and {len(greatest) - _NAMES} more" if len(greatest) > _NAMES else ""
        told = ", ".join(f"{name} {shares[name]:.2%}" for name in greatest[:_NAMES])
        lines.append(f"from step {step:,}: {told}{more}")
    if len(shown) < len(changes):
        lines.append(f"{len(changes)} changes in all; --format json shows each")
    return lines


def _print_examples(examples: list[dict[str, Any]], split: str) -> None:
    for number, example in enumerate(examples, 1):
        rows = [row for name, value in example.items() for row in _example_rows(name, value)]
        emit(output.table(f"{split} example {number}", ("", ""), rows))


def _example_rows(name: str, value: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "ids" not in value:
        return [(name, output.shortened(str(value["values"]), _CHARACTERS))]
    more = len(value["ids"]) - _TOKENS
    rest = f"  ... and {more} more; --format json shows all" if more > 0 else ""
    return [
        (f"{name}, text", output.shortened(value["text"], _CHARACTERS)),
        (f"{len(value['ids'])} tokens", " ".join(value["pieces"][:_TOKENS]) + rest),
        ("ids", " ".join(map(str, value["ids"][:_TOKENS])) + rest),
    ]
