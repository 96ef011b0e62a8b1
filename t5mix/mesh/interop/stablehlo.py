"""Any program of a model as StableHLO, in a file that JAX alone runs: neither t5mix nor TensorFlow is needed."""

import dataclasses
import functools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from t5mix.internal.files import write_json
from t5mix.mesh.compiling.xla import stablehlo_to_jax, tensorflow_to_stablehlo
from t5mix.mesh.decoding.settings import Decoding
from t5mix.mesh.devices import jax
from t5mix.mesh.interop.safe_files import new_folder
from t5mix.mesh.interop.weights import ExpectedWeight, Weights, match
from t5mix.mesh.layouts import MeshConfig
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.programs import Programs
from t5mix.mesh.state import Stored, Variable
from t5mix.mesh.t5.config import T5Config
from t5mix.mesh.t5.fine_tuning.settings import Trained, everything

# The program, what goes into it and comes out in which order, the weights, and how to run it.
PROGRAM, SIGNATURE, WEIGHTS, README = "program.jax", "signature.json", "weights.npz", "README.md"

PROGRAMS = ("greedy_decode", "decode", "score", "logits", "train_step")

_EXAMPLE = """\
# {name}, as StableHLO

`{program}` runs on CPU, GPU and TPU, with JAX and NumPy alone:

```python
import json

import jax.export
import numpy as np

program = jax.export.deserialize(bytearray(open("{program}", "rb").read()))
signature = json.load(open("{signature}"))
weights = np.load("{weights}", allow_pickle=False)
given = {{"inputs": np.zeros((1, 1), np.int32)}}  # arrays of the shapes that signature["arguments"] says
values = [weights[name] if name in weights else given[name] for name in signature["order"]]
results = program.call(*values)
```

`{signature}` names shape and type of each argument and of each result, in order. Inputs are ids, ending in 1 (EOS) and
padded with 0. Of `decode`, `numbers` are those of the inputs (samples depend on them; a row with a negative one is not
decoded), and `outputs` are the answers to each, the best first.
"""


def write_stablehlo(
    path: str,
    config: T5Config,
    weights: Weights,
    name: str = "greedy_decode",
    *,
    lengths: Mapping[str, int],
    batch_size: int = 8,
    num_tasks: int = 1,
    decoding: Decoding = Decoding(),  # noqa: B008 - frozen
    trained: Trained = everything(),  # noqa: B008
) -> None:
    """Writes a program, with its weights beside it.

    Args:
        path: of the folder, which appears when it is complete.
        config: of the model.
        weights: by t5mix's names.
        name: "greedy_decode", "decode", "score", "logits" or "train_step".
        lengths: tokens of "inputs" and "targets".
        batch_size: rows, of which the program takes no other number.
        num_tasks: tasks that "train_step" reports the loss of.
        decoding: of "decode".
        trained: says which weights there are besides T5's, adapters or a prompt; and what "train_step" trains.

    Raises:
        ValueError: something is at `path`, a weight is missing, or there is no such program.
    """
    if name not in PROGRAMS:
        raise ValueError(f"there is no program {name!r}: choose from {', '.join(PROGRAMS)}")
    # Without a loop over blocks, arguments are the weights as they are on disk.
    config = dataclasses.replace(config, block_loop="off")
    programs = Programs(config, MeshConfig(), batch_size, lengths, num_tasks, StepConfig(trained=trained))
    arrays = match(
        [ExpectedWeight(v.name, v.name, v.shape) for v in programs.arrays.weights], weights, "the model to be exported"
    )
    part = _Part(programs, name, decoding)
    with new_folder(path) as folder:
        (folder / PROGRAM).write_bytes(part.serialized())
        write_json(folder / SIGNATURE, part.signature())
        _write_arrays(folder / WEIGHTS, {variable.name: _value(variable, arrays) for variable in part.variables})
        text = _EXAMPLE.format(name=name, program=PROGRAM, signature=SIGNATURE, weights=WEIGHTS)
        (folder / README).write_text(text, encoding="utf-8")


