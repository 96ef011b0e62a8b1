"""Ragged token ids in, ragged token ids out, around a decoder that takes one fixed shape."""

from collections.abc import Callable, Sequence

import numpy as np

from t5mix.terminal import Progress

Decode = Callable[[np.ndarray], np.ndarray]
Predict = Callable[[Sequence[Sequence[int]]], list[list[int]]]


def batched(decode: Decode, batch_size: int, length: int, *, eos_id: int = 1, pad_id: int = 0) -> Predict:
    """Wraps a decoder of fixed shape so that it takes any number of inputs of any length.

    Inputs are decoded from the longest to the shortest, because a decoder that stops when its whole
    batch has ended wastes least when neighbours are alike; the outputs come back in the callers'
    order. The last batch is filled up with rows of padding, and their outputs are thrown away.

    Args:
        decode: Maps int32 `[batch_size, length]` to int32 `[batch_size, any length]`.
        batch_size: Rows of a batch.
        length: Tokens of a row.
        eos_id: The token that ends an output; it and what follows it are stripped.
        pad_id: The token that fills the rows.

    Returns:
        A function from sequences of input ids, EOS included, to lists of output ids, EOS stripped.
        It raises ValueError for an input longer than `length`.
    """

    def predict(inputs: Sequence[Sequence[int]]) -> list[list[int]]:
        _check_lengths(inputs, length)
        outputs: list[list[int]] = [[] for _ in inputs]
        order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
        with Progress() as progress:
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                batch = np.full((batch_size, length), pad_id, np.int32)
                for row, index in enumerate(rows):
                    batch[row, : len(inputs[index])] = inputs[index]
                for index, ids in zip(rows, np.asarray(decode(batch)).tolist(), strict=False):
                    outputs[index] = strip(ids, eos_id, pad_id)
                progress.tell("decoding", start + len(rows), len(order))
        return outputs

    return predict


def strip(ids: Sequence[int], eos_id: int = 1, pad_id: int = 0) -> list[int]:
    """Returns `ids` up to, not including, the first EOS, and without the padding at its end."""
    kept = list(ids)
    if eos_id in kept:
        kept = kept[: kept.index(eos_id)]
    while kept and kept[-1] == pad_id:
        kept.pop()
    return kept


def _check_lengths(inputs: Sequence[Sequence[int]], length: int) -> None:
    for index, ids in enumerate(inputs):
        if len(ids) > length:
            raise ValueError(
                f"input {index} has {len(ids)} tokens, but the decoder takes {length}: "
                "trim it, or evaluate with a longer input length"
            )
