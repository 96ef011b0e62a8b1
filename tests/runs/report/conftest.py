"""A run folder as training and evaluation leave it, with texts that somebody means badly."""

import json
from pathlib import Path

import pytest

from t5mix.evaluation.evaluate_task import Prediction, Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.internal.files import write_json
from t5mix.runs.records.run_folder import RunFolder, Trained
from t5mix.runs.scores.score_files import write_score

# What must never be more than text in a page.
BAD = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
EXAMPLES = (
    Prediction("say é", "é", "é "),
    Prediction("say 1", "1", "2"),
    Prediction(f"say {BAD}", "x", "x"),
    Prediction("say 2", "2", BAD),
)


def score(task: str, step: int, value: float, **changes) -> Score:
    """A score of the examples."""
    known = {"baseline": Baseline("majority", 20.0), "standard_error": 4.0, "truncated_inputs": 0, "limit": None}
    known |= {"num_examples": 4, "metrics": {"accuracy": value}, "predictions": EXAMPLES}
    return Score(task, "test", step, **{**known, **changes})


def write_log(trained: Trained, steps: range, *tasks: str) -> None:
    """Writes the logs of a training: each task gets 3, 4, ... examples in the lines."""
    trained.path.mkdir(parents=True, exist_ok=True)
    with open(trained.path / "metrics.jsonl", "w") as metrics, open(trained.path / "timing.jsonl", "w") as timing:
        for step in steps:
            of_tasks = {f"loss/{task}": 2 / step for task in tasks}
            examples = {f"examples/{task}": 3 + number for number, task in enumerate(tasks)}
            values = {"loss": 3 / step, "learning_rate": 0.01, "gradient_norm": None, "tokens": step * 10}
            metrics.write(json.dumps({"step": step, **values, **of_tasks, **examples}) + "\n")
            timing.write(json.dumps({"step": step, "steps_per_second": 2.0, "tokens_per_second": None}) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The run."""
    folder = RunFolder(tmp_path / "é <run>")
    folder.path.mkdir()
    folder.operative_config.write_text(f"Run.mixture = {BAD!r}\n")
    folder.command.write_text("t5mix train  # <b>2026</b>\n")
    shares = {"a": {"share": 0.25}, "b": {"share": 0.75}, "never": {"share": None}}
    write_json(folder.lineage, {"mixture": BAD, "declared_at": "x.py:1", "seed": 7, "tasks": shares})
    write_json(
        folder.versions, {"packages": {"jax": "0.10"}, "git": None, "machine": {"cores": 2, "devices": {"cpu": 2}}}
    )
    write_log(folder.pretraining, range(2, 8, 2), "a", "b")
    for step, value in ((2, 30.0), (6, 50.0)):
        write_score(folder.pretraining.scores("test", "a", step), score("a", step, value))
    fine_tuned = folder.finetuning("a")
    write_json(fine_tuned.start, {"task": "a", "checkpoint": "x", "step": 6})
    write_log(fine_tuned, range(1, 3), "a")
    write_score(fine_tuned.scores("test", "a", 2), score("a", 2, 70.0, version="1.0.0", asks="c0ffee" * 4))
    for path in folder.path.rglob("*.predictions.jsonl"):  # half a letter, which JSON can say and no text can hold
        path.write_text(path.read_text().replace("alert(1)>", "alert(1)>\\ud800"))
    return folder
