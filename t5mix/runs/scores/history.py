"""The scores of a training's checkpoints, one after the other: which is best, and whether later ones became better."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from t5mix.evaluation.evaluate_task import Score
from t5mix.metrics.directions import is_better
from t5mix.runs.records.run_folder import Trained
from t5mix.runs.scores.best import best_of_each_task
from t5mix.runs.scores.score_files import read_score


@dataclasses.dataclass(frozen=True)
class History:
    """Scores of one training on one split, as they lie on disk.

    Attributes:
        trained: the training.
        split: what was scored.
        limit: examples of each task at most.
        every: steps from one evaluation to the next.
        tasks: names of the tasks.
    """

    trained: Trained
    split: str
    limit: int | None
    every: int
    tasks: Sequence[str]
    _known: dict[Path, tuple[tuple[int, ...], Score]] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def scores(self, last: int) -> dict[int, list[Score]]:
        """Returns the scores at each evaluation, up to the step `last`, which counts wherever it is."""
        steps = sorted({*range(self.every, last + 1, self.every), last})
        found: dict[int, list[Score]] = {}
        for step in steps:
            paths = [self.trained.scores(self.split, task, step, self.limit) for task in self.tasks]
            scores = [score for path in paths if (score := self._read(path)) is not None]
            if scores:
                found[step] = scores
        return found

    def _read(self, path: Path) -> Score | None:
        """Returns a score; reads its file where that is another than before, for there may be thousands."""
        if not path.is_file():
            return None
        status = path.stat()
        file = (status.st_ino, status.st_mtime_ns, status.st_size)
        if path not in self._known or self._known[path][0] != file:
            score = read_score(path)
            if score is None:  # it has just been deleted
                return None
            self._known[path] = file, score
        return self._known[path][1]

    def best(self, last: int) -> Mapping[str, int]:
        """Returns the best step for each task, of those whose checkpoints are there."""
        there = set(self.trained.steps())
        scores = [score for step, found in self.scores(last).items() if step in there for score in found]
        return {score.task: score.step for score in best_of_each_task(scores) if score.step is not None}

    def without_gain(self, last: int) -> int:
        """Returns how many evaluations up to `last` came after the best, by the mean of what is to be more.

        Tasks that get no score are left out, and so are evaluations before the first whose mean is a number: they say
        nothing of the training.
        """
        gains = [_gain(scores) for scores in self.scores(last).values() if len(scores) == len(self.tasks)]
        gains = list(itertools.dropwhile(math.isnan, gains))
        best = 0
        for number, gain in enumerate(gains):
            if is_better(gain, gains[best], less=False):
                best = number
        return max(len(gains) - 1 - best, 0)


def _gain(scores: Sequence[Score]) -> float:
    values = [-score.value if score.less_is_better else score.value for score in scores if not score.no_score]
    return math.fsum(values) / len(values) if values else math.nan
