"""Tokenizing in threads of its own, ahead of the one that reads texts and writes tokens.

SentencePiece works without Python's lock; what is Python's goes on meanwhile.  A call takes one thread, so that what
Python does of it, before and after, keeps no other waiting; and the texts of many small tasks, for a call costs more
than what few texts do.
"""

import collections
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np

from t5mix.data.tokenization.tokenizers import Tokenizer, TokenizeStep, cores

# Of texts: the number of their task, or 0, and of its shard.
Place = tuple[int, int]
# Ids of each feature's texts, joined, int32, and their lengths, int64.
Ids = dict[str, tuple[np.ndarray, np.ndarray]]

# Bytes of texts that are worth a call.
_AT_ONCE = 1 << 20
# Threads, at most: reading and writing feeds no more.
_THREADS = 8
# How many calls are asked for besides those that are at work.
_AHEAD = 1


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts of the features of some examples.

    Attributes:
      place: what they are of.
      step: how they are tokenized.
      columns: the texts of each feature.
    """

    place: Place
    step: TokenizeStep
    columns: dict[str, list[bytes]]


def tokenized(texts: Iterable[Texts]) -> Generator[tuple[Place, Ids]]:
    """Yields the place and the ids of texts, in order; close it when it is not read to its end."""
    workers = min(cores(), _THREADS)
    with concurrent.futures.ThreadPoolExecutor(workers, "t5mix-tokenize") as pool:
        begun: collections.deque[tuple[list[Place], concurrent.futures.Future[list[Ids]]]] = collections.deque()
        try:
            for group in _groups(texts):
                begun.append(([one.place for one in group], pool.submit(_ids, group)))
                if len(begun) > workers + _AHEAD:
                    yield from _made(*begun.popleft())
            while begun:
                yield from _made(*begun.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _made(places: list[Place], future: concurrent.futures.Future[list[Ids]]) -> Iterator[tuple[Place, Ids]]:
    return zip(places, future.result(), strict=True)


def _groups(texts: Iterable[Texts]) -> Iterator[list[Texts]]:
    group: list[Texts] = []
    size = 0
    for one in texts:
        group.append(one)
        size += sum(sum(map(len, column)) for column in one.columns.values())
        if size >= _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _ids(group: Sequence[Texts]) -> list[Ids]:
    """Returns the ids of each of the group, by one call of each tokenizer."""
    wanted: dict[Tokenizer, list[tuple[int, str]]] = {}
    for number, one in enumerate(group):
        for name in one.columns:
            wanted.setdefault(one.step.tokenizers[name], []).append((number, name))
    made: list[Ids] = [{} for _ in group]
    for tokenizer, places in wanted.items():
        columns = [group[number].columns[name] for number, name in places]
        found = split(*tokenizer(list(itertools.chain.from_iterable(columns)), threads=1), list(map(len, columns)))
        for (number, name), ids in zip(places, found, strict=True):
            made[number][name] = group[number].step.ended(name, *ids)
    return made


def split(values: np.ndarray, lengths: np.ndarray, counts: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the ids and lengths of the first `counts[0]` texts, of the next `counts[1]`, and so on."""
    ends = np.append(0, np.cumsum(lengths)).tolist()
    first = 0
    for count in counts:
        yield values[ends[first] : ends[first + count]], lengths[first : first + count]
        first += count
