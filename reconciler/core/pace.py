"""How fast an API may be called, and how a refusal slows that down. Pure: the time and the luck come in.

Source:
    Quotas are refilled every minute: https://cloud.google.com/docs/quotas/view-manage, "rate quotas". What a refused
    caller does (wait twice as long each time, by chance a little more, and never less than it was told):
    https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff, AIP-194.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

MINUTE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 32.0
LONGEST_TOLD_S = 600.0
"""What an answer may make us wait at most: it is somebody else's number."""
SLOWEST, STEP = 1 / 64, 1 / 32
PROBE_S = 1.0
"""While an API refuses, one call at a time asks whether it still does; another one after so long."""
OURS = 0.8
"""Of a quota, what we use: the rest is for people, and for what else calls in this project."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What Google lets a project ask of one API in a minute.

    Args:
        reads: Calls that change nothing.
        writes: Calls that change something.
    """

    reads: float
    writes: float

    def of(self, *, write: bool) -> float:
        """Give the one that a call counts for."""
        return self.writes if write else self.reads


QUOTAS = {
    "iam.googleapis.com": Quota(6000, 600),  # https://docs.cloud.google.com/iam/quotas
    "cloudscheduler.googleapis.com": Quota(1250, 500),  # https://cloud.google.com/scheduler/quotas
    "cloudfunctions.googleapis.com": Quota(3000, 48),  # 80 writes in 100 s: https://cloud.google.com/functions/quotas
    # 5,000 reads and 1,000 writes of objects a second: https://cloud.google.com/storage/docs/request-rate
    "storage.googleapis.com": Quota(300_000, 60_000),
}
DEFAULT = Quota(3000, 600)
"""Where Google names none, or another one for each region: what Cloud Run has or more. A refusal corrects it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls of one sort are made to one API: a bucket of tokens, refilled by the minute.

    Args:
        per_minute: Calls a minute at most; the bucket holds as many.
        tokens: Calls that may be made now.
        at: When that was so, in monotonic seconds.
        factor: How much of `per_minute` is used, after refusals.
        until: Nobody calls before.
        refusals: In a row.
        refused_at: When the last one came that slowed us down.
    """

    per_minute: float
    tokens: float
    at: float
    factor: float = 1.0
    until: float = 0.0
    refusals: int = 0
    refused_at: float = 0.0

    @classmethod
    def of(cls, per_minute: float, now: float) -> Pace:
        """Begin with a full bucket, as Google's is."""
        most = max(per_minute, 1.0)  # with less than one call in the bucket there would never be one
        return cls(most, most, now)

    def wait_s(self, now: float) -> float:
        """Give how long to wait before a call; 0: it may be made now."""
        tokens = self._refilled(now).tokens
        missing = 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._per_second
        return max(missing, self.until - now, 0.0)

    def called(self, now: float) -> Pace:
        """Take a token. While the API refuses, the next call is kept back until this one is answered."""
        filled = self._refilled(now)
        until = now + PROBE_S if self.refusals else self.until
        return replace(filled, tokens=filled.tokens - 1.0, until=until)

    def answered(self, now: float, begun: float) -> Pace:
        """Speed up a little: the API took a call.

        Args:
            now: The time.
            begun: When the call was made. One from before the last refusal says nothing of how it is now.
        """
        if self.refusals and begun < self.refused_at:
            return self
        until = min(self.until, now) if self.refusals else self.until
        return replace(self._refilled(now), factor=min(1.0, self.factor + STEP), refusals=0, until=until)

    def refused(self, now: float, begun: float, told_s: float, luck: float) -> Pace:
        """Slow down: the API said that there were too many.

        Args:
            now: The time.
            begun: When the call was made. Calls on their way together slow us down once.
            told_s: When to come again, as the answer said; 0 where it did not.
            luck: From 0 up to 1, so that many callers do not come back at once.
        """
        first = not self.refusals or begun >= self.refused_at
        refusals = self.refusals + first
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(refusals - 1, 10)) * (0.5 + luck)
        pause = max(pause, min(told_s, LONGEST_TOLD_S) * (1 + luck / 4))
        return replace(
            self,
            tokens=min(self._refilled(now).tokens, 1.0),
            at=max(now, self.at),
            factor=max(SLOWEST, self.factor / 2) if first else self.factor,
            refusals=refusals,
            refused_at=now if first else self.refused_at,
            until=now + pause if first else max(self.until, now + pause),
        )

    @property
    def _per_second(self) -> float:
        slowed = max(self.per_minute * self.factor, MINUTE_S / LONGEST_PAUSE_S)  # of a small quota little is left
        return min(self.per_minute, slowed) / MINUTE_S

    def _refilled(self, now: float) -> Pace:
        passed = max(0.0, now - self.at)
        return replace(self, tokens=min(self.per_minute, self.tokens + passed * self._per_second), at=max(now, self.at))


def quota_of(api: str) -> Quota:
    """Give what Google documents of an API, else a value that suits most."""
    return QUOTAS.get(api, DEFAULT)


_RATE = re.compile(
    r"per (?:second|minute|\d+ ?seconds)|rate.?limit|too many requests|per(?:minute|second)", re.IGNORECASE
)
_PASSES = frozenset({"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded"})


def passes(reason: str, limit: str, message: str) -> bool:
    """Tell whether a quota is used up only for now. One of things that are there (services, CPUs) is not.

    Args:
        reason: Of `google.rpc.ErrorInfo`, or of a JSON API's error.
        limit: `quota_limit` of the same, such as `ReadPerMinutePerProjectRegion`.
        message: Google's words.
    """
    return reason in _PASSES or bool(_RATE.search(limit) or _RATE.search(message))


def api_of(host: str) -> str:
    """Give the API that a host is of; a region's own counts for the same.

    Args:
        host: Such as `europe-west1-aiplatform.googleapis.com:443`.
    """
    return f"{host.partition(':')[0].removesuffix('.googleapis.com').rpartition('-')[2]}.googleapis.com"


_READS = re.compile(r"(?:Get|List|Test|Search|Lookup|Query|Check|Fetch|Wait)(?:[A-Z]|$)")


def is_read(method: str) -> bool:
    """Tell whether a gRPC method changes nothing, by the naming rules of AIP-130 to AIP-136.

    Args:
        method: Such as `/google.cloud.run.v2.Services/GetService`.
    """
    return bool(_READS.match(method.rpartition("/")[2]))
