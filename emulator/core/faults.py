"""Faults on demand: error codes, latency, lost answers, hanging calls, stuck or failing operations.

Rules are not kept over a restart: a daemon that starts is a healthy one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, Literal

from emulator.core.failures import CODES, ApiFailure

POLL_S = 0.05

When = Literal["before", "after"]
OperationFault = Literal["stuck", "fail"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault, as written by the user.

    `method` is a shell pattern over full method names (`google.cloud.run.v2.Services/*`, `storage.objects.insert`).
    The first `skip` matching calls go free, the next `times` (None: all) are hit. `when="after"` does the write and
    loses the answer. `reason` rides along as `google.rpc.ErrorInfo`. `hang` holds the call until the faults are deleted
    or the client goes away. Of the calls that are left, `percent` are hit, evenly spread, and none `for_s` seconds of
    the emulator's time after the rule was set (None: no end). `retry_after_s` tells the caller how long to wait.
    """

    method: str
    mutating: bool | None = None
    skip: int = 0
    times: int | None = 1
    when: When = "before"
    status: str | None = None
    message: str = "injected fault"
    reason: str | None = None
    latency_ms: float = 0
    hang: bool = False
    operation: OperationFault | None = None
    percent: float = 100
    for_s: float | None = None
    retry_after_s: float | None = None

    @classmethod
    def parse(cls, raw: Any) -> "Rule":
        """Check and build a rule.

        Raises:
            ValueError: Not a rule; the text says why.
        """
        if not isinstance(raw, dict) or not isinstance(raw.get("method"), str):
            raise ValueError("a fault rule is an object with a 'method' pattern")  # noqa: TRY004 - wrong input
        unknown = sorted(raw.keys() - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"a fault rule has no {', '.join(map(repr, unknown))}")
        rule = cls(**raw)
        if rule.status is not None and rule.status not in CODES:
            raise ValueError(f"{rule.status!r} is not a gRPC status")
        if rule.when not in ("before", "after") or rule.operation not in (None, "stuck", "fail"):
            raise ValueError("'when' is before or after; 'operation' is stuck, fail or null")
        if not 0 <= rule.percent <= 100 or min(rule.for_s or 0, rule.retry_after_s or 0) < 0:  # noqa: PLR2004 - percent
            raise ValueError("'percent' is 0 to 100; 'for_s' and 'retry_after_s' are seconds, or null")
        return rule


@dataclass(slots=True, eq=False)
class Counted:
    """A rule and what became of it. Two equal rules are still two."""

    rule: Rule
    ends: datetime | None = None
    matched: int = 0
    applied: int = 0
    waiting: int = 0

    def take(self, method: str, *, mutating: bool, now: datetime) -> bool:
        """Whether this call is hit; counts it."""
        rule = self.rule
        if self.ends and now >= self.ends:
            return False
        if not fnmatchcase(method, rule.method) or rule.mutating not in (None, mutating):
            return False
        self.matched += 1
        if self.matched <= rule.skip or (rule.times is not None and self.applied >= rule.times):
            return False
        share, turn = Fraction(str(float(rule.percent))) / 100, self.matched - rule.skip  # of floats 1 % is 11 in 1,000
        if int(turn * share) == int((turn - 1) * share):
            return False
        self.applied += 1
        return True


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say about one call."""

    hits: tuple[Counted, ...] = ()
    faults: "Faults | None" = None

    @property
    def operation(self) -> OperationFault | None:
        """What is to happen to the operation this call starts."""
        return next((hit.rule.operation for hit in self.hits if hit.rule.operation), None)

    def impose(self, when: When, gone: Callable[[], bool]) -> None:
        """Delay, hold or refuse the call, as ruled for this moment.

        Raises:
            ApiFailure: The injected status; CANCELLED when the client went away during a hang.
        """
        for hit in self.hits:
            if hit.rule.when != when or self.faults is None:
                continue
            self.faults.delay(hit, gone)
            if hit.rule.status is not None:
                raise ApiFailure(hit.rule.status, hit.rule.message, details_of(hit.rule))


def details_of(rule: Rule) -> tuple[Any, ...]:
    """The details of an error that has a machine-readable reason, or says when to come again (kinds.md 1.4)."""
    if rule.reason is None and rule.retry_after_s is None:
        return ()
    from google.rpc import error_details_pb2  # noqa: PLC0415 - only faults with details need it

    found: list[Any] = []
    if rule.reason is not None:
        found.append(error_details_pb2.ErrorInfo(reason=rule.reason, domain="googleapis.com"))
    if rule.retry_after_s is not None:
        found.append(error_details_pb2.RetryInfo(retry_delay=timedelta(seconds=rule.retry_after_s)))
    return tuple(found)


class Faults:
    """The rules in force, and the calls that they hold. Thread-safe.

    Args:
        now: The emulator's time.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._counted: list[Counted] = []

    def replace(self, rules: Sequence[Rule]) -> None:
        """Set the rules; calls held by the old ones go on."""
        now = self._now()
        ends = [now + timedelta(seconds=rule.for_s) if rule.for_s is not None else None for rule in rules]
        with self._changed:
            self._counted = list(map(Counted, rules, ends))
            self._changed.notify_all()

    def status(self) -> list[dict[str, Any]]:
        """Each rule with its counts."""
        with self._changed:
            return [
                asdict(each.rule) | {"matched": each.matched, "applied": each.applied, "waiting": each.waiting}
                for each in self._counted
            ]

    def rule(self, method: str, *, mutating: bool) -> Ruling:
        """Decide about one call. Every matching rule has its say."""
        with self._changed:
            now = self._now() if self._counted else datetime.min.replace(tzinfo=UTC)
            hits = tuple(each for each in self._counted if each.take(method, mutating=mutating, now=now))
        return Ruling(hits, self)

    def delay(self, hit: Counted, gone: Callable[[], bool]) -> None:
        """Let the rule's latency pass, then hold the call as long as it says."""
        time.sleep(hit.rule.latency_ms / 1000)
        if not hit.rule.hang:
            return
        with self._changed:
            hit.waiting += 1
            while hit in self._counted and not gone():
                self._changed.wait(POLL_S)
            hit.waiting -= 1
        if gone():
            raise ApiFailure("CANCELLED", "the client went away")
