"""A run's own programs, compiled for a topology: what each needs of a core's memory, and what it costs."""

import dataclasses
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from t5mix.mesh.compiling.costs.chips import chip_of, cores_per_chip
from t5mix.mesh.compiling.costs.program_costs import ProgramCosts, program_costs
from t5mix.mesh.compiling.costs.step_time import StepTime, step_time, wires_of
from t5mix.mesh.devices import device_mesh
from t5mix.mesh.engine import Engine
from t5mix.mesh.optimizers.step_config import StepConfig
from t5mix.mesh.t5.fine_tuning.settings import adapters, everything, prompt_tuning
from t5mix.runs.config.settings import Run

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a program needs on one core, in bytes.

    Attributes:
        arguments: weights, optimizer slots, its part of the batch.
        outputs: what it returns, where that does not lie where an argument was.
        temporaries: activations and the like.
        code: the program itself.
        core: what a core has, as published.
        needed: all of it; where the program does not fit, what the compiler says that it needs.
        fits: whether the compiler found room for it.
    """

    arguments: int
    outputs: int
    temporaries: int
    code: int
    core: int
    needed: int
    fits: bool


@dataclasses.dataclass(frozen=True)
class Rehearsed:
    """One program, compiled.

    Attributes:
        name: "train_step", or of decoding.
        rows: sequences of a batch, over all cores.
        compile_seconds: how long compiling took here; less where it was compiled before.
        memory: on one core.
        costs: on one core; None where the program does not fit.
        time: an estimate; None where it does not fit.
    """

    name: str
    rows: int
    compile_seconds: float
    memory: Memory
    costs: ProgramCosts | None
    time: StepTime | None


def rehearse_training(run: Run, num_tasks: int, devices: Sequence[Any]) -> Rehearsed:
    """Compiles the step of pre-training, or of fine-tuning where the run does nothing else.

    Args:
        run: the settings.
        num_tasks: of the mixture.
        devices: of the topology.
    """
    settings = run.train or run.finetune
    step = settings.step_config if settings else StepConfig()
    engine = _engine(run, run.batch_size, num_tasks, devices, step)
    return _rehearsed("train_step", run, run.batch_size, devices, engine.compile_train_step)


def rehearse_decoding(run: Run, num_tasks: int, devices: Sequence[Any]) -> Rehearsed:
    """Compiles decoding of a batch of evaluation.

    Args:
        run: the settings.
        num_tasks: of the mixture.
        devices: of the topology.
    """
    rows, name = run.evaluation_batch_size, run.decoding.program
    part = run.train or run.finetune
    trained = part.trained if part and isinstance(part.trained, adapters | prompt_tuning) else everything()
    engine = _engine(run, rows, num_tasks, devices, StepConfig(trained=trained))
    return _rehearsed(name, run, rows, devices, lambda: engine.compile_decode(run.decoding))


def num_parameters(run: Run) -> int:
    """Counts the numbers in all weights of a run's model."""
    return Engine(run.model, dataclasses.replace(run.mesh, shape="batch:1"), **_shape(run, 1)).num_parameters


def _engine(run: Run, rows: int, num_tasks: int, devices: Sequence[Any], step: StepConfig) -> Engine:
    return Engine(run.model, run.mesh, **_shape(run, rows), num_tasks=num_tasks, step=step, devices=devices)


def _shape(run: Run, rows: int) -> dict[str, Any]:
    return {"batch_size": rows, "lengths": run.sequence_length}


def _rehearsed(name: str, run: Run, rows: int, devices: Sequence[Any], compile_program: Callable[[], Any]) -> Rehearsed:
    began, core = time.monotonic(), int(chip_of(devices).memory / cores_per_chip(devices))
    try:
        compiled = compile_program()
    except RuntimeError as error:
        needed = memory_needed(str(error))
        if needed is None:
            raise
        lacking = Memory(0, 0, 0, 0, core, needed, fits=False)
        return Rehearsed(name, rows, time.monotonic() - began, lacking, None, None)
    seconds = time.monotonic() - began
    costs = program_costs(compiled.as_text(), run.mesh.axes)
    wires = wires_of(device_mesh(run.mesh, devices))
    return Rehearsed(name, rows, seconds, _memory(compiled, core), costs, step_time(costs, wires))


def _memory(compiled: Any, core: int) -> Memory:
    found = compiled.memory_analysis()
    arguments, code = found.argument_size_in_bytes, found.generated_code_size_in_bytes
    outputs = found.output_size_in_bytes - found.alias_size_in_bytes
    needed = arguments + outputs + found.temp_size_in_bytes + code
    return Memory(arguments, outputs, found.temp_size_in_bytes, code, core, needed, fits=True)


def memory_needed(message: str) -> int | None:
    """Returns the bytes that a compiler's message says a program needs; None where it is about something else."""
    if "RESOURCE_EXHAUSTED" not in message:
        return None
    found = re.search(r"Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?) hbm", message)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None
