"""Machine types and accelerators that a custom job may ask for.

Source: https://cloud.google.com/vertex-ai/docs/training/configure-compute, as known when this was written; Google adds
to it. What a job asks for is checked, not given: the emulator's processes have the machine that it runs on.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.apis.aiplatform.messages import AcceleratorType

SIZES: Mapping[str, tuple[int, ...]] = {
    "n1-standard": (4, 8, 16, 32, 64, 96),
    "n1-highmem": (2, 4, 8, 16, 32, 64, 96),
    "n1-highcpu": (16, 32, 64, 96),
    "n2-standard": (4, 8, 16, 32, 48, 64, 80),
    "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80),
    "n2-highcpu": (16, 32, 48, 64, 80),
    "e2-standard": (4, 8, 16, 32),
    "e2-highmem": (2, 4, 8, 16),
    "e2-highcpu": (16, 32),
    "c2-standard": (4, 8, 16, 30, 60),
    "c3-standard": (4, 8, 22, 44, 88, 176),
    "c3-highmem": (4, 8, 22, 44, 88, 176),
    "c3-highcpu": (4, 8, 22, 44, 88, 176),
    "m1-ultramem": (40, 80, 160),
    "m1-megamem": (96,),
}
"""vCPUs of the machine types that come without accelerators, by series."""
BUILT_IN: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "NVIDIA_TESLA_A100": {
        1: ("a2-highgpu-1g",),
        2: ("a2-highgpu-2g",),
        4: ("a2-highgpu-4g",),
        8: ("a2-highgpu-8g",),
        16: ("a2-megagpu-16g",),
    },
    "NVIDIA_A100_80GB": {
        1: ("a2-ultragpu-1g",),
        2: ("a2-ultragpu-2g",),
        4: ("a2-ultragpu-4g",),
        8: ("a2-ultragpu-8g",),
    },
    "NVIDIA_H100_80GB": {1: ("a3-highgpu-1g",), 2: ("a3-highgpu-2g",), 4: ("a3-highgpu-4g",), 8: ("a3-highgpu-8g",)},
    "NVIDIA_H100_MEGA_80GB": {8: ("a3-megagpu-8g",)},
    "NVIDIA_H200_141GB": {8: ("a3-ultragpu-8g",)},
    "NVIDIA_L4": {
        1: ("g2-standard-4", "g2-standard-8", "g2-standard-12", "g2-standard-16", "g2-standard-32"),
        2: ("g2-standard-24",),
        4: ("g2-standard-48",),
        8: ("g2-standard-96",),
    },
}
"""Accelerators that belong to their machine types: type, then count, then machines."""
ATTACHED: Mapping[str, Mapping[int, int]] = {
    "NVIDIA_TESLA_T4": {1: 16, 2: 32, 4: 96},
    "NVIDIA_TESLA_P4": {1: 16, 2: 48, 4: 96},
    "NVIDIA_TESLA_P100": {1: 16, 2: 32, 4: 96},
    "NVIDIA_TESLA_V100": {1: 8, 2: 16, 4: 32, 8: 96},
}
"""Accelerators that are attached to a machine of the N1 series: type, count, and the most vCPUs it may have."""
OWNERS = {machine: kind for kind, counts in BUILT_IN.items() for group in counts.values() for machine in group}
NAME = re.compile(r"(?P<series>[a-z0-9]+-[a-z]+)-(?P<size>[0-9]+)")


def wrong(spec: Any, field: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a machine: pairs of field and message."""
    machine = spec.machine_type
    if not machine:
        yield f"{field}.machine_type", "Machine type is required."
    elif not known(machine):
        yield f"{field}.machine_type", f'Machine type "{machine}" is not supported.'
    else:
        yield from ((field, text) for text in accelerator_wrong(spec))


def known(machine: str) -> bool:
    """Whether there is such a machine type."""
    found = NAME.fullmatch(machine)
    plain = found is not None and int(found["size"][:6]) in SIZES.get(found["series"], ())
    return plain or machine in OWNERS


def accelerator_wrong(spec: Any) -> Iterator[str]:
    """What is wrong with the accelerators of a machine whose type is known."""
    machine, count = spec.machine_type, spec.accelerator_count
    kind = accelerator(spec.accelerator_type)
    own = OWNERS.get(machine)
    if not kind and count:
        yield "Accelerator count is given without an accelerator type."
    elif kind and count < 1:
        yield f'Accelerator type "{kind}" is given without a count.'
    elif own is not None:
        if (kind, machine) != (own, machine) or machine not in BUILT_IN[own].get(count, ()):
            yield f'Machine type "{machine}" comes with {counts_of(machine)} x {own}, which has to be asked for.'
    elif kind and not attachable(machine, kind, count):
        yield f'{count} x "{kind}" cannot be attached to machine type "{machine}".'


def accelerator(number: int) -> str:
    """Name of an accelerator type; empty for none, the number for one that nobody knows."""
    try:
        return AcceleratorType(number).name if number else ""
    except ValueError:
        return str(number)


def counts_of(machine: str) -> int:
    """How many accelerators a machine type comes with."""
    return next(count for count, machines in BUILT_IN[OWNERS[machine]].items() if machine in machines)


def attachable(machine: str, kind: str, count: int) -> bool:
    """Whether so many accelerators can be attached to a machine: N1 only, and the larger the machine, the more."""
    most = ATTACHED.get(kind, {}).get(count)
    return most is not None and machine.startswith("n1-") and int(machine.rpartition("-")[2]) <= most
