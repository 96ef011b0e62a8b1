"""Ragged token ids in, ragged token ids out, around a decoder that takes few fixed shapes."""

from collections.abc import Callable, Sequence

import numpy as np

from t5mix.internal.terminal import Progress

Decode = Callable[[np.ndarray], np.ndarray]
Predict = Callable[[Sequence[Sequence[int]]], list[list[int]]]

# A program of shorter rows is used where so many examples fit it and no shorter one: for fewer, compiling it takes
# longer than it saves.
_EXAMPLES = 4096


def batched(
    decode: Decode,
    batch_size: int,
    length: int,
    *,
    shorter: Sequence[int] = (),
    eos_id: int = 1,
    pad_id: int = 0,
) -> Predict:
    """Wraps a decoder of fixed shapes so that it takes any number of inputs of any length.

    Inputs are decoded from the longest to the shortest, because a decoder that stops when its whole
    batch has ended wastes least when neighbours are alike; the outputs come back in the callers'
    order. The last batch is filled up with rows of padding, and their outputs are thrown away.
    Where thousands of examples are short, they are decoded in shorter rows.

    Args:
        decode: maps int32 `[batch_size, length]`, or a length of `shorter`, to int32 `[batch_size, any length]`.
        batch_size: rows of a batch.
        length: tokens of a row.
        shorter: lengths of rows for short inputs, each less than `length`.
        eos_id: the token that ends an output; it and what follows it are stripped.
        pad_id: the token that fills the rows.

    Returns:
        A function from sequences of input ids, EOS included, to lists of output ids, EOS stripped.
        It raises ValueError for an input longer than `length`.
    """

    def predict(inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        _check_lengths(inputs, length)
        outputs: list[list[int]] = [[] for _ in inputs]
        order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
        lengths = [*_worthwhile(shorter, [len(ids) for ids in inputs]), length]
        with Progress() as progress:
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                longest = len(inputs[rows[0]])
                width = next(each for each in lengths if longest <= each)
                batch = np.full((batch_size, width), pad_id, np.int32)
                for row, index in enumerate(rows):
                    batch[row, : len(inputs[index])] = inputs[index]
                for index, ids in zip(rows, np.asarray(decode(batch)).tolist(), strict=False):
                    outputs[index] = strip(ids, eos_id, pad_id)
                progress.tell("decoding", start + len(rows), len(order))
        return outputs

    return predict


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
