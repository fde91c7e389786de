"""A service's graph as a picture: SVG with its text as text, for light and dark, on paper and read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from reconciler.core.flow import Group
from reconciler.core.graph import Graph, Node, State
from reconciler.render.graph_layout import BOX_HEIGHT, Band, Box, Layout, Point, Wire, layout_of
from reconciler.render.graph_words import SIGNS, names_of, summary, told
from reconciler.render.safe import visible
from reconciler.render.values import one_line
from schemas.redaction import redacted

_KIND_LONGEST, _NAME_LONGEST, _LABEL_LONGEST = 32, 26, 28
_STYLE = """
svg{--ground:#fff;--band:#f4f5f7;--box:#fff;--ink:#1b1f24;--soft:#59636e;--line:#6b7683;--edge:#8c96a1;
--retraining:#8250df;--serving:#0969da;--messages:#0f766e;--data:#9a6700;--monitoring:#bf3989;--budget:#57606a;
--access:#3b6e22;--outside:#6e7781;--other:#6e7781;--well:#1a7f37;--bad:#c0261e;--odd:#8a5a00}
@media (prefers-color-scheme:dark){svg{--ground:#0d1117;--band:#161b22;--box:#0d1117;--ink:#e6edf3;--soft:#9aa5b1;
--line:#8b95a1;--edge:#6b7683;--retraining:#c297ff;--serving:#6cb6ff;--messages:#5cc8bd;--data:#e0b341;
--monitoring:#f692ce;--budget:#a5b1bd;--access:#9ad27b;--outside:#a5b1bd;--other:#a5b1bd;--well:#57d977;--bad:#ff8a80;
--odd:#f0b849}}
text{font:12px/1 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}
.ground{fill:var(--ground)}.band{fill:var(--band)}.group{font-weight:600}
.box{fill:var(--box);stroke:var(--edge)}.theirs .box,.outside .box{stroke-dasharray:5 3}
.kind,.what,.note{fill:var(--soft);font-size:11px}.name{font-weight:600}
.wire{fill:none;stroke:var(--line);stroke-width:1.3}.needs .wire{stroke-dasharray:4 3}
.access .wire{stroke-dasharray:1.5 3}
.halo{stroke:var(--ground);stroke-width:3px;paint-order:stroke}
.arrow{fill:context-stroke}
.well{fill:var(--well)}.bad{fill:var(--bad)}.odd{fill:var(--odd)}
.amiss .box{stroke:var(--bad);stroke-width:2.2}
""".strip()
_OPEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc"'
    ' width="{0}" height="{1}" viewBox="0 0 {0} {1}">'
)
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
)
_STATES = {State.THERE: "well", State.MISSING: "bad", State.BROKEN: "bad"}
"""How a state is coloured; its sign and word say it as well."""


def render_svg(graph: Graph) -> str:
    """Draw it.

    Args:
        graph: What; every text in it may be a stranger's.
    """
    layout, names = layout_of(graph), names_of(graph)
    groups = {node.id: node.group for node in graph.nodes}
    colours = "".join(f".stripe-{g}{{fill:var(--{g})}}.from-{g} .wire{{stroke:var(--{g})}}" for g in Group)
    lines = [
        _OPEN.format(layout.width, layout.height),
        f'<title id="title">{_text(f"Resources of {graph.service} in {graph.region}")}</title>',
        f'<desc id="desc">{_text(summary(graph))}</desc>',
        f"<style>{_STYLE}\n{colours}</style>",
        _ARROW,
        '<rect class="ground" width="100%" height="100%"/>',
        *(line for band in layout.bands for line in _band(band, layout)),
        *(line for wire in layout.wires for line in _wire(wire, groups[wire.edge.source], names)),
        *(line for node in graph.nodes for line in _node(node, layout.boxes[node.id])),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _band(band: Band, layout: Layout) -> Iterator[str]:
    yield f'<rect class="band" x="4" y="{band.y}" width="{layout.width - 8}" height="{band.height}" rx="6"/>'
    yield f'<text class="group" x="12" y="{band.y + 16}">{_text(str(band.group))}</text>'


def _wire(wire: Wire, group: Group, names: Mapping[str, str]) -> Iterator[str]:
    edge = wire.edge
    yield f'<g class="{edge.line} from-{group}"><title>{_text(told(edge, names))}</title>'
    yield f'<path class="wire" d="{_path(wire.points)}" marker-end="url(#arrow)"/>'
    if edge.what:
        sign = f"{SIGNS[edge.state]} " if edge.state.amiss else ""
        label = _cut(f"{sign}{edge.what}", _LABEL_LONGEST)
        yield f'<text class="what" text-anchor="end" x="{wire.label[0]}" y="{wire.label[1]}">{_text(label)}</text>'
    yield "</g>"


def _path(points: Iterable[Point]) -> str:
    (x, y), *rest = points
    at, parts = (x, y), [f"M{x} {y}"]
    for x, y in rest:
        parts.append(f"H{x}" if y == at[1] else f"V{y}")
        at = (x, y)
    return "".join(parts)


def _node(node: Node, box: Box) -> Iterator[str]:
    classes = ["node", *(["theirs"] if not node.made else ()), *(["amiss"] if node.state.amiss else ())]
    x, y = box.x, box.y
    whole = " · ".join(filter(None, (node.title, node.name, node.location, _state(node), node.why)))
    yield f'<g class="{" ".join(classes)}"><title>{_text(whole)}</title>'
    yield f'<rect class="box" x="{x}" y="{y}" width="{box.width}" height="{box.height}" rx="5"/>'
    yield f'<rect class="stripe-{node.group}" x="{x}" y="{y}" width="5" height="{box.height}" rx="2"/>'
    middle = y + (box.height - BOX_HEIGHT) // 2
    if node.name:
        yield f'<text class="kind" x="{x + 13}" y="{middle + 17}">{_text(_cut(node.title, _KIND_LONGEST))}</text>'
    name = node.name or node.title
    yield f'<text class="name" x="{x + 13}" y="{middle + 33}">{_text(_cut(name, _NAME_LONGEST))}</text>'
    if state := _state(node):
        yield f'<text class="{_STATES.get(node.state, "odd")}" x="{x + 13}" y="{middle + 49}">{_text(state)}</text>'
    elif node.location or not node.made:
        said = node.location or ("outside" if node.group is Group.OUTSIDE else "made by others")
        yield f'<text class="note" x="{x + 13}" y="{middle + 49}">{_text(said)}</text>'
    yield "</g>"


def _state(node: Node) -> str:
    return f"{SIGNS[node.state]} {node.state}" if node.state else ""


def _cut(text: str, longest: int) -> str:
    """Cut in the middle: names begin alike, and end with what tells them apart."""
    line = one_line(redacted(text))
    if len(line) <= longest:
        return line
    half = (longest - 1) // 2
    return f"{line[: longest - 1 - half]}…{line[-half:]}"


def _text(text: str) -> str:
    """Give text that is nothing but text, whatever is in it, with what looks like a secret hidden."""
    return escape(visible(one_line(redacted(text))), {'"': "&quot;", "'": "&#39;"})
