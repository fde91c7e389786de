"""The graph as SVG and Mermaid: whatever a name holds stays a name."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.flow import Group
from reconciler.core.graph import Edge, Graph, Line, Node, State
from reconciler.render.graph_mermaid import render_mermaid
from reconciler.render.graph_svg import render_svg
from schemas import load
from tests.graph.drawings import ROOT, WHOLE, drawn

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g"}
ATTRIBUTES = {
    *("role", "aria-labelledby", "width", "height", "viewBox", "id", "class", "x", "y", "rx", "d", "marker-end"),
    *("text-anchor", "refX", "refY", "markerWidth", "markerHeight", "orient"),
}
HOSTILE = [
    "</text><script>alert(1)</script>",
    '"]; click n0 href "javascript:alert(1)"',
    "a\n  end\nflowchart TD",
    "&#60;img src=x onerror=alert(1)&#62;",
    "`**bold**` __class__ %%{init: {}}%% #quot;",
    "]]><![CDATA[ & --> <!--",
    "\u202eevil\u0000\ud800",
    "subgraph end",
]
LINE = re.compile(
    r"flowchart LR|  end|  classDef \w+ [\w:#, -]+"
    r'|  subgraph g\d+\["[^"]*"\]|    n\d+\["[^"`]*"\]|  n\d+ (-->|-\.->)(\|"[^"`]*"\|)? n\d+|  class n\d+ \w+'
)
"""A line of what we write; no quote and no backtick within quotes."""


def graph(*names):
    """A graph of as many nodes, each leading to the next with its name as what goes along."""
    states = [*State]
    nodes = [
        Node(
            f"n:{number}",
            f"Toy {name}",
            name,
            [*Group][number % len(Group)],
            state=states[number % len(states)],
            why=name,
        )
        for number, name in enumerate(names)
    ]
    lines = [*Line]
    edges = [
        Edge(one.id, other.id, one.name, lines[number % len(lines)], states[number % len(states)])
        for number, (one, other) in enumerate(zip(nodes, [*nodes[1:], nodes[0]], strict=True))
    ]
    return Graph(names[0], "europe-west1", "acme", live=True, nodes=tuple(nodes), edges=tuple(edges))


def is_a_picture(svg):
    """Parse it; nothing in it but what we draw."""
    tree = ET.fromstring(svg)  # noqa: S314 - we wrote it
    for each in tree.iter():
        assert each.tag.removeprefix(SVG) in ELEMENTS
        assert set(each.attrib) <= ATTRIBUTES
    return tree


def is_a_flowchart(text):
    """Each line is one of ours."""
    for line in text.splitlines():
        assert LINE.fullmatch(line), line


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name):
    """It begins nothing, ends nothing and calls nothing."""
    is_a_picture(render_svg(graph(name, "calm")))
    is_a_flowchart(render_mermaid(graph(name, "calm")))


@given(names=st.lists(st.text(max_size=40) | st.sampled_from(HOSTILE), min_size=1, max_size=4))
@settings(max_examples=60)
def test_any_name_stays_a_name(names):
    """Whatever characters it is of."""
    drawing = graph(*names)
    is_a_picture(render_svg(drawing))
    is_a_flowchart(render_mermaid(drawing))


def test_a_picture_says_in_words_what_it_shows():
    """Who hears it read hears title, sum and each flow; every box and every line has its own title."""
    [loaded] = load([WHOLE]).services
    found = drawn(loaded)
    tree = is_a_picture(render_svg(found))

    assert tree.get("role") == "img"
    assert tree.get("aria-labelledby") == "title desc"
    assert tree.find(f"{SVG}title").text == "Resources of churn in europe-west1"
    assert "Cloud Run service churn to Pub/Sub topic churn-answered: answers." in tree.find(f"{SVG}desc").text
    assert len(tree.findall(f"{SVG}g/{SVG}title")) == len(found.nodes) + len(found.edges)
    words = {each.text for each in tree.iter(f"{SVG}text")}
    assert {"Cloud Run service", "churn", "answers", "monitoring"} <= words


def test_a_state_is_a_word_and_a_sign_in_both():
    """Colour alone says nothing."""
    drawing = graph(*"abcdefgh")
    svg, mermaid = render_svg(drawing), render_mermaid(drawing)
    for sign, state in (("✕", "missing"), ("≠", "differs"), ("!", "broken"), ("✓", "there")):
        assert f">{sign} {state}<" in svg
        assert f"#{ord(sign)}; {state}" in mermaid


def test_a_secret_is_hidden_in_both():
    """What looks like one is never drawn, whole or cut."""
    token = "ghp_" + "a1B2" * 9
    node = replace(graph("a").nodes[0], name=token, why=token)
    drawing = replace(graph("a"), nodes=(node,), edges=(Edge(node.id, node.id, token),))

    for written in (render_svg(drawing), render_mermaid(drawing)):
        assert token[:14] not in written


def test_the_picture_in_the_docs_is_what_is_drawn_today(golden):
    """It is of an example that everybody has."""
    [loaded] = load([ROOT / "specs/diabetes/mlservice.yaml"]).services
    golden.check(ROOT / "docs/images/graph.svg", render_svg(drawn(loaded)))
