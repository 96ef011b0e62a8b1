import json
import math

from t5mix.evaluation.evaluate_task import Score
from t5mix.evaluation.scoring.baselines import Baseline
from t5mix.runs.scores.tables import as_json, grouped, of_best, print_groups


def score(task="a", split="validation", step=7, value=50.0, tuned_on=""):
    none = Baseline("none", math.nan)
    return Score(task, split, step, None, 9, {"f1": value}, none, math.nan, 0, asks="ab", tuned_on=tuned_on)


def test_steps_and_splits_have_tables_of_their_own(capsys):
    scores = [score(split=split, step=step) for step in (7, 8) for split in ("validation", "test")]
    groups = grouped(scores, fine_tuned=False)
    assert [group.title for group in groups] == [
        "step 7, validation", "step 7, test", "step 8, validation", "step 8, test"
    ]  # fmt: skip
    assert [group.title for group in grouped(scores[::2], fine_tuned=False)] == ["step 7", "step 8"]
    print_groups(groups[:1])
    assert "step 7, validation" in capsys.readouterr().out


def test_scores_of_several_trainings_stand_in_one_table_for_each_split(capsys):
    groups = grouped([score("a", step=3), score("b", step=5), score("a", "test")], fine_tuned=True, by_step=False)
    assert [(group.title, len(group.scores)) for group in groups] == [("validation", 2), ("test", 1)]
    print_groups(groups)
    assert "mean of 2 tasks on validation: 50.00" in capsys.readouterr().out


def test_models_fine_tuned_on_a_task_and_on_a_mixture_with_it_stand_beside_each_other(capsys):
    scores = [score("a", value=10.0, tuned_on="both"), score("a", value=30.0), score("b", value=50.0)]
    for groups in (
        grouped(scores, fine_tuned=True, by_step=False),
        grouped(scores[::-1], fine_tuned=True),
        of_best(scores, fine_tuned=True),
    ):
        (group,) = groups
        assert len(group.scores) == 3
        print_groups(groups)
        out = capsys.readouterr().out
        assert "(fine-tuned on both)" in " ".join(out.split()) and "10.0" in out and "30.0" in out
        assert "mean of 2 tasks on validation: 40.00" in out  # of "a" counts what was fine-tuned on it alone
    assert [one["tuned_on"] for one in as_json(groups)["groups"][0]["scores"]] == ["both", "", ""]


def test_the_best_on_one_split_reported_on_another():
    (group,) = of_best([score("a", "test", 3), score("b", "test", 5)], fine_tuned=False, chosen_on="validation")
    assert group.title == "best checkpoints chosen on validation, on test: a at step 3, b at step 5"


def test_json_has_what_was_asked_and_no_number_that_is_none(capsys):
    content = as_json(grouped([score(value=math.nan), score("b")], fine_tuned=False))
    (group,) = json.loads(json.dumps(content, allow_nan=False))["groups"]
    assert group["scores"][0]["value"] is None and group["scores"][1]["asks"] == "ab"
    assert "predictions" not in group["scores"][0]


def test_an_average_that_lacks_a_column_says_which(capsys):
    tasks = ["cola", "sst2", "mrpc", "stsb", "qqp", "qnli", "rte", "mnli_matched"]
    print_groups(grouped([score(f"glue_{task}_v002") for task in tasks], fine_tuned=False))
    assert "no GLUE average on validation: not scored are MNLI" in capsys.readouterr().out
    tasks.append("mnli_mismatched")
    print_groups(grouped([score(f"glue_{task}_v002") for task in tasks], fine_tuned=False))
    assert "GLUE average on validation: 50.00 (8 columns)" in capsys.readouterr().out
