"""Whether this machine has a TPU, and whether somebody can say which other machines belong to it."""

import contextlib
import importlib.util
import os
import socket
from collections.abc import Mapping
from pathlib import Path

# What TPU chips say of themselves on a PCI bus, v2 and v3, v4, v5p, v5e, v6e, 7x; Google makes network cards, too.
_GOOGLE, _CHIPS = "0x1ae0", ("0x0027", "0x005e", "0x0062", "0x0063", "0x006f", "0x0076")
_BUS = Path("/sys/bus/pci/devices")
# Seconds for a machine's own metadata server, which stands beside it.
_PATIENCE = 5.0
# Where JAX looks for that server, too.
_METADATA, _NAMED = "metadata.google.internal", "GCE_METADATA_IP"
HOSTS = "TPU_WORKER_HOSTNAMES"


def may_be_of_a_slice(environment: Mapping[str, str], bus: Path = _BUS) -> bool:
    """Tells whether this is a TPU machine whose metadata can say which others are of its slice.

    Args:
        environment: variables of the process, which say nothing of others.
        bus: a folder for each PCI device.
    """
    platforms = environment.get("JAX_PLATFORMS") or "tpu"
    if "tpu" not in platforms or importlib.util.find_spec("libtpu") is None or not has_tpu(bus):
        return False
    if has_metadata(environment):
        return True
    os.environ.setdefault(HOSTS, "localhost")  # libtpu would ask the server, too
    return False


def has_tpu(bus: Path = _BUS) -> bool:
    """Tells whether a chip is on the machine's bus: of old generations it is a device of its own, of new ones not.

    Args:
        bus: a folder for each PCI device.
    """
    for device in bus.glob("*"):
        with contextlib.suppress(OSError):
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "device"))
            if vendor == _GOOGLE and kind in _CHIPS:
                return True
    return False


def has_metadata(environment: Mapping[str, str]) -> bool:
    """Tells whether the cloud's metadata server is within reach; a machine outside a cloud has none.

    Args:
        environment: variables of the process.
    """
    host, _, port = environment.get(_NAMED, _METADATA).partition(":")
    try:
        socket.create_connection((host, int(port or 80)), timeout=_PATIENCE).close()
    except (OSError, ValueError):
        return False
    return True
