"""Ragged token ids in, ragged token ids out, around a decoder that takes few fixed shapes."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from t5mix.internal.terminal import Progress


class Answer(NamedTuple):
    """An answer to one input.

    Attributes:
        ids: its tokens, EOS stripped.
        score: the greater, the likelier; see `Engine.decode`.
    """

    ids: list[int]
    score: float


Decode = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Tell = Callable[[int], None]


class AnswerAll(Protocol):
    """Gives the best answers to each input."""

    def __call__(
        self, inputs: Sequence[Sequence[int]], /, *, first: int = 0, tell: Tell | None = None
    ) -> list[list[Answer]]:
        """Answers inputs.

        Args:
            inputs: ids, EOS included.
            first: the number of the first input: samples are functions of the numbers.
            tell: called with how many are done; None shows that itself.
        """
        ...


Predict = Callable[[Sequence[Sequence[int]]], list[list[int]]]
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class ScoreTargets(Protocol):
    """Gives the score of each of an input's targets."""

    def __call__(
        self,
        inputs: Sequence[Sequence[int]],
        targets: Sequence[Sequence[Sequence[int]]],
        /,
        *,
        tell: Tell | None = None,
    ) -> list[list[float]]:
        """Scores targets.

        Args:
            inputs: ids, EOS included.
            targets: ids of the targets of each input.
            tell: called with how many inputs are done; None shows that itself.
        """
        ...


# A program of shorter rows is used where so many examples fit it and no shorter one: for fewer, compiling it takes
# longer than it saves.
_EXAMPLES = 4096

# Targets that are scored are filled up to a multiple of this, so that few programs are compiled.
_TARGET_STEP = 8


def batched(
    decode: Decode,
    batch_size: int,
    length: int,
    *,
    shorter: Sequence[int] = (),
    sizes: Sequence[int] | None = None,
    eos_id: int = 1,
    pad_id: int = 0,
) -> AnswerAll:
    """Wraps a decoder of fixed shapes so that it takes any number of inputs of any length.

    Inputs are decoded from the longest to the shortest, because a decoder that stops when its whole
    batch has ended wastes least when neighbours are alike; the outputs come back in the callers'
    order. The last batch is filled up with rows of padding, and their outputs are thrown away.
    Where thousands of examples are short, they are decoded in shorter rows.

    Args:
        decode: maps int32 `[batch_size, length]`, or a length of `shorter`, and the numbers of the inputs, int32
            `[batch_size]`, to int32 `[batch_size, best, any length]` and scores `[batch_size, best]`. Rows that fill
            up the last batch have number -1.
        batch_size: rows of a batch.
        length: tokens of a row.
        shorter: lengths of rows for short inputs, each less than `length`.
        sizes: tokens of all inputs, where they come in several calls; None means that each call is all.
        eos_id: the token that ends an output; it and what follows it are stripped.
        pad_id: the token that fills the rows.

    Returns:
        A function from sequences of input ids, EOS included, to lists of answers, the best first, EOS stripped.
        It raises ValueError for an input longer than `length`.
    """

    def answer(inputs: Sequence[Sequence[int]], /, *, first: int = 0, tell: Tell | None = None) -> list[list[Answer]]:
        _check_lengths(inputs, length)
        answers: list[list[Answer]] = [[] for _ in inputs]
        order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
        lengths = [*_worthwhile(shorter, [len(ids) for ids in inputs] if sizes is None else sizes), length]
        with _told(tell, "decoding", len(order)) as done:
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                longest = len(inputs[rows[0]])
                width = next(each for each in lengths if longest <= each)
                batch = np.full((batch_size, width), pad_id, np.int32)
                for row, index in enumerate(rows):
                    batch[row, : len(inputs[index])] = inputs[index]
                numbers = np.array([*(first + row for row in rows), *[-1] * (batch_size - len(rows))], np.int32)
                found, scores = (np.asarray(each).tolist() for each in decode(batch, numbers))
                for row, index in enumerate(rows):
                    answers[index] = [
                        Answer(strip(ids, eos_id, pad_id), score)
                        for ids, score in zip(found[row], scores[row], strict=True)
                    ]
                done(start + len(rows))
        return answers

    return answer


def first_answers(answer: AnswerAll) -> Predict:
    """Returns a function that gives the ids of the best answer alone."""
    return lambda inputs: [answers[0].ids for answers in answer(inputs)]


def scored(score: Score, batch_size: int, length: int, *, pad_id: int = 0) -> ScoreTargets:
    """Wraps a function of fixed shapes that scores targets, so that it takes any number of them, of any length.

    Each input is read once, however many targets it has; neighbours in a batch are alike in length.

    Args:
        score: maps int32 `[batch_size, length]`, targets `[batch_size, number, any length]` and the numbers of the
            inputs `[batch_size]` to scores `[batch_size, number]`. Rows that fill up the last batch have number -1.
        batch_size: rows of a batch.
        length: tokens of an input.
        pad_id: the token that fills the rows.

    Returns:
        A function from ids of inputs, and for each input those of its targets, both with EOS, to the score of each
        target. It raises ValueError for an input longer than `length`.
    """

    def scores(
        inputs: Sequence[Sequence[int]], targets: Sequence[Sequence[Sequence[int]]], /, *, tell: Tell | None = None
    ) -> list[list[float]]:
        _check_lengths(inputs, length)
        found: list[list[float]] = [[] for _ in inputs]
        order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
        most = max((len(each) for each in targets), default=0)
        longest = max((len(ids) for each in targets for ids in each), default=0)
        shape = (batch_size, max(most, 1), max(-(-longest // _TARGET_STEP), 1) * _TARGET_STEP)
        with _told(tell, "scoring", len(order)) as done:
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch, given = np.full((batch_size, length), pad_id, np.int32), np.full(shape, pad_id, np.int32)
                for row, index in enumerate(rows):
                    batch[row, : len(inputs[index])] = inputs[index]
                    for number, ids in enumerate(targets[index]):
                        given[row, number, : len(ids)] = ids
                numbers = np.array([*rows, *[-1] * (batch_size - len(rows))], np.int32)
                values = np.asarray(score(batch, given, numbers)).tolist()
                for row, index in enumerate(rows):
                    found[index] = values[row][: len(targets[index])]
                done(start + len(rows))
        return found

    return scores


@contextlib.contextmanager
def _told(tell: Tell | None, what: str, total: int) -> Iterator[Tell]:
    """Gives what is called with how much is done: the caller's, or a display of its own."""
    if tell is not None:
        yield tell
        return
    with Progress(what=what) as progress:
        yield lambda done: progress.tell(what, done, total)


def strip(ids: Sequence[int], eos_id: int = 1, pad_id: int = 0) -> list[int]:
    """Returns `ids` up to, not including, the first EOS, and without the padding at its end."""
    stripped = list(ids)
    if eos_id in stripped:
        stripped = stripped[: stripped.index(eos_id)]
    while stripped and stripped[-1] == pad_id:
        stripped.pop()
    return stripped


def _worthwhile(shorter: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Returns the lengths of rows, ascending, that enough examples of these sizes need."""
    chosen: list[int] = []
    for length in sorted(shorter):
        least = chosen[-1] if chosen else -1
        if sum(least < size <= length for size in sizes) >= _EXAMPLES:
            chosen.append(length)
    return chosen


def _check_lengths(inputs: Sequence[Sequence[int]], length: int) -> None:
    for index, ids in enumerate(inputs):
        if len(ids) > length:
            raise ValueError(
                f"input {index} has {len(ids)} tokens, but the decoder takes {length}: "
                "trim it, or evaluate with a longer input length"
            )
