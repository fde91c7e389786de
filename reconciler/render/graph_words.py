"""What a graph says, in words: for terminals, for those who hear a picture read, and for Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.text import Text

from reconciler.core.flow import Group
from reconciler.core.graph import Edge, Graph, Line, Node, State
from reconciler.render.values import one_line

SIGNS = {
    State.UNKNOWN: "·",
    State.THERE: "✓",
    State.MISSING: "✕",
    State.DIFFERS: "≠",
    State.BROKEN: "!",
    State.CHANGING: "…",
    State.LEFTOVER: "+",
    State.HIDDEN: "?",
}
"""A shape for each state, beside its word and its colour."""
_STYLES = {State.THERE: "green", State.MISSING: "red", State.BROKEN: "red", State.UNKNOWN: ""}
_ARROWS = {Line.FLOW: "→", Line.NEEDS: "needs", Line.ACCESS: "may"}


def label(node: Node) -> str:
    """Name a node for people."""
    return " ".join(filter(None, (node.title, one_line(node.name))))


def names_of(graph: Graph) -> dict[str, str]:
    """Give what people call each node, by its id."""
    return {node.id: label(node) for node in graph.nodes}


def told(edge: Edge, names: Mapping[str, str]) -> str:
    """Say an edge as a sentence without an end.

    Args:
        edge: Which.
        names: As `names_of` gives them.
    """
    what = f": {edge.what}" if edge.what else ""
    state = f" ({edge.state})" if edge.state.amiss else ""
    verb = "needs" if edge.line is Line.NEEDS else "to"
    return f"{names[edge.source]} {verb} {names[edge.target]}{what}{state}"


def summary(graph: Graph) -> str:
    """Say in sentences what the graph holds."""
    made = sum(1 for node in graph.nodes if node.made)
    flows = sum(1 for edge in graph.edges if edge.line is Line.FLOW)
    groups = ", ".join(
        f"{count} of {group}" for group in Group if (count := sum(1 for node in graph.nodes if node.group is group))
    )
    names = names_of(graph)
    parts = [f"{made} resources of the service, {flows} flows between them and what is outside: {groups}."]
    if graph.live:
        parts.append(f"{graph.amiss} not as wanted." if graph.amiss else "All is as wanted.")
    parts.extend(f"{told(edge, names)}." for edge in graph.edges if edge.line is Line.FLOW)
    return " ".join(parts)


def render_graph(graph: Graph) -> Text:
    """Render a graph for a terminal: each group, each object in it, and what goes from there."""
    text = Text()
    where = f" of project {graph.project}" if graph.project else ""
    text.append(graph.service, "bold").append(f"  {graph.region}{where}, ")
    text.append(_verdict(graph), "red" if graph.amiss else "")
    text.append("\n")
    names = names_of(graph)
    for group in Group:
        nodes = [node for node in graph.nodes if node.group is group]
        if nodes:
            text.append(f"\n{group}\n", "bold")
        for node in nodes:
            text.append_text(_node(node, graph, names))
    return text


def _verdict(graph: Graph) -> str:
    if not graph.live:
        return "as the spec wants it"
    return f"{graph.amiss} not as wanted" if graph.amiss else "all as wanted"


def _node(node: Node, graph: Graph, names: Mapping[str, str]) -> Text:
    text = Text("  ")
    style = _STYLES.get(node.state, "yellow")
    text.append(f"{SIGNS[node.state]} ", style)
    text.append(label(node))
    for said in _said(node):
        text.append(f"  {said}", "dim")
    if node.state.amiss:
        text.append(f"  {node.state}{f': {one_line(node.why)}' if node.why else ''}", style)
    text.append("\n")
    for edge in graph.edges:
        if edge.source == node.id:
            text.append_text(_edge(edge, names[edge.target]))
    return text


def _said(node: Node) -> Iterator[str]:
    if node.location:
        yield node.location
    if not node.made and node.group is not Group.OUTSIDE:
        yield "made by others"


def _edge(edge: Edge, target: str) -> Text:
    text = Text("      ").append(f"{_ARROWS[edge.line]} ", "dim")
    if edge.line is Line.ACCESS and edge.what != "runs as":
        text.append(f"{one_line(edge.what)} on {target}")
    elif edge.what:
        text.append(f"{one_line(edge.what)} → {target}" if edge.line is Line.FLOW else f"{edge.what} {target}")
    else:
        text.append(target)
    if edge.state.amiss:
        text.append(f"  {SIGNS[edge.state]} {edge.state}", _STYLES.get(edge.state, "yellow"))
    return text.append("\n")
