"""A checkpoint's weights, for an engine that may train something else, or in another way, than what wrote it."""

from collections.abc import Mapping
from typing import Any

from t5mix.internal.terminal import say
from t5mix.mesh.engine import Engine, State
from t5mix.mesh.optimizers.step_config import StepConfig, briefly
from t5mix.mesh.t5.fine_tuning.lora_merged import merged
from t5mix.mesh.t5.fine_tuning.settings import Trained, adapters, lora, prompt_tuning
from t5mix.training.checkpoints import Checkpoints

# What a checkpoint's extra says of the step that wrote it, and since which step its optimizer slots count.
STEP, SLOTS_SINCE = "training_step", "slots_since"


def step_of(extra: Mapping[str, Any]) -> StepConfig:
    """Returns the optimizer, and what was trained, of a checkpoint; T5's Adafactor on all weights where none is noted.

    Args:
        extra: the checkpoint's.
    """
    return StepConfig.of_description(extra.get(STEP) or {})


def same_arrays(one: StepConfig, other: StepConfig) -> bool:
    """Tells whether weights and slots of one step are those of the other, and mean the same."""
    return one.description() == other.description()


def as_written(checkpoints: Checkpoints, step: int, engine: Engine) -> State:
    """Returns a checkpoint as it is, weights and slots; `State.trained` says what was trained.

    Args:
        checkpoints: where it lies.
        step: of it.
        engine: of the model, on its mesh.
    """
    return checkpoints.restore(step, engine.with_step(step_of(checkpoints.extra(step))))[1]


def as_trained(checkpoints: Checkpoints, step: int, engine: Engine) -> State:
    """Returns a checkpoint's weights to predict with: with LoRA added up, with adapters or a prompt where it has them.

    Args:
        checkpoints: where it lies.
        step: of it.
        engine: of the model, on its mesh.
    """
    state = as_written(checkpoints, step, engine)
    if not isinstance(state.trained, lora):
        return state
    return engine.with_step(StepConfig()).initialize(0, merged(_weights(state), state.trained))


def to_train(checkpoints: Checkpoints, step: int, engine: Engine, seed: int, *, new_slots: bool) -> State:
    """Returns the state that an engine begins another training with, from a checkpoint.

    Args:
        checkpoints: where it lies.
        step: of it.
        engine: that trains.
        seed: of weights that the engine has besides T5's.
        new_slots: whether optimizer slots start anew. If not, they are the checkpoint's, and as old as there, as in T5;
            but new where the checkpoint was trained in another way.

    Raises:
        ValueError: the checkpoint has adapters or a prompt, and the engine has none.
    """
    theirs = step_of(checkpoints.extra(step))
    same = same_arrays(theirs, engine.step)
    if same and not new_slots:
        _, state, extra = checkpoints.restore(step, engine)
        state.slots_since = extra.get(SLOTS_SINCE, 0) - step  # its steps count from 0 again, the slots' go on
        return state
    state = checkpoints.restore(step, engine.with_step(theirs))[1]
    if not same and not new_slots:
        by, on = briefly(theirs.optimizer), briefly(theirs.trained)
        say(f"optimizer slots start anew: checkpoint {step} was trained by {by} on {on}")
    return engine.initialize(seed, _fitting(_weights(state), theirs.trained, engine.step.trained))


def _weights(state: State) -> dict[str, Any]:
    return {name: value for name, value in state.items() if "_slot_" not in name}


def _fitting(weights: dict[str, Any], there: Trained, here: Trained) -> dict[str, Any]:
    """Returns the weights of a checkpoint in the form in which another choice has them."""
    check_added(there, here)
    return merged(weights, there) if there != here and isinstance(there, lora) else weights


def check_added(there: Trained, here: Trained) -> None:
    """Refuses to train something else on a checkpoint that has adapters or a prompt.

    Args:
        there: what was trained in the checkpoint.
        here: what is to be trained.

    Raises:
        ValueError: they differ.
    """
    if isinstance(there, adapters | prompt_tuning) and there != here:
        raise ValueError(
            f"the checkpoint was trained with {briefly(there)}, which is part of it: train it further with the same, "
            "or start from the checkpoint that it was made of"
        )
