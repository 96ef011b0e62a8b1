"""Mapping a function of one example over a dataset, with seeds where it wants them."""

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from t5mix.internal.lazy import tensorflow as tf

AUTOTUNE = -1  # tf.data.AUTOTUNE, without loading TensorFlow

# The next seed that a map takes; None draws fresh ones. A context variable: each thread has its
# own, and leaving `map_seed_manager` restores it whatever happened inside.
_next_seed: contextvars.ContextVar[int | None] = contextvars.ContextVar("t5mix_next_map_seed", default=None)


@contextlib.contextmanager
def map_seed_manager(initial_seed: int | None = None) -> Iterator[None]:
    """Makes the seeds of `map_over_dataset` functions called inside follow from `initial_seed`.

    Each of them takes the next `2 * num_seeds` integers, as in seqio, so the same functions in the
    same order draw the same noise. The former state comes back on leaving, also on an error.

    Args:
        initial_seed: the first seed, or None for seeds that differ from run to run.
    """
    token = _next_seed.set(initial_seed)
    try:
        yield
    finally:
        _next_seed.reset(token)


def next_map_seed() -> int | None:
    """Returns the seed that the next map inside `map_seed_manager` would take.

    When it is still the first one after steps have run, none of them was random.
    """
    return _next_seed.get()


def set_next_map_seed(seed: int | None) -> None:
    """Sets the seed that the next map takes, for the rest of the thread; `map_seed_manager` undoes itself."""
    _next_seed.set(seed)


