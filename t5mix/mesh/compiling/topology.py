"""The devices of a TPU topology on a machine that has none: programs are compiled for them, and never run.

libtpu, TPUs' own library, describes them and compiles for them. It is a package of its own (`t5mix[tpu]` brings it).
"""

import importlib.util
import math
import os
import re
from typing import Any

# Without the first ones libtpu asks the cloud's metadata server which machine it is on; without the last one it would
# keep other processes of this machine from rehearsing, as if there were a TPU to share.
_ALONE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "TPU_LOG_DIR": "disabled",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}

# Chips whose two cores work as one device; in others each core is one, or there is one.
_MEGACORE = ("v4",)

_NAME = re.compile(r"(v2|v3|v4|v5e|v5p|v6e|tpu7x):(\d+x\d+(?:x\d+)?)")


def topology_devices(name: str, slices: int = 1) -> list[Any]:
    """Returns the devices of a topology, to compile programs for.

    libtpu asks nothing of any network, and JAX itself stays on the CPU.

    Args:
        name: generation and chips, such as "v5e:4x4" or "v4:4x4x4".
        slices: how many such topologies there are, joined by a network.

    Raises:
        ValueError: the name is not of that form, or libtpu knows no such topology.
        ModuleNotFoundError: there is no libtpu.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"--topology is {name!r}: give a TPU generation (v2, v3, v4, v5e, v5p, v6e, tpu7x) and its chips, such as "
            "v5e:4x4 or v4:4x4x4"
        )
    if importlib.util.find_spec("libtpu") is None:
        raise ModuleNotFoundError(
            "to compile for a TPU without having one takes libtpu: pip install 't5mix[tpu]' (half a GB, no TPU needed)"
        )
    _stay_alone()
    from jax.experimental import topologies

    options: dict[str, Any] = {"chip_config_name": "megacore"} if name.startswith(_MEGACORE) else {}
    options |= {"num_slices": slices} if slices > 1 else {}
    if _chips(name) < 4:  # a part of a host
        options["chips_per_host_bounds"] = [int(size) for size in (*name.split(":")[1].split("x"), "1")[:3]]
    try:
        return list(topologies.get_topology_desc(topology_name=name, platform="tpu", **options).devices)
    except RuntimeError as error:
        raise ValueError(f"--topology {name!r} is none that libtpu knows: {str(error).splitlines()[0]}") from None


def _chips(name: str) -> int:
    return math.prod(map(int, name.split(":")[1].split("x")))


def _stay_alone() -> None:
    """Keeps libtpu from asking anybody, and JAX from looking for a TPU here.

    JAX's cache of executables is left out: it would write these, and cannot read them without a TPU.
    """
    from t5mix.mesh.devices import jax

    os.environ.update(_ALONE)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_compilation_cache", False)
