"""Scores of a run on clean examples, from the predictions that are kept beside its scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score, Which
from t5mix.evaluation.overlap.clean import CleanScore, check_examples, score_clean
from t5mix.evaluation.overlap.ledger_file import Found, read_found
from t5mix.internal.terminal import say
from t5mix.runs.records.run_folder import Trained
from t5mix.runs.scores.score_files import read_predictions

# Name of the ledger in a run folder.
LEDGER = "ledger.jsonl"


def find_ledger(path: str | None, folder: Path) -> Found | None:
    """Reads the ledger that is named, or else the run folder's own; None where there is none.

    Raises:
        FileNotFoundError: the one that is named is not there.
        ValueError: it is no ledger.
    """
    own = folder / LEDGER
    if path is None and not own.is_file():
        return None
    return read_found(path if path is not None else str(own))


def clean_scores(
    scores: Sequence[Score], tasks: Sequence[Task], trained: Trained, found: Found
) -> Mapping[Which, CleanScore]:
    """Returns scores on clean examples by `Score.which`; says which the ledger knows nothing of.

    Args:
        scores: on all examples.
        tasks: their tasks.
        trained: the training beside which they are kept.
        found: the ledger.
    """
    by_name = {task.name: task for task in tasks}
    clean: dict[Which, CleanScore] = {}
    unknown: dict[str, None] = {}
    for one in _alike(scores):
        if (one[0].task, one[0].split) not in found.examples:
            unknown[f"{one[0].task}, {one[0].split}"] = None
            continue
        task = by_name[one[0].task]
        examples = check_examples(task, one[0].split, one[0].lengths or {}, one[0].limit, found)
        for score in one:
            assert score.step is not None
            path = trained.scores(score.split, score.task, score.step, score.limit)
            outputs = [prediction.output for prediction in read_predictions(path)]
            clean[score.which] = score_clean(task, score, outputs, examples, found)
    if unknown:
        say(f"ledger {found.path!r} was not made of: {'; '.join(unknown)}; t5mix overlap --output makes one")
    return clean


def _alike(scores: Sequence[Score]) -> list[list[Score]]:
    """Returns scores of the same examples together, for these are read once; without those that say nothing."""
    groups: dict[object, list[Score]] = {}
    for score in scores:
        if not score.no_score:
            of = (score.task, score.split, score.limit, tuple((score.lengths or {}).items()))
            groups.setdefault(of, []).append(score)
    return list(groups.values())
