"""Who calls, with which credentials, and whether the clock is right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconciler.core.checkup import Answer, Check
from reconciler.engine.doctor.case import Case
from reconciler.gcp.who import Caller, signed_in_without_quota_project

LATE = timedelta(minutes=5)
"""Google refuses signed tokens that are off by more. Source: RFC 7523, section 3; developers.google.com/identity."""
NOTICED = timedelta(seconds=60)


def who(case: Case, caller: Caller) -> Iterator[Check]:
    """Say who calls."""
    yield Check("caller", Answer.OK if caller.email else Answer.UNKNOWN, f"you are {caller}")
    if case.session.connection.local is None and signed_in_without_quota_project():
        command = f"gcloud auth application-default set-quota-project {case.project}"
        yield Check("quota-project", Answer.WARN, "your own credentials name no quota project", commands=(command,))


def clock(case: Case, caller: Caller) -> Iterator[Check]:
    """Compare our clock with Google's."""
    if caller.now is None:
        yield Check("clock", Answer.UNKNOWN, "Google did not say what time it is")
        return
    ahead = case.session.clock.now() - caller.now
    off = abs(ahead)
    if off < NOTICED:
        yield Check("clock", Answer.OK, "your clock is right")
        return
    late = off >= LATE
    words = f"your clock is {off.total_seconds() / 60:.0f} min {'ahead' if ahead > timedelta() else 'behind'}"
    means = "tokens will be refused" if late else "beyond five minutes tokens are refused"
    yield Check(
        "clock", Answer.FAIL if late else Answer.WARN, f"{words}: {means}", commands=("timedatectl set-ntp true",)
    )
