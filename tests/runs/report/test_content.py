"""What a report reads of a run folder."""

import math

import pytest

from t5mix.internal.files import write_json
from t5mix.runs.report.content import newest_predictions, predictions_of, read
from t5mix.runs.scores.score_files import write_score
from tests.runs.report.conftest import score


def test_logs_shares_and_scores(folder):
    found = read(str(folder.path))
    assert [(log.name, log.is_fine_tuning, log.before) for log in found.logs] == [
        ("pre-training", False, 0),
        ("a", True, 6),
    ]
    assert found.logs[0].curve("loss/a") == [(2, 1.0), (4, 0.5), (6, 1 / 3)]
    assert found.logs[1].curve("loss") == [(7, 3.0), (8, 1.5)]  # behind the steps of the pre-training
    assert found.logs[0].curve("gradient_norm") == [] and found.logs[0].curve("tokens_per_second") == []
    assert [(share.task, share.intended, share.fed, share.realized) for share in found.shares] == [
        ("a", 0.25, 9, 9 / 21),
        ("b", 0.75, 12, 12 / 21),
    ]
    assert [(each.steps, each.is_fine_tuned, each.score.value) for each in found.scored] == [
        (2, False, 30.0),
        (6, False, 50.0),
        (8, True, 70.0),
    ]
    assert [each.steps for each in newest_predictions(found.scored)] == [6, 8]


def test_intended_shares_are_those_of_the_steps_that_were_done(folder):
    stages = [{"step": 0, "shares": {"a": 1.0, "b": 0.0}}, {"step": 4, "shares": {"a": 0.0, "b": 1.0}}]
    write_json(folder.pretraining.shares, {"stages": stages})
    found = read(str(folder.path)).shares  # of lines at steps 2, 4 and 6, with as many examples each
    assert [(share.task, share.intended) for share in found] == [
        ("a", pytest.approx(2 / 3)),
        ("b", pytest.approx(1 / 3)),
    ]


def test_wrong_ones_come_first_and_blanks_around_an_answer_are_not_wrong(folder):
    scored = read(str(folder.path)).scored[-1]
    assert [(each.inputs[:5], is_wrong) for each, is_wrong in predictions_of(scored)] == [
        ("say 1", True),
        ("say 2", True),
        ("say é", False),
        ("say <", False),
    ]


def test_where_no_label_is_published_nothing_is_wrong(folder):
    path = folder.pretraining.scores("test", "hidden", 6)
    write_score(path, score("hidden", 6, math.nan, no_score="all targets are <unk>"))
    [scored] = [each for each in read(str(folder.path)).scored if each.score.task == "hidden"]
    assert not any(is_wrong for _, is_wrong in predictions_of(scored))


def test_a_score_of_a_model_that_was_fine_tuned_on_another_task_stands_apart(folder):
    other = folder.finetuning("b")
    write_json(other.start, {"task": "b", "checkpoint": "x", "step": 6})
    write_score(other.scores("test", "a", 9), score("a", 9, 10.0))
    found = newest_predictions(read(str(folder.path)).scored)
    assert [(each.score.value, each.stage) for each in found] == [
        (50.0, "multi-task"),
        (70.0, "fine-tuned"),
        (10.0, "fine-tuned on b"),
    ]


def test_scores_of_models_fine_tuned_on_a_task_and_on_a_mixture_with_it_are_told_apart(folder):
    both = folder.finetuning("both")
    write_json(both.start, {"task": "both", "checkpoint": "x", "step": 6})
    write_json(both.data, {"a": {}, "b": {}})
    for task, value in (("a", 20.0), ("b", 25.0)):
        write_score(both.scores("test", task, 2), score(task, 2, value))
    found = newest_predictions(read(str(folder.path)).scored)
    assert [(each.score.task, each.score.value, each.stage) for each in found] == [
        ("a", 50.0, "multi-task"),
        ("a", 70.0, "fine-tuned"),
        ("a", 20.0, "fine-tuned on both"),
        ("b", 25.0, "fine-tuned"),
    ]


def test_a_run_that_has_only_begun(folder):
    """Its last line is being written, and logs of before count no examples."""
    for trained in (folder.pretraining, *folder.finetunings()):
        (trained.path / "metrics.jsonl").write_text('{"step": 2, "loss": 1.5, "loss/a": null}\n{"step": 4, "lo')
        (trained.path / "timing.jsonl").unlink()
    found = read(str(folder.path))
    assert found.logs[0].curve("loss") == [(2, 1.5)] and found.logs[0].tasks() == ["a"]
    assert [(share.task, share.fed) for share in found.shares] == [("a", None), ("b", None)]
    assert math.isnan(found.shares[0].realized)


def test_a_run_that_only_fine_tuned_has_no_shares(folder):
    (folder.path / "metrics.jsonl").unlink()
    found = read(str(folder.path))
    assert found.shares == [] and [log.name for log in found.logs] == ["a"]


def test_other_files_among_scores_are_left_alone(folder):
    scores = folder.pretraining.path / "scores" / "test"
    write_json(scores / "a" / "summary.json", {"x": 1})
    write_json(scores / "averages.json", {"x": 1})
    assert len(read(str(folder.path)).scored) == 3


@pytest.mark.parametrize("line", ["[]", "{", '{"step": 1.5}', '{"step": 1, "loss": "x"}', '{"loss": 1}'])
def test_a_damaged_line_is_named(folder, line):
    (folder.path / "metrics.jsonl").write_text(f'{{"step": 1, "loss": 1}}\n{line}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl:2 is not a line of a log that t5mix wrote"):
        read(str(folder.path))


def test_a_link_that_leads_out_is_refused(folder, tmp_path):
    (tmp_path / "secret").write_text("{}")
    folder.versions.unlink()
    folder.versions.symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="is a link that leads out of the run folder"):
        read(str(folder.path))


def test_steps_of_an_average_of_checkpoints_are_counted_once(folder):
    start = folder.finetunings()[0].start
    write_json(start, {"task": "a", "step": 2, "averaged": [1, 2]})
    assert [each.steps for each in read(str(folder.path)).scored if each.is_fine_tuned] == [2]
