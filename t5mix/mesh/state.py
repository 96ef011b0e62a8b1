"""Values of all variables: T5's names outside, stacked arrays inside where blocks are a loop.

On disk, for checkpoints and for other programs, every weight has T5's name and shape, however the engine computes.
Where the blocks of a stack are a loop (t5/loop.py), the training program takes the weights of all its blocks as one
array [layers, ...]. A State is both: it reads like a dictionary by T5's names, and hands the engine what it stored.
"""

import dataclasses
import functools
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from t5mix.internal.lazy import import_quietly
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything

if TYPE_CHECKING:
    import jax
else:
    jax = import_quietly("jax")


@dataclasses.dataclass(frozen=True)
class Initializer:
    """How a weight is first drawn.

    Attributes:
        kind: the distribution; "uniform" lies in [-scale, scale), "truncated_normal" within two standard deviations.
        scale: standard deviation of the normal ones (before truncation), limit of the uniform one.
    """

    kind: Literal["normal", "truncated_normal", "uniform", "zeros", "ones"]
    scale: float = 1.0


ONES, ZEROS = Initializer("ones"), Initializer("zeros")


@dataclasses.dataclass(frozen=True)
class Variable:
    """A weight of the model or a slot of its optimizer, as it is on disk.

    Attributes:
        name: T5's name, such as "encoder/layer_000/SelfAttention/q"; optimizer slots end in "_slot_...".
        shape: its sizes.
        axes: for each dimension the number of the mesh axis that splits it, or -1.
        trainable: whether it is a weight; otherwise it is an optimizer slot.
        initializer: how its first value is drawn.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    trainable: bool
    initializer: Initializer


@dataclasses.dataclass(frozen=True)
class Stored:
    """An array as the training program takes it: of one variable, or of equal ones of all blocks, stacked.

    Attributes:
        variables: one for each block, in order; just one where it is not stacked.
        stacked: whether the array has a first dimension that counts blocks.
    """

    variables: tuple[Variable, ...]
    stacked: bool

    @property
    def name(self) -> str:
        """The name of its first variable, which is that of the array in the mtf graph."""
        return self.variables[0].name

    @property
    def trainable(self) -> bool:
        """Whether it holds weights; otherwise it holds optimizer slots."""
        return self.variables[0].trainable

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the array."""
        shape = self.variables[0].shape
        return (len(self.variables), *shape) if self.stacked else shape

    @property
    def axes(self) -> tuple[int, ...]:
        """For each dimension of the array the number of the mesh axis that splits it, or -1."""
        axes = self.variables[0].axes
        return (-1, *axes) if self.stacked else axes


class StepMetrics(NamedTuple):
    """What a training step reports; still on the device, so that asking for it is what waits for the step.

    Attributes:
        loss: float32 [], mean cross-entropy per target token, in nats.
        gradient_norm: float32 [], of all weights' gradients together; where it is not finite, nothing was changed.
        task_nats: float32 [num_tasks], summed cross-entropy.
        task_tokens: float32 [num_tasks], target tokens.
    """

    loss: "jax.Array"
    gradient_norm: "jax.Array"
    task_nats: "jax.Array"
    task_tokens: "jax.Array"


class State(MutableMapping[str, "jax.Array"]):
    """Values of all variables by T5's names: weights and optimizer slots, each laid out on the mesh.

    Reading a value of a stacked array slices it; setting one undoes the stacking.

    Attributes:
        changes: how often a value was set.
        trained: what was trained, which says whether there are weights besides T5's.
        slots_since: the step of its training at which its optimizer slots were new; negative where they were brought
            from an earlier training.
    """

    def __init__(
        self,
        stored: Sequence[Stored],
        values: Sequence["jax.Array"],
        trained: Trained = everything(),  # noqa: B008 - frozen
        slots_since: int = 0,
    ):
        """Wraps what a program returned.

        Args:
            stored: what the arrays are.
            values: the arrays, in that order.
            trained: of the engine whose program it was.
            slots_since: at which step its optimizer slots were new.
        """
        self.changes = 0
        self.trained, self.slots_since = trained, slots_since
        self._values: dict[str, jax.Array] = {}  # those that are set by name, or not stacked
        self._stacks = [(one, array) for one, array in zip(stored, values, strict=True) if one.stacked]
        self._values = {one.name: array for one, array in zip(stored, values, strict=True) if not one.stacked}
        self._places = {
            variable.name: (number, block)
            for number, (one, _) in enumerate(self._stacks)
            for block, variable in enumerate(one.variables)
        }

    def __getitem__(self, name: str) -> "jax.Array":
        if name in self._values:
            return self._values[name]
        number, block = self._places[name]
        return self._stacks[number][1][block]

    def __setitem__(self, name: str, value: "jax.Array") -> None:
        self.changes += 1
        if name in self._places:
            self._values |= {other: self[other] for other in self._places}
            self._places, self._stacks = {}, []
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name} is part of the model: no variable can be removed from a state")

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from self._places

    def __len__(self) -> int:
        return len(self._values) + len(self._places)

    def arrays(self) -> list["jax.Array"]:
        """Returns all arrays as they lie on the devices, in no particular order."""
        return [*self._values.values(), *(array for _, array in self._stacks)]

    def stack_of(self, name: str) -> "jax.Array | None":
        """Returns the stacked array whose first variable has that name; None where there is none."""
        number, block = self._places.get(name, (0, -1))
        return self._stacks[number][1] if block == 0 else None


