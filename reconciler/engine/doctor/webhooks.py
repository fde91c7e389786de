"""Whether the receivers of webhooks answer: asked only when told to, since they are somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.checkup import Answer, Check
from reconciler.engine.doctor.case import Case, Checks
from schemas import LoadedService

_PATIENCE_S = 5.0
_BROKEN = 500


def looks(case: Case) -> Iterator[tuple[str, Checks]]:
    """Give a check for each receiver."""
    for loaded in case.services:
        for at, entry in enumerate(loaded.service.spec.notifications):
            if entry.webhook:
                yield "webhook", _answers(loaded, entry.webhook, f"notifications[{at}].webhook")


def _answers(loaded: LoadedService, url: str, path: str) -> Checks:
    def made() -> Iterator[Check]:
        import httpx  # noqa: PLC0415 - late, for start-up

        host, services, where = httpx.URL(url).host, (loaded.service.name,), str(loaded.where(f"spec.{path}"))
        try:
            status = httpx.head(url, timeout=_PATIENCE_S).status_code
        except httpx.HTTPError as error:
            line = f"the webhook at {host} does not answer: {type(error).__name__}"
            yield Check("webhook", Answer.FAIL, line, services=services, where=where)
            return
        broken = status >= _BROKEN
        line = f"the webhook at {host} answers with {status}"
        yield Check("webhook", Answer.WARN if broken else Answer.OK, line, services=services, where=where)

    return made
