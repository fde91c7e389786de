"""What a run can cost at most: for how long each kind may stand, and what the most of it costs for that long.

List prices in USD of Cloud Run's dearer regions (tier 2), without any free tier. A time is a limit, not a guess: a kind
stops at its end, and what it made goes.

Source: cloud.google.com/run/pricing, /scheduler/pricing, /artifact-registry/pricing, /build/pricing,
    /secret-manager/pricing, read in October 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.conformance.example import Example

VCPU_S, GIB_S = 0.0000336, 0.0000035
GPU_S = {"nvidia-l4": 0.0002909, "nvidia-rtx-pro-6000": 0.00056913}
BUILD_MINUTE, SCAN, SCHEDULED_JOB, SECRET_VERSION = 0.006, 0.26, 0.10, 0.06
"""Of e2-standard-2; an image; a job for 31 days; a version for a month: those two are counted whole."""
MINUTES = {"run_service": 1.5, "functions_function": 4.0, "run_job": 0.5}
"""For one write of a kind, reads included; of the others a quarter of a minute."""
QUICK = 0.25
OVERHEAD = 3.0
"""For what a kind stands on, accounts that become known included, and for tidying up."""
LAST_WRITE = 15.0
"""The last write may have begun just before the end."""


@dataclass(frozen=True)
class Bound:
    """One line of the table.

    Args:
        what: The kind, and the part of it.
        makes: In words.
        minutes: It stands no longer.
        usd: It costs no more.
    """

    what: str
    makes: str
    minutes: float
    usd: float


def writes(example: Example) -> int:
    """Count its writes: there and back for each edit, making it and taking it away."""
    return 2 * len(example.edits) + 2


def minutes_for(kind: str, example: Example) -> float:
    """Give how long a kind may be at work, in minutes."""
    return OVERHEAD + writes(example) * MINUTES.get(kind, QUICK)


def bound(kind: str, example: Example) -> Bound:
    """Bound one example."""
    minutes = minutes_for(kind, example)
    stands = minutes + LAST_WRITE
    usd = stands * 60 * _second(kind, example) + _once(kind, example)
    return Bound(f"{kind} {example.part}".strip(), _makes(kind, example), stands, usd)


def _values(example: Example, name: str) -> Iterator[Any]:
    yield getattr(example.fields, name, None)
    for edit in example.edits:
        yield edit.get(name)


def _most(example: Example, name: str) -> float:
    return max((value for value in _values(example, name) if isinstance(value, int)), default=0)


def _second(kind: str, example: Example) -> float:
    """The dearest second: as many instances as there may be, each of the largest size, all with a GPU if one has it."""
    if kind not in {"run_service", "functions_function"}:
        return 0.0  # jobs are made and not run, and the rest does not cost by the second
    gpu = max((GPU_S[value] for value in _values(example, "gpu") if value), default=0.0)
    size = _most(example, "cpu_millis") / 1000 * VCPU_S + _most(example, "memory_mib") / 1024 * GIB_S
    return _most(example, "max_instances") * (size + gpu)


def _once(kind: str, example: Example) -> float:
    """What costs by the piece."""
    if kind == "functions_function":
        return writes(example) * (MINUTES[kind] * BUILD_MINUTE + SCAN)
    if kind == "scheduler_job":
        return SCHEDULED_JOB
    return 2 * SECRET_VERSION if kind in {"run_service", "run_job"} else 0.0


def _makes(kind: str, example: Example) -> str:
    most = f"1, changed {len(example.edits)} times"
    if kind in {"run_service", "functions_function"}:
        most += f", up to {_most(example, 'max_instances'):.0f} instances"
    return most + (f", {writes(example)} builds" if kind == "functions_function" else "")


def table(bounds: list[Bound]) -> str:
    """Show all of it, and the sum."""
    wide = max(len(each.what) for each in bounds)
    lines = [f"{'kind':{wide}}  {'minutes':>8} {'USD':>8}  makes"]
    lines += [f"{each.what:{wide}}  {each.minutes:>8.0f} {each.usd:>8.2f}  {each.makes}" for each in bounds]
    minutes, usd = sum(each.minutes for each in bounds), sum(each.usd for each in bounds)
    return "\n".join([*lines, f"{'at most':{wide}}  {minutes:>8.0f} {usd:>8.2f}"])
