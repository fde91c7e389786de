"""What the containers of an instance have together: Cloud Run adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.sections.resources import Gpu, Resources
    from schemas.sections.sidecars import Sidecar

ONE_CPU_MILLIS = 1000
"""Below it an instance takes one request at a time, has CPU in requests only, and is of the first generation."""
_NAMES = ("server", *(f"server-{number}" for number in range(2, 12)))


@dataclass(frozen=True, slots=True)
class Instance:
    """The size of an instance.

    Args:
        cpu_millis: In thousandths of a vCPU, of all containers.
        memory_mib: Of all containers.
        gpu: Whichever container uses it; None for none.
    """

    cpu_millis: int
    memory_mib: int
    gpu: Gpu | None

    @classmethod
    def of(cls, resources: Resources, sidecars: Mapping[str, Sidecar]) -> Instance:
        """Add up.

        Args:
            resources: Of the container that takes requests.
            sidecars: By name.
        """
        all_: tuple[Resources | Sidecar, ...] = (resources, *sidecars.values())
        return cls(
            sum(each.cpu_millis for each in all_),
            sum(each.memory_mib for each in all_),
            next((each.gpu for each in all_ if each.gpu), None),
        )


def main_name(said: str | None, sidecars: Mapping[str, Sidecar]) -> str:
    """Give the name of the container that takes requests; nothing where it needs none.

    Args:
        said: The spec's name for it.
        sidecars: By name. Of several containers each has a name (constraints.md 1): one that is free.
    """
    return said or (next(name for name in _NAMES if name not in sidecars) if sidecars else "")
