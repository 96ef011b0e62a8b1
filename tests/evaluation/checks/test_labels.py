"""The check of target texts."""

from pathlib import Path

import pytest
import sentencepiece

import t5mix
from t5mix.evaluation.checks.check_task import check_task
from tests.evaluation.checks.yes_or_no import LIMITS, found, messages, rows, source, task


def test_a_label_that_the_vocabulary_cannot_say_is_found(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["no yes train validation 0 1 2 3 4 5 6 7 8 9"] * 20),
        model_prefix=str(tmp_path / "small"), vocab_size=45, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    vocabulary = t5mix.SentencePieceVocabulary(str(tmp_path / "small.model"))
    features = {name: t5mix.Feature(vocabulary) for name in ("inputs", "targets")}
    assert found(check_task(task(output_features=features), LIMITS))["labels"] == "pass"
    for wrong, words in (("{yes}", "holds what"), ("yes  no", "comes out of")):
        made = source(lambda split, wrong=wrong: [(x, y.replace("yes", wrong)) for x, y in rows(split)])
        report = check_task(task(output_features=features, source=made), LIMITS)
        assert found(report)["labels"] == "fail" and f"label {wrong!r} {words}" in messages(report, "labels")


UNPUBLISHED = {
    "hidden": ["<unk>"] * 60,
    "empty": [""] * 60,
    "hidden or empty": ["<unk>", ""] * 30,
    "minus one": ["-1"] * 60,
    "minus one point nought": ["-1.0"] * 60,
}


@pytest.mark.parametrize("what", list(UNPUBLISHED))
def test_a_split_without_labels_is_told_and_judges_no_metric(what: str) -> None:
    hidden = UNPUBLISHED[what]
    splits = ("train", "test")
    made = source(
        lambda split: [(x, hidden[i] if split == "test" else y) for i, (x, y) in enumerate(rows(split))], splits
    )
    report = check_task(task(source=made), LIMITS)
    assert report.passed, report.findings
    assert messages(report, "labels").endswith("labels of test are not published")
    assert messages(report, "gold").startswith("train: accuracy 100")
