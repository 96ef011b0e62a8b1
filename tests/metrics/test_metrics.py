"""Metrics against arithmetic by hand and against the libraries that define them."""

import math

import numpy as np
import pytest
import sacrebleu
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

import t5mix
from t5mix import metrics
from t5mix.metrics import question_answering

LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 3)), min_size=2, max_size=40)


FACTORIES = {
    "mean_multiclass_f1": lambda: metrics.mean_multiclass_f1(3),
    "mean_group_metric": lambda: metrics.mean_group_metric(metrics.accuracy),
    "deduplicate_metric": lambda: metrics.deduplicate_metric(metrics.accuracy),
    "sklearn_metrics_wrapper": lambda: metrics.sklearn_metrics_wrapper("accuracy_score"),
}
OF_SCORES = ("rank_classification", "score_auc")
OBJECTS = ("t5mix.metrics.objects", "t5mix.metrics.values")  # these modules have no metric functions
OF_ONE_GROUP = ("all_match", "multirc_f1_over_all_answers")


def test_every_metric_takes_targets_and_predictions_or_scores() -> None:
    source = t5mix.FunctionDataSource(lambda split, shuffle_files: None, ["train"])
    feature = {"targets": t5mix.Feature(t5mix.ByteVocabulary())}
    functions = [n for n in metrics.__all__ if getattr(metrics, n).__module__ not in OBJECTS and n[0].islower()]
    every = [FACTORIES[name]() if name in FACTORIES else getattr(metrics, name) for name in functions]
    task = t5mix.Task("t", source, feature, metric_fns=every)
    assert len(task.score_metric_fns) == len(OF_SCORES)
    assert len(task.predict_metric_fns) == len(every) - len(OF_SCORES)
    for metric in task.metric_fns:
        if metric.__name__ in OF_ONE_GROUP:
            continue
        with pytest.raises(ValueError, match="nothing to compare"):
            metric([], [])
        with pytest.raises(ValueError, match="2 targets and 1 predictions"):
            metric([1, 2], [1])


def test_accuracy() -> None:
    assert metrics.accuracy([1, 2, 3, 4], [1, 2, 0, 4]) == {"accuracy": 75.0}
    assert metrics.sequence_accuracy(["a b", "c"], ["a b", "c "]) == {"sequence_accuracy": 50.0}
    assert metrics.accuracy([[1, 2], [3]], [[1, 2], [3, 4]]) == {"accuracy": 50.0}
    assert metrics.accuracy([1, "1", 0.5, True], [1.0, 1, 0.5, 1]) == {"accuracy": 75.0}


@pytest.mark.parametrize(
    ("target", "prediction", "equal"),
    [
        ("a", "a\x00", False),  # NumPy's own comparison leaves NULs at the end out
        (["a"], ["a\x00"], False),
        ([1, 2], (1, 2), True),
        ([1, 2], np.array([1, 2]), True),
        (np.array([1, 2]), np.array([1, 3]), False),
        ([[1], [2, 3]], [[1], [2, 3]], True),  # of which no array can be made
        ([], "", False),
        ("a", np.array(["a"]), False),
        ({"a": 1}, {"a": 1}, True),
    ],
)
def test_answers_are_equal_from_end_to_end(target: object, prediction: object, equal: bool) -> None:
    for metric in (metrics.accuracy, metrics.sequence_accuracy):
        assert list(metric([target, 1], [prediction, 2]).values()) == [50.0 * equal]
    assert metrics.all_match([target], [prediction]) == {"exact_match": 100.0 * equal}


@given(LABELS)
def test_f1_counts_an_invalid_prediction_as_the_wrong_one(pairs: list[tuple[int, int]]) -> None:
    targets, predictions = [t for t, _ in pairs], np.array([p for _, p in pairs])
    before = predictions.copy()
    valid = [p if p in (0, 1) else 1 - t for t, p in pairs]
    hits = sum(t == p == 1 for t, p in zip(targets, valid, strict=True))
    wrong = sum(t != p for t, p in zip(targets, valid, strict=True))
    expected = 200 * hits / (2 * hits + wrong) if hits or wrong else 0.0
    assert metrics.f1_score_with_invalid(targets, predictions)["f1"] == pytest.approx(expected)
    assert (predictions == before).all()
    for other in (-1, 2):
        with pytest.raises(ValueError, match=f"f1_score_with_invalid: a target is {other}; give 0 and 1"):
            metrics.f1_score_with_invalid([*targets, other], [*predictions, 1])


