"""One kind with one of its examples: converged as an apply does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.decide import Owner, decide
from reconciler.core.diff import plain
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kind
from reconciler.core.objects import Desired, Observed
from reconciler.core.plan import Change, Plan
from reconciler.core.planned import Planned
from reconciler.engine.converge import converge
from tests.conformance.documented import output_only
from tests.conformance.example import Example


class Bench:
    """One kind with one of its examples.

    Args:
        kind: Which.
        example: Of it.
        operator: Whoever gives a `session`, an `api` and the place `at` which all stands.
    """

    def __init__(self, kind: Kind[Any], example: Example, operator: Any) -> None:
        self.kind, self.operator, self.example, self.name = kind, operator, example, ""
        self.session = operator.session()
        self.client = self.session.client(kind)
        self.keys: dict[str, frozenset[str]] = {name: frozenset() for name in kind.keyed}

    @property
    def address(self) -> Any:
        """Which object."""
        return self.example.address

    def want(self, **changed: Any) -> Desired[Any]:
        """The example, with other values in some fields."""
        there = replace(self.example.fields, **changed)
        return Desired(self.address, there, self.example.owner, source=self.example.source)

    def seen(self) -> Observed[Any] | None:
        """What is there."""
        return self.session.observe_one(self.address, self.name)

    def owner(self) -> Owner:
        """The owner whose inventory lists what was written so far."""
        return Owner((self.example.owner,), Entry(self.address, keys=self.keys, server_name=self.name))

    def decide(self, want: Desired[Any]) -> Change:
        """What an apply would do."""
        change = decide(self.kind, want, self.seen(), self.owner())
        assert change is not None
        return change

    def converge(self, want: Desired[Any]) -> None:
        """One change, carried out as an apply does."""
        self.carry_out(want, self.seen())

    def carry_out(self, want: Desired[Any], seen: Observed[Any] | None) -> None:
        """One change, decided on a look that may be old by now."""
        change = decide(self.kind, want, seen, self.owner())
        assert change is not None
        plan = Plan.of([change], project=self.operator.at.project, services=(self.example.owner,))
        planned = Planned(
            plan, {self.address: want}, {self.address: seen} if seen else {}, {self.address: self.owner()}, {}
        )
        done = converge(self.session, planned, change)
        self.name = done.server_name
        self.keys = {name: keys | frozenset(plain(want.fields)[name]) for name, keys in self.keys.items()}

    def changed_beside(
        self, before: Mapping[str, Any], after: Mapping[str, Any], edit: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """Paths that changed although no edited field stands there, but for what only Google writes."""
        allowed = [place for name in edit for place in self.example.places.get(name, ())]
        moving = output_only(self.example.message) | self.example.written_by_google
        return {
            path: (before.get(path), after.get(path))
            for path in before.keys() | after.keys()
            if before.get(path) != after.get(path)
            and path.split(".")[0] not in moving
            and not any(path == place or path.startswith(f"{place}.") for place in allowed)
        }
