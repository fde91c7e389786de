"""What one plan came to, as a file that another job reads: a comment is written from several of them.

Whoever writes such a file may be a stranger (the job of a fork), so it is read as data, checked and bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconciler.core.cost import Cost
from reconciler.core.membership import KIND, Membership
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Change, Note, Plan
from reconciler.core.scanning.scans import Scans
from reconciler.core.secrecy import masked
from reconciler.render.data import as_data

FORMAT: Literal["mlservice/plan-report/v1"] = "mlservice/plan-report/v1"
MOST_BYTES = 8 * 1024 * 1024
"""Ten thousand objects have less."""
_TEXT, _MANY, _DEEPEST = 4000, 20_000, 40
_AMOUNT, _AMOUNT_LONGEST = r"^[+-]?[0-9]{1,16}\.[0-9]{2}$", 20
"""As `cost.amounts.cents` gives them: those of all services can be added up to the cent."""


@dataclass(frozen=True, slots=True)
class Report:
    """One plan, or why there is none.

    Args:
        environment: Which one of the specs'; empty for none.
        project: Project id; empty where it is not known.
        plan: The plan, with what looks secret hidden; None when none could be made.
        blocked: What keeps the plan from being made or applied, a line each.
        rollouts: How each service's new version goes out, in words.
        decision: Digest of what was decided; equal for plans that do the same.
    """

    environment: str = ""
    project: str = ""
    plan: Plan | None = None
    blocked: tuple[str, ...] = ()
    rollouts: Mapping[str, str] = field(default_factory=dict)
    decision: str = ""

    @property
    def quiet(self) -> bool:
        """Tell whether there is nothing to say."""
        return (
            not self.blocked
            and self.plan is not None
            and self.plan.empty
            and not any(c.problem for c in self.plan.changes)
        )

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form, with what looks secret hidden wherever it stands."""
        return {
            "format": FORMAT,
            **masked("", self._said()),
        }

    def _said(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "project": self.project,
            "blocked": list(self.blocked),
            "rollouts": dict(self.rollouts),
            "decision": self.decision,
            "plan": None if self.plan is None else as_data(self.plan),
        }


def decision_of(plan: Plan) -> str:
    """Give the digest of what a plan decides: whatever else moved in the world, the same is done."""
    data = as_data(plan)
    kept = [(c["address"], c["action"], c["changes"], c["desired"]) for c in data["changes"] if c["action"] != "no-op"]
    return fingerprint(kept, length=16)


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Difference(_Read):
    path: str = Field(max_length=_TEXT)
    before: Any = None
    after: Any = None


class _Change(_Read):
    address: str = Field(max_length=_TEXT, pattern=r"^(//[^/]+/)?[^/]+/[^/]+/[\s\S]+$")
    action: str
    services: list[str] = Field(max_length=_MANY)
    reason: str = Field("", max_length=_TEXT)
    consequence: str = Field("", max_length=_TEXT)
    problem: str = Field("", max_length=_TEXT)
    changes: list[_Difference] = Field(default_factory=list, max_length=_MANY)
    desired: dict[str, Any] | None = None
    observed: dict[str, Any] | None = None
    guarded: bool = False
    contradicts: bool = False
    rank: int = 0


class _Note(_Read):
    service: str = Field("", max_length=_TEXT)
    text: str = Field("", max_length=_TEXT)
    where: str = Field("", max_length=_TEXT)


class _Cost(_Read):
    floor: str = Field(max_length=_AMOUNT_LONGEST, pattern=_AMOUNT)
    expected: str = Field(max_length=_AMOUNT_LONGEST, pattern=_AMOUNT)
    worst: str = Field(max_length=_AMOUNT_LONGEST, pattern=_AMOUNT)
    more: str = Field("", max_length=_AMOUNT_LONGEST, pattern=rf"{_AMOUNT}|^$")
    missing: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=50)
    over: str = Field("", max_length=_TEXT)
    fits: str = Field("", max_length=_TEXT)


_Lines = Annotated[list[Annotated[str, Field(max_length=_TEXT)]], Field(max_length=_MANY)]


class _Scans(_Read):
    blocked: _Lines = Field(default_factory=list)
    waiting: _Lines = Field(default_factory=list)
    warnings: _Lines = Field(default_factory=list)
    serving: _Lines = Field(default_factory=list)
    unsure: _Lines = Field(default_factory=list)
    origins: _Lines = Field(default_factory=list)


class _Plan(_Read):
    project: str = Field("", max_length=_TEXT)
    services: list[str] = Field(max_length=_MANY)
    made: str = Field("", max_length=_TEXT)
    observing: list[str] = Field(default_factory=list, max_length=_MANY)
    deletion: dict[str, str] = Field(default_factory=dict)
    notes: list[_Note] = Field(default_factory=list, max_length=_MANY)
    costs: dict[str, _Cost] = Field(default_factory=dict, max_length=_MANY)
    scans: dict[str, _Scans] = Field(default_factory=dict, max_length=_MANY)
    changes: list[_Change] = Field(default_factory=list, max_length=_MANY)


class _Report(_Read):
    format: Literal["mlservice/plan-report/v1"]
    environment: str = Field("", max_length=_TEXT)
    project: str = Field("", max_length=_TEXT)
    blocked: list[str] = Field(default_factory=list, max_length=_MANY)
    rollouts: dict[str, str] = Field(default_factory=dict)
    decision: str = Field("", max_length=_TEXT)
    plan: _Plan | None = None


def read_report(text: bytes) -> Report:
    """Read what `Report.to_json` gave, or refuse it.

    Raises:
        ValueError: It is too large, or no such report; the message quotes nothing of it.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES // 2**20} MiB")
    try:
        said = json.loads(text)
        _refuse_deep(said)
        found = _Report.model_validate(said)
        plan = None if found.plan is None else _plan(found.plan)
    except ValidationError as error:
        places = sorted({".".join(map(str, each["loc"][:3])) for each in error.errors(include_input=False)})
        raise ValueError(f"it is no report of `mlservice plan --report`: {', '.join(places[:3])}") from None
    except (ValueError, RecursionError):
        raise ValueError("it is no report of `mlservice plan --report`") from None
    return Report(found.environment, found.project, plan, tuple(found.blocked), found.rollouts, found.decision)


def _refuse_deep(said: Any) -> None:
    """Refuse what is nested so deep that whatever walks through it would run out of stack."""
    level = [said]
    for _ in range(_DEEPEST):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError("too deep")


def _plan(found: _Plan) -> Plan:
    return Plan.of(
        [_change(each) for each in found.changes],
        project=found.project,
        services=tuple(found.services),
        made=found.made,
        observing=tuple(found.observing),
        deletion=found.deletion,
        notes=tuple(Note(n.service, n.text, n.where) for n in found.notes),
        costs={name: Cost.from_json(cost.model_dump()) for name, cost in found.costs.items()},
        scans={name: Scans.from_json(each.model_dump()) for name, each in found.scans.items()},
    )


_LEFT_OUT = {"needs": [], "version": "", "uid": "", "owned": True, "source": "", "twins": [], "uses": None}


def _change(found: _Change) -> Change:
    change = Change.from_json(_LEFT_OUT | found.model_dump())
    if change.address.kind == KIND:
        Membership.of(change.address)
    return change
