"""`t5mix eval`: scores of checkpoints, task by task, beside baselines."""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t5mix.cli import arguments
from t5mix.internal.paths import file_name

if TYPE_CHECKING:
    from t5mix.declarations.task import Task
    from t5mix.evaluation.evaluate_task import Score, Which
    from t5mix.evaluation.overlap.clean import CleanScore
    from t5mix.evaluation.overlap.ledger_file import Found
    from t5mix.runs.preflight.checks import Checked
    from t5mix.runs.records.run_folder import CheckpointPath
    from t5mix.runs.scores.tables import Group

EPILOG = f"""\
examples:
  t5mix eval --run_folder runs/offline --split test
  t5mix eval --run_folder runs/offline --checkpoints all --split validation,test
  t5mix eval --run_folder runs/offline --checkpoints best --split validation --report_split test
  t5mix eval --run_folder runs/offline --checkpoints 1000,2000 --mixture_or_task offline_language
  t5mix eval --run_folder runs/offline/finetune/offline_language
  t5mix eval --run_folder runs/offline --stage fine-tuned
  t5mix eval --run_folder runs/offline --from_predictions
  t5mix eval --run_folder runs/a --ensemble runs/b --ensemble runs/c --output_folder runs/together
  t5mix eval --run_folder runs/offline --ledger ledger.jsonl
  t5mix eval --run_folder runs/offline --trained lora --output_folder runs/with_lora
  t5mix eval --run_folder google/flan-t5-small --mixture_or_task glue_cola_v002 --output_folder runs/flan

The settings are those that the run folder records; gin settings override them. Predictions, targets and inputs lie
beside each score, in scores/SPLIT/TASK/STEP.predictions.jsonl; --from_predictions computes the metrics of those again.

{arguments.GIN_EPILOG}"""

SHORTHANDS = {
    "mixture_or_task": "Run.mixture",
    "split": "Evaluation.split",
    "limit": "Evaluation.limit",
    **arguments.DECODING,
}
STAGES = ("multi-task", "fine-tuned")

