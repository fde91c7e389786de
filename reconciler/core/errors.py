"""What can go wrong, as types that carry what a person needs to act."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reconciler.core import exits
from schemas.problems import MLServiceError, Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.address import Address


class ReconcilerError(MLServiceError):
    """Base of what the reconciler raises on purpose.

    Args:
        message: One sentence, without secrets.
        hint: What to do about it, or nothing.
    """

    exit_code: ClassVar[int] = exits.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReconcilerError):
    """The command line cannot be carried out as written."""

    exit_code = exits.WRONG_USAGE


class Interrupted(ReconcilerError):
    """The run was stopped while this was at work."""


class PlanError(ReconcilerError):
    """No plan can be made for an address.

    Args:
        address: The object it is about.
        why: The reason, as the end of "cannot plan ADDRESS: ...".
        hint: What to do about it.
    """

    def __init__(self, address: Address, why: str, *, hint: str = "") -> None:
        super().__init__(f"cannot plan {address}: {why}", hint=hint)
        self.address = address
        self.why = why


class NotOurs(PlanError):
    """An object of that name exists and is not this service's."""


class Missing(PlanError):
    """Something that a spec uses and does not make is not there."""


class Differs(PlanError):
    """Something that a spec uses and does not make is not as it must be."""


class Clash(PlanError):
    """Another service, which this run knows nothing of, wants a shared object to stay as it is."""


class PlansRefused(ReconcilerError):
    """Some addresses cannot be planned; nothing was changed.

    Args:
        problems: Every refusal, in the order of addresses.
    """

    exit_code = exits.BLOCKED

    def __init__(self, problems: Sequence[PlanError]) -> None:
        hints = {problem.hint for problem in problems}
        one = problems[0].hint if len(hints) == 1 else ""
        told = [p.message if one or not p.hint else f"{p.message}\n  hint: {p.hint}" for p in problems]
        super().__init__("\n".join(told), hint=one)
        self.problems = tuple(problems)


class ConsentNeeded(ReconcilerError):
    """The plan destroys something that the spec protects."""

    exit_code = exits.BLOCKED


class OverLimit(ReconcilerError):
    """The plan may cost more than the spec's own limit."""

    exit_code = exits.BLOCKED


class NotClean(ReconcilerError):
    """The plan would deploy an image that its scan does not let through, or that is not known to be clean."""

    exit_code = exits.BLOCKED


class StalePlan(ReconcilerError):
    """A plan no longer fits the world.

    Args:
        moved: One line per object that moved.
        saved: It is one that was saved; else one that was shown a moment ago.
    """

    def __init__(self, moved: Sequence[str], *, saved: bool = True) -> None:
        what = "the saved plan is stale" if saved else "what there is to do is not what was shown any more"
        super().__init__(
            f"{what}; nothing was changed\n" + "\n".join(f"  {line}" for line in moved),
            hint="make a new plan, read it, and apply that one"
            if saved
            else "run it again: it shows what is to do now",
        )
        self.moved = tuple(moved)


class Overtaken(ReconcilerError):
    """Somebody else wrote an object since the plan, and what there is to do with it now is something else.

    Args:
        address: The object.
        became: What became of it, or would, in words.
        written: It was written: nothing else would have been safer.
    """

    def __init__(self, address: Address, became: str, *, written: bool) -> None:
        now = f"this was written instead: {became}" if written else f"nothing was written; next would be: {became}"
        super().__init__(
            f"{address}: somebody wrote it meanwhile, and what was planned is not what there is to do any more; {now}",
            hint="`mlservice plan` shows what there is to do now",
        )


class Locked(ReconcilerError):
    """Another run holds the service's lock."""


class LockLost(ReconcilerError):
    """The lock was taken over while this run was at work; it stopped."""


class UnreadableInventory(ReconcilerError):
    """The record of what is a service's cannot be read: damaged, of a newer version, or somebody else's text."""


class ApiError(ReconcilerError):
    """A call to Google failed.

    Args:
        verb: What was being done, such as `create`.
        address: The object, or its name in words.
        why: Google's words, shortened.
        hint: The remedy: the role to grant, the API to enable, the quota to raise.
    """

    def __init__(self, verb: str, address: Address | str, why: str, *, hint: str = "") -> None:
        super().__init__(f"cannot {verb} {address}: {why}", hint=hint)
        self.verb = verb
        self.address = address
        self.why = why


class NotPermitted(ApiError):
    """The caller lacks a permission, or the API is not enabled.

    Args:
        permission: Which permission Google named, such as `run.services.update`; empty when it named none.
    """

    def __init__(self, verb: str, address: Address | str, why: str, *, hint: str = "", permission: str = "") -> None:
        super().__init__(verb, address, why, hint=hint)
        self.permission = permission


class NotOursError(ApiError):
    """Something that we would read or write belongs to somebody else."""


class InvalidRequest(ApiError):
    """Google refuses the value."""


class TooOften(InvalidRequest):
    """A point of a metric comes less than five seconds after another one: somebody was just heard of."""


class NotFoundError(ApiError):
    """Something that is needed does not exist."""


class Unanswered(ReconcilerError):
    """Something that a spec names could not be looked up: it is not there, or not what it should be."""


class Unforeseen(Unanswered):
    """A lookup ended in a way that it does not know: a fault of this program's, at the place of one spec."""


class UnknownOutput(ReconcilerError):
    """An object refers to another one, which is there and does not tell what is asked of it."""


class QuotaExhausted(ApiError):
    """A rate limit or a quota; rate limits pass."""

    retry = Retry.REPLAN


class RateLimited(QuotaExhausted):
    """Too many calls, for longer than this run had patience: it made the call again and again meanwhile."""

    retry = Retry.NEXT_RUN


class Unavailable(ApiError):
    """The service did not answer in time, or the answer was lost: the write may have happened."""

    retry = Retry.REPLAN


class EmulatorGone(ApiError):
    """The emulator ended or hangs, in the middle of a run: no other call will be answered."""


class Conflict(ApiError):
    """The object changed, or exists already, since it was observed."""

    retry = Retry.REPLAN


class NotReadyYet(ApiError):
    """Something just created is not visible everywhere yet."""

    retry = Retry.REPLAN


class OperationFailed(ApiError):
    """A long-running operation of Google's ended badly."""


class OperationTimeout(ApiError):
    """A long-running operation is still going after our patience ended; the next run finds it."""


class NotConverged(ReconcilerError):
    """What was written does not read back as wanted.

    Args:
        address: The object.
        fields: Paths that still differ.
    """

    def __init__(self, address: Address, fields: Sequence[str]) -> None:
        super().__init__(
            f"{address} did not take on what was written: {', '.join(fields)}",
            hint="someone else may be changing it; run the command again",
        )
        self.address = address
        self.fields = tuple(fields)


class SeveralErrors(ReconcilerError):
    """More than one thing failed at once; none is lost.

    Args:
        errors: Each of them.
    """

    def __init__(self, errors: Sequence[ReconcilerError]) -> None:
        super().__init__("\n".join(e.message for e in errors), hint=next((e.hint for e in errors if e.hint), ""))
        self.errors = tuple(errors)
