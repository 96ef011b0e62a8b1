"""All checks of one task, in order."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from t5mix.declarations.task import Task
from t5mix.evaluation.checks import answers, features, filtering, gold, labels, samples, survival, tokens
from t5mix.evaluation.checks import splits as splits_lib
from t5mix.evaluation.checks.findings import Finding, Limits, Report
from t5mix.evaluation.checks.samples import Sample

# How many times more examples are read where the first do not have every class.
_MORE = 10


def check_task(task: Task, limits: Limits) -> Report:
    """Runs every check on the first examples of the task's splits.

    A check that cannot run, for whatever a preprocessor, postprocessor or metric raises, has failed. Of a task with
    none of the splits in `limits` there is one finding, a skip.
    """
    counts: dict[str, int] = {}
    return Report(task.name, task.declared_at, counts, tuple(_findings(task, limits, counts)))


def _findings(task: Task, limits: Limits, counts: dict[str, int]) -> Iterator[Finding]:
    found: list[Sample] = []

    def readable() -> Finding:
        if not _splits(task, limits):
            return Finding(
                "examples", "skip", f"no split {', '.join(limits.splits)}; there are {', '.join(task.splits)}"
            )
        for split in _splits(task, limits):
            if not any(True for _ in task.source.get_dataset(split=split, shuffle=False).take(1)):
                return Finding("examples", "fail", f"split {split!r} of {task.source!r} is empty; prepare its data")
        known = {split: task.num_input_examples(split) for split in _splits(task, limits)}
        counted = [f"{split} {count:,}" if count is not None else split for split, count in known.items()]
        told = _told_of_rate(task, _rated(known), limits)
        message = ", ".join(counted)
        return Finding("examples", "note", f"{message}; {told}") if told else Finding("examples", "pass", message)

    def schema() -> Finding:
        for split in _splits(task, limits):
            sample = samples.read(task, split, limits.lengths, limits.examples)
            counts[split] = len(sample.rows)
            if not sample.rows:
                fix = "do its preprocessors filter them all out?"
                return Finding("schema", "fail", f"split {split!r} gives no example after preprocessing; {fix}")
            found.append(sample)
        return features.schema(task, found)

    for check, run in (("examples", readable), ("schema", schema)):
        first = _guarded(check, run)
        yield first
        if first.result in ("fail", "skip"):
            return

    @functools.cache  # asked for inside of checks: ids that no vocabulary has cannot be made text
    def judged() -> Sample | None:
        return answers.judged(task, found)

    def more() -> Sample:
        sample = judged()
        assert sample is not None
        return samples.read(task, sample.split, limits.lengths, _MORE * limits.examples)

    yield _guarded("ids", lambda: features.ids(task, found))
    yield _guarded("eos", lambda: features.eos(task, found))
    yield _guarded("tokens", lambda: tokens.tokens(task, _splits(task, limits), limits))
    yield _guarded("truncation", lambda: features.truncation(task, found, limits))
    yield _guarded("labels", lambda: labels.labels(task, found))
    yield _guarded("gold", lambda: gold.gold(task, judged(), more, limits))
    yield _guarded("survival", lambda: survival.survival(task, judged()))
    yield _guarded("splits", lambda: splits_lib.splits(task, _splits(task, limits), limits))


def _told_of_rate(task: Task, split: str, limits: Limits) -> str | None:
    try:
        return filtering.line(filtering.made_of_raw(task, split, limits.lengths))
    except Exception:  # of a step; the check of schema tells
        return None


def _rated(splits: Mapping[str, Any]) -> str:
    """Returns the split whose examples are a task's rate."""
    return "train" if "train" in splits else next(iter(splits))


def _splits(task: Task, limits: Limits) -> tuple[str, ...]:
    return tuple(split for split in task.splits if not limits.splits or split in limits.splits)


def _guarded(check: str, run: Callable[[], Finding]) -> Finding:
    """Returns what a check found; what it raises is a failure."""
    try:
        return run()
    except Exception as error:  # whatever a task's own functions raise
        notes = [str(error), *getattr(error, "__notes__", ())]
        lines = [line for line in notes[0].splitlines() if line.strip()] or [""]
        # tf.data puts a stack before the message of what failed inside a map.
        text = (
            lines[-1].strip().removeprefix(f"{type(error).__name__}: ") if notes[0].startswith("in user") else notes[0]
        )
        message = "; ".join(" ".join(each.split()) for each in [text, *notes[1:]])
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return Finding(check, "fail", f"{kind}{message[:600]}")
