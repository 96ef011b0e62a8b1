"""Collating for a model with a decoder only: an example's inputs, if any, and its targets one behind the other.

Shapes: N examples, in ascending rows; R rows; L positions of a row; each array of a batch is int32 [R, L].
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from t5mix.data.examples.base import Examples, Ragged
from t5mix.data.packing import collate
from t5mix.internal.ragged import ranges


@dataclasses.dataclass(frozen=True)
class JoinedExamples(Examples):
    """Examples of another kind, all features of each one behind the other as one feature."""

    examples: Examples

    @property
    def count(self) -> int:  # type: ignore[override]
        """Number of examples in an epoch."""
        return self.examples.count

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """Whether an example is another one in another epoch."""
        return self.examples.varies

    def lengths(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns lengths; see `Examples`; [indices, 1]."""
        return self.examples.lengths(epoch, indices).sum(axis=1, keepdims=True)

    def gather(self, epoch: int, indices: np.ndarray) -> list[Ragged]:
        """Returns tokens; see `Examples`."""
        return [joined(self.examples.gather(epoch, indices))]

    @property
    def lengths_vary(self) -> bool:  # type: ignore[override]
        """Whether lengths are others in another epoch."""
        return self.examples.lengths_vary

    def lost(self, epoch: int, indices: np.ndarray) -> np.ndarray:
        """Returns what is cut; see `Examples`; [indices, 1]."""
        return np.asarray(self.examples.lost(epoch, indices).sum(axis=1, keepdims=True))

    def sample(self) -> np.ndarray:
        """Returns a sample; see `Examples`."""
        return self.examples.sample()


def joined(features: list[Ragged]) -> Ragged:
    """Joins the features of each example: of [[5, 6], [7]] and [[8], [9]] it makes [[5, 6, 8], [7, 9]]."""
    sizes = np.stack([one.lengths for one in features], axis=1)
    starts = (np.cumsum(sizes) - sizes.ravel()).reshape(sizes.shape)
    values = np.empty(int(sizes.sum()), dtype=np.int32)
    for column, one in enumerate(features):
        values[ranges(starts[:, column], one.lengths)] = one.values
    return Ragged(values, sizes.sum(axis=1))


def fill(
    tokens: Mapping[str, Ragged],
    limits: Mapping[str, int],
    rows: np.ndarray,
    tasks: np.ndarray,
    height: int,
) -> dict[str, np.ndarray]:
    """Writes examples into the arrays of a batch.

    Example, one row: inputs [7, 8] and targets [3, 1], then targets [4, 1] without inputs, with limits of 4 and 4:
      decoder_target_tokens     7 8 3 1 4 1 0 0
      decoder_input_tokens      0 7 8 3 0 4 0 0
      decoder_loss_weights      0 0 1 1 1 1 0 0
      decoder_segment_ids       1 1 1 1 2 2 0 0
      decoder_positions         0 1 2 3 0 1 0 0
      decoder_causal_attention  1 1 1 0 1 0 0 0

    Args:
        tokens: the examples' token ids, in the order of `rows`, of "inputs" and "targets" or of "targets" alone.
        limits: for each of them, the most tokens of an example; a row has as many positions as they have together.
        rows: int [N], ascending: the row that each example lies in.
        tasks: int [N]: the number of each example's task.
        height: number of rows.

    Returns:
        int32 arrays [R, L], with seqio's names and meanings:
        `decoder_target_tokens`: what is predicted: inputs, then targets (padding 0);
        `decoder_input_tokens`: what is read there: the token before, 0 at an example's beginning;
        `decoder_loss_weights`: 1 where it is a target;
        `decoder_segment_ids` (1, 2, ...; padding 0) and `decoder_positions` (from 0 in each segment);
        `decoder_causal_attention`: 1 on the prefix, which sees all of itself: where an input is predicted, and the
        first target, which is where the last input is read. Without "inputs" in `limits` there is none;
        `targets_task`: the task's number at each target (elsewhere -1).
    """
    prefix = tokens["inputs"].lengths if "inputs" in tokens else np.zeros(len(rows), dtype=np.int64)
    example = joined([tokens[name] for name in ("inputs", "targets") if name in tokens])
    length = sum(limits.values())
    filled = collate.fill({"targets": example}, {"targets": length}, rows, tasks, height)
    ids, segments, positions = (filled[f"targets{part}"] for part in ("", "_segment_ids", "_positions"))
    # At each position, how many inputs its example has.
    before = _at_tokens(np.repeat(prefix, example.lengths), segments)
    is_token = segments > 0
    is_target = is_token & (positions >= before)
    read = np.zeros_like(ids)
    read[:, 1:] = ids[:, :-1]
    batch = {
        "decoder_target_tokens": ids,
        "decoder_input_tokens": np.where(positions > 0, read, 0),
        "decoder_loss_weights": is_target.astype(np.int32),
        "decoder_segment_ids": segments,
        "decoder_positions": positions,
        "targets_task": np.where(is_target, filled["targets_task"], -1),
    }
    if "inputs" in limits:
        batch["decoder_causal_attention"] = (is_token & (positions <= before)).astype(np.int32)
    return batch


def _at_tokens(values: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Returns an array with one of `values` at each position that holds a token, in order, int32 [R, L]."""
    array = np.zeros(segments.shape, dtype=np.int32)
    array[segments > 0] = values
    return array


def unpack(batch: Mapping[str, np.ndarray]) -> list[list[dict[str, np.ndarray]]]:
    """Returns the examples of each row, in order, with their inputs and targets: what `fill` was given."""
    return [
        [_split(ids[segments == number], weights[segments == number]) for number in range(1, int(segments.max()) + 1)]
        for ids, segments, weights in zip(
            batch["decoder_target_tokens"], batch["decoder_segment_ids"], batch["decoder_loss_weights"], strict=True
        )
    ]


def _split(ids: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    return {"inputs": ids[weights == 0], "targets": ids[weights == 1]}
