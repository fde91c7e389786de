"""The server's own settings."""

from collections.abc import Iterator

from schemas.checks.finding import Finding, repeated
from schemas.sections.runtime import Runtime
from schemas.units import duration_text


def batching(runtime: Runtime) -> Iterator[Finding]:
    """A row must not wait for others longer than its request may take."""
    batching, timeout_ms = runtime.batching, runtime.timeout_s * 1000
    if batching is not None and batching.max_delay_ms >= timeout_ms:
        summary = f"{duration_text(batching.max_delay_ms)} is not below the timeout ({duration_text(timeout_ms)})"
        yield Finding("runtime.batching.maxDelay", "deadline-chain", summary, "a few milliseconds are usual")


def protocols(runtime: Runtime) -> Iterator[Finding]:
    """Each protocol once."""
    for index, protocol in repeated(runtime.protocols):
        yield Finding(f"runtime.protocols[{index}]", "repeated", f'"{protocol}" is listed twice')
