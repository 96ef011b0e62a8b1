"""The best checkpoint of each task: by the task's own first metric, in that metric's own direction."""

from collections.abc import Sequence

from t5mix.evaluation.evaluate_task import Score
from t5mix.metrics.directions import is_better


def best_of_each_task(scores: Sequence[Score]) -> list[Score]:
    """Returns the best score of each task by its first metric; of equals the earlier step, NaN last.

    Of a task that gets no score, since no label is published or it has no metrics, it is that of the last step.

    Args:
        scores: by step, ascending.
    """
    best: dict[str, Score] = {}
    for score in scores:
        if (
            score.task not in best
            or score.no_score
            or is_better(score.value, best[score.task].value, score.less_is_better)
        ):
            best[score.task] = score
    return list(best.values())
