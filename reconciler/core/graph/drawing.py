"""From what a spec wants, and what a plan found, to nodes and edges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Each, End, Flow, Group, Outside
from reconciler.core.graph.record import Edge, Graph, Line, Node, State
from reconciler.core.membership import KIND as MEMBERSHIP
from reconciler.core.membership import PROJECT, Membership
from reconciler.core.naming import account_email
from reconciler.core.plan import Action

if TYPE_CHECKING:
    from reconciler.core.kind import Kinds
    from reconciler.core.objects import Desired
    from reconciler.core.plan import Change
    from schemas import LoadedService

ACCOUNT = "service_account"
_RUNS_AS = "runs as"
_STATES = {
    Action.NO_OP: State.THERE,
    Action.WAIT: State.CHANGING,
    Action.CREATE: State.MISSING,
    Action.UPDATE: State.DIFFERS,
    Action.REPLACE: State.DIFFERS,
    Action.DELETE: State.LEFTOVER,
}
_SHOWN = 5
"""Fields that are named of those that differ."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a service's objects.

    Args:
        made: What the spec makes, by address.
        used: What it uses and somebody else makes.
        changes: What a plan decided of each; None where nobody looked.
        hidden: What may not be looked at.
    """

    made: Mapping[Address, Desired[Any]]
    used: Iterable[Address] = ()
    changes: Sequence[Change] | None = None
    hidden: frozenset[Address] = frozenset()


def graph_of(kinds: Kinds, loaded: LoadedService, project: str, found: Found, *, access: bool) -> Graph:
    """Draw a service.

    Args:
        kinds: The kinds we know.
        loaded: Its spec.
        project: Id of the project it is in; empty where none is known.
        found: What it wants, and what is there.
        access: Also accounts, and who may do what.
    """
    drawing = _Drawing(kinds, loaded, project, found, access=access)
    nodes = drawing.nodes()
    edges = drawing.edges(nodes)
    ends = {end for edge in edges for end in (edge.source, edge.target)}
    outside = {end: node for end, node in drawing.outside.items() if end in ends}
    return Graph(
        loaded.name,
        loaded.region,
        project,
        found.changes is not None,
        tuple(sorted({**nodes, **outside}.values(), key=lambda node: node.sort_key)),
        tuple(sorted(dict.fromkeys(edges), key=lambda edge: edge.sort_key)),
    )


class _Drawing:
    """One drawing on its way."""

    def __init__(self, kinds: Kinds, loaded: LoadedService, project: str, found: Found, *, access: bool) -> None:
        self._kinds, self._loaded, self._project, self._found, self._access = kinds, loaded, project, found, access
        self._made = {a: want for a, want in found.made.items() if loaded.name in want.services}
        self._states = {each.address: each for each in found.changes or () if loaded.name in each.services}
        self.outside: dict[str, Node] = {}

    def nodes(self) -> dict[str, Node]:
        """Give the objects: what is made, used, and not wanted any more. A role is an edge."""
        made = dict.fromkeys(self._made, True)
        used = dict.fromkeys([a for a in self._found.used if a not in made], False)
        left = {a: True for a, each in self._states.items() if each.action is Action.DELETE and a not in made}
        everything = {**made, **used, **left}
        return {str(a): self._node(a, made=ours) for a, ours in everything.items() if self._drawn(a)}

    def _drawn(self, address: Address) -> bool:
        if address.kind == MEMBERSHIP or address.kind not in self._kinds.by_name:
            return False
        return self._access or self._kinds.of_address(address).group is not Group.ACCESS

    def _node(self, address: Address, *, made: bool) -> Node:
        kind = self._kinds.of_address(address)
        state, why = self._standing(address)
        name = f"{address.project}: {address.name}" if address.project else address.name
        where = "" if address.location == GLOBAL else address.location
        return Node(str(address), kind.title, name, kind.group, kind.name, where, made, state, why)

    def _standing(self, address: Address) -> tuple[State, str]:
        if self._found.changes is None:
            return State.UNKNOWN, ""
        if address in self._found.hidden:
            return State.HIDDEN, ""
        change = self._states.get(address)
        if change is None:
            return State.UNKNOWN, ""
        if change.problem:
            return State.BROKEN, change.problem
        paths = [each.path for each in change.changes] if change.action in {Action.UPDATE, Action.REPLACE} else []
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        return _STATES[change.action], ", ".join(paths[:_SHOWN]) + more

    def edges(self, nodes: Mapping[str, Node]) -> list[Edge]:
        """Give what goes where, and what needs what beyond that."""
        flows = [edge for edge in self._flows(nodes) if edge.source != edge.target]
        joined = {frozenset((edge.source, edge.target)) for edge in flows}
        needs = [edge for edge in self._needs(nodes) if frozenset((edge.source, edge.target)) not in joined]
        return [*flows, *needs, *(self._roles(nodes) if self._access else ())]

    def _flows(self, nodes: Mapping[str, Node]) -> Iterator[Edge]:
        for want in self._made.values():
            for flow in self._kinds.of_address(want.address).flows(want, self._loaded.service, self._project):
                yield from self._joined(flow, nodes)

    def _joined(self, flow: Flow, nodes: Mapping[str, Node]) -> Iterator[Edge]:
        for source in self._ends(flow.source, nodes):
            for target in self._ends(flow.target, nodes):
                yield Edge(source, target, flow.what)

    def _ends(self, end: End, nodes: Mapping[str, Node]) -> list[str]:
        if isinstance(end, Each):
            return sorted(id_ for id_, node in nodes.items() if node.kind == end.kind)
        if isinstance(end, Outside):
            return [self._outer(end)]
        return [str(end) if str(end) in nodes else self._outer(self._unmade(end))]

    def _unmade(self, address: Address) -> Outside:
        """Say what an object is that is named and that the spec neither makes nor uses as such."""
        kind = self._kinds.by_name.get(address.kind)
        name = f"{address.project}: {address.name}" if address.project else address.name
        return Outside(kind.title if kind else address.kind, name)

    def _outer(self, end: Outside) -> str:
        here = f"{end.sort}: {end.name}" if end.name else end.sort
        self.outside[here] = Node(here, end.sort, end.name, Group.OUTSIDE, made=False)
        return here

    def _needs(self, nodes: Mapping[str, Node]) -> Iterator[Edge]:
        for want in self._made.values():
            for need in want.dependencies if str(want.address) in nodes else ():
                if str(need) in nodes:
                    as_whom = need.kind == ACCOUNT
                    what, line = (_RUNS_AS, Line.ACCESS) if as_whom else ("", Line.NEEDS)
                    yield Edge(str(want.address), str(need), what, line)

    def _roles(self, nodes: Mapping[str, Node]) -> Iterator[Edge]:
        """Give who may do what: a member, what on, and which role."""
        accounts = {account_email(a.name, self._project): str(a) for a in self._made if a.kind == ACCOUNT}
        for address, want in self._made.items():
            if address.kind != MEMBERSHIP:
                continue
            role = Membership.of(address)
            sort, _, who = role.member.rpartition(":")
            source = accounts.get(who) or self._outer(Outside(_MEMBERS.get(sort, sort), who))
            within = str(want.within)  # a function's role is on its service, which is no object of ours
            target = within if within in nodes else self._on(role, address, nodes)
            limited = ", limited" if role.title else ""
            yield Edge(
                source, target, f"{role.role.removeprefix('roles/')}{limited}", Line.ACCESS, self._standing(address)[0]
            )

    def _on(self, role: Membership, address: Address, nodes: Mapping[str, Node]) -> str:
        if role.on == PROJECT:
            return self._outer(Outside("project", address.project or self._project))
        there = Address(role.on, address.location, role.name, address.project)
        return str(there) if str(there) in nodes else self._outer(self._unmade(there))


_MEMBERS = {
    "serviceAccount": "account",
    "user": "person",
    "group": "group of people",
    "domain": "everyone of a domain",
    "": "callers",
}
"""What a member is, in words, by what stands before its name."""