# Splits that a message names.
_SHOWN = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    arguments.add_processes(parser)
    parser.add_argument(
        "--run_folder",
        metavar="FOLDER",
        required=True,
        help="a run folder, or FOLDER/finetune/TASK within one; or a model of others, as `t5mix finetune --checkpoint` "
        "takes it",
    )
    arguments.add_trained(parser)
    parser.add_argument("--mixture_or_task", metavar="NAME", help="what to score; by default what was trained on")
    parser.add_argument("--split", help="split to score, or several: validation,test (Evaluation.split)")
    parser.add_argument("--limit", type=arguments.positive, help="examples of each task at most (Evaluation.limit)")
    parser.add_argument(
        "--checkpoints",
        default="latest",
        metavar="WHICH",
        help="latest (the default), all, best (all are scored, the best of each task is shown), or "
        "steps, such as 1000,2000",
    )
    parser.add_argument(
        "--ledger",
        metavar="FILE",
        help="from t5mix overlap --output: show scores on clean examples, too [the run folder's ledger.jsonl]",
    )
    parser.add_argument(
        "--report_split",
        metavar="SPLIT",
        help="with --checkpoints best: what the best of each task, by --split, is scored on, once",
    )
    parser.add_argument(
        "--stage",
        choices=STAGES,
        help="which models of the run: of the mixture, or each fine-tuned one on its task; by default the first that "
        "there is",
    )
    parser.add_argument(
        "--without_metrics",
        action="store_true",
        help="answer tasks that have no metrics, too: a server scores them, see `t5mix submission`",
    )
    parser.add_argument(
        "--from_predictions",
        action="store_true",
        help="compute metrics again from the predictions that lie beside the scores; no model is needed",
    )
    arguments.add_ensemble_arguments(parser)
    parser.add_argument(
        "--output_folder",
        metavar="FOLDER",
        help="with --ensemble, --trained, and for a model of others: where scores go",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    arguments.add_decoding_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Scores checkpoints."""
    with arguments.several_processes(args):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from t5mix.cli import output
    from t5mix.runs.scores import tables

    if args.report_split is not None and args.checkpoints != "best":
        raise ValueError("--report_split is for the best of several checkpoints: add --checkpoints best")
    if _belongs_to_no_run(args):
        groups = _from_one_or_several(args)
    else:
        groups = _from_predictions(args) if args.from_predictions else _from_models(args)
    if args.format == "json":
        output.print_json(tables.as_json(groups))
    else:
        tables.print_groups(groups)
    return 0


def _from_models(args: argparse.Namespace) -> "list[Group]":
    """Scores the checkpoints of the mixture's model, or those of each fine-tuned one."""
    from t5mix.runs.evaluate import evaluate_checkpoints, score_best
    from t5mix.runs.scores import tables
    from t5mix.runs.scores.best import best_of_each_task
    from t5mix.runs.scores.clean_scores import clean_scores, find_ledger

    # All is checked before anything is scored.
    plan = [_planned(args, folder) for folder in _trainings(args)]
    if args.checkpoints == "best":
        _check_choice(plan)
    ledger = find_ledger(args.ledger, _checkpoint(plan[0][0]).run.path)
    if ledger is not None:
        _check_ledger(ledger, plan, args)
    clean: dict[Which, CleanScore] = {}
    scores: list[Score] = []
    reported: list[Score] = []
    for checked, steps, tasks in plan:
        found = evaluate_checkpoints(checked, steps, tasks, named=args.checkpoints not in ("all", "best"))
        best: list[Score] = []
        if args.checkpoints == "best":
            chosen = best_of_each_task([score for score in found if score.split == _chosen_on(checked)])
            best = _on_other_splits(found, chosen, args.report_split)
            best += score_best(checked, tasks, chosen, args.report_split) if args.report_split else []
            found = chosen
        scores += found
        reported += best
        if ledger is not None:
            clean |= clean_scores([*found, *best], tasks, _checkpoint(checked).trained, ledger)
    first = plan[0][0]
    fine_tuned = _checkpoint(first).is_fine_tuned
    if args.checkpoints != "best":
        # The newest ones of several trainings stand together, whatever their steps.
        by_step = len(plan) == 1 or args.checkpoints != "latest"
        groups = tables.grouped(scores, fine_tuned=fine_tuned, by_step=by_step)
    else:
        groups = tables.of_best(scores, fine_tuned=fine_tuned)
        groups += tables.of_best(reported, fine_tuned=fine_tuned, chosen_on=_chosen_on(first))
    return [dataclasses.replace(group, clean=None if ledger is None else clean) for group in groups]


def _on_other_splits(found: "Sequence[Score]", best: "Sequence[Score]", but: str | None) -> "list[Score]":
    """Returns the scores of the best checkpoints on further splits of `--split`, but for one."""
    known = {(score.task, score.step): score.split for score in best}
    return [
        score
        for score in found
        if (score.task, score.step) in known and score.split not in (known[score.task, score.step], but)
    ]


def _check_choice(plan: "Sequence[tuple[Checked, list[int], list[Task]]]") -> None:
    """Refuses to choose checkpoints by scores that there will be none of."""
    from t5mix.evaluation.evaluate_task import check_labels
    from t5mix.internal.terminal import Progress

    first, tasks = plan[0][0], [task for _, _, some in plan for task in some]
    what = "--checkpoints best is chosen by scores, and those would be"
    with Progress(what="reading what is asked"):
        check_labels(tasks, _chosen_on(first), first.run.sequence_length, first.run.evaluation.limit, what)


def _check_ledger(
    ledger: "Found", plan: "Sequence[tuple[Checked, list[int], list[Task]]]", args: argparse.Namespace
) -> None:
    """Refuses a ledger of other examples or, where it is named, of other tasks, before the long part."""
    from t5mix.evaluation.overlap.clean import check_examples

    scored = []
    for checked, _, tasks in plan:
        lengths, limit = checked.run.sequence_length, checked.run.evaluation.limit
        splits = [*checked.run.evaluation.splits, *([args.report_split] if args.report_split else [])]
        for task in tasks:
            for split in dict.fromkeys(each for each in splits if each in task.splits):
                scored.append((task.name, split))
                if scored[-1] in ledger.examples:
                    check_examples(task, split, lengths, limit, ledger)
    if args.ledger is not None and not set(scored) & set(ledger.examples):
        names = ", ".join(f"{task} ({split})" for task, split in scored[:_SHOWN])
        more = f" and {len(scored) - _SHOWN} more" if len(scored) > _SHOWN else ""
        raise ValueError(
            f"--ledger {args.ledger!r} has looked at nothing that is scored, {names}{more}: make one with "
            "t5mix overlap --output, or leave it out"
        )


def _checkpoint(checked: "Checked") -> "CheckpointPath":
    assert checked.checkpoint is not None
    return checked.checkpoint


def _chosen_on(checked: "Checked") -> str:
    return checked.run.evaluation.splits[0]


def _trainings(args: argparse.Namespace) -> list[str]:
    """Returns the folders of the trainings whose checkpoints are scored: one of the mixture, or those of tasks."""
    from t5mix.runs.records.run_folder import RunFolder

    given = RunFolder(Path(args.run_folder))
    tuned = [str(trained.path) for trained in given.finetunings() if trained.steps()]
    is_one = given.path.absolute().parent.name == "finetune"
    if is_one or args.stage == "multi-task" or (args.stage is None and (given.pretraining.steps() or not tuned)):
        return [args.run_folder]
    if not tuned:
        raise FileNotFoundError(f"{args.run_folder!r} has no fine-tuned task: there is no FOLDER/finetune/TASK in it")
    if args.mixture_or_task is None:
        return tuned
    names = [args.mixture_or_task, *(task.name for task in arguments.find_tasks([args.mixture_or_task]))]
    wanted = {file_name(name) for name in names}  # a mixture may have been fine-tuned on as one
    chosen = [path for path in tuned if Path(path).name in wanted]
    if not chosen:
        known = ", ".join(Path(path).name for path in tuned)
        raise ValueError(f"{args.run_folder!r} has fine-tuned no task of {args.mixture_or_task}; it has {known}")
    return chosen


def _planned(args: argparse.Namespace, folder: str) -> "tuple[Checked, list[int], list[Task]]":
    """Returns a training's settings, the steps that are scored, and the tasks."""
    from t5mix.runs.config.gin_files import with_defaults
    from t5mix.runs.preflight import checks
    from t5mix.runs.preflight.foreign_checkpoints import names_no_task
    from t5mix.runs.preflight.tasks import check_data

    own = folder != args.run_folder  # each fine-tuned model is scored on its own task
    params = arguments.gin_params(
        args, {name: key for name, key in SHORTHANDS.items() if not own or key != "Run.mixture"}
    )
    if args.trained is not None:
        from t5mix.mesh.interop.trained_alone import read_trained  # loads TensorFlow

        task = read_trained(args.trained).task  # scored on what it was trained on
        params = with_defaults({} if task is None else {"Run.mixture": task}, args.gin_file, params)
    checked = checks.check_recorded(folder, args.gin_file, params, args.include or (), args.trained)
    if names_no_task(checked.run, checked.checkpoint):
        raise ValueError(f"{args.run_folder!r} is no run, and says nothing of tasks: name them by --mixture_or_task")
    steps, tasks = checks.check_scoring(checked, args.checkpoints, without_metrics=args.without_metrics)
    if args.report_split:
        lacking = [task.name for task in tasks if args.report_split not in task.splits]
        if lacking:
            raise ValueError(
                f"--report_split {args.report_split!r} is no split of {', '.join(lacking)}: name another, or the tasks "
                "that have it by --mixture_or_task"
            )
        check_data(checked.run, tasks, args.report_split)
    return checked, steps, tasks


def _belongs_to_no_run(args: argparse.Namespace) -> bool:
    """Tells whether other weights answer than those of one checkpoint of a run, so that scores need a folder.

    Raises:
        ValueError: they are to go nowhere, or arguments are about the checkpoints of a run.
    """
    from t5mix.mesh.interop import is_foreign

    there = "no run folder" if os.path.lexists(args.run_folder) else "no folder here, so a name of the Hugging Face Hub"
    ways = {
        "of an ensemble": bool(args.ensemble),
        "of what was trained alone": args.trained is not None,
        f"of {args.run_folder!r}, which is {there},": is_foreign(args.run_folder),
    }
    who = next((name for name, is_so in ways.items() if is_so), None)
    if who is None:
        if args.output_folder:
            raise ValueError(
                "--output_folder is for scores that belong to no run: name further checkpoints by --ensemble, what was "
                "trained alone by --trained, or a model of others by --run_folder"
            )
        return False
    if not args.output_folder:
        raise ValueError(f"scores {who} belong to no run: say where they go with --output_folder")
    given = {"--from_predictions": args.from_predictions, "--checkpoints": args.checkpoints != "latest"}
    given |= {"--ledger": args.ledger, "--stage": args.stage}
    useless = [name for name, is_given in given.items() if is_given]
    if useless:
        raise ValueError(f"scores {who} belong to no run, and have no {', '.join(useless)}: leave that out")
    return True


def _from_one_or_several(args: argparse.Namespace) -> "list[Group]":
    """Scores weights that are no run's: several checkpoints that answer together, or one that is put together."""
    from t5mix.internal.processes import agreement
    from t5mix.runs.answers.ensembles import components_of, record
    from t5mix.runs.evaluate import evaluate_together
    from t5mix.runs.records.run_folder import Trained, check_links, check_local
    from t5mix.runs.scores import tables

    check_local("--output_folder", args.output_folder)
    trained = Trained(Path(args.output_folder))
    if trained.path.is_dir():
        check_links(trained.path)
    if trained.steps():
        raise ValueError(f"--output_folder {args.output_folder!r} has checkpoints of its own: choose another folder")
    checked, _, tasks = _planned(args, args.run_folder)
    params = arguments.gin_params(args, {key: name for key, name in SHORTHANDS.items() if name != "Run.mixture"})
    others = arguments.ensemble(args, checked, params)
    combine = args.combine or "mean"
    scores = evaluate_together(components_of(checked, others, combine), checked, tasks, trained)
    if agreement.is_first():
        record(trained.path, checked, others, combine)
    return tables.grouped(scores, fine_tuned=False)


def _from_predictions(args: argparse.Namespace) -> "list[Group]":
    """Computes scores again from the answers that are there."""
    from t5mix.runs.scores import tables
    from t5mix.runs.scores.rescoring import rescore

    given = {f"--{name}": getattr(args, name) for name in (*arguments.DECODING, "report_split", "ledger")}
    useless = [name for name, value in given.items() if value is not None]
    useless += ["--checkpoints"] if args.checkpoints != "latest" else []
    useless += ["--without_metrics"] if args.without_metrics else []
    useless += ["--gin_file"] if args.gin_file else []
    useless += ["--gin_param"] if args.gin_param else []
    if useless:
        raise ValueError(f"--from_predictions decodes nothing and reads no settings: leave out {', '.join(useless)}")
    splits = [name.strip() for name in args.split.split(",")] if args.split else []
    tasks = [task.name for task in arguments.find_tasks([args.mixture_or_task])] if args.mixture_or_task else []
    scores = rescore(args.run_folder, splits, tasks, args.limit, args.stage)
    return [
        group
        for stage in STAGES
        for group in tables.grouped([score for score, of in scores if of == stage], fine_tuned=stage == STAGES[1])
    ]