def stateless_shuffle(value: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Returns the elements of a tensor in an order that only `seed` decides; the shape stays.

    Before: `[7, 8, 9]`; after, by the seed: `[8, 9, 7]`.

    Args:
        value: a tensor of any dtype and shape; its elements are shuffled, not its rows.
        seed: two integers, such as `map_over_dataset(num_seeds=1)` gives.
    """
    flat = tf.reshape(value, [-1])
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(flat), seed))
    return tf.reshape(tf.gather(flat, order), tf.shape(value))


def take_map_seeds(count: int) -> list[int | None]:
    """Returns the next `count` seeds and moves on, for steps that draw otherwise than through `map_over_dataset`.

    Outside `map_seed_manager` each is None: take a fresh one.
    """
    first = _next_seed.get()
    if first is None:
        return [None] * count
    _next_seed.set(first + count)
    return [first + offset for offset in range(count)]


def draws_seeds(num_seeds: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a preprocessor that maps with seeds inside, so that its task knows it for a random step.

    Functions made by `map_over_dataset(num_seeds=...)` are marked already.
    """

    def mark(preprocessor: Callable[..., Any]) -> Callable[..., Any]:
        preprocessor.num_seeds = num_seeds  # type: ignore[attr-defined]
        return preprocessor

    return mark


_Preprocessor = TypeVar("_Preprocessor", bound=Callable[..., Any])


def each_example(preprocessor: _Preprocessor) -> _Preprocessor:
    """Marks a preprocessor that makes of each example, by itself, one, none or several, the same ones each time.

        @each_example
        def drop_empty(dataset):
            return dataset.filter(lambda example: example["targets"] != "")

    Before the token cache, such steps run on each file of a source by itself, so that files are tokenized on their own,
    and by several machines. With a step that is not marked, `take`, `shuffle` and `batch` among them, all files are
    read as one dataset, as `get_dataset` does. Functions made by `map_over_dataset` without seeds are marked already.

    A function that wraps a marked one, with `functools.wraps` or without, has to be marked itself.

    Before: `{"targets": ""}`, `{"targets": "yes"}`; after `drop_empty`: `{"targets": "yes"}`.
    """
    # The mark says whose it is: `functools.wraps` copies it onto wrappers, which may do anything around it.
    preprocessor.each_example = preprocessor  # type: ignore[attr-defined]
    return preprocessor


def one_of_each(preprocessor: _Preprocessor) -> _Preprocessor:
    """Marks a preprocessor that makes of each example, by itself, just one; see also `each_example`."""
    preprocessor.one_of_each = preprocessor  # type: ignore[attr-defined]
    return each_example(preprocessor)


def treats_each_example(preprocessor: Any) -> bool:
    """Tells whether a preprocessor, or what a partial of it calls, is marked by `each_example`.

    A wrapper made with `functools.wraps` is not, unless it is marked itself.
    """
    return _is_marked(preprocessor, "each_example")


def makes_one_of_each(preprocessor: Any) -> bool:
    """Tells whether a preprocessor is marked by `one_of_each`, as `treats_each_example` tells it of the other mark."""
    return _is_marked(preprocessor, "one_of_each")


def _is_marked(preprocessor: Any, name: str) -> bool:
    while True:
        function = getattr(preprocessor, "__func__", preprocessor)  # of a method
        mark = getattr(function, name, None)
        if mark is not None and (mark is function or mark is type(function)):
            return True
        if not isinstance(preprocessor, functools.partial):
            return False
        preprocessor = preprocessor.func


def map_over_dataset(
    fn: Callable[..., Any] | None = None,
    *,
    num_seeds: int | None = None,
    num_parallel_calls: int = AUTOTUNE,
) -> Callable[..., Any]:
    """Makes a preprocessor, dataset -> dataset, of a function of one example.

    Use it with or without arguments:

        @map_over_dataset
        def lower(example):
            return {**example, "inputs": tf.strings.lower(example["inputs"])}

        @map_over_dataset(num_seeds=1)
        def drop_some(example, seed): ...

    Before `lower`: `{"inputs": "It Rains"}`; after: `{"inputs": "it rains"}`.

    Args:
        fn: the function; its further arguments become arguments of the preprocessor.
        num_seeds: 1 passes it `seed`, more passes `seeds`, a tuple: pairs of int64 scalars, fit for
            `tf.random.stateless_*`, new ones for each example.
        num_parallel_calls: examples mapped at once; the order of the output does not depend on it.

    Returns:
        The preprocessor, or a decorator when `fn` is None.

    Raises:
        ValueError: when num_seeds is not a positive whole number.
    """
    if num_seeds is not None and (not isinstance(num_seeds, int) or num_seeds < 1):
        raise ValueError(f"map_over_dataset: num_seeds is {num_seeds!r}; give None, 1, 2, ...")
    if fn is None:
        return lambda function: _wrap(function, num_seeds, num_parallel_calls)
    return _wrap(fn, num_seeds, num_parallel_calls)


def _wrap(fn: Callable[..., Any], num_seeds: int | None, calls: int) -> Callable[..., Any]:
    mapped = _Mapped(fn, num_seeds, calls)

    @functools.wraps(fn)
    def preprocessor(dataset: "tf.data.Dataset", *args: Any, **kwargs: Any) -> "tf.data.Dataset":
        return mapped(dataset, *args, **kwargs)

    preprocessor.map_fn = fn  # type: ignore[attr-defined]
    preprocessor.num_seeds = num_seeds or 0  # type: ignore[attr-defined]
    return preprocessor if num_seeds else one_of_each(preprocessor)


@dataclasses.dataclass(frozen=True)
class _Mapped:
    """`fn` with the settings of its map."""

    fn: Callable[..., Any]
    num_seeds: int | None
    calls: int

    def __call__(self, dataset: "tf.data.Dataset", *args: Any, **kwargs: Any) -> "tf.data.Dataset":
        fn = functools.partial(self._one, args, kwargs)
        if self.num_seeds is not None:
            dataset = tf.data.Dataset.zip((dataset, _seed_datasets(self.num_seeds)))
        return dataset.map(fn, num_parallel_calls=self.calls)

    def _one(self, args: Any, kwargs: Any, *element: Any) -> Any:
        if self.num_seeds is None:
            example = element[0] if len(element) == 1 else element
            return self.fn(example, *args, **kwargs)
        example, seeds = element
        if self.num_seeds == 1:
            return self.fn(example, *args, seed=seeds[0], **kwargs)
        return self.fn(example, *args, seeds=seeds, **kwargs)


def _seed_datasets(num_seeds: int) -> tuple[Any, ...]:
    """Returns `num_seeds` pairs of endless random datasets, and moves the next seed on."""
    datasets = [tf.data.Dataset.random(number) for number in take_map_seeds(2 * num_seeds)]
    return tuple(zip(datasets[::2], datasets[1::2], strict=True))
