"""Arrays that are read when they are needed, and the check that a checkpoint has those that a model needs."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class LazyArray:
    """An array of a checkpoint, on disk until `read` is called.

    Attributes:
        shape: its sizes.
        dtype: name of its type: "float32", "bfloat16", ...
        read: reads it.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]

    @classmethod
    def of(cls, array: np.ndarray) -> "LazyArray":
        """Returns an array in memory as a lazy one."""
        return cls(tuple(array.shape), str(array.dtype), lambda: array)

    @property
    def transposed(self) -> "LazyArray":
        """The same array with its dimensions the other way round."""
        return LazyArray(self.shape[::-1], self.dtype, lambda: self.read().T)

    def reshaped(self, shape: tuple[int, ...]) -> "LazyArray":
        """Returns the same values in another shape of the same size."""
        return LazyArray(shape, self.dtype, lambda: self.read().reshape(shape))

    def float32(self) -> np.ndarray:
        """Reads it as float32, in memory of its own and in C order.

        Raises:
            ValueError: it holds no floating-point numbers.
        """
        if self.dtype not in ("float32", "bfloat16", "float16", "float64"):
            raise ValueError(f"an array of {self.dtype} is no weight: quantized checkpoints are not read")
        return np.ascontiguousarray(self.read(), np.float32)


# Arrays by name.
Weights = Mapping[str, LazyArray]


@dataclasses.dataclass(frozen=True)
class ExpectedWeight:
    """A weight that a model needs, in the words of a checkpoint.

    Attributes:
        name: the model's name of it.
        theirs: the checkpoint's name.
        shape: its sizes in the checkpoint.
        transpose: whether the model's dimensions are the other way round.
    """

    name: str
    theirs: str
    shape: tuple[int, ...]
    transpose: bool = False


def match(
    expected: Iterable[ExpectedWeight], found: Weights, source: str, ignored: Iterable[str] = ()
) -> dict[str, LazyArray]:
    """Returns the weights that a model needs, by its own names.

    Args:
        expected: what it needs.
        found: what the checkpoint has, by the checkpoint's names.
        source: of the checkpoint, for errors.
        ignored: names that the checkpoint may have besides.

    Raises:
        ValueError: one line that names the weights that are missing, of another shape, or too many.
    """
    expected = list(expected)
    missing = [weight.theirs for weight in expected if weight.theirs not in found]
    if missing:
        raise ValueError(f"{source} lacks {_named(missing)}: it is incomplete, or of another architecture")
    for weight in expected:
        array = found[weight.theirs]
        if array.shape != weight.shape:
            raise ValueError(
                f"{source}: {weight.theirs} has shape {list(array.shape)}, and by its config it must have "
                f"{list(weight.shape)}"
            )
        if array.dtype not in ("float32", "bfloat16", "float16", "float64"):
            raise ValueError(f"{source}: {weight.theirs} is of {array.dtype}: give a checkpoint that is not quantized")
    known = {weight.theirs for weight in expected} | set(ignored)
    surplus = sorted(name for name in found if name not in known)
    if surplus:
        raise ValueError(
            f"{source} has {_named(surplus)}, which the model has no place for: it is of another architecture"
        )
    arrays = {weight.name: found[weight.theirs] for weight in expected}
    return {w.name: arrays[w.name].transposed if w.transpose else arrays[w.name] for w in expected}


def _named(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
