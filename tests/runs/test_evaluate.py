"""What is scored again, and what is said of it."""

import contextlib
import functools
import json
import os
import resource
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import t5mix
from t5mix import metrics, preprocessors
from t5mix.evaluation.decoding import Answer, AnswerAll
from t5mix.evaluation.evaluate_task import Prediction
from t5mix.internal.code.user_errors import one_line
from t5mix.runs.components import Components
from t5mix.runs.config import binding
from t5mix.runs.evaluate import evaluate_checkpoints, score_tasks
from t5mix.runs.preflight.checks import Checked
from t5mix.runs.records.run_folder import CheckpointPath, RunFolder, Trained
from t5mix.runs.scores.score_files import read_predictions
from tests.runs.conftest import pretend_checkpoint

FEATURE = t5mix.Feature(t5mix.ByteVocabulary(extra_ids=5))


class Echo(Components):
    """A run whose model says what it reads."""

    def answerer(self, state: Any) -> AnswerAll:
        def answer(inputs: Sequence[Sequence[int]]) -> list[list[Answer]]:
            self.asked += 1
            return [[Answer(list(ids[:-1]), -0.5)] for ids in inputs]

        return answer

    asked = 0


def write(folder: Path, split: str, *rows: tuple[str, ...]) -> None:
    (folder / f"{split}.tsv").write_text("".join("\t".join(row) + "\n" for row in [("x", "y", "label"), *rows]))


def plus(text: str, example: Any = None, is_target: bool = False, more: str = "") -> str:
    return text + more if not is_target else text


def shares(targets: list[str], predictions: list[str], scale: float = 100) -> dict[str, float]:
    return {"share": scale * sum(t == p for t, p in zip(targets, predictions, strict=True)) / len(targets)}


def labels(targets: list[Any], predictions: list[str]) -> dict[str, float]:
    return {"labels": float(sum(label != "0" for label in targets))}


def read_label(text: str, example: Any = None, is_target: bool = False) -> str:
    return example["label"].decode() if is_target else text


def task(folder: Path, **changed: Any) -> t5mix.Task:
    declared: dict[str, Any] = {
        "source": t5mix.TableDataSource({split: str(folder / f"{split}.tsv") for split in ("train", "test")}),
        "preprocessors": [
            functools.partial(preprocessors.rekey, key_map={"inputs": "x", "targets": "y", "label": "label"}),
            preprocessors.tokenize,
            t5mix.CacheDatasetPlaceholder(),
            preprocessors.append_eos_after_trim,
        ],
        "output_features": {"inputs": FEATURE, "targets": FEATURE},
        "metric_fns": [shares],
    }
    return t5mix.Task("told", **{**declared, **changed})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "train", ("a", "a", "0"))
    write(tmp_path, "test", ("a", "a", "0"), ("b", "c", "0"))
    return tmp_path


@pytest.fixture
def score(toy: None, gin_file: Path, folder: Path):
    """Scores a task as another start of `t5mix eval` would; returns its score, and whether the model was asked."""

    def run(task: t5mix.Task, *params: str, restore: Callable[[], Any] = lambda: None) -> tuple[Any, bool]:
        components = Echo(binding.bind([str(gin_file)], params).run, task)
        (found,) = score_tasks(components, [task], Trained(folder), 7, restore)
        return found, bool(components.asked)

    return run


def test_a_score_is_kept_until_what_it_depends_on_changes(
    score, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, asked = score(task(folder))
    assert asked and first.metrics == {"share": 50.0}
    again, asked = score(task(folder))
    assert not asked and again.metrics == first.metrics and "anew" not in capsys.readouterr().err
    changes: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("metrics", {"metric_fns": [functools.partial(shares, scale=1)]}, ()),
        ("postprocessor", {"postprocess_fn": functools.partial(plus, more="!")}, ()),
        ("lengths", {}, ("Run.sequence_length = {'inputs': 16, 'targets': 4}",)),
        ("decoding", {}, ("T5Config.d_ff = 64",)),
    ]
    for what, changed, params in changes:
        assert score(task(folder, **changed), *params)[1]
        assert f"was scored with other {what}: it is scored anew" in capsys.readouterr().err
        assert not score(task(folder, **changed), *params)[1]
        score(task(folder))
        capsys.readouterr()
    write(folder, "test", ("a", "b", "0"), ("b", "c", "0"))
    changed, asked = score(task(folder))
    assert asked and changed.metrics == {"share": 0.0} and "with other examples: it" in capsys.readouterr().err
    write(folder, "train", ("a", "c", "0"))
    changed, asked = score(task(folder))
    assert asked and changed.baseline.kind == "majority" and "with other training data: it" in capsys.readouterr().err


