"""The operator's canary at work: what the passes before left is read, and what this one leaves is kept.

One object per shard in the state bucket (`trace/SHARD.json`). A service that was another shard's before is looked for
there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.canary import (
    Build,
    Hold,
    Now,
    Past,
    Sight,
    Trace,
    decide_holds,
    observes,
    sights_of,
    wanted_there,
)
from reconciler.engine.apply import Outcome, Report
from reconciler.engine.reports import Reports

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.inventory import Key
    from reconciler.core.planned import Planned

FORMAT = "mlservice/trace/v1"
_PROCEED = "mlservice/proceed/v1"
_FOLDER = "trace"
_CONFIRMED = "proceed.json"


@dataclass(slots=True)
class Canary:
    """Compares this pass with the ones before, and remembers it for the ones after.

    Where it cannot look back, everything that is to be done is held, and nothing is remembered.

    Args:
        reports: Of the operator; None for a pass by hand, which holds nothing and leaves nothing.
        build: What runs.
        specs: Digest of the specs.
        environment: That they were loaded with.
        shard: Which object is ours.
    """

    reports: Reports | None = None
    build: Build = field(default_factory=Build)
    specs: str = ""
    environment: str = ""
    shard: int = 0
    held: dict[str, str] = field(default_factory=dict)
    before: Build | None = None
    blind: str = ""
    _own: Past = field(default_factory=Past)
    _past: Past = field(default_factory=Past)
    _left: dict[Key, Trace] = field(default_factory=dict)
    _confirmed: bool | None = None

    def look_back(self, services: Iterable[Key]) -> None:
        """Read what was left of these services. Of several traces of one the newest counts."""
        try:
            self._look_back([*services])
        except errors.ReconcilerError as error:
            self.blind = f"it is not known what the passes before left: {error}"
            self._past = Past(unreadable=True)

    def _look_back(self, mine: list[Key]) -> None:
        if self.reports is None:
            return
        self._own = self._past = _past(self.reports.document(f"{_FOLDER}/{self.shard}.json"))
        if all((trace := self._own.traces.get(key)) and trace.build == self.build for key in mine):
            return
        self._past = self.everything()
        builds = {trace.build for key in mine if (trace := self._past.traces.get(key))}
        self.before = next(iter(sorted(builds - {self.build}, key=str)), self._past.build)

    def everything(self) -> Past:
        """Read what every shard left."""
        found = [_past(each) for each in self.reports.documents(f"{_FOLDER}/")] if self.reports else []
        return _newest([self._own, *found])

    def environments(self, services: Iterable[Key]) -> dict[Key, str]:
        """Give the environment that this operator worked on services with, of those that it did work on."""
        traces = self.everything().traces
        return {key: traces[key].environment for key in services if key in traces}

    def observes(self, services: Iterable[Key]) -> bool:
        """Tell whether this is a first pass of another version, for some of these services."""
        return self.reports is not None and observes(services, self._past, self.build)

    def holds(self, planned: Planned) -> dict[Address, Hold]:
        """Name what of a plan is held, with the reasons."""
        if self.reports is None:
            return {}
        now = Now(self.build, self.specs)
        held = decide_holds(planned, self._past, now)
        if held and self._may_proceed():
            held = decide_holds(planned, self._past, replace(now, confirmed=True))
        self.held |= {str(address): str(why) for address, why in held.items()}
        names = {name for change in planned.plan.changes if change.address in held for name in change.services}
        for key in planned.inventories:
            trace = self._past.traces.get(key)
            if key[1] in names and (trace is None or trace.specs != self.specs):  # it is held next time as well
                self._left[key] = Trace(self._past.build or Build(), self.specs, self.environment)
        return held

    def _may_proceed(self) -> bool:
        if self._confirmed is None and self.reports:
            said = self.reports.document(_CONFIRMED)
            self._confirmed = said == confirmation(self.build, self.specs, said)
        return bool(self._confirmed)

    def leave(self, planned: Planned, report: Report | None = None, *, names: Collection[str] | None = None) -> None:
        """Remember what there was to do, and what of it was done.

        Args:
            planned: The plan.
            report: Of carrying it out, where that was tried.
            names: Of the services that are remembered; None: all.
        """
        if self.reports is None:
            return
        done = {r.change.address: r for r in report.results if r.outcome is Outcome.DONE} if report else {}
        at = self.reports.session.clock.now().isoformat(timespec="seconds")
        for key in (key for key in planned.inventories if names is None or key[1] in names):
            sights = sights_of(planned, key[1])
            for address, result in done.items():
                if str(address) in sights:
                    wanted = wanted_there(planned, address)
                    sights[str(address)] = Sight.of(result.change, wanted, seen=result.seen, done=True)
            self._left[key] = Trace(self.build, self.specs, self.environment, at, sights)

    def save(self, kept: Iterable[Key] | None) -> None:
        """Write what this pass left, if it differs from what is there.

        Args:
            kept: Services of which traces are kept; None: of all.
        """
        if self.reports is None or self.blind:
            return
        keep = None if kept is None else {*kept}
        there = {key: trace for key, trace in self._own.traces.items() if keep is None or key in keep}
        now = Past(_unchanged({**there, **self._left}, self._own.traces), self.build, self.specs)
        if now != self._own:
            self.reports.keep(f"{_FOLDER}/{self.shard}.json", _to_json(now))

    def to_json(self) -> dict[str, Any] | None:
        """Give what a report says of it; None where nothing is held."""
        if not self.held:
            return None
        before = self.before.to_json() if self.before else None
        return {"build": self.build.to_json(), "before": before, "specs": self.specs, "held": self.held}


def confirmation(build: Build, specs: str, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give what a person writes to let a build go on.

    Args:
        build: Which.
        specs: Digest of the specs.
        about: Who said so and when, which decides nothing.
    """
    told = {name: (about or {}).get(name, "") for name in ("by", "at")}
    return {"format": _PROCEED, "build": build.to_json(), "specs": specs, **told}


