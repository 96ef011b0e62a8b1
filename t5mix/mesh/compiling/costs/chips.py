"""What makers publish of TPU chips: peak, memory, wires. An estimate of a step's time is no better than these.

Sources: Cloud TPU's pages of each generation ("System architecture": peak, memory, interconnect); of v2 and v3 Norrie
et al. 2021, "The Design Process for Google's Training Chips" (IEEE Micro 41(2)); of v4 Jouppi et al. 2023,
https://arxiv.org/abs/2304.01433; network rates from Austin et al. 2025, "How to Scale Your Model".
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """One chip, as published.

    Attributes:
        name: of its generation, "v4".
        peak: bfloat16 operations a second.
        memory: bytes.
        memory_rate: bytes a second between memory and core.
        link_rate: bytes a second of one link to a neighbour, each way.
        dimensions: of the torus: a chip has two links in each.
        wraps_from: chips of a topology's side from which on it closes to a ring: the ends are linked, too.
        network_rate: bytes a second that one chip can send to another slice.
        chips_per_host: of a host with a feed of its own.
    """

    name: str
    peak: float
    memory: float
    memory_rate: float
    link_rate: float
    dimensions: int
    wraps_from: int
    network_rate: float
    chips_per_host: int = 4


# By what JAX calls the device, in order of generations.
CHIPS = {
    "TPU v2": Chip("v2", 46e12, 16 * GIB, 700e9, 62e9, 2, 16, 3.1e9),
    "TPU v3": Chip("v3", 123e12, 32 * GIB, 900e9, 82e9, 2, 32, 3.1e9),
    "TPU v4": Chip("v4", 275e12, 32 * GIB, 1228e9, 50e9, 3, 4, 6.2e9),
    "TPU v5 lite": Chip("v5e", 197e12, 16 * GIB, 819e9, 50e9, 2, 16, 3.1e9),
    "TPU v5": Chip("v5p", 459e12, 95 * GIB, 2765e9, 100e9, 3, 4, 6.2e9),
    "TPU v6 lite": Chip("v6e", 918e12, 32 * GIB, 1640e9, 112e9, 2, 16, 12.5e9),
    "TPU7x": Chip("tpu7x", 2307e12, 192 * GIB, 7380e9, 100e9, 3, 4, 12.5e9),
}


def chip_of(devices: Sequence[Any]) -> Chip:
    """Returns the chip that devices are of.

    Args:
        devices: JAX's.

    Raises:
        ValueError: nothing is known of it.
    """
    kind = devices[0].device_kind
    if kind not in CHIPS:
        raise ValueError(f"no published figures are known of the device {kind!r}: choose from {', '.join(CHIPS)}")
    return CHIPS[kind]


def cores_per_chip(devices: Sequence[Any]) -> int:
    """Returns how many devices a chip is: its two cores may be two devices, or one."""
    return 1 + max(getattr(device, "core_on_chip", 0) for device in devices)
