"""OpenTelemetry traces, as an option: one span per request, with its phases as children.

On with the usual `OTEL_EXPORTER_OTLP_ENDPOINT`; needs the `otel` extra. Spans are made after the answer was given.
"""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from runtime.telemetry.trace_context import trace_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.data.seen import Seen

SERVER_ERROR = 500


def tracer(service: str) -> tuple[Callable[[Seen], None], Callable[[], None]]:
    """Make a follower that exports spans, and a function that flushes them.

    Raises:
        ModuleNotFoundError: The `otel` extra is not installed.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return follower(provider.get_tracer("mlservice.runtime")), provider.shutdown


def follower(tracing: Any, clock: Callable[[], float] = perf_counter) -> Callable[[Seen], None]:
    """Make the follower for any tracer.

    Args:
        tracing: Of OpenTelemetry.
        clock: The queue's, in seconds; spans want the time of day.
    """
    from opentelemetry import trace  # noqa: PLC0415 - an extra

    def follow(seen: Seen) -> None:
        # Spans are made after the answer and want the time of day; what was measured is of another clock.
        offset = time_ns() - int(clock() * 1e9)
        span = tracing.start_span(
            f"predict {seen.metrics.model}",
            context=_parent(seen),
            kind=trace.SpanKind.SERVER,
            start_time=offset + int(seen.started * 1e9),
            attributes={
                "http.request.method": "POST",
                "http.response.status_code": seen.answer.status,
                "mlservice.version": seen.metrics.version,
                "mlservice.protocol": seen.metrics.protocol,
                "mlservice.request_id": seen.request.id,
            },
        )
        if seen.answer.status >= SERVER_ERROR:
            span.set_status(trace.StatusCode.ERROR)
        within = trace.set_span_in_context(span)
        for name, start, end in phases(seen):
            child = tracing.start_span(name, context=within, start_time=offset + int(start * 1e9))
            child.end(offset + int(end * 1e9))
        span.end(offset + int(seen.ended * 1e9))

    return follow


def phases(seen: Seen) -> list[tuple[str, float, float]]:
    """Give what a request went through, each with its beginning and end by the queue's clock."""
    call = seen.call
    if call is None:
        return []
    return [
        ("decode", seen.started, call.arrived),
        ("queue", call.arrived, call.begun),
        ("predict", call.begun, call.ended),
        ("encode", call.ended, seen.ended),
    ]


def _parent(seen: Seen) -> Any:
    from opentelemetry import trace  # noqa: PLC0415 - an extra

    given = trace_context(seen.request.headers)
    if given is None:
        return None
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if given.sampled else trace.TraceFlags.DEFAULT)
    parent = trace.SpanContext(int(given.trace_id, 16), int(given.span_id, 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
