"""Checkpoints: model, optimizer, step and whatever else a run needs to go on, whole or not at all.

Orbax writes each into a folder of another name and renames it when it is complete, so a process that is killed while
it saves leaves the checkpoint before. Arrays are restored onto the mesh of the engine that asks, whichever mesh wrote
them.
"""

import os
from pathlib import Path
from typing import Any

from t5mix.internal.lazy import import_quietly
from t5mix.mesh.engine import Engine, State, jax


class Checkpoints:
    """The checkpoints in one folder, `FOLDER/STEP`, the newest few of them.

    Args:
        folder: made when missing.
        keep: how many stay; saving one more removes the oldest.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 3):
        orbax = self._orbax = import_quietly("orbax.checkpoint")
        self.folder = Path(folder).absolute()
        options = orbax.CheckpointManagerOptions(max_to_keep=keep, create=True, enable_async_checkpointing=False)
        handlers = {
            "state": orbax.StandardCheckpointHandler(),
            "extra": orbax.JsonCheckpointHandler(),
        }
        self._manager = orbax.CheckpointManager(self.folder, options=options, item_handlers=handlers)

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints there are, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: State, extra: dict[str, Any]) -> None:
        """Writes a checkpoint and waits until it is complete on disk.

        Args:
            step: optimizer steps done.
            state: values of all variables.
            extra: JSON, such as the stream's state.
        """
        args = self._orbax.args
        items = args.Composite(state=args.StandardSave(dict(state)), extra=args.JsonSave(extra))
        self._manager.save(step, args=items, force=True)
        self._manager.wait_until_finished()

    def extra(self, step: int) -> dict[str, Any]:
        """Reads what `save` was given as `extra`, and nothing else."""
        args = self._orbax.args
        return dict(self._manager.restore(step, args=args.Composite(extra=args.JsonRestore()))["extra"])

    def restore(self, step: int | None, engine: Engine) -> tuple[int, State, dict[str, Any]]:
        """Reads a checkpoint onto the engine's mesh.

        Args:
            step: of the checkpoint; None for the newest.
            engine: whose variables it must hold.

        Returns:
            (step, values of all variables, extra).

        Raises:
            FileNotFoundError: there is no such checkpoint.
            ValueError: it is of a model of another shape.
        """
        there = self.steps()
        step = step if step is not None or not there else there[-1]
        if step not in there:
            known = f"there are {', '.join(map(str, there))}" if there else "there is none"
            raise FileNotFoundError(f"no checkpoint of step {step} in {str(self.folder)!r}: {known}")
        self._check_shapes(step, engine)
        args = self._orbax.args
        shardings = engine.shardings()
        abstract = {
            variable.name: jax.ShapeDtypeStruct(variable.shape, "float32", sharding=shardings[variable.name])
            for variable in engine.variables
        }
        items = args.Composite(state=args.StandardRestore(abstract), extra=args.JsonRestore())
        restored = self._manager.restore(step, args=items)
        return step, engine.state(restored["state"]), dict(restored["extra"])

    def close(self) -> None:
        """Frees what orbax holds."""
        self._manager.close()

    def _check_shapes(self, step: int, engine: Engine) -> None:
        """Refuses a model of another shape: Orbax would pad or cut its arrays, or complain of a tree at length."""
        saved = self._manager.item_metadata(step)["state"].tree
        for variable in engine.variables:
            there = tuple(saved[variable.name].shape) if variable.name in saved else None
            if there != variable.shape:
                what = "no such variable" if there is None else f"shape {list(there)}"
                raise ValueError(
                    f"checkpoint {step} in {str(self.folder)!r} is of another model: {variable.name} has shape "
                    f"{list(variable.shape)} here and {what} there; use the T5Config that it was trained with"
                )
        if len(saved) != len(engine.variables):
            extra = sorted(set(saved) - {variable.name for variable in engine.variables})
            raise ValueError(
                f"checkpoint {step} in {str(self.folder)!r} is of another model: it has {', '.join(extra[:3])}"
                f"{' ...' if len(extra) > 3 else ''}; use the T5Config that it was trained with"
            )
