"""What a graph holds, by the spec alone: every object, and what each kind says flows to it and from it."""

from itertools import combinations, pairwise

import pytest
import yaml
from hypothesis import given, settings

from reconciler.core.address import Address
from reconciler.core.flow import Group
from reconciler.core.graph import FORMAT, Edge, Graph, Line, Node, State, graph_of
from reconciler.core.graph.drawing import Found
from reconciler.core.graph.offline import assumed, found_offline
from reconciler.kinds import KINDS
from reconciler.render.graph_layout import columns_of, layout_of
from reconciler.render.graph_words import SIGNS, render_graph
from schemas import load
from tests.golden.world import PROJECT as GOLDEN
from tests.golden.world import plan_case
from tests.graph.drawings import PROJECT, ROOT, WHOLE, drawn, services
from tests.strategies.whole_specs import whole_specs

SERVICES = list(services())


def whole(*, access=False):
    """The service with everything."""
    [loaded] = load([WHOLE]).services
    return drawn(loaded, access=access)


def flows(graph):
    """Each flow, by the kinds or sorts it is between."""
    kinds = {node.id: node.kind or node.title for node in graph.nodes}
    return {(kinds[e.source], e.what, kinds[e.target]) for e in graph.edges if e.line is Line.FLOW}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_says_what_its_objects_are_for(kind):
    """An object that nobody placed would be drawn beside everything it belongs to."""
    assert KINDS.by_name[kind].group is not Group.OTHER


def test_a_service_with_everything_reads_as_recorded(golden):
    """People and pages read it, so the words are part of our interface."""
    golden.check(WHOLE.parent / "graph.txt", render_graph(whole()).plain)


def test_the_whole_circle_is_there():
    """From a request to the log, to what watches it, to what trains, and back to what serves."""
    assert flows(whole()) >= {
        ("callers with a role", "requests", "run_service"),
        ("run_service", "predictions", "pubsub_topic"),
        ("pubsub_topic", "predictions", "pubsub_table_subscription"),
        ("pubsub_table_subscription", "rows", "bigquery_table"),
        ("bigquery_table", "logged rows", "vertex_model_monitor"),
        ("vertex_model_monitor", "what it found", "logging_sink"),
        ("logging_sink", "entries", "pubsub_topic"),
        ("pubsub_topic", "messages", "pubsub_subscription"),
        ("pubsub_subscription", "requests", "functions_function"),
        ("functions_function", "starts", "Vertex AI pipeline"),
        ("Vertex AI pipeline", "new version", "model in the registry"),
        ("model in the registry", "model champion", "run_service"),
    }


def test_what_whoever_has_it_may_call_is_nowhere_in_a_graph():
    """Of a webhook there is the host."""
    assert "hooks.acme.example" in str(whole().to_json())
    assert "very-secret" not in str(whole(access=True).to_json())


def test_roles_are_drawn_where_somebody_asks():
    """Accounts, what they may do with what, and callers by their names; otherwise none of that."""
    plain, asked = whole(), whole(access=True)
    roles = {(e.source, e.what, e.target) for e in asked.edges if e.line is Line.ACCESS}

    assert not any(e.line is Line.ACCESS for e in plain.edges)
    assert not any(node.group is Group.ACCESS for node in plain.nodes)
    service = "run_service/europe-west1/churn"
    assert ("group of people: growth@acme.example", "run.invoker", service) in roles
    assert (service, "runs as", "service_account/global/churn-run") in roles
    assert ("service_account/global/churn-run", "secretmanager.secretAccessor", "secret: partner-key") in roles
    function = "functions_function/europe-west1/churn-retrain"
    assert ("service_account/global/churn-trigger", "run.invoker", function) in roles
    assert any(what == "storage.objectUser, limited" and target == "project: acme" for _, what, target in roles)
    assert set(plain.nodes) <= set(asked.nodes)


@pytest.mark.parametrize("loaded", SERVICES, ids=lambda each: f"{each.file.parent.name}-{each.name}")
def test_every_object_of_every_spec_is_drawn(loaded):
    """Nothing that a spec makes is left out, no line leads nowhere, and nobody stands alone who is outside."""
    made = {a for a in found_offline(KINDS, loaded, PROJECT).made if a.kind != "iam_member"}
    plain = {a for a in made if KINDS.of_address(a).group is not Group.ACCESS}

    holds(drawn(loaded, access=True), made)
    holds(drawn(loaded), plain)
    assert drawn(loaded) == drawn(loaded)


def holds(graph, made):
    """It has what is made, whole and well laid."""
    there = {node.id for node in graph.nodes}
    assert {str(a) for a in made} <= there
    assert {end for e in graph.edges for end in (e.source, e.target)} <= there
    assert all(any(node.id in (e.source, e.target) for e in graph.edges) for node in graph.nodes if not node.made)
    well_laid(graph)


@given(data=whole_specs())
@settings(max_examples=25)
def test_any_spec_is_drawn(data, tmp_path_factory):
    """Whatever the language lets one say, with what only Google can tell not known."""
    place = tmp_path_factory.mktemp("spec") / "mlservice.yaml"
    place.write_text(yaml.safe_dump(data))
    for loaded in load([place]).services:
        graph = drawn(loaded, access=True)
        assert f"run_service/{loaded.region}/{loaded.name}" in {node.id for node in graph.nodes}
        well_laid(graph)


