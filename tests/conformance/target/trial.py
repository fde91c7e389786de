"""One example against the target: made, read back, every field changed, nothing left to do, taken away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.api_core import exceptions

from reconciler.core.errors import ReconcilerError
from reconciler.core.kind import Kind
from reconciler.core.plan import Action
from reconciler.gcp.calls import CALL_TIMEOUT_S
from tests.conformance.bench import Bench
from tests.conformance.example import Example, flat
from tests.conformance.target.connection import Target
from tests.conformance.target.recorder import Heard

OK, FAILED, SKIPPED = "ok", "failed", "skipped"
LACKING = (exceptions.Forbidden, exceptions.NotFound, exceptions.FailedPrecondition, exceptions.ResourceExhausted)
"""What preparing ends with where the project does not have what an example stands on."""


@dataclass(frozen=True)
class Step:
    """One claim, and what became of it."""

    claim: str
    outcome: str
    why: str = ""


@dataclass
class Trial:
    """One example's steps, and what was said meanwhile.

    Args:
        kind: Of which.
        example: Which.
        target: Where.
        ends: By the monotonic clock; no edit begins after it.
    """

    kind: Kind[Any]
    example: Example
    target: Target
    ends: float
    steps: list[Step] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Kind and part."""
        return f"{self.kind.name} {self.example.part}".strip()

    def run(self) -> None:
        """Take every step; one that fails ends those that stand on it, and nothing ends the other trials."""
        begin = len(self.target.recorder.heard)
        try:
            lacks = self._lacks()
            begin = len(self.target.recorder.heard)
            if not lacks and self._prepared():
                self._lived(Bench(self.kind, self.example, self.target))
        except Exception as error:  # noqa: BLE001 - whatever it is stands in the report, and the next kind begins
            self.steps.append(Step("comes to its end", FAILED, f"{type(error).__name__}: {error}"))
        finally:
            self.heard = self.target.recorder.since(begin)

    def _lacks(self) -> bool:
        reason = switched_off(self.target, self.kind) or self.example.lacks(self.target)
        if reason:
            self.steps.append(Step("is prepared", SKIPPED, reason))
        return bool(reason)

    def _prepared(self) -> bool:
        try:
            self.example.prepare(self.target)
        except LACKING as error:
            self.steps.append(Step("is prepared", SKIPPED, f"the project lacks what it stands on: {error}"))
            return False
        except (exceptions.GoogleAPICallError, ReconcilerError, OSError) as error:
            self.steps.append(Step("is prepared", FAILED, str(error)))
            return False
        return True

    def _lived(self, bench: Bench) -> None:
        made = (
            self._step("what is not there is not seen", lambda: _none(bench.seen()))
            and self._step("is made", lambda: bench.converge(bench.want()))
            and self._step("reads back as it was written", lambda: _no_difference(bench, {}))
        )
        if made:
            self._step("an empty plan writes nothing", lambda: self._writes_nothing(bench))
            for edit in self.example.edits:
                self._edited(bench, edit)
        seen = bench.seen()
        if seen is not None:
            self._step("is taken away", lambda: bench.client.delete(seen))
            self._step("what is gone already is no error", lambda: bench.client.delete(seen))
        self._step("is gone", lambda: _none(bench.seen()))

    def _edited(self, bench: Bench, edit: Mapping[str, Any]) -> None:
        claim = f"changes {', '.join(f'{name} to {value!r}' for name, value in edit.items())}"
        reason = next(
            (why for name, lacks in self.example.lacks_for.items() if edit.get(name) and (why := lacks(self.target))),
            "",
        )
        if not reason and time.monotonic() > self.ends:
            reason = "the time of this kind was over"
        if reason:
            self.steps.append(Step(claim, SKIPPED, reason))
        else:
            self._step(claim, lambda: _changes_only(bench, edit))
            self._step(f"{claim}, and back", lambda: _back(bench))

    def _writes_nothing(self, bench: Bench) -> None:
        mark = len(self.target.recorder.heard)
        bench.converge(bench.want())
        written = [heard.url for heard in self.target.recorder.since(mark) if heard.writes]
        assert not written, f"it wrote: {written}"

    def _step(self, claim: str, act: Callable[[], Any]) -> bool:
        try:
            act()
        except (ReconcilerError, exceptions.GoogleAPICallError, AssertionError, OSError, ValueError) as error:
            self.steps.append(Step(claim, FAILED, f"{type(error).__name__}: {error}"))
            return False
        self.steps.append(Step(claim, OK))
        return True


def switched_off(target: Target, kind: Kind[Any]) -> str:
    """Say which of its APIs the project has not enabled; nothing where Google does not tell."""
    api = target.api("google.cloud.service_usage_v1", "service_usage", "ServiceUsage")
    names = [f"{target.at.top}/services/{host}" for host in kind.apis]
    try:
        found = api.batch_get_services(request={"parent": target.at.top, "names": names}, timeout=CALL_TIMEOUT_S)
    except exceptions.GoogleAPICallError:
        return ""
    off = [each.name.rpartition("/")[2] for each in found.services if each.state.name != "ENABLED"]
    return f"not enabled: {', '.join(off)}" if off else ""


def _none(seen: Any) -> None:
    assert seen is None, f"it is there: {seen}"


def _no_difference(bench: Bench, edit: Mapping[str, Any]) -> None:
    change = bench.decide(bench.want(**edit))
    left = [f"{each.path}: wanted {each.after!r}, is {each.before!r}" for each in change.changes]
    assert change.action is Action.NO_OP, f"{change.action}: {'; '.join(left)}"


def _changes_only(bench: Bench, edit: Mapping[str, Any]) -> None:
    before = flat(bench.example.read(bench.operator))
    bench.converge(bench.want(**edit))
    _no_difference(bench, edit)
    beside = bench.changed_beside(before, flat(bench.example.read(bench.operator)), edit)
    assert not beside, f"changed besides: {beside}"


def _back(bench: Bench) -> None:
    bench.converge(bench.want())
    _no_difference(bench, {})
