"""Nodes and edges: plain, sorted, the same for the same spec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.core.flow import Group

FORMAT = "mlservice/graph/v1"


class State(StrEnum):
    """How an object stands to what the spec wants of it.

    Args:
        UNKNOWN: Nobody looked.
        THERE: As wanted.
        MISSING: Not there.
        DIFFERS: There, and a field is another one.
        BROKEN: There, and it does not work.
        CHANGING: Google is still at work on it.
        LEFTOVER: There, and not in the spec any more.
        HIDDEN: It may not be looked at.
    """

    UNKNOWN = ""
    THERE = "there"
    MISSING = "missing"
    DIFFERS = "differs"
    BROKEN = "broken"
    CHANGING = "changing"
    LEFTOVER = "not in the spec"
    HIDDEN = "not seen"

    @property
    def amiss(self) -> bool:
        """Whether somebody looked, and found it otherwise than as wanted."""
        return self not in {State.UNKNOWN, State.THERE}


class Line(StrEnum):
    """What an edge says: something goes along it, one end cannot be made without the other, or who may do what."""

    FLOW = "flow"
    NEEDS = "needs"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Node:
    """One object, or what is outside.

    Args:
        id: The address, or the sort and name of what is outside.
        title: What people call its kind.
        name: Which one.
        group: What it is for.
        kind: Name of the kind; empty outside.
        location: Empty where the object is global, and outside.
        made: The spec makes it; else somebody else does.
        state: How it stands.
        why: What differs, or what is wrong, in words.
    """

    id: str
    title: str
    name: str
    group: Group
    kind: str = ""
    location: str = ""
    made: bool = True
    state: State = State.UNKNOWN
    why: str = ""

    @property
    def sort_key(self) -> tuple[int, str]:
        """The order in which they are listed."""
        return [*Group].index(self.group), self.id

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "id": self.id,
            "kind": self.kind,
            "title": self.title,
            "name": self.name,
            "location": self.location,
            "group": str(self.group),
            "made": self.made,
            "state": str(self.state),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one node to another.

    Args:
        source: Id of the node it begins at.
        target: Id of the node it ends at.
        what: What goes along it, or which role.
        line: What the line says.
        state: Of a role: how it stands.
    """

    source: str
    target: str
    what: str
    line: Line = Line.FLOW
    state: State = State.UNKNOWN

    @property
    def sort_key(self) -> tuple[str, ...]:
        """The order in which they are listed."""
        return self.line, self.source, self.target, self.what

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "from": self.source,
            "to": self.target,
            "what": self.what,
            "line": str(self.line),
            "state": str(self.state),
        }


@dataclass(frozen=True, slots=True)
class Graph:
    """A service's.

    Args:
        service: Its name.
        region: Where.
        project: Id of the project; empty where none is known.
        live: Whether states were looked up.
        nodes: By group and id.
        edges: Sorted.
    """

    service: str
    region: str
    project: str
    live: bool
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def amiss(self) -> int:
        """How many objects and roles are not as wanted."""
        states = [*(node.state for node in self.nodes), *(edge.state for edge in self.edges)]
        return sum(state.amiss for state in states)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "format": FORMAT,
            "service": self.service,
            "region": self.region,
            "project": self.project,
            "live": self.live,
            "nodes": [each.to_json() for each in self.nodes],
            "edges": [each.to_json() for each in self.edges],
        }