def test_a_checkpoint_that_is_written_again_is_scored_again(score, folder: Path) -> None:
    checkpoint = folder / "checkpoints/7"
    checkpoint.mkdir(parents=True)
    assert [score(task(folder))[1] for _ in range(2)] == [True, False]
    later = (folder / "scores/test/told/7.json").stat().st_mtime_ns + 10**9
    os.utime(checkpoint, ns=(later, later))
    assert score(task(folder))[1]


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_a_checkpoint_is_told_by_its_content_whatever_the_clock_says(score, folder: Path, seconds: int) -> None:
    """Its files may be older than the score, where the clock was set back; and newer, where they were copied."""
    checkpoint = folder / "checkpoints/7"
    pretend_checkpoint(Trained(folder), 7)
    assert [score(task(folder))[1] for _ in range(2)] == [True, False]
    at = (folder / "scores/test/told/7.json").stat().st_mtime_ns + seconds * 10**9
    os.utime(checkpoint, ns=(at, at))
    assert not score(task(folder))[1]
    shutil.rmtree(checkpoint)
    pretend_checkpoint(Trained(folder), 7, {"other": 1})
    os.utime(checkpoint, ns=(at, at))
    assert score(task(folder))[1]


def test_labels_that_only_a_postprocessor_reads_count(score, folder: Path) -> None:
    judged = {"postprocess_fn": read_label, "metric_fns": [labels]}
    assert score(task(folder, **judged))[0].metrics == {"labels": 0.0}
    write(folder, "test", ("a", "a", "1"), ("b", "c", "1"))
    assert score(task(folder, **judged))[0].metrics == {"labels": 2.0}


def test_a_metric_without_content_to_compare_is_computed_anew(score, folder: Path) -> None:
    lock = threading.Lock()

    def locked(targets: list[str], predictions: list[str]) -> dict[str, float]:
        with lock:
            return shares(targets, predictions)

    assert [score(task(folder, metric_fns=[locked]))[1] for _ in range(2)] == [True, True]


def fails_on(targets: list[str], predictions: list[str], what: str) -> dict[str, float]:
    if what in predictions:
        raise KeyError(what)
    return shares(targets, predictions)


def test_answers_outlive_a_metric_that_raises_and_are_not_decoded_again(
    score, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "test", ("say a", "say a", "0"), ("say b", "c", "0"))
    broken = task(folder, metric_fns=[shares, functools.partial(fails_on, what="say b")])
    file = folder / "scores/test/told/7.unscored.jsonl"
    with pytest.raises(KeyError) as raised:
        score(broken)
    line = one_line(raised.value)
    assert "test_evaluate.py:" in line and "KeyError: 'say b'; in metric 'fails_on' of task 'told'" in line
    assert f"its answers lie in {str(file)!r}" in line and not (folder / "scores/test/told/7.json").exists()
    assert [json.loads(each)["output"] for each in file.read_text().splitlines()[1:]] == ["say a", "say b"]
    capsys.readouterr()
    found, asked = score(task(folder), restore=lambda: pytest.fail("weights are read"))
    assert not asked and found.metrics == {"share": 50.0} and not file.exists()
    assert "told at step 7: the answers of an earlier start are scored, none is decoded" in capsys.readouterr().err
    assert read_predictions(folder / "scores/test/told/7.json")[1] == Prediction("say b", "c", "say b", -0.5)


@pytest.mark.parametrize("what", ["decoding", "examples", "weights", "damage", "a link", "nobody's"])
def test_unscored_answers_of_anything_else_are_decoded_again(score, folder: Path, what: str) -> None:
    write(folder, "test", ("say a", "say a", "0"), ("say b", "c", "0"))
    pretend_checkpoint(Trained(folder), 7)
    file = folder / "scores/test/told/7.unscored.jsonl"
    with pytest.raises(KeyError):
        score(task(folder, metric_fns=[shares, functools.partial(fails_on, what="say b")]))
    assert file.is_file()
    if what == "examples":
        write(folder, "test", ("say a", "say a", "0"), ("say b", "d", "0"))
    elif what == "weights":
        shutil.rmtree(folder / "checkpoints")
        pretend_checkpoint(Trained(folder), 7, {"other": 1})
    elif what == "damage":
        file.write_text(file.read_text().replace('"output": "say b"', '"output": "c"'))
    elif what == "a link":
        file.rename(folder / "elsewhere")
        file.symlink_to(folder / "elsewhere")
    elif what == "nobody's":
        file.write_bytes(b"[" * 100_000 + b"\xff\n")
    _, asked = score(task(folder), *(["T5Config.d_ff = 64"] if what == "decoding" else []))
    assert asked and not file.exists()


def test_a_metric_that_raises_of_a_baseline_is_told_before_anything_is_decoded(score, folder: Path) -> None:
    broken = task(folder, metric_fns=[functools.partial(fails_on, what="b")])
    with pytest.raises(KeyError) as raised:
        score(broken, restore=lambda: pytest.fail("weights are read"))
    assert "in metric 'fails_on' of task 'told'" in one_line(raised.value)


