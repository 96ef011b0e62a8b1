"""Scores beside training: every N steps, with early stopping, and the best checkpoint reported on another split."""

from collections.abc import Callable, Collection, Sequence

from t5mix.declarations.task import Task
from t5mix.evaluation.evaluate_task import Score
from t5mix.internal.processes import agreement
from t5mix.internal.terminal import say
from t5mix.mesh.engine import State
from t5mix.mesh.t5.fine_tuning.settings import lora
from t5mix.runs.components import Components
from t5mix.runs.evaluate import score_tasks
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, Trained
from t5mix.runs.scores.history import History
from t5mix.training.beside import Beside


def beside(components: Components, tasks: Sequence[Task], folder: RunFolder, trained: Trained) -> Beside | None:
    """Returns what `Evaluation` wants beside a training; None where that is nothing.

    Args:
        components: of the run.
        tasks: what is scored; those without the first of the splits are not looked at where one is better.
        folder: of the run.
        trained: the training.
    """
    settings = components.run.evaluation
    history = _history(components, tasks, trained)
    if history is None:
        return None
    baselines: list[Score] = []
    latest: dict[str, float] = {}

    def look(step: int, state: State) -> bool:
        def values() -> State:
            if isinstance(state.trained, lora):  # which is added up as it is read
                return components.restore(CheckpointPath(folder, trained, step))
            return state

        found = score_tasks(components, tasks, trained, step, values, baselines)
        baselines.extend(found)
        latest.clear()
        latest.update(
            {f"eval/{one.split}/{one.task}/{name}": value for one in found for name, value in one.metrics.items()}
        )
        behind = agreement.first_says(lambda: history.without_gain(step))
        if settings.patience is None or behind < settings.patience:
            return False
        say(f"training ends early, at step {step}: {behind} evaluations on {history.split} brought nothing better")
        return True

    def spared() -> Collection[int]:
        there = trained.steps()
        return set(history.best(there[-1]).values()) if settings.report_split and there else ()

    return Beside(settings.every or 1, look, spared, lambda: latest)


def report(
    components: Components,
    tasks: Sequence[Task],
    trained: Trained,
    last: int,
    restored: Callable[[int], State],
    baselines: Sequence[Score] = (),
) -> list[Score]:
    """Scores a training that has ended: its last checkpoint, or the best of each task on `Evaluation.report_split`.

    Args:
        components: of the run.
        tasks: what is scored.
        trained: the training.
        last: step of its last checkpoint.
        restored: gives the weights of a step.
        baselines: earlier scores, see `score_tasks`.
    """
    scores = score_tasks(components, tasks, trained, last, lambda: restored(last), baselines)
    split, history = components.run.evaluation.report_split, _history(components, tasks, trained)
    if split is None or history is None:
        return scores
    best = agreement.first_says(lambda: dict(history.best(last)))
    found: dict[str, Score] = {}
    for step in sorted(set(best.values())):
        here = [task for task in tasks if best.get(task.name) == step and split in task.splits]
        for score in score_tasks(components, here, trained, step, _of(restored, step), baselines, splits=[split]):
            found[score.task] = score
    chosen = ", ".join(f"{task} at step {step}" for task, step in best.items() if task in found)
    say(f"best checkpoints by {history.split}, scored on {split}: {chosen or 'none'}")
    left_out = ", ".join(task.name for task in tasks if task.name not in found)
    if left_out:
        say(f"not in the report, since they lack the split {history.split!r} or {split!r}: {left_out}")
    return [found[task.name] for task in tasks if task.name in found]


def _of(restored: Callable[[int], State], step: int) -> Callable[[], State]:
    return lambda: restored(step)


def _history(components: Components, tasks: Sequence[Task], trained: Trained) -> History | None:
    settings = components.run.evaluation
    split = settings.splits[0]
    names = [task.name for task in tasks if split in task.splits]
    if not settings.every or not names:
        return None
    return History(trained, split, settings.limit, settings.every, names)