class _Part:
    """One program: its function, the arguments that come before its variables, and its results."""

    def __init__(self, programs: Programs, name: str, decoding: Decoding):
        self._programs = programs
        self._name = name
        self._decoding = decoding
        # In the order in which the program takes them.
        stored = [*programs.arrays.frozen, *programs.arrays.changing]
        self.variables: Sequence[Variable] = _variables(stored) if name == "train_step" else programs.arrays.weights

    def serialized(self) -> bytes:
        """Lowers the program for every platform."""
        results = [jax.ShapeDtypeStruct(shape, dtype) for _, shape, dtype in self._results()]
        lowered = jax.jit(stablehlo_to_jax(lambda inputs: tensorflow_to_stablehlo(self._function(), inputs), results))
        specs = [jax.ShapeDtypeStruct(shape, dtype) for _, shape, dtype in self._arguments()]
        exported = jax.export.export(lowered, platforms=("cpu", "cuda", "rocm", "tpu"))(*specs)
        return bytes(exported.serialize())

    def signature(self) -> dict[str, Any]:
        """Returns names, shapes and types, as JSON."""

        def described(entries: list[tuple[str, tuple[int, ...], str]]) -> dict[str, Any]:
            return {name: {"shape": list(shape), "dtype": dtype} for name, shape, dtype in entries}

        return {
            "program": self._name,
            "order": [name for name, _, _ in self._arguments()],
            "arguments": described(self._arguments()),
            "results": described(self._results()),
        }

    def _function(self) -> Callable[..., Any]:
        programs, name = self._programs, self._name
        count = len(self._arguments()) - len(self.variables)
        if name == "greedy_decode":
            return lambda inputs, *weights: (programs.greedy_decode(inputs, weights),)
        if name == "decode":
            return functools.partial(programs.decode, self._decoding)

        def of_features(*tensors: Any) -> tuple[Any, ...]:
            features = dict(zip(self._features(), tensors, strict=False))
            if name == "train_step":
                return programs.train_step(features, tensors[count - 2], tensors[count - 1], tensors[count:])
            return (getattr(programs, name)(features, tensors[count:]),)

        return of_features

    def _features(self) -> tuple[str, ...]:
        if self._name in ("greedy_decode", "decode"):
            return ("inputs",)
        features = self._programs.arrays.features
        return (*features, "targets_task") if self._name == "train_step" else features

    def _arguments(self) -> list[tuple[str, tuple[int, ...], str]]:
        programs = self._programs
        arguments: list[tuple[str, tuple[int, ...], str]] = [
            (name, (programs.batch_size, programs.length_of(name)), "int32") for name in self._features()
        ]
        if self._name == "decode":
            arguments += [("numbers", (programs.batch_size,), "int32"), ("seed_and_0", (2,), "uint32")]
        if self._name == "train_step":
            arguments.append(("learning_rate_and_decay_rate", (2,), "float32"))
            arguments.append(("seed_and_step", (2,), "uint32"))
        return arguments + [(variable.name, variable.shape, "float32") for variable in self.variables]

    def _results(self) -> list[tuple[str, tuple[int, ...], str]]:
        programs = self._programs
        rows, targets = programs.batch_size, programs.lengths["targets"]
        if self._name == "greedy_decode":
            return [("outputs", (rows, targets), "int32")]
        if self._name == "decode":
            best = (rows, self._decoding.best)
            return [("outputs", (*best, targets), "int32"), ("scores", best, "float32")]
        if self._name == "score":
            return [("log_likelihood", (rows,), "float32")]
        if self._name == "logits":
            shape = (rows, programs.length_of("targets"), programs.config.padded_vocab_size)
            return [("logits", shape, "float32")]
        tasks = [(name, (programs.num_tasks,), "float32") for name in ("task_nats", "task_tokens")]
        variables = [(variable.name, variable.shape, "float32") for variable in _variables(programs.arrays.changing)]
        return [("loss", (), "float32"), ("gradient_norm", (), "float32"), *tasks, *variables]


def _variables(stored: Sequence[Stored]) -> list[Variable]:
    return [variable for one in stored for variable in one.variables]


def _value(variable: Variable, arrays: Weights) -> np.ndarray:
    """Returns a weight, or the optimizer's slot before its first step."""
    return arrays[variable.name].float32() if variable.trainable else np.zeros(variable.shape, np.float32)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an .npz file, one array after the other."""
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
