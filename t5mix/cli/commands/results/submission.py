"""`t5mix submission`: predictions as the files that the servers of GLUE and SuperGLUE take."""

import argparse

EPILOG = """\
examples:
  t5mix eval --run_folder runs/glue --split test --without_metrics
  t5mix submission runs/glue --benchmark GLUE --output glue.zip
  t5mix submission runs/super_glue --benchmark SuperGLUE --output submission --partial

Predictions are those of the newest score of each task on the split, of the model fine-tuned on it where there is one;
several runs may have them together, and of a task that two have the later one's are taken.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders that were scored on the split")
    parser.add_argument("--benchmark", required=True, choices=("GLUE", "SuperGLUE"))
    parser.add_argument("--output", required=True, metavar="PATH", help="a new folder, or a .zip file")
    parser.add_argument("--split", default="test", help="the split that was answered [test]")
    parser.add_argument("--stage", choices=("multi-task", "fine-tuned"), help="by default a task's last one")
    parser.add_argument("--partial", action="store_true", help="write what is there; a server wants all files")


def run(args: argparse.Namespace) -> int:
    """Writes a submission."""
    from pathlib import Path

    from t5mix.internal.terminal import Progress, say
    from t5mix.mesh.interop.safe_files import check_new_folder
    from t5mix.runs.preflight.folders import check_new_file, check_writable
    from t5mix.runs.records.run_folder import check_local
    from t5mix.runs.scores import submissions
    from t5mix.runs.scores.comparison import find_scores

    check_local("--output", args.output)
    if args.output.endswith(".zip"):
        check_new_file("--output", args.output)
    else:
        check_writable(f"--output {args.output!r}", check_new_folder(args.output).parent, "choose another folder")
    scores: dict[str, Path] = {}
    for path in args.runs:
        scores |= find_scores(path, args.split, args.stage).files
    found, missing = submissions.parts(args.benchmark, scores)
    lacking = "; ".join(f"{name} of {' or '.join(tasks)}" for name, tasks in missing.items())
    if not found or (missing and not args.partial):
        more = "" if not found else ", or add --partial"
        raise ValueError(
            f"predictions on {args.split!r} are missing: {lacking}; make them with `t5mix eval --run_folder RUN "
            f"--split {args.split} --mixture_or_task TASK`, with --without_metrics where it has none{more}"
        )
    with Progress(what="reading what was asked"):
        submissions.write_submission(found, args.output)
    say(f"{len(found)} files are in {args.output}" + (f"; missing: {lacking}" if missing else ""))
    return 0
