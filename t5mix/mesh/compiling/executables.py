"""Programs compiled for a mesh, each once, and arrays put where they belong on it."""

import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t5mix.mesh.compiling.compilation import Told, kept
from t5mix.mesh.compiling.xla import stablehlo_to_jax, tensorflow_to_stablehlo
from t5mix.mesh.devices import device_mesh, jax
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.state import Stored, Variable


class Executables:
    """The compiled programs of one model on one mesh.

    Args:
        mesh: axes and layout.
        fingerprint: of all that decides the programs besides their names.
        num_parameters: of the model, for what is said while a program is compiled.
        devices: to compile for; by default those of this machine.

    Attributes:
        compiled: programs by name.
        rows: how an array of a batch lies on the mesh.
        whole: how an array lies that every device has.
    """

    def __init__(
        self, mesh: MeshConfig, fingerprint: str, num_parameters: int, devices: Sequence[Any] | None = None
    ) -> None:
        self._devices, self._axes = device_mesh(mesh, devices), tuple(mesh.axes)
        self._fingerprint, self._num_parameters = fingerprint, num_parameters
        self.compiled: dict[str, Any] = {}
        self.rows = self.sharding([self._axes.index(mesh.rules["batch"])] if "batch" in mesh.rules else [])
        self.whole = self.sharding([])

    def sharding(self, axes: Sequence[int]) -> Any:
        """Returns how an array lies on the mesh, of whose dimensions these axes split each (-1: none)."""
        names = [None if axis < 0 else self._axes[axis] for axis in axes]
        return jax.sharding.NamedSharding(self._devices, jax.sharding.PartitionSpec(*names))

    def own_rows(self, count: int) -> slice:
        """Returns the rows of a batch that lie on this process's devices, and what is between them.

        Args:
            count: rows of the batch.
        """
        parts = [index[0].indices(count) for index in self.rows.addressable_devices_indices_map((count, 1)).values()]
        return slice(min(start for start, *_ in parts), max(stop for _, stop, _ in parts))

    def counted_rows(self, count: int) -> list[slice]:
        """Returns the rows of a batch of which this process is the first that has them.

        Args:
            count: rows of the batch.
        """
        owners: dict[tuple[int, int], int] = {}
        for device, index in self.rows.devices_indices_map((count, 1)).items():
            start, stop, _ = index[0].indices(count)
            owners[start, stop] = min(device.process_index, owners.get((start, stop), device.process_index))
        return [slice(*rows) for rows, owner in sorted(owners.items()) if owner == jax.process_index()]

    def place(self, array: np.ndarray, count: int) -> Any:
        """Puts an array of a batch onto the devices, as int32.

        Args:
            array: of all rows of the batch, or of `own_rows` alone.
            count: rows of the batch.
        """
        array = np.ascontiguousarray(array, np.int32)
        if len(array) == count:
            return self.spread(array, self.rows)
        own = self.own_rows(count)
        if len(array) != own.stop - own.start:
            raise ValueError(f"an array has {len(array)} rows of a batch of {count}; give all, or those of {own}")

        def part(index: tuple[slice, ...]) -> np.ndarray:
            start, stop, _ = index[0].indices(count)
            return array[start - own.start : stop - own.start, *index[1:]]

        return jax.make_array_from_callback((count, *array.shape[1:]), self.rows, part)

    @staticmethod
    def spread(array: np.ndarray, sharding: Any) -> Any:
        """Puts an array that every process has onto the devices."""
        if sharding.is_fully_addressable:
            return jax.device_put(array, sharding)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    def compile(
        self,
        name: str,
        program: Callable,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        arguments: Sequence[Variable | Stored] = (),
        results: Sequence[Variable | Stored] = (),
        donate: int = 0,
    ) -> Any:
        """Compiles a program for the mesh, once.

        Args:
            name: of the program.
            program: a TensorFlow function of `inputs` followed by the values of `arguments`.
            inputs: shapes and shardings of what comes before the variables.
            outputs: shapes of all that it returns; the last are the values of `results`.
            arguments: variables that it reads.
            results: variables that it returns.
            donate: of how many of the last `arguments` the memory may be used again.
        """
        if name not in self.compiled:
            key = f"{re.sub('[^a-z0-9_]+', '-', name.lower())}-{self._fingerprint}"

            def module(inputs: Sequence[Any]) -> bytes:
                return kept(f"{key}.stablehlo", lambda: tensorflow_to_stablehlo(program, inputs))

            values = [self.sharding(variable.axes) for variable in arguments]
            other = [self.whole] * (len(outputs) - len(results))
            jitted = jax.jit(
                stablehlo_to_jax(module, outputs),
                in_shardings=[getattr(x, "sharding", None) or self.whole for x in inputs] + values,
                out_shardings=other + [self.sharding(variable.axes) for variable in results],
                donate_argnums=tuple(range(len(inputs) + len(arguments)))[-donate:] if donate else (),
            )
            told = Told(f"{name} for {self._num_parameters:,} parameters", key)
            with told if arguments else contextlib.nullcontext():
                self.compiled[name] = jitted.lower(*inputs, *shapes_of(arguments)).compile()
        return self.compiled[name]


def shapes_of(variables: Sequence[Variable | Stored]) -> list[Any]:
    """Returns the shapes of variables, in order, as JAX describes arrays."""
    return [jax.ShapeDtypeStruct(variable.shape, np.float32) for variable in variables]
