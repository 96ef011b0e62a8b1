"""What the vocabulary takes from texts is found, however sound they are as texts."""

import functools
import random
from collections.abc import Callable
from typing import Any

import pytest
import sentencepiece

import t5mix
from t5mix import metrics
from t5mix.evaluation.checks import Limits
from t5mix.evaluation.checks.check_task import check_task
from tests.evaluation.checks.yes_or_no import LIMITS, STEPS, found, messages, source, task

WIDE = Limits({"inputs": 64, "targets": 32}, examples=60)
Make = Callable[[str, int], tuple[str, str]]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Checks a task of 60 examples a split, whose vocabulary knows the letters of ASCII."""
    prefix = tmp_path_factory.mktemp("pieces") / "small"
    text = ["the quick brown fox jumps over a lazy dog, sentiment: 0 1 2 3 4 5 6 7 8 9; validation or not? (yes)"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text * 20), model_prefix=str(prefix), vocab_size=120, pad_id=0, eos_id=1, unk_id=2,
        bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    vocabulary = t5mix.SentencePieceVocabulary(f"{prefix}.model")
    features = {name: t5mix.Feature(vocabulary) for name in ("inputs", "targets")}

    def check(make: Make, limits: Limits = WIDE, **changed: Any) -> Any:
        made = source(lambda split: [make(split, number) for number in range(60)])
        return check_task(task(**{"source": made, "output_features": features, **changed}), limits)

    return check


def chinese(split: str, number: int) -> str:
    return "".join(random.Random(f"{split} {number}").choices("的一是不了人我在有他这为之大来以个中上们", k=20))


def test_texts_of_another_language_become_one(checked: Callable[..., Any]) -> None:
    report = checked(lambda split, i: (f"sentiment: {chinese(split, i)}", ("no", "yes")[i % 2]))
    message = messages(report, "tokens")
    assert (
        found(report)["tokens"] == "fail"
        and "inputs: 100.0% of texts have the tokens of another: 'sentiment: " in message
    )
    assert "% of letters are unknown to its vocabulary: 'sentiment: " in message
    # With numbers no two are alike, and are as empty.
    report = checked(lambda split, i: (f"{split} {i}: {chinese(split, i)}", ("no", "yes")[i % 2]))
    message = messages(report, "tokens")
    assert found(report)["tokens"] == "fail" and "letters are unknown" in message and "tokens of another" not in message


def test_a_few_unknown_letters_are_a_note(checked: Callable[..., Any]) -> None:
    report = checked(lambda split, i: (f"a long sentence of the {split}, number {i}" + "的" * (i == 7), "no"))
    assert report.passed and found(report)["tokens"] == "note"
    assert "inputs: 0.04% of letters are unknown" in messages(report, "tokens")
    strictly = Limits(WIDE.lengths, 60, unknown=0.0)
    report = checked(lambda split, i: (f"a long sentence of the {split}, number {i}" + "的" * (i == 7), "no"), strictly)
    assert found(report)["tokens"] == "fail"


def test_inputs_that_differ_behind_their_length_are_one(checked: Callable[..., Any]) -> None:
    prompt = "Read what follows with care and then say whether it is good or bad: "
    report = checked(lambda split, i: (prompt + f"{split} {i}", ("no", "yes")[i % 2]), LIMITS)
    assert found(report)["tokens"] == "fail" and "inputs: 100.0% of texts have the tokens of" in messages(
        report, "tokens"
    )


@pytest.mark.parametrize("keeps", [True, False])
def test_right_answers_are_judged_by_way_of_their_tokens(keeps: bool, checked: Callable[..., Any]) -> None:
    """Whether or not the texts stay beside the tokens."""

    def lines(split: str, number: int) -> tuple[str, str]:
        return f"{split} {number}", f"first {number}\nsecond {split}"

    steps = [STEPS[0] if keeps else functools.partial(STEPS[0], copy_pretokenized=False), *STEPS[1:]]
    judged = {"preprocessors": steps, "postprocess_fn": None, "metric_fns": [metrics.accuracy]}
    report = checked(lines, **judged)
    assert "targets: 100.0% of texts come back otherwise: 'first 0\\nsecond" in messages(report, "tokens")
    if keeps:
        message = messages(report, "gold")
        assert found(report)["gold"] == "fail" and "accuracy 0 by way of their tokens, 100 as text: 60 of 60" in message
        assert "'first 0\\nsecond validation' as 'first 0 second validation'" in message
    else:  # targets are what comes out of tokens, so an answer can be right
        assert found(report)["gold"] == "pass"
    # A metric of words does not mind, nor does one whose postprocessor makes both alike.
    assert found(checked(lines, **{**judged, "metric_fns": [metrics.rouge]}))["gold"] == "pass"
    alike = {"postprocess_fn": lambda text, example=None, is_target=False: " ".join(text.split())}
    assert found(checked(lines, **{**judged, **alike}))["gold"] == "pass"


def test_one_answer_for_all_is_judged_too(checked: Callable[..., Any]) -> None:
    report = checked(lambda split, i: (f"{split} {i}", "a\nb"), postprocess_fn=None)
    assert found(report)["gold"] == "fail" and "as a wrong answer by way of their tokens" in messages(report, "gold")


def test_targets_longer_than_their_length_cannot_be_right(checked: Callable[..., Any]) -> None:
    long = "a text that is much longer than the eight tokens it may have"
    report = checked(lambda split, i: (f"{split} {i}", f"{long} {i}"), LIMITS, postprocess_fn=None)
    assert found(report)["gold"] == "fail" and "accuracy 0 by way of their tokens" in messages(report, "gold")
    few = checked(lambda split, i: (f"{split} {i}", long if i == 3 else f"no {i}"), LIMITS, postprocess_fn=None)
    assert found(few)["gold"] == "note" and "accuracy 97.5 by way of their tokens, 100" in messages(few, "gold")


def test_errors_that_tokens_make_count_against_a_metric_of_errors(checked: Callable[..., Any]) -> None:
    edits = {"postprocess_fn": None, "metric_fns": [metrics.edit_distance]}
    report = checked(lambda split, i: (f"{split} {i}", "no 的 yes 一 no 是" + " no" * (i % 3)), **edits)
    assert found(report)["gold"] == "fail" and "by way of their tokens, 0 as text" in messages(report, "gold")


def test_a_sound_task_passes() -> None:
    assert found(check_task(task(), LIMITS))["tokens"] == "pass"
