"""Beam search against a search written in NumPy from the two papers' and programs' rules, one row at a time."""

import functools

import numpy as np
import pytest
import scipy.special

from t5mix.mesh.decoding import beams
from t5mix.mesh.decoding.one_by_one import decode_one_by_one
from t5mix.mesh.decoding.settings import Decoding
from tests.mesh.decoding.small_steps import TableSteps, compiled

ROWS, LENGTH, VOCAB = 12, 7, 11
INPUTS = np.arange(2, 2 + ROWS, dtype=np.int32)[:, None]
NUMBERS = np.arange(ROWS, dtype=np.int32)


def search(steps, decoding, inputs=INPUTS, numbers=NUMBERS, loops=None):
    return compiled(
        lambda inputs, numbers: beams.search(steps, inputs, numbers, decoding, loops or [inputs.shape[0]]),
        inputs,
        numbers,
    )


def oracle(steps: TableSteps, first: int, decoding: Decoding) -> list[tuple[float, list[int]]]:
    """The best answers to one input, with their scores."""
    t5, count = decoding.rules == "t5", decoding.beams

    def divided(total: float, length: int) -> float:
        return total / ((5 + length) / 6 if t5 else length) ** decoding.length_penalty

    going, ended = [(0.0, [])], []
    for length in range(1, LENGTH + 1):
        options = []
        for total, tokens in going:
            gains = scipy.special.log_softmax(steps.logits(first, tokens).astype(np.float64))
            options += [(total + gain, [*tokens, token]) for token, gain in enumerate(gains)]
        options = sorted(options, key=lambda option: -option[0])[: 2 * count]
        last = length == LENGTH and not t5
        ends = [option for rank, option in enumerate(options) if (option[1][-1] == 1 or last) and (t5 or rank < count)]
        ended = sorted([*ended, *((divided(total, length), ids) for total, ids in ends)], key=lambda x: -x[0])[:count]
        going = [option for option in options if option[1][-1] != 1][:count]
        if t5 and len(ended) >= decoding.best and ended[decoding.best - 1][0] > divided(going[0][0], LENGTH):
            break
        if not t5 and len(ended) == count and ended[-1][0] >= divided(going[0][0], length):
            break
    rest = [(divided(total, LENGTH), tokens) for total, tokens in going]
    return [*ended, *rest][: decoding.best]


@pytest.mark.parametrize("rules", ["t5", "transformers"])
@pytest.mark.parametrize(("count", "best", "penalty"), [(2, 1, 0.0), (4, 1, 0.6), (4, 4, 1.0), (5, 3, 2.0)])
def test_answers_are_those_of_a_search_in_numpy(rules, penalty, count, best):
    decoding = Decoding(beams=count, best=best, rules=rules, length_penalty=penalty)
    steps = TableSteps(count, LENGTH, VOCAB, seed=count)
    ids, scores = search(steps, decoding)
    assert ids.shape == (ROWS, best, LENGTH)
    for row, first in enumerate(INPUTS[:, 0]):
        expected = oracle(steps, int(first), decoding)
        np.testing.assert_allclose(scores[row], [score for score, _ in expected], rtol=1e-5)
        for found, (_, tokens) in zip(ids[row], expected, strict=True):
            assert found.tolist() == tokens + [0] * (LENGTH - len(tokens))


def test_as_many_beams_as_there_are_beginnings_find_the_likeliest_answer():
    """With beams for all sequences of 3 tokens, the search is a proof: nothing is likelier."""
    length, vocab = 3, 4
    count = vocab**length
    steps = TableSteps(count, length, vocab, seed=5)
    decoding = Decoding(beams=count, length_penalty=0.0)
    scores = search(steps, decoding)[1]
    for row, first in enumerate(INPUTS[:, 0]):
        best = -np.inf
        for number in range(count):
            tokens = [number // vocab**2, number // vocab % vocab, number % vocab]
            if 1 not in tokens:
                continue
            tokens = tokens[: tokens.index(1) + 1]
            total = sum(
                scipy.special.log_softmax(steps.logits(int(first), tokens[:at]))[token]
                for at, token in enumerate(tokens)
            )
            best = max(best, total)
        np.testing.assert_allclose(scores[row, 0], best, rtol=1e-5)


def one_beam(**settings) -> Decoding:
    """Settings for a search that nobody needs: those of beams are refused where there is one."""
    decoding = Decoding(beams=2, **settings)
    object.__setattr__(decoding, "beams", 1)
    return decoding


def test_one_beam_is_greedy_decoding_where_only_the_likeliest_token_can_end():
    """By T5's rules an answer may end with the second likeliest: it is at least as likely as the greedy one."""
    steps = TableSteps(1, LENGTH, VOCAB, seed=8)
    key = np.zeros(2, np.uint32)
    greedy = functools.partial(decode_one_by_one, steps, decoding=Decoding(), loops=[ROWS])
    expected, likelihood = compiled(greedy, INPUTS, NUMBERS, key)
    ids, scores = search(steps, one_beam(rules="transformers", length_penalty=0.0))
    ended = (expected == 1).any(axis=(1, 2))
    assert ended.any() and not ended.all()
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(scores, likelihood, rtol=1e-5)
    assert (search(steps, one_beam(length_penalty=0.0))[1] >= likelihood - 1e-4)[ended].all()


@pytest.mark.parametrize("rules", ["t5", "transformers"])
def test_an_answer_depends_on_its_input_alone(rules):
    """Whatever the other rows, their number and order, and however many loops there are."""
    decoding = Decoding(beams=3, best=3, rules=rules)
    steps = TableSteps(3, LENGTH, VOCAB, seed=2)
    ids, scores = search(steps, decoding)
    for loops in ([ROWS, 6, 3], [ROWS, 1]):
        again, same = search(steps, decoding, loops=loops)
        np.testing.assert_array_equal(again, ids)
        np.testing.assert_array_equal(same, scores)
    order = np.random.default_rng(0).permutation(ROWS)
    np.testing.assert_array_equal(search(steps, decoding, INPUTS[order])[0], ids[order])
    np.testing.assert_array_equal(search(steps, decoding, INPUTS[:1], NUMBERS[:1])[0], ids[:1])


def test_rows_with_a_negative_number_are_not_decoded():
    steps = TableSteps(3, LENGTH, VOCAB, seed=2)
    decoding = Decoding(beams=3)
    numbers = np.where(NUMBERS % 2, -1, NUMBERS)
    ids, _ = search(steps, decoding, numbers=numbers, loops=[ROWS, 6])
    np.testing.assert_array_equal(ids[::2], search(steps, decoding)[0][::2])
    assert not ids[1::2].any()
