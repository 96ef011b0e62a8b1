"""Batches of a whole split for evaluation: every example once, in rows that are little longer than they are."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from t5mix.data.cache import store
from t5mix.data.examples.base import Examples, Tokens
from t5mix.data.examples.opening import open_examples
from t5mix.data.packing import collate
from t5mix.data.stream import check_lengths_used, check_numbers
from t5mix.task import Task


@dataclasses.dataclass(frozen=True)
class SortedBatch:
    """Examples of about the same length.

    Attributes:
      index: int64 [rows], the number of each row's example in the split; -1 in rows that fill up the last batch.
      arrays: int32 [rows, length], as `Stream.batch` makes them; the lengths are those of this batch.
    """

    index: np.ndarray
    arrays: dict[str, np.ndarray]


def batches_by_length(
    task: Task,
    lengths: Mapping[str, int],
    batch_size: int,
    *,
    split: str = "validation",
    multiple: int = 32,
    cache_dir: str | Path | None = None,
    progress: store.Progress | None = None,
) -> Iterator[SortedBatch]:
    """Yields every example of a task's split once, one a row, sorted by length, the longest first.

    A batch is as long as its longest example, rounded up to a multiple of `multiple`, so that a program that is
    compiled for each shape is compiled for few.  The first batch is the greatest, so that what does not fit into
    memory shows at once.  Noise of objectives is that of epoch 0 of seed 0, so that a test set stays what it is.

    Args:
      task: the task.
      lengths: for each feature the most tokens of an example, EOS included.
      batch_size: rows of a batch; the last is filled up with empty rows.
      split: the split to read.
      multiple: lengths of batches are multiples of it, or the feature's whole length.
      cache_dir: the folder of token caches; see `Stream`.
      progress: see `Stream`.

    Raises:
      ValueError: naming the task, when it cannot be read; naming the argument, when it cannot be.
    """
    check_numbers(lengths, batch_size, 0)
    check_lengths_used(lengths, [task])
    if not isinstance(multiple, int) or multiple < 1:
        raise ValueError(f"multiple is {multiple!r}; give a number of tokens")
    if split not in task.splits:
        raise ValueError(f"task {task.name!r} has no split {split!r}; it has {', '.join(task.splits)}")
    opened = open_examples(task, split, lengths, 0, store.folder_of(cache_dir), progress)
    return _sorted(opened.examples, lengths, batch_size, multiple)


def _sorted(examples: Examples, lengths: Mapping[str, int], batch_size: int, multiple: int) -> Iterator[SortedBatch]:
    sizes = examples.lengths(0, np.arange(examples.count))
    order = np.lexsort((np.arange(examples.count), *(-sizes[:, ::-1].T)))
    for start in range(0, examples.count, batch_size):
        index = order[start : start + batch_size]
        tokens: list[Tokens] = examples.gather(0, index)
        longest = sizes[index].max(axis=0)
        rounded = {
            name: int(min(limit, max(1, -(-int(most) // multiple)) * multiple))
            for (name, limit), most in zip(lengths.items(), longest, strict=True)
        }
        by_name = dict(zip(lengths, tokens, strict=True))
        rows = np.arange(len(index))
        arrays = collate.fill(by_name, rounded, rows, np.zeros(len(index), np.int32), batch_size)
        padded = np.concatenate([index, np.full(batch_size - len(index), -1)])
        yield SortedBatch(padded, arrays)
