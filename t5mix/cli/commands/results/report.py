"""`t5mix report`: a run as one page of HTML."""

import argparse
import os

from t5mix.cli import arguments
from t5mix.internal.terminal import say

EPILOG = """\
examples:
  t5mix report runs/offline
  t5mix report runs/offline --output offline.html --examples 1000

The page shows losses, learning rate, throughput, shares, scores with their intervals, and examples with their
predictions, wrong ones first. It is one file, needs no network, and may be made of a run that still goes on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--output", metavar="FILE", help="the page [RUN/report.html]")
    parser.add_argument(
        "--examples", type=arguments.count, default=200, metavar="N", help="of each task to show at most [200]"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the page."""
    from t5mix.runs.report import page

    output = args.output or os.path.join(args.folder, "report.html")
    page.check_report(args.folder, output)
    page.write_page(args.folder, output, args.examples)
    say(f"the report is {output}")
    return 0
