"""One optimizer step of all weights: the norm of the gradient, clipping, what is frozen."""

import functools
from collections.abc import Mapping, Sequence
from types import ModuleType

from t5mix.mesh.compiling import operations
from t5mix.mesh.mesh_tensorflow import tf
from t5mix.mesh.optimizers import adafactor, adamw
from t5mix.mesh.optimizers import settings as choices
from t5mix.mesh.optimizers.slots import Slot, wide
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.state import ZEROS, Stored, Variable


def slots_of(optimizer: choices.Optimizer, shape: Sequence[int]) -> list[Slot]:
    """Returns what the optimizer keeps for a weight of that shape."""
    return _module(optimizer).slots(optimizer, shape)


def slot_arrays(weight: Stored, optimizer: choices.Optimizer) -> list[Stored]:
    """Returns the arrays that the optimizer keeps for those of a weight."""

    def slot_of(variable: Variable, slot: Slot) -> Variable:
        shape, axes = (tuple(x[d] for d in slot.dimensions) for x in (variable.shape, variable.axes))
        return Variable(variable.name + slot.name, shape, axes, False, ZEROS)

    return [
        Stored(tuple(slot_of(variable, slot) for variable in weight.variables), weight.stacked)
        for slot in slots_of(optimizer, weight.variables[0].shape)
    ]


def new_values(
    weights: Sequence[Stored],
    old: Mapping[str, tf.Tensor],
    gradients: Mapping[str, tf.Tensor],
    rates: tf.Tensor,
    config: StepConfig,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the norm of all gradients, before clipping, and new values of weights and slots by name.

    Args:
        weights: those that are trained.
        old: values of weights and slots.
        gradients: of the weights.
        rates: float32 [1 + numbers]: the learning rate and the optimizer's numbers at this step. Or
            [variables, 2 + numbers], a row for each variable of `weights`, in order, where not all are trained yet: 1
            where it is and 0 where it is not, then the same.
        config: of the step.
    """
    rows = _rows(weights, rates)
    norm = None
    if rates.shape.rank == 2 or config.clip_norm is not None:
        gradients = {w.name: _unfrozen(tf.cast(gradients[w.name], tf.float32), rows[w.name][0]) for w in weights}
        norm = operations.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients.values()]))
        if config.clip_norm is not None:
            share = config.clip_norm / tf.maximum(norm, config.clip_norm)
            gradients = {name: gradient * share for name, gradient in gradients.items()}
    new: dict[str, tf.Tensor] = {}
    squares = []
    # Traced once a shape, not once a weight.
    functions = {module: tf.function(module.update, autograph=False) for module in (adafactor, adamw)}
    for one in weights:
        optimizer, (trained, learning_rate, *numbers) = _one(config.optimizer.of_weight(one.name)), rows[one.name]
        names = [slot.name for slot in slots_of(optimizer, one.variables[0].shape)]
        slots = {name: old[one.name + name] for name in names}
        given = (old[one.name], gradients[one.name], slots, learning_rate, numbers, optimizer)
        step = functions[_module(optimizer)](*given, stacked=one.stacked, axes=one.axes)
        changed = {one.name: step.weight, **{one.name + name: value for name, value in step.slots.items()}}
        new |= {name: _where(trained, value, old[name]) for name, value in changed.items()}
        squares.append(step.squared_norm)
    return operations.sqrt(tf.add_n(squares)) if norm is None else norm, new


def _rows(weights: Sequence[Stored], rates: tf.Tensor) -> dict[str, list[tf.Tensor | None]]:
    """Returns for each weight whether it is trained (None: it is), the learning rate, and the optimizer's numbers."""
    if rates.shape.rank == 1:
        return {one.name: [None, *tf.unstack(rates)] for one in weights}
    rows: dict[str, list[tf.Tensor | None]] = {}
    first = 0
    for one in weights:
        own = rates[first : first + len(one.variables)]
        first += len(one.variables)
        trained, learning_rate, *numbers = tf.unstack(own if one.stacked else own[0], axis=-1)
        # One learning rate holds for all.
        rows[one.name] = [trained, learning_rate[0] if one.stacked else learning_rate, *numbers]
    return rows


def _unfrozen(gradient: tf.Tensor, trained: tf.Tensor | None) -> tf.Tensor:
    """Returns the gradient, 0 where nothing is trained yet, even where it is not finite."""
    return gradient if trained is None else tf.where(wide(trained, gradient) > 0, gradient, 0.0)


def _where(trained: tf.Tensor | None, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    return new if trained is None else tf.where(wide(trained, new) > 0, new, old)


@functools.cache
def _one(optimizer: choices.Optimizer) -> choices.Optimizer:
    """Returns the first of all equal settings: tf.function tells objects apart by identity and would trace for each."""
    return optimizer


def _module(optimizer: choices.Optimizer) -> ModuleType:
    return adafactor if isinstance(optimizer, choices.adafactor) else adamw
