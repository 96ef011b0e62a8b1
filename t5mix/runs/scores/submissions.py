"""Predictions as the files that a benchmark's server takes: GLUE's TSV, SuperGLUE's JSONL.

`tasks/submissions.json` says for each file which task's predictions are in it, and how the server spells them:

labels    the server's word for each of the model's
classes   the server's word for each class that the task's postprocessor makes
range     a number, kept between two
text      as the model says it
idx       the field that numbers the examples; "idx" where nothing else is said
nested    answers stand within questions, and these within paragraphs, as MultiRC has them
"""

import dataclasses
import functools
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from t5mix.declarations.registry import TaskRegistry
from t5mix.declarations.task import Task
from t5mix.evaluation.examples import Example, read_examples
from t5mix.internal import paths
from t5mix.internal.files import read_json, write_whole
from t5mix.internal.terminal import say
from t5mix.mesh.interop.safe_files import new_folder
from t5mix.runs.scores.score_files import read_answers, read_score

# What a task's predictions become: a row's index, and its label.
Row = tuple[Any, Any]


@functools.cache
def benchmarks() -> Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]:
    """Returns the servers' files, by benchmark."""
    return read_json(paths.shipped("tasks") / "submissions.json")


@dataclasses.dataclass(frozen=True)
class Part:
    """One file of a submission.

    Attributes:
        name: the server's name for it.
        asks: how its task's predictions are spelt there, an entry of `submissions.json`.
        score: the file of the score beside which the predictions lie.
    """

    name: str
    asks: Mapping[str, Any]
    score: Path


def parts(benchmark: str, scores: Mapping[str, Path]) -> tuple[list[Part], dict[str, list[str]]]:
    """Returns the files that can be written, and those that cannot, with the tasks that would serve.

    Args:
        benchmark: "GLUE" or "SuperGLUE".
        scores: for each task the file of its score.
    """
    found: list[Part] = []
    missing: dict[str, list[str]] = {}
    for name, choices in benchmarks()[benchmark].items():
        served = [choice for choice in choices if choice["task"] in scores]
        if served:
            found.append(Part(name, served[0], scores[served[0]["task"]]))
        else:
            missing[name] = [choice["task"] for choice in choices]
    return found, missing


def write_submission(found: Sequence[Part], output: str) -> None:
    """Writes a submission; says how many answers the server would not know, and what stands for them.

    Args:
        found: its files.
        output: a new folder, or a .zip file; either appears when complete.
    """
    texts = {part.name: text_of(part) for part in found}
    if output.endswith(".zip"):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            for name, text in texts.items():
                # Of no time, so the bytes are the same each time.
                archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        write_whole(output, held.getvalue())
        return
    with new_folder(output) as folder:
        for name, text in texts.items():
            (folder / name).write_bytes(text.encode("utf-8"))


def text_of(part: Part) -> str:
    """Returns the content of one file.

    Raises:
        ValueError: the predictions answer other examples than the task has, or only some of them.
    """
    score = read_score(part.score)
    assert score is not None, part.score
    task = TaskRegistry.get(score.task)
    if score.limit is not None:
        raise ValueError(f"{part.name} needs the whole split, and {part.score} is of {score.limit} examples")
    examples = read_examples(task, score.split, score.lengths or {})
    answers = [each.output for each in read_answers(part.score, task.name, examples, str(part.score))]
    rows = rows_of(part, task, examples, answers)
    if part.name.endswith(".tsv"):
        return "".join(f"{index}\t{label}\n" for index, label in [("index", "prediction"), *rows])
    if part.asks.get("nested"):
        return _nested(rows)
    return "".join(f"{json.dumps({'idx': index, 'label': label}, ensure_ascii=False)}\n" for index, label in rows)


def rows_of(part: Part, task: Task, examples: Sequence[Example], answers: Sequence[str]) -> list[Row]:
    """Returns index and label of each row, by index; of examples that share one the first counts."""
    labels, unknown = [], 0
    for example, answer in zip(examples, answers, strict=True):
        label = _label(part.asks, task, example, answer)
        unknown += label is None
        labels.append(_fallback(part.asks) if label is None else label)
    if unknown:
        say(
            f"{part.name}: {unknown} of {len(answers)} answers are no label; {_fallback(part.asks)!r} stands for them, "
            "since the server takes nothing else"
        )
    found: dict[Any, Any] = {}
    for example, label in zip(examples, labels, strict=True):
        found.setdefault(_index(part.asks, example), label)
    return sorted(found.items())


def _label(asks: Mapping[str, Any], task: Task, example: Example, answer: str) -> Any:
    """Returns the server's word for an answer; None where it has none."""
    if asks.get("text"):
        return answer
    if "labels" in asks:
        return asks["labels"].get(answer)
    if "classes" in asks:
        assert task.postprocessor is not None
        number = task.postprocessor(answer, example=example.fields, is_target=False)
        return asks["classes"][int(number)] if 0 <= int(number) < len(asks["classes"]) else None
    least, most = asks["range"]
    try:
        number = float(answer)
    except ValueError:
        return None
    return None if math.isnan(number) else min(max(number, least), most)


def _fallback(asks: Mapping[str, Any]) -> Any:
    if "labels" in asks:
        return next(iter(asks["labels"].values()))
    return asks["classes"][0] if "classes" in asks else asks["range"][0]


def _index(asks: Mapping[str, Any], example: Example) -> Any:
    if asks.get("nested"):
        return tuple(int(example.fields[f"idx/{name}"]) for name in ("paragraph", "question", "answer"))
    return int(example.fields[asks.get("idx", "idx")])


def _nested(rows: Sequence[Row]) -> str:
    """Returns a line for each paragraph, with its questions and their answers."""
    paragraphs: dict[int, dict[int, list[dict[str, Any]]]] = {}
    for (paragraph, question, answer), label in rows:
        answers = paragraphs.setdefault(paragraph, {}).setdefault(question, [])
        answers.append({"idx": answer, "label": label})
    lines = []
    for paragraph, questions in paragraphs.items():
        content = [{"idx": question, "answers": answers} for question, answers in questions.items()]
        lines.append(json.dumps({"idx": paragraph, "passage": {"questions": content}}))
    return "".join(f"{line}\n" for line in lines)
