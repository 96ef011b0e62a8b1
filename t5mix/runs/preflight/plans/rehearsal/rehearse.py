"""A run rehearsed on a topology: its programs, how long it would take, and what its hosts must be fed."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from t5mix.declarations.registry import get_subtasks
from t5mix.internal.terminal import Progress
from t5mix.mesh.compiling.costs.chips import chip_of, cores_per_chip
from t5mix.mesh.compiling.costs.step_time import LEFT_OUT
from t5mix.mesh.compiling.topology import topology_devices
from t5mix.runs.config.settings import Run
from t5mix.runs.preflight.changed_mixture import with_changes
from t5mix.runs.preflight.dry_run import open_stream
from t5mix.runs.preflight.plans.rehearsal import programs
from t5mix.runs.preflight.plans.rehearsal.programs import Rehearsed
from t5mix.runs.preflight.tasks import Provider, chosen_provider

_SECONDS_OF_STREAM = 2.0
_MOST_BATCHES = 64


@dataclasses.dataclass(frozen=True)
class Topology:
    """A topology that a run is rehearsed on.

    Attributes:
        name: as given, "v5e:4x4".
        slices: how many of it there are.
        devices: of all slices, as JAX describes them.
    """

    name: str
    slices: int
    devices: Sequence[Any]

    @property
    def cores(self) -> int:
        """How many cores it has, as JAX sees them."""
        return len(self.devices)

    @property
    def chips(self) -> int:
        """How many chips it has."""
        return len(self.devices) // cores_per_chip(self.devices)

    @property
    def hosts(self) -> int:
        """How many hosts feed it."""
        return max(1, self.chips // chip_of(self.devices).chips_per_host)


def open_topology(name: str, slices: int = 1) -> Topology:
    """Returns a topology; see `topology_devices`."""
    return Topology(name, slices, topology_devices(name, slices))


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal found.

    Attributes:
        run: the settings.
        topology: where it was rehearsed.
        parameters: numbers in all weights.
        programs: training first; decoding, where the model answers inputs.
        steps: of training.
        stream: sequences that the stream gives a second here, in one process; None where that was not measured.
        not_measured: why it was not.
    """

    run: Run
    topology: Topology
    parameters: int
    programs: tuple[Rehearsed, ...]
    steps: int
    stream: float | None
    not_measured: str

    @property
    def fits(self) -> bool:
        """Whether all programs do."""
        return all(program.memory.fits for program in self.programs)

    @property
    def step_seconds(self) -> float | None:
        """An estimate of a training step; None where it does not fit."""
        return self.programs[0].time.seconds if self.programs[0].time else None

    @property
    def tokens_per_step(self) -> int:
        """Positions of a batch, padding included."""
        return self.run.batch_size * sum(self.run.sequence_length.values())

    @property
    def sequences_per_host(self) -> float | None:
        """Sequences a second that each host must be fed with."""
        return self.run.batch_size / self.step_seconds / self.topology.hosts if self.step_seconds else None

    def as_json(self) -> dict[str, Any]:
        """Returns all of it as plain data: bytes, seconds, operations."""
        seconds, devices = self.step_seconds, self.topology.devices
        chip = chip_of(devices)
        training: dict[str, Any] = {"steps": self.steps, "tokens_per_step": self.tokens_per_step}
        if seconds:
            whole = seconds * self.steps
            training |= {
                "step_seconds": seconds,
                "tokens_per_second": self.tokens_per_step / seconds,
                "days": whole / 86400,
                "chip_hours": whole / 3600 * self.topology.chips,
            }
        return {
            "topology": self.topology.name,
            "slices": self.topology.slices,
            "chip": chip.name,
            "chips": self.topology.chips,
            "cores": len(devices),
            "hosts": self.topology.hosts,
            "mesh": self.run.mesh.shape,
            "layout": self.run.mesh.layout,
            "parameters": self.parameters,
            "fits": self.fits,
            "programs": [_program(one, chip.peak / cores_per_chip(devices)) for one in self.programs],
            "training": training,
            "feed": {
                "sequences_per_second_and_host": self.sequences_per_host,
                "stream_here": self.stream,
                "not_measured": self.not_measured or None,
            },
            "left_out": LEFT_OUT,
        }


