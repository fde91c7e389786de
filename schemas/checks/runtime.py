"""The server's own settings."""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, repeated, warning
from schemas.checks.retraining import https
from schemas.refusal import shown
from schemas.sections.monitoring import Monitoring
from schemas.sections.rollout import Rollout
from schemas.sections.runtime import Runtime
from schemas.units import duration_text

# Services of the emulator: each has a port of this machine, without TLS.
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$)")


def batching(runtime: Runtime) -> Iterator[Finding]:
    """A row must not wait for others longer than its request may take."""
    batching, timeout_ms = runtime.batching, runtime.timeout_s * 1000
    if batching is not None and batching.max_delay_ms >= timeout_ms:
        summary = f"{duration_text(batching.max_delay_ms)} is not below the timeout ({duration_text(timeout_ms)})"
        yield Finding("runtime.batching.maxDelay", "deadline-chain", summary, "a few milliseconds are usual")


def latencies(runtime: Runtime, rollout: Rollout, monitoring: Monitoring | None) -> Iterator[Finding]:
    """A limit on latency above the request timeout is never passed: such requests count as errors."""
    limits = {
        "rollout.gates.latencyP95": rollout.gates.latency_p95_ms if rollout.gates else None,
        "monitoring.slo.latencyP95": monitoring.slo.latency_p95_ms if monitoring and monitoring.slo else None,
    }
    timeout_ms = runtime.timeout_s * 1000
    for path, limit_ms in limits.items():
        if limit_ms is not None and limit_ms >= timeout_ms:
            summary = f"{duration_text(limit_ms)} is not below the request timeout ({duration_text(timeout_ms)})"
            yield warning(path, "deadline-chain", summary, "no request takes longer, so this never fires")


def protocols(runtime: Runtime) -> Iterator[Finding]:
    """Each protocol once."""
    for index, protocol in repeated(runtime.protocols):
        yield Finding(f"runtime.protocols[{index}]", "repeated", f'"{protocol}" is listed twice')


def access_log(runtime: Runtime) -> Iterator[Finding]:
    """The sampled share is in (0, 1]."""
    rate = runtime.access_log.sample_rate if runtime.access_log else 1.0
    if not 0 < rate <= 1:
        hint = "write a fraction: 0.2 is one request in five; to log only errors, leave `accessLog` out"
        yield Finding("runtime.accessLog.sampleRate", "sample-rate", f"{rate:g} is not in (0, 1]", hint)


def shadow(runtime: Runtime) -> Iterator[Finding]:
    """Copies go to an address that can answer them: https, or a service of the emulator, with a path."""
    if runtime.shadow is None:
        return
    url = runtime.shadow.url
    if not _LOCAL.match(url):
        yield from https("runtime.shadow.url", url)
    if url.endswith("/") or url.count("/") == 2:  # noqa: PLR2004 - those of https://
        hint = "name the path that predicts: https://host/predict"
        yield Finding("runtime.shadow.url", "url", f"{shown(url)} has no path", hint)
