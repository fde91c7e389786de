"""A service's graph as Mermaid, which GitHub, GitLab and many wikis draw.

Whatever a name holds stays a name: text stands in quotes, and each sign that means anything to Mermaid, Markdown or
HTML is a character code.

Source:
    https://mermaid.js.org/syntax/flowchart.html: "Entity codes to escape characters".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.core.flow import Group
from reconciler.core.graph import Edge, Graph, Line, Node, State
from reconciler.render.graph_words import SIGNS
from reconciler.render.safe import visible
from reconciler.render.values import one_line
from schemas.redaction import redacted

_ARROWS = {Line.FLOW: "-->", Line.NEEDS: "-.->", Line.ACCESS: "-.->"}
_MEANS = re.compile(r"[^\w .,:()/+=-]|_(?=_)|(?<=_)_", re.ASCII)
"""Every sign but letters, digits and a few that mean nothing within quotes; what is no ASCII is coded as well."""
_CLASSES = {State.MISSING: "missing", State.BROKEN: "missing"}
_STYLES = (
    "classDef amiss stroke:#b58900,stroke-width:3px",
    "classDef missing stroke:#d1242f,stroke-width:3px,stroke-dasharray:6 3",
    "classDef theirs stroke-dasharray:4 3",
)
"""Strokes alone: what they are drawn on may be light or dark."""


def render_mermaid(graph: Graph) -> str:
    """Write a flowchart, from left to right, with a box around each group."""
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for number, group in enumerate(Group):
        nodes = [node for node in graph.nodes if node.group is group]
        if nodes:
            lines.append(f'  subgraph g{number}["{_text(group)}"]')
            lines.extend(f'    {ids[node.id]}["{_label(node)}"]' for node in nodes)
            lines.append("  end")
    lines.extend(f"  {ids[edge.source]} {_arrow(edge)} {ids[edge.target]}" for edge in graph.edges)
    lines.extend(f"  {style}" for style in _STYLES)
    lines.extend(f"  class {ids[node.id]} {name}" for node in graph.nodes for name in _classes(node))
    return "\n".join(lines) + "\n"


def _label(node: Node) -> str:
    state = f"{SIGNS[node.state]} {node.state}" if node.state else ""
    return "<br/>".join(_text(part) for part in (node.title, node.name, state) if part)


def _arrow(edge: Edge) -> str:
    said = edge.what
    if edge.state.amiss:
        said = f"{said} {SIGNS[edge.state]} {edge.state}"
    return f'{_ARROWS[edge.line]}|"{_text(said)}"|' if said else _ARROWS[edge.line]


def _classes(node: Node) -> Iterator[str]:
    if node.state.amiss:
        yield _CLASSES.get(node.state, "amiss")
    elif not node.made:
        yield "theirs"


def _text(text: str) -> str:
    return _MEANS.sub(lambda found: f"#{ord(found[0])};", visible(one_line(redacted(text))))