@pytest.mark.filterwarnings("ignore:A single label")  # of the oracle
@settings(deadline=None)
@given(LABELS)
def test_matthews_and_mean_f1(pairs: list[tuple[int, int]]) -> None:
    targets, predictions = (list(side) for side in zip(*pairs, strict=True))
    expected = 100 * sklearn.metrics.matthews_corrcoef(targets, predictions)
    assert metrics.matthews_corrcoef(targets, predictions) == {"matthews_corrcoef": pytest.approx(expected)}
    ones = []
    for label in range(3):
        hits = sum(t == p == label for t, p in pairs)
        total = targets.count(label) + predictions.count(label)
        ones.append(2 * hits / total if total else 0.0)
    got = metrics.mean_multiclass_f1(3)(targets, predictions)
    assert got == {"mean_3class_f1": pytest.approx(100 * sum(ones) / 3)}


def test_correlations() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=50)
    y = x + random.normal(size=50)
    assert metrics.pearson_corrcoef(x, y)["pearson_corrcoef"] == pytest.approx(100 * np.corrcoef(x, y)[0, 1])
    spearman = 100 * scipy.stats.spearmanr(x, y)[0]
    assert metrics.spearman_corrcoef(list(x), list(y))["spearman_corrcoef"] == pytest.approx(spearman)
    assert metrics.spearman_corrcoef(x, np.exp(x))["spearman_corrcoef"] == pytest.approx(100)
    for metric in (metrics.pearson_corrcoef, metrics.spearman_corrcoef):
        assert list(metric([1, 2, 3], [5, 5, 5]).values()) == [0.0]
        assert list(metric([1], [2]).values()) == [0.0]
        with pytest.raises(ValueError, match="predictions hold NaN"):
            metric([1, 2], [1, math.nan])


def test_squad_by_the_official_rules() -> None:
    targets = [["The Eiffel Tower", "Eiffel"], ["in 1889"], ["x"]]
    predictions = ["eiffel   tower!", "1889", ""]
    got = metrics.squad(targets, predictions)
    assert got["em"] == pytest.approx(100 / 3) and got["f1"] == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert metrics.squad([["a-b"]], ["ab"])["em"] == 100 and metrics.trivia_qa([["a-b"]], ["ab"])["em"] == 0
    # Nothing against nothing is a match, though it has no token in common: as in the official script.
    assert metrics.squad([["the"]], ["a"]) == {"em": 100.0, "f1": 0.0}
    for wrong in ("text", []):
        with pytest.raises(ValueError, match="list of correct answers"):
            metrics.squad([wrong], ["x"])


def test_parts_of_the_question_answering_metrics() -> None:
    assert metrics.qa_metrics([["big moose", "hippo"], ["b"]], ["big cat", "B"]) == {"em": 0.0, "f1": 25.0}
    assert question_answering.coqa_tokens("Maru  the cat.") == ["maru", "cat"]
    assert question_answering.sequence_f1([], []) == 1.0 and question_answering.sequence_f1([], ["cat"]) == 0.0


def test_bleu_is_sacrebleus() -> None:
    targets, predictions = (
        ["the cat sat on the mat .", "a dog ran away quickly"],
        ["the cat sat on a mat .", "a dog ran away"],
    )
    expected = sacrebleu.corpus_bleu(predictions, [targets], tokenize="intl").score
    assert metrics.bleu(targets, predictions) == {"bleu": pytest.approx(expected)}
    assert metrics.bleu(targets, targets)["bleu"] == pytest.approx(100)
    several = [[target, prediction] for target, prediction in zip(targets, predictions, strict=True)]
    assert metrics.bleu(several, predictions)["bleu"] == pytest.approx(100)
    with pytest.raises(ValueError, match="unequal"):
        metrics.bleu([["a"], ["a", "b"]], ["a", "b"])


def test_rouge_by_hand_and_without_chance() -> None:
    targets, predictions = ["the cat sat . it rained", "a b c d"], ["the cat ran . it rained", "a b x y"]
    got = metrics.rouge(targets, predictions)
    assert got["rouge1"] == pytest.approx(100 * (4 / 5 + 2 / 4) / 2)
    assert got["rouge2"] == pytest.approx(100 * (2 / 4 + 1 / 3) / 2)
    assert got["rougeLsum"] == pytest.approx(100 * (4 / 5 + 2 / 4) / 2)
    assert got == metrics.rouge(targets, predictions)
    assert list(metrics.rouge(targets, predictions, score_keys=["rougeL"])) == ["rougeL"]


def test_rouge_mean_is_rouge() -> None:
    targets, predictions = ["It rained all day . We sang .", "Bo came."], ["It rained .", "Ann came ."]
    assert metrics.rouge_mean(targets, predictions) == metrics.rouge(targets, predictions)
    assert metrics.rouge_mean(targets, predictions, ["rougeL"]).keys() == {"rougeL"}
