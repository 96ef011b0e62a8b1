"""The meshes of a topology that a run can have, from the fastest to the slowest, and why others cannot be."""

import dataclasses
from collections.abc import Iterator, Sequence

from t5mix.declarations.registry import get_subtasks
from t5mix.internal.terminal import Progress
from t5mix.mesh.layouts import WEIGHTS, MeshConfig
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight.plans.rehearsal.programs import Rehearsed, rehearse_training
from t5mix.runs.preflight.plans.rehearsal.rehearse import Topology, check_rehearsal
from t5mix.runs.preflight.tasks import chosen_provider
from t5mix.runs.preflight.training_steps import check_steps

# How many of the best meshes are tried once more, with weights split over the batch's axis, too.
_BEST = 3


@dataclasses.dataclass(frozen=True)
class Tried:
    """A mesh that was tried.

    Attributes:
        mesh: its axes, as `MeshConfig.shape` has them.
        layout: what it splits, as `MeshConfig.layout` has it.
        training: the training step on it; None where it cannot be.
        reason: why it cannot be.
    """

    mesh: str
    layout: str
    training: Rehearsed | None
    reason: str


def search_meshes(run: Run, topology: Topology) -> list[Tried]:
    """Compiles a run's training step for each division of a topology's cores between the batch and the model.

    The best of them, and those that need the least where few fit, are tried fully sharded, too.

    Args:
        run: the settings; of its mesh only the layout counts, whose axes keep their names.
        topology: from `open_topology`.

    Returns:
        Those that fit, the fastest first; then those that do not fit, and those that cannot be.

    Raises:
        ValueError: there is no such task or mixture.
    """
    chosen_provider(run)  # or refuse once, and not for each mesh
    meshes = [MeshConfig(shape=s, layout=run.mesh.layout) for s in shapes_of_meshes(run.mesh.layout, topology.cores)]
    with Progress() as progress:

        def trying(meshes: Sequence[MeshConfig]) -> Iterator[Tried]:
            for number, mesh in enumerate(meshes):
                progress.tell("trying meshes", number, len(meshes), mesh.shape)
                yield _try(run, topology, mesh)

        tried = sorted(trying(meshes), key=_rank)
        tried += trying([mesh for one in tried if one.training for mesh in fully_sharded(one.mesh, one.layout)][:_BEST])
    return sorted(tried, key=_rank)


def fully_sharded(shape: str, layout: str) -> Iterator[MeshConfig]:
    """Yields the mesh with weights and slots split over the batch's axis, too, where that is another.

    Args:
        shape: its axes.
        layout: its rules.
    """
    mesh = MeshConfig(shape=shape, layout=layout)
    if mesh.parts("batch") > 1 and not _splits_weights(layout):
        yield dataclasses.replace(mesh, layout=f"{layout},{WEIGHTS}:{mesh.rules['batch']}")


def _splits_weights(layout: str) -> bool:
    return any(rule.partition(":")[0].strip() == WEIGHTS for rule in layout.split(","))


def _try(run: Run, topology: Topology, mesh: MeshConfig) -> Tried:
    try:
        on_it = dataclasses.replace(run, mesh=mesh)
        provider = check_rehearsal(on_it, topology)
        check_steps(on_it)
        training = rehearse_training(on_it, len(get_subtasks(provider)), topology.devices)
        return Tried(mesh.shape, mesh.layout, training, "")
    except ValueError as error:
        return Tried(mesh.shape, mesh.layout, None, str(error))


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
