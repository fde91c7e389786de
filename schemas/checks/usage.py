"""What is said of use agrees with what an instance takes."""

from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.sections.resources import Scaling
from schemas.sections.usage import Usage


def shared(usage: Usage | None, scaling: Scaling) -> Iterator[Finding]:
    """No more requests share an instance than it takes."""
    if usage and usage.requests_at_once is not None and usage.requests_at_once > scaling.concurrency:
        summary = f"{usage.requests_at_once:g} is above scaling.concurrency ({scaling.concurrency})"
        yield warning(
            "usage.requestsAtOnce", "usage-at-once", summary, "an instance takes no more: that many are counted"
        )
