"""How much a service is used: what its spec declares, else what is assumed, and which of the two it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.service import Spec

_STEP_MS = 100


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a service is used. What is not declared is assumed, and said to be.

    Args:
        requests_per_second: Mean over the month.
        request_duration_ms: How long a request takes, without waiting for an instance.
        requests_at_once: Requests that share an instance, on average; None: they come by chance.
        rows_per_request: Predictions asked for at once.
        row_bytes: One row of the prediction log.
        answer_bytes: One answer, on the network.
        log_bytes: What Cloud Run logs of a request.
        trainings_per_month: None: what the triggers by the clock come to, and one for each other trigger.
        training_duration_s: How long a training takes.
        image_size_mib: Size of an image, less what it shares with the one before.
        images_per_month: New images pushed.
        instances: Instances that are billed at a time, on average, where that was measured.
        declared: Names of those above that somebody declared, or that were measured.
        measured: Names of those that were measured.
    """

    requests_per_second: Decimal = Decimal(1)
    request_duration_ms: int = 100
    requests_at_once: Decimal | None = None
    rows_per_request: Decimal = Decimal(1)
    row_bytes: int = 1000
    answer_bytes: int = 1000
    log_bytes: int = 1000
    trainings_per_month: Decimal | None = None
    training_duration_s: int = 3600
    image_size_mib: int = 1024
    images_per_month: Decimal = Decimal(4)
    instances: Decimal | None = None
    declared: frozenset[str] = frozenset()
    measured: frozenset[str] = frozenset()

    @property
    def billed_s(self) -> Decimal:
        """Seconds of a request as they are billed: rounded up to tenths.

        Source:
            https://cloud.google.com/run/pricing: instance time is rounded up to the nearest 100 ms.
        """
        return Decimal(-(-self.request_duration_ms // _STEP_MS) * _STEP_MS) / 1000

    @property
    def each_s(self) -> Decimal:
        """Seconds of a request as they pass: that many of them an instance answers, one after the other."""
        return Decimal(self.request_duration_ms) / 1000

    def most(self, vcpus: Decimal) -> Usage:
        """Give the use that the worst case is of: what is assumed, or more where more is declared, and never less.

        Args:
            vcpus: Of an instance, which takes as many requests at once where nothing is declared.
        """
        more = self.beyond(vcpus)
        return replace(self, **more) if more else self

    def beyond(self, vcpus: Decimal) -> dict[str, Any]:
        """Give what the worst case has otherwise, by name. Shorter requests are more: as many as fit into a second.

        Args:
            vcpus: As in `most`.
        """
        more: dict[str, Any] = {
            name: getattr(ASSUMED, name) for name in _LARGER if getattr(self, name) < getattr(ASSUMED, name)
        }
        if self.request_duration_ms > ASSUMED.request_duration_ms:
            more["request_duration_ms"] = ASSUMED.request_duration_ms
        if self.requests_at_once and self.requests_at_once < max(Decimal(1), vcpus):
            more["requests_at_once"] = None
        return more

    def declaring(self, told: Mapping[str, Any]) -> Usage:
        """Give it with some of it declared.

        Args:
            told: By the names of the attributes.
        """
        return replace(self, **told, declared=self.declared.union(told)) if told else self


_LARGER = ("rows_per_request", "row_bytes", "answer_bytes", "log_bytes", "image_size_mib", "images_per_month")
ASSUMED = Usage()
_NAMES = frozenset(field.name for field in fields(Usage))


def usage_of(spec: Spec) -> Usage:
    """Give what a spec declares in its section `usage`; the rest is assumed."""
    written = spec.usage
    told = {} if written is None else {name: getattr(written, name) for name in written.model_fields_set & _NAMES}
    return ASSUMED.declaring({name: _exact(value) for name, value in told.items() if value is not None})


def _exact(value: float) -> Decimal | int:
    """Keep the digits that were written: 0.1 is a tenth."""
    return Decimal(str(value)) if isinstance(value, float) else value
