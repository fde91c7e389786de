"""Who follows the requests: access log, traces, prediction log, shadow calls; and who may send them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runtime.configuration.identity import Project
from runtime.configuration.settings import seconds
from runtime.serving.engine import Sample
from runtime.serving.keys import Keys
from runtime.telemetry.logs import access_log
from runtime.telemetry.metrics import Gauge
from runtime.telemetry.prediction_log import Lines, PredictionLog
from runtime.telemetry.shadow import FixedPlace, ShadowCalls
from runtime.telemetry.shadow_slot import TaggedPlace

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runtime.configuration.options import Options
    from runtime.configuration.settings import RuntimeSettings
    from runtime.data.models import Loaded
    from runtime.data.seen import Seen
    from runtime.serving.engine import Endpoint
    from runtime.telemetry.background import Background
    from runtime.telemetry.prediction_log import Sink

log = logging.getLogger("runtime")


class Records:
    """Everything optional that a request passes by, made once from the options.

    Args:
        options: What is on.
        runtime: From the spec.
        sink: Where the prediction log goes, instead of where the options say.
    """

    def __init__(self, options: Options, runtime: RuntimeSettings, sink: Sink | None = None) -> None:
        self.keys = Keys(options.api_keys) or None  # without any, a request pays one comparison and no digest
        self._options = options
        self._access = access_log(
            options.access_log, Project(options.project, options.metadata_host if options.service else "")
        )
        self._shadow = _shadow_calls(options, runtime)
        sink = sink or _sink(options.prediction_log)
        columns, where = options.prediction_log_columns, (options.service, options.revision)
        self._predictions = (
            PredictionLog(sink, options.prediction_log_rate, columns, where) if sink is not None else None
        )
        self._trace, self._flush_traces = _tracer(options)

    def begin(self) -> None:
        """Import what is imported late. What fails is logged, and tried again when it is needed.

        By the thread that imports for the models, after it has: packages import each other in circles, and of two
        threads that meet in one Python ends the import of either, with `_DeadlockError`.
        """
        for owner in (self._predictions, self._shadow):
            if owner is not None:
                try:
                    owner.begin()
                except Exception:  # models serve all the same
                    log.exception("what follows requests is not ready")

    def followers(self) -> tuple[Callable[[Seen], None], ...]:
        """Give what follows all requests."""
        found: list[Callable[[Seen], None]] = [self._access] if self._options.access_log else []
        if self._trace is not None:
            found.append(self._trace)
        if self._shadow is not None:
            found.append(self._shadow.follow)
        return tuple(found)

    def sample(self, loaded: Loaded) -> Sample | None:
        """Give what follows a share of the requests of one model, and what tells which."""
        log = self._predictions
        return None if log is None else Sample(log.skips, log.wants, log.follower(loaded))

    def failures(self) -> tuple[Callable[[Seen], None], ...]:
        """Give what follows only requests that failed: the access log, where it does not follow all of them."""
        return () if self._options.access_log else (self._access,)

    def published(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> Any:
        """Put the topic behind an endpoint of events, where there is one."""
        if not self._options.events_topic:
            return endpoint
        from runtime.serving.publishing import PublishingEndpoint, PubSubPublisher  # noqa: PLC0415 - an option

        return PublishingEndpoint(endpoint, PubSubPublisher(self._options.events_topic), loop)

    def gauges(self) -> list[Gauge]:
        """Give the state of the background work."""
        return [
            Gauge(f"mlservice_background_{what}_total", f"Items {what}.", f'work="{work.name}"', getattr(work, what))
            for what in ("handled", "dropped", "failed")
            for work in self._background()
        ]

    def flush(self, seconds: float) -> None:
        """Finish the background work, within a time for each; what is left is lost with the process, and told."""
        for work in self._background():
            if not work.flush(seconds):
                told = {"work": work.name, "items": work.waiting}
                log.warning("the server ends before its background work is done", extra=told)
        self._flush_traces()

    def _background(self) -> list[PredictionLog | Background[Any]]:
        found: list[PredictionLog | Background[Any]] = [] if self._predictions is None else [self._predictions]
        return found if self._shadow is None else [*found, self._shadow.background]


def _shadow_calls(options: Options, runtime: RuntimeSettings) -> ShadowCalls | None:
    """Give what copies requests: to the URL that was said, else to who carries the tag; None for nobody."""
    if runtime.shadow is not None:
        return ShadowCalls(FixedPlace(runtime.shadow, options), runtime.shadow.percent)
    if not options.shadow_tag or not options.service:
        return None
    return ShadowCalls(TaggedPlace(options, patience_s=seconds(runtime.timeout)), options.shadow_percent)


def _sink(name: str) -> Sink | None:
    """Give what a name stands for: a topic by its whole name, `-`, or a file; None for nothing."""
    if not name.startswith("projects/"):
        return Lines(name) if name else None
    from runtime.telemetry.prediction_topic import Topic  # noqa: PLC0415 - an option

    return Topic(name)


def _tracer(options: Options) -> tuple[Callable[[Seen], None] | None, Callable[[], None]]:
    if not options.tracing:
        return None, lambda: None
    from runtime.telemetry.tracing import tracer  # noqa: PLC0415 - an option, and an extra

    return tracer(options.service or "mlservice")