class WeightsByName:
    """Weights one by one, for programs that take them so; what is cut for a state stays as long as the state."""

    def __init__(self) -> None:
        self._of: tuple[weakref.ref[State], int] | None = None
        self._cut: list[jax.Array] = []

    def forget(self) -> None:
        """Lets go of what was cut."""
        self._of, self._cut = None, []

    def __call__(self, state: Mapping[str, "jax.Array"], weights: Sequence[Variable]) -> "list[jax.Array]":
        """Returns the values of weights, in order."""
        if not isinstance(state, State):
            return [state[weight.name] for weight in weights]
        if self._of is None or self._of[0]() is not state or self._of[1] != state.changes:
            self._of = weakref.ref(state, self._gone), state.changes
            self._cut = [state[weight.name] for weight in weights]
        return self._cut

    def _gone(self, state: "weakref.ref[State]") -> None:
        """Lets go of what was cut for a state that nobody holds any more."""
        if self._of is not None and self._of[0] is state:
            self.forget()


def all_given(stored: Sequence[Stored], given: Mapping[str, Any]) -> list[Stored]:
    """Returns those arrays whose variables are given.

    Args:
        stored: the arrays.
        given: values by T5's names.

    Raises:
        ValueError: some blocks of a stacked array are given, and some are not.
    """
    for one in stored:
        missing = [variable.name for variable in one.variables if variable.name not in given]
        if 0 < len(missing) < len(one.variables):
            raise ValueError(
                f"{missing[0]} is not given, and the same weight of other blocks is: all of a stack are one array, so "
                "give all of them, or none"
            )
    return [one for one in stored if one.name in given]


def stored_value(state: Mapping[str, Any], one: Stored, sharding: Callable[[Sequence[int]], Any]) -> "jax.Array":
    """Returns the array that a program takes for `one`, from a State or from a plain mapping of T5's names to arrays.

    Args:
        state: where to find it.
        one: the array.
        sharding: from mesh axes of dimensions to a sharding.
    """
    if not one.stacked:
        return state[one.name]
    stack = state.stack_of(one.name) if isinstance(state, State) else None
    if stack is not None:
        return stack
    return _stacking(sharding(one.axes))([state[variable.name] for variable in one.variables])


@functools.lru_cache(maxsize=64)
def _stacking(sharding: Any) -> Any:
    return jax.jit(lambda arrays: jax.numpy.stack(arrays), out_shardings=sharding)


def is_constant(one: Stored) -> bool:
    """Tells whether an array's first value is no random number."""
    return one.variables[0].initializer.kind in ("zeros", "ones")


def constants(stored: Sequence[Stored], sharding: Callable[[Sequence[int]], Any]) -> list["jax.Array"]:
    """Returns the first values of constant arrays, each laid out by its axes.

    Args:
        stored: the arrays.
        sharding: from mesh axes of dimensions to a sharding.
    """

    def program() -> list[jax.Array]:
        kinds = {"zeros": jax.numpy.zeros, "ones": jax.numpy.ones}
        return [kinds[one.variables[0].initializer.kind](one.shape, np.float32) for one in stored]

    return jax.jit(program, out_shardings=[sharding(one.axes) for one in stored])()


def fetched(array: Any) -> np.ndarray:
    """Returns the whole of an array, also of one that lies on the devices of several processes: all of them must ask.

    Args:
        array: JAX's, or NumPy's.
    """
    if not isinstance(array, np.ndarray) and not (array.is_fully_addressable or array.is_fully_replicated):
        array = _gathering(array.sharding.mesh)(array)
    return np.asarray(array)


@functools.lru_cache(maxsize=1)
def _gathering(mesh: Any) -> Any:
    return jax.jit(lambda x: x, out_shardings=jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


@functools.lru_cache(maxsize=1)
def _finite() -> Any:
    return jax.jit(lambda values: jax.numpy.all(jax.numpy.stack([jax.numpy.isfinite(v).all() for v in values])))


def all_finite(state: Mapping[str, Any]) -> bool:
    """Tells whether no value is infinite or NaN."""
    return bool(_finite()(state.arrays() if isinstance(state, State) else list(state.values())))
