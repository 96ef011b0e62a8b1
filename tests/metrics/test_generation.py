"""BLEU, ROUGE and edits, against arithmetic by hand and the libraries that define them."""

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from t5mix import metrics
from t5mix.metrics.generation import levenshtein


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


WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_a_metric(one: list[str], other: list[str], third: list[str]) -> None:
    distance = levenshtein(one, other)
    assert distance == levenshtein(other, one) and (distance == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance <= max(len(one), len(other))
    assert distance <= levenshtein(one, third) + levenshtein(third, other)


def test_edit_distance() -> None:
    found = metrics.edit_distance(["a b c", "A b", "x"], ["a c", "a b", "y z"])
    assert found == {"min_edit": 0, "max_edit": 2, "mean_edit": 1.0, "median_edit": 1.0, "sum_edit": 3}
    assert metrics.edit_distance(["A b"], ["a b"], lower=False)["sum_edit"] == 1