def test_a_split_without_labels_has_predictions_and_no_score(
    score, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "test", ("a", "<unk>", "-1"), ("b", "<unk>", "-1"))
    found, asked = score(task(folder))
    assert asked and found.metrics == {} and found.num_examples == 2
    said = "told at step 7: 2 predictions on test and no score: every target is '<unk>'"
    assert said in capsys.readouterr().err
    assert len((folder / "scores/test/told/7.predictions.jsonl").read_text().splitlines()) == 2
    assert not score(task(folder))[1]  # and it is kept as a score is
    write(folder, "test", ("a", "<unk>", "-1"), ("b", "b", "1"))
    found, _ = score(task(folder))
    assert found.metrics == {"share": 100.0} and found.unlabelled == 1 and found.num_examples == 1
    assert "1 examples without a label are left out of the score" in capsys.readouterr().err


def test_truncated_targets_are_told(score, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "test", ("a" * 20, "b", "0"), ("b", "c" * 9, "0"), ("b", "c" * 7, "0"))
    found, _ = score(task(folder))
    assert (found.truncated_inputs, found.truncated_targets) == (1, 1)
    said = capsys.readouterr().err
    assert (
        "1 inputs are longer than Run.sequence_length and were truncated" in said and "; 1 targets are longer" in said
    )


def test_less_of_an_error_is_better(score, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "test", ("a b", "a b c", "0"), ("b", "b", "0"))
    found, _ = score(
        task(folder, metric_fns=[metrics.edit_distance]), "Run.sequence_length = {'inputs': 9, 'targets': 9}"
    )
    assert found.less_is_better and found.baseline.score == 0 and found.metric == "min_edit"
    assert ", less is better)" in capsys.readouterr().err


def test_training_files_that_are_gone_leave_the_score_without_a_baseline(
    score, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.tsv").unlink()
    files = {split: str(folder / f"{split}.tsv") for split in ("test", "train")}
    found, asked = score(task(folder, source=t5mix.TableDataSource(files)))
    told = capsys.readouterr().err
    assert asked and found.metrics == {"share": 50.0} and found.baseline.kind == "none"
    assert "warning: task 'told' gets no baseline" in told and "2 examples of test (no baseline)" in told


def test_scores_and_losses_have_event_files_in_folders_of_their_own(score, folder: Path) -> None:
    # TensorBoard goes on to a folder's newest file, and never comes back to that of the training that still writes.
    # Nor may one split's curve go on as another's, or that of the first examples as that of all.
    score(task(folder))
    score(task(folder), "Evaluation.split = 'train'")
    score(task(folder), "Evaluation.limit = 1")
    found = [path.parent.relative_to(folder) for path in (folder / "tensorboard").rglob("events.*")]
    names = ["test", "test-first-1", "train"]
    assert sorted(map(str, found)) == [f"tensorboard/eval/{name}" for name in names]


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("blocked", ["scores", "tensorboard"])
@pytest.mark.usefixtures("capsys")  # which needs no file for what is said
def test_what_cannot_be_written_is_refused_before_predicting(score, folder: Path, blocked: str, stale: bool) -> None:
    changed = task(folder, metric_fns=[functools.partial(shares, scale=1)])
    score(task(folder) if stale else task(folder).replace(name="other"))
    with full_disk() if blocked == "scores" else a_file(folder / blocked):
        with pytest.raises(ValueError, match=rf"{blocked}.*' can not be written \("):
            score(changed, restore=lambda: pytest.fail("weights are read"))
        if stale:
            assert not score(task(folder))[1]  # what is kept needs no place
    assert score(changed)[1]


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Lets every write to a file fail, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def a_file(path: Path) -> Iterator[None]:
    """Puts a file where a folder should be."""
    shutil.rmtree(path)
    path.write_text("nobody can write into it, not even root")
    yield
    path.unlink()


def test_a_checkpoint_that_its_training_removes_meanwhile_is_left_out_unless_it_was_named(
    score, gin_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(task(folder))  # of step 7
    newest = CheckpointPath(RunFolder(folder), Trained(folder), 7)
    checked = Checked(binding.bind([str(gin_file)], []).run, task(folder), checkpoint=newest)
    capsys.readouterr()
    (found,) = evaluate_checkpoints(checked, [5, 7], [task(folder)], named=False)
    assert found.step == 7
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert said == ["warning: the checkpoint of step 5 is left out: its training has removed it meanwhile"]
    with pytest.raises(FileNotFoundError, match=r"checkpoint of step 5 in .* is not there any more"):
        evaluate_checkpoints(checked, [5, 7], [task(folder)])
    with pytest.raises(FileNotFoundError, match="were removed before they were scored"):
        evaluate_checkpoints(checked, [3, 5], [task(folder)], named=False)
