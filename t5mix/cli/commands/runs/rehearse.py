"""`t5mix rehearse`: a run compiled for a TPU topology on a machine without one."""

import argparse
from typing import TYPE_CHECKING, Any

from t5mix.cli import arguments, output
from t5mix.internal.terminal import Progress, duration, emit, put

if TYPE_CHECKING:
    from t5mix.runs.preflight.plans.rehearsal.meshes import Tried
    from t5mix.runs.preflight.plans.rehearsal.programs import Rehearsed
    from t5mix.runs.preflight.plans.rehearsal.rehearse import Rehearsal

EPILOG = f"""\
examples:
  t5mix rehearse --topology v5e:4x4 --gin_file runs/offline.gin --gin_param "MeshConfig.shape = 'batch:8;model:2'"
  t5mix rehearse --topology v4:4x4x4 --search --gin_file runs/pretrain.gin --gin_file models/t5_1_1/xl.gin \\
      --mixture_or_task glue_v002_proportional

It takes libtpu (pip install 't5mix[tpu]'), which asks nothing of any network, and no TPU.

{arguments.GIN_EPILOG}"""

SHORTHANDS = {"mixture_or_task": "Run.mixture"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this command."""
    parser.epilog = EPILOG
    arguments.add_gin_arguments(parser)
    parser.add_argument("--topology", required=True, metavar="NAME", help="TPU generation and chips: v5e:4x4, v4:4x4x4")
    parser.add_argument("--slices", type=arguments.positive, default=1, metavar="N", help="of that topology [1]")
    parser.add_argument("--mixture_or_task", metavar="NAME", help="what to train on (Run.mixture)")
    parser.add_argument(
        "--search",
        action="store_true",
        help="try each mesh of the topology's cores, the best of them fully sharded, too, and rank them",
    )
    parser.add_argument("--no_decoding", action="store_true", help="rehearse training alone")
    parser.add_argument("--no_stream", action="store_true", help="do not open the mixture to measure its stream here")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(args: argparse.Namespace) -> int:
    """Compiles, and prints what was found."""
    from t5mix.runs.config import binding
    from t5mix.runs.preflight import tasks
    from t5mix.runs.preflight.plans.rehearsal.rehearse import open_topology, rehearse
    from t5mix.runs.preflight.training_steps import check_steps

    with Progress(what="checking the run"):
        # A rehearsal writes nothing.
        params = ["Run.folder = 'rehearsal'", *arguments.gin_params(args, SHORTHANDS)]
        bound = binding.bind(args.gin_file, params, include=args.include or (), vocab_size=tasks.model_vocab_size)
        topology = open_topology(args.topology, args.slices)
    if args.search:
        from t5mix.runs.preflight.plans.rehearsal.meshes import search_meshes

        tried = search_meshes(bound.run, topology)
        if args.format == "json":
            output.print_json([_as_json(one) for one in tried])
        else:
            _show_tried(args.topology, bound.run.mesh.layout, tried)
        return 0
    check_steps(bound.run)
    found = rehearse(bound.run, topology, decoding=not args.no_decoding, measure_stream=not args.no_stream)
    if args.format == "json":
        output.print_json(found.as_json())
    else:
        _show(found)
    return 0


def _as_json(one: "Tried") -> dict[str, Any]:
    training = one.training
    time, memory = (training.time, training.memory) if training else (None, None)
    return {
        "mesh": one.mesh,
        "layout": one.layout,
        "fits": bool(memory and memory.fits),
        "step_seconds": time.seconds if time else None,
        "limit": time.limit if time else None,
        "needed_per_core": memory.needed if memory else None,
        "reason": one.reason or None,
    }


def _show_tried(topology: str, layout: str, tried: "list[Tried]") -> None:
    rows = []
    for one in tried:
        time = one.training.time if one.training else None
        memory = one.training.memory if one.training else None
        rows.append(
            (
                one.mesh,
                "also over the batch" if one.layout != layout else "as said",
                _seconds(time.seconds) if time else "-",
                time.limit if time else "-",
                output.size(memory.needed) if memory else "-",
                one.reason or ("" if time else "does not fit"),
            )
        )
    headings = ("mesh", "weights", ">training step", "limited by", ">memory of a core", "")
    emit(output.table(f"meshes of {topology}, the fastest first", headings, rows))


def _show(found: "Rehearsal") -> None:
    where, run = found.topology, found.run
    many = f"{where.slices} x " if where.slices > 1 else ""
    put(
        f"{many}{where.name}: {output.plural(where.chips, 'chip')}, {output.plural(len(where.devices), 'core')} as JAX "
        f"sees them, {output.plural(where.hosts, 'host')}; mesh {run.mesh.shape}, layout {run.mesh.layout}"
    )
    put(f"{found.parameters:,} parameters; a batch is {run.batch_size} sequences, {found.tokens_per_step:,} positions")
    for program in found.programs:
        _show_program(program)
    _show_training(found)


def _show_program(one: "Rehearsed") -> None:
    memory, time, costs = one.memory, one.time, one.costs
    title = f"{one.name}, {one.rows} sequences, compiled in {duration(one.compile_seconds)}"
    has = f"of {output.size(memory.core)}"
    if time is None or costs is None:
        needed = f"{output.size(memory.needed)} {has}: it does not fit; split weights over more cores, or see --search"
        emit(output.table(title, ("", ""), [("a core's memory", needed)]))
        return
    parts = (("arguments", memory.arguments), ("temporaries", memory.temporaries), ("outputs", memory.outputs))
    in_parts = ", ".join(f"{name} {output.size(size)}" for name, size in parts)
    rows = [
        ("a core's memory", f"{output.size(memory.needed)} {has}: {in_parts}, program {output.size(memory.code)}"),
        ("matrix products", f"{costs.flops:.3g} FLOPs on a core, {_seconds(time.compute)} at its peak"),
        ("main memory", f"{output.size(costs.moved)} read and written, {_seconds(time.memory)}"),
    ]
    for each in costs.collectives:
        beside = ", beside computation" if each.overlapped else ""
        what = f"{output.plural(each.count, 'time')}, {output.size(each.size)} in all, {each.group} cores{beside}"
        rows.append((f"{each.kind} over {'+'.join(each.axes) or 'none'}", what))
    rows += [(f"wires of {axes}", _seconds(seconds)) for axes, seconds in time.interconnect.items()]
    rows.append(("estimate", f"{_seconds(time.seconds)}; what takes longest is {_LIMITS[time.limit]}"))
    if time.compiler:
        rows.append(("by the compiler", f"{_seconds(time.compiler)}, from its own count of cycles"))
    if costs.unknown_loops:
        rows.append(("loops", f"{costs.unknown_loops} of unknown length, counted once"))
    emit(output.table(title, ("", ""), rows))


_LIMITS = {"compute": "computing", "memory": "reading and writing memory", "interconnect": "talking over the wires"}


def _show_training(found: "Rehearsal") -> None:
    from t5mix.mesh.compiling.costs.step_time import LEFT_OUT

    seconds, fed = found.step_seconds, found.sequences_per_host
    if seconds and fed:
        whole = seconds * found.steps
        put(
            f"training: {found.tokens_per_step / seconds:,.0f} positions a second; {found.steps:,} steps take "
            f"{_number(whole / 86400)} days, {_number(whole / 3600 * found.topology.chips)} chip-hours"
        )
        here = f"the stream gives {found.stream:,.0f} here, in one process" if found.stream else "the stream here was "
        here += "" if found.stream else f"not measured: {found.not_measured}"
        put(f"feed: {fed:,.0f} sequences a second for each host; {here}")
    put(f"left out of the estimate: {LEFT_OUT}")


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
