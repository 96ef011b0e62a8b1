"""The devices of all processes, and the mesh made of them.

On CPU a machine has as many devices as it has cores, or as many as T5MIX_CPU_DEVICES says: XLA then treats the
processor as that many devices, which is how a mesh is tried out before there is a pod.
"""

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from t5mix.internal.lazy import import_quietly
from t5mix.internal.processes.memory import keep_freed_memory
from t5mix.mesh.layouts import MeshConfig

if TYPE_CHECKING:
    import jax
else:
    jax = import_quietly("jax")


def available_devices() -> int:
    """Returns how many devices there are, of all processes.

    Raises:
        ValueError: T5MIX_CPU_DEVICES is not a number.
    """
    configure_cpu()
    return jax.device_count()


def kinds_of_devices() -> dict[str, int]:
    """Returns how many devices of each kind there are: {"cpu": 2}, {"NVIDIA H100 80GB HBM3": 8}."""
    configure_cpu()
    kinds = [device.device_kind for device in jax.devices()]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def device_mesh(mesh: MeshConfig, devices: Sequence[Any] | None = None) -> "jax.sharding.Mesh":
    """Returns the first `mesh.num_devices` devices, as many of each process, arranged on the mesh's axes.

    Args:
        mesh: axes and layout.
        devices: to choose from, such as those of a topology; by default those of all processes.

    Raises:
        ValueError: a process would have none, or more than another; or the mesh does not fit several slices.
    """
    if devices is None:
        configure_cpu()
        devices = _alike_of_each_process(mesh, jax.devices())
    return jax.sharding.Mesh(arranged(mesh, devices), tuple(mesh.axes))


def _alike_of_each_process(mesh: MeshConfig, devices: Sequence[Any]) -> Sequence[Any]:
    """Returns devices in an order whose first ones, which the mesh takes, are as many of each process."""
    count = jax.process_count()
    if count == 1:
        return devices
    if mesh.num_devices % count:
        raise ValueError(
            f"the mesh {mesh.shape!r} has {mesh.num_devices} devices and there are {count} processes, each of which "
            f"has as many of them as another: make an axis larger, so that they are a multiple of {count}, or start "
            "fewer processes"
        )
    of_each = mesh.num_devices // count
    by_process = [[one for one in devices if one.process_index == process] for process in range(count)]
    for process, found in enumerate(by_process):
        if len(found) < of_each:
            raise ValueError(
                f"the mesh {mesh.shape!r} takes {of_each} devices of each process, and process {process} has "
                f"{len(found)}; make an axis smaller (on CPU, T5MIX_CPU_DEVICES sets how many devices there are)"
            )
    if mesh.num_devices == len(devices):
        return devices
    taken = [one for found in by_process for one in found[:of_each]]
    return [*taken, *(one for found in by_process for one in found[of_each:])]


def arranged(mesh: MeshConfig, devices: Sequence[Any]) -> np.ndarray:
    """Returns devices in the mesh's shape, neighbours on an axis being neighbours on the wires of a TPU.

    JAX's mesh utilities find the arrangement where all TPU cores are used; what splits weights gets the closest ones.
    Of several slices, each has a part of the axis that splits the batch: only that is talked over the network.

    Args:
        mesh: axes and layout.
        devices: at least `mesh.num_devices`.

    Raises:
        ValueError: there are several slices, and the axis of the batch is no multiple of their number.
    """
    chosen = list(devices[: mesh.num_devices])
    if chosen[0].platform != "tpu" or len(chosen) != len(devices):
        return _in_order(chosen).reshape(list(mesh.axes.values()))
    from jax.experimental import mesh_utils

    names = sorted(mesh.axes, key=lambda axis: axis != mesh.rules.get("batch"))  # those that talk most, last
    shape, slices = [mesh.axes[name] for name in names], len({getattr(one, "slice_index", 0) for one in chosen})
    if slices == 1:
        found = mesh_utils.create_device_mesh(shape, chosen, allow_split_physical_axes=True)
    else:
        if names[0] != mesh.rules.get("batch") or shape[0] % slices:
            raise ValueError(
                f"the mesh {mesh.shape!r} is on {slices} slices, each of which has a part of the axis that splits the "
                f"batch: make that axis a multiple of {slices}"
            )
        within, across = [shape[0] // slices, *shape[1:]], [slices, *[1] * (len(shape) - 1)]
        found = mesh_utils.create_hybrid_device_mesh(within, across, chosen, allow_split_physical_axes=True)
    return found.transpose([names.index(axis) for axis in mesh.axes])


def _in_order(devices: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(devices), object)
    array[:] = devices
    return array


def configure_cpu() -> None:
    """Sets the number of CPU devices; JAX lets it be set only before its first use."""
    number = os.environ.get("T5MIX_CPU_DEVICES", str(os.cpu_count() or 1))
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"T5MIX_CPU_DEVICES is {number!r}: it must be a number >= 1")
    keep_freed_memory()
    with contextlib.suppress(RuntimeError):  # somebody has used JAX already, and has as many devices as they chose
        jax.config.update("jax_num_cpu_devices", int(number))
