"""The region, and what is offered there.

Source:
    https://cloud.google.com/run/docs/locations, https://cloud.google.com/run/docs/configuring/services/gpu
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.google import GPU_REGIONS, REGIONS
from schemas.refusal import shown
from schemas.sections.resources import Resources
from schemas.spelling import closest

_AREA = "africa|asia|australia|europe|me|northamerica|southamerica|us"
_DIRECTION = "central|north|south|east|west|northeast|northwest|southeast|southwest"
_REGION = re.compile(rf"({_AREA})-({_DIRECTION})[0-9]{{1,2}}")
_ZONE = re.compile(r"(.+)-[a-z]")


def known_region(region: str) -> Iterator[Finding]:
    """A region that looks like one and is new to us is a warning: Google opens several a year."""
    if region in REGIONS:
        return
    zone = _ZONE.fullmatch(region)
    if zone and zone[1] in REGIONS:
        hint = f"write the region: {zone[1]}"
        yield Finding("region", "region", f"{shown(region)} is a zone", hint)
    elif _REGION.fullmatch(region):
        yield warning("region", "region", f"{shown(region)} is not a region we know of", _meant(region))
    else:
        yield Finding("region", "region", f"{shown(region)} is not a Google Cloud region", _meant(region))


def gpu_region(region: str, resources: Resources) -> Iterator[Finding]:
    """GPUs are offered in few regions; the list grows, so this warns."""
    if resources.gpu is None or region in GPU_REGIONS[resources.gpu.type]:
        return
    offered = GPU_REGIONS[resources.gpu.type]
    summary = f"{shown(region)} is not known to offer {resources.gpu.type}"
    yield warning("region", "gpu-region", summary, f"offered in {', '.join(offered)}")


def _meant(region: str) -> str:
    meant = closest(region, sorted(REGIONS))
    return f"did you mean `{meant}`?" if meant else "for example europe-west1, us-central1"