def _program(one: Rehearsed, peak: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one.name,
        "sequences": one.rows,
        "compile_seconds": round(one.compile_seconds, 2),
        "memory_per_core": dataclasses.asdict(one.memory),
    }
    if one.costs is None or one.time is None:
        return found
    return {
        **found,
        "flops_per_core": one.costs.flops,
        "bytes_per_core": one.costs.moved,
        "unknown_loops": one.costs.unknown_loops,
        "collectives": [dataclasses.asdict(collective) for collective in one.costs.collectives],
        "estimate": {
            "seconds": one.time.seconds,
            "limit": one.time.limit,
            "compute_seconds": one.time.compute,
            "memory_seconds": one.time.memory,
            "interconnect_seconds": one.time.interconnect,
            "compiler_seconds": one.time.compiler,
            "share_of_peak": one.costs.flops / peak / one.time.seconds,
        },
    }


def rehearse(run: Run, topology: Topology, *, decoding: bool = True, measure_stream: bool = True) -> Rehearsal:
    """Compiles a run's programs for a topology and estimates what it would take; nothing is trained.

    Args:
        run: the settings; `Run.mesh` must use all cores of the topology.
        topology: from `open_topology`.
        decoding: whether to compile decoding, too.
        measure_stream: whether to open the mixture, as training does, and to measure how fast batches come here.

    Raises:
        ValueError: the mesh is not of the topology's size, or does not divide what it splits.
    """
    provider = check_rehearsal(run, topology)
    num_tasks = len(get_subtasks(provider))
    found = [programs.rehearse_training(run, num_tasks, topology.devices)]
    if decoding and "inputs" in run.sequence_length:
        found.append(programs.rehearse_decoding(run, num_tasks, topology.devices))
    stream, reason = (None, "left out")
    if measure_stream:
        stream, reason = _stream_rate(run, provider)
    part = run.train or run.finetune
    steps = part.steps if part else 0
    return Rehearsal(run, topology, programs.num_parameters(run), tuple(found), steps, stream, reason)


def check_rehearsal(run: Run, topology: Topology) -> Provider:
    """Checks a run before anything is compiled, and returns what it trains on.

    Args:
        run: the settings.
        topology: where it is to be rehearsed.

    Raises:
        ValueError: the mesh is not of the topology's size, does not divide what it splits, or nothing is trained.
    """
    cores = topology.cores
    if run.train is None and run.finetune is None:
        raise ValueError("Run.train is None and Run.finetune is None: bind Training.steps and Training.schedule")
    if run.mesh.num_devices != cores:
        raise ValueError(
            f"MeshConfig.shape is {run.mesh.shape!r}, {run.mesh.num_devices} cores, and {topology.name} has {cores}: "
            f"use all of them, such as 'batch:{cores}', or let --search try what there is"
        )
    for name, rows in (("Run.batch_size", run.batch_size), ("Evaluation.batch_size", run.evaluation_batch_size)):
        try:
            run.mesh.check({**run.model.dimensions(), "batch": rows}, cores)
        except ValueError as error:
            raise ValueError(f"{name}: {error}" if "splits batch" in str(error) else str(error)) from None
    provider = chosen_provider(run)
    return provider if run.train is None else with_changes(provider, run.train)


def _stream_rate(run: Run, provider: Provider) -> tuple[float | None, str]:
    """Measures sequences a second, in batches one after the other; or says why that cannot be."""
    try:
        stream = open_stream(run, provider)
    except (OSError, ValueError, ImportError) as error:
        return None, str(error).splitlines()[0]
    with Progress(what="measuring the stream"):
        stream.batch(0)
        began, done = time.monotonic(), 0
        while not done or (time.monotonic() - began < _SECONDS_OF_STREAM and done < _MOST_BATCHES):
            done += 1
            stream.batch(done % stream.steps if stream.steps else done)
        return done * run.batch_size / (time.monotonic() - began), ""