def proceed(reports: Reports, build: Build, specs: str, about: Mapping[str, str]) -> None:
    """Let a held build go on with these specs, unless somebody else said something meanwhile.

    Raises:
        Conflict: Somebody did.
    """
    generation = reports.generation(_CONFIRMED)
    reports.keep(_CONFIRMED, confirmation(build, specs, about), generation=generation)


def _unchanged(left: Mapping[Key, Trace], before: Mapping[Key, Trace]) -> dict[Key, Trace]:
    """Keep the time of what is as it was: nothing is written then."""
    return {
        key: old if (old := before.get(key)) and replace(trace, at=old.at) == old else trace
        for key, trace in left.items()
    }


def _newest(found: Iterable[Past]) -> Past:
    traces: dict[Key, Trace] = {}
    last, unreadable = Past(), False
    for past in found:
        last, unreadable = last if last.build else past, unreadable or past.unreadable
        for key, trace in past.traces.items():
            if key not in traces or trace.at > traces[key].at:
                traces[key] = trace
    return Past(traces, last.build, last.specs, unreadable)


def _past(document: Mapping[str, Any] | None) -> Past:
    """Read a stored trace. Of one that cannot be read nothing is assumed: what it was of is held."""
    if document is None:
        return Past()
    try:
        if document["format"] != FORMAT:
            return Past(unreadable=True)
        traces = {_key(name): _trace(each) for name, each in document["services"].items()}
        return Past(traces, Build.from_json(document["build"]), str(document["specs"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return Past(unreadable=True)


def _key(text: str) -> Key:
    region, _, name = text.partition("/")
    return region, name


def _trace(said: Mapping[str, Any]) -> Trace:
    sights = {address: Sight(*map(str, each)) for address, each in said["objects"].items()}
    specs, environment, at = (str(said[name]) for name in ("specs", "environment", "at"))
    return Trace(Build.from_json(said["build"]), specs, environment, at, sights)


def _to_json(past: Past) -> dict[str, Any]:
    services = {
        f"{region}/{name}": {
            "build": trace.build.to_json(),
            "specs": trace.specs,
            "environment": trace.environment,
            "at": trace.at,
            "objects": {a: [s.wanted, s.version, s.shown, s.pending] for a, s in sorted(trace.sights.items())},
        }
        for (region, name), trace in sorted(past.traces.items())
    }
    build = (past.build or Build()).to_json()
    return {"format": FORMAT, "build": build, "specs": past.specs, "services": services}