def well_laid(graph):
    """Boxes are apart and in their bands, lines go beside boxes, and those of two sources only cross."""
    layout = layout_of(graph)
    for (one, a), (other, b) in combinations(layout.boxes.items(), 2):
        assert apart(area(a), area(b)), (one, other)
    assert all(
        a.x >= 0 and a.x + a.width <= layout.width and a.y + a.height <= layout.height for a in layout.boxes.values()
    )
    straight = [(wire.edge.source, part) for wire in layout.wires for part in pairwise(wire.points)]
    for _, part in straight:
        assert part[0][0] == part[1][0] or part[0][1] == part[1][1]
        assert all(apart(inner(box), span(part)) for box in layout.boxes.values())
    for (one, a), (other, b) in combinations(straight, 2):
        assert one == other or not along(a, b), (one, other)


def area(box):
    """Left, top, right, bottom."""
    return box.x, box.y, box.x + box.width, box.y + box.height


def inner(box):
    """A box without its edge, where lines begin and end."""
    return box.x + 1, box.y + 1, box.x + box.width - 1, box.y + box.height - 1


def span(part):
    """The rectangle of a line."""
    (x, y), (u, v) = part
    return min(x, u), min(y, v), max(x, u), max(y, v)


def within(a, b):
    """Tell whether a rectangle is in another."""
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def apart(a, b):
    """Tell whether two rectangles have no point in common."""
    return a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def along(a, b):
    """Tell whether two lines lie on each other for more than a point."""
    one, other = span(a), span(b)
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return min(width, height) >= 0 and max(width, height) > 0 and (a[0][0] == a[1][0]) == (b[0][0] == b[1][0])


def test_a_circle_has_columns_all_the_same():
    """Three objects that lead to each other stand side by side, each once."""
    nodes = tuple(Node(name, "Toy", name, Group.DATA) for name in "abc")
    edges = tuple(Edge(one, other, "rows") for one, other in ("ab", "bc", "ca"))
    graph = Graph("toy", "europe-west1", "", live=False, nodes=nodes, edges=edges)

    assert columns_of(graph) == {"a": 0, "b": 1, "c": 2}
    well_laid(graph)


def test_a_graph_of_nothing_is_a_drawing():
    """A graph without a node has a size."""
    empty = layout_of(Graph("toy", "europe-west1", "", live=False, nodes=(), edges=()))

    assert (empty.boxes, empty.wires) == ({}, ())
    assert empty.width > 0


@pytest.mark.parametrize(
    ("case", "node", "state", "why"),
    [
        ("first_apply", "run_service/europe-west1/churn", State.MISSING, ""),
        ("nothing_to_do", "run_service/europe-west1/churn", State.THERE, ""),
        ("run_service", "run_service/europe-west1/churn", State.DIFFERS, "concurrency"),
        ("failed_revision", "run_service/europe-west1/churn", State.BROKEN, "is not ready"),
        ("still_being_applied", "run_service/europe-west1/churn", State.CHANGING, ""),
        ("delete_and_prune", "artifact_repository/europe-west1/ml", State.LEFTOVER, ""),
    ],
)
def test_what_a_plan_found_stands_at_each_object(case, node, state, why):
    """In a recorded world: the sign of an object is what a plan decides of it."""
    folder = ROOT / "tests/golden" / case
    planned, [loaded] = plan_case(KINDS, folder), load([folder / "mlservice.yaml"]).services
    graph = graph_of(KINDS, loaded, GOLDEN, Found(planned.wants, changes=planned.plan.changes), access=False)
    [found] = [each for each in graph.nodes if each.id == node]

    assert found.state is state
    assert why in found.why
    assert f"{SIGNS[state]} {found.title} {found.name}" in render_graph(graph).plain
    hidden = Found(planned.wants, changes=planned.plan.changes, hidden=frozenset({Address.parse(node)}))
    unseen = graph_of(KINDS, loaded, GOLDEN, hidden, access=False)
    assert {each.state for each in unseen.nodes if each.id == node} == {State.HIDDEN}


def test_a_service_is_drawn_without_what_is_anothers():
    """Of two that were planned together."""
    folder = ROOT / "tests/golden/billing_budget"
    planned = plan_case(KINDS, folder)
    for loaded in load([folder / "mlservice.yaml"]).services:
        graph = graph_of(KINDS, loaded, GOLDEN, Found(planned.wants, changes=planned.plan.changes), access=False)
        assert {each.name for each in graph.nodes if each.kind == "billing_budget"} <= {loaded.name}


def test_what_a_spec_uses_is_drawn_without_asking_anybody():
    """An object of somebody else's; and the state bucket is taken to have its usual name."""
    [loaded] = load([ROOT / "tests/golden/existing_topic_is_missing/mlservice.yaml"]).services

    used = [node for node in drawn(loaded).nodes if node.kind == "pubsub_topic" and not node.made]

    assert [node.name for node in used] == ["orders"]
    assert assumed(KINDS, loaded, PROJECT).bucket == f"{PROJECT}-mlservice"


def test_programs_read_the_same():
    """The format is named, ends of edges are ids of nodes, and what is made is told from what is used."""
    found = whole().to_json()

    assert found["format"] == FORMAT
    assert {e["from"] for e in found["edges"]} | {e["to"] for e in found["edges"]} <= {n["id"] for n in found["nodes"]}
    assert {n["made"] for n in found["nodes"] if n["group"] == "outside"} == {False}
