"""The meshes of a topology that a run can have, from the fastest to the slowest, and why others cannot be."""

import dataclasses
from collections.abc import Iterator

from t5mix.declarations.registry import get_subtasks
from t5mix.internal.terminal import Progress
from t5mix.mesh.layouts import MeshConfig
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight.plans.rehearsal.programs import Rehearsed, rehearse_training
from t5mix.runs.preflight.plans.rehearsal.rehearse import Topology, check_rehearsal
from t5mix.runs.preflight.tasks import chosen_provider
from t5mix.runs.preflight.training_steps import check_steps


@dataclasses.dataclass(frozen=True)
class Tried:
    """A mesh that was tried.

    Attributes:
        mesh: its axes, as `MeshConfig.shape` has them.
        training: the training step on it; None where it cannot be.
        reason: why it cannot be.
    """

    mesh: str
    training: Rehearsed | None
    reason: str


def search_meshes(run: Run, topology: Topology) -> list[Tried]:
    """Compiles a run's training step for each division of a topology's cores between the batch and the model.

    Args:
        run: the settings; of its mesh only the layout counts, whose axes keep their names.
        topology: from `open_topology`.

    Returns:
        Those that fit, the fastest first; then those that do not fit, and those that cannot be.

    Raises:
        ValueError: there is no such task or mixture.
    """
    chosen_provider(run)  # or refuse once, and not for each mesh
    tried = []
    shapes = list(shapes_of_meshes(run.mesh.layout, len(topology.devices)))
    with Progress() as progress:
        for number, shape in enumerate(shapes):
            progress.tell("trying meshes", number, len(shapes), shape)
            tried.append(_try(run, topology, shape))
    return sorted(tried, key=_rank)


def _try(run: Run, topology: Topology, shape: str) -> Tried:
    try:
        on_it = dataclasses.replace(run, mesh=dataclasses.replace(run.mesh, shape=shape))
        provider = check_rehearsal(on_it, topology)
        check_steps(on_it)
        return Tried(shape, rehearse_training(on_it, len(get_subtasks(provider)), topology.devices), "")
    except ValueError as error:
        return Tried(shape, None, str(error))


def _rank(one: Tried) -> tuple[int, float, str]:
    if one.training is None:
        return 2, 0.0, one.mesh
    if one.training.time is None:
        return 1, float(one.training.memory.needed), one.mesh
    return 0, one.training.time.seconds, one.mesh


def shapes_of_meshes(layout: str, cores: int) -> Iterator[str]:
    """Yields meshes of so many cores: an axis for the batch, and one for what else the layout splits.

    Args:
        layout: rules, as `MeshConfig.layout` has them; axes keep their names.
        cores: of the topology.
    """
    rules = MeshConfig(layout=layout, shape=";".join(f"{axis}:1" for axis in _axes(layout))).rules
    batch = rules.get("batch")
    other = next((axis for axis in rules.values() if axis != batch), None)
    for parts in range(1, cores + 1):
        sizes = {batch: cores // parts, other: parts}
        if cores % parts or any(axis is None and size > 1 for axis, size in sizes.items()):
            continue
        shape = ";".join(f"{axis}:{size}" for axis, size in sizes.items() if axis and size > 1)
        yield shape or f"{batch or other}:1"


def _axes(layout: str) -> list[str]:
    return list(dict.fromkeys(rule.partition(":")[2].strip() for rule in layout.split(",")))
