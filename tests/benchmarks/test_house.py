import pytest

from benchmarks.house import circles, levels, modules_of, rooms


@pytest.mark.parametrize(
    ("graph", "height", "round_ones"),
    [
        pytest.param({}, 0, [], id="nothing"),
        pytest.param({"a": set()}, 1, [], id="alone"),
        pytest.param({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}, 3, [], id="a-chain-and-a-short-cut"),
        pytest.param({"a": {"b"}, "b": {"c"}, "c": {"b"}}, 2, [("b", "c")], id="a-circle-is-one-level"),
        pytest.param(
            {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}},
            2,
            [("c", "d", "e"), ("a", "b")],
            id="the-largest-circle-first",
        ),
    ],
)
def test_levels_and_circles_of_an_import_graph(graph, height, round_ones):
    """The longest chain counts, a circle as one step; whoever just imports a circle is not of it."""
    assert levels(graph) == height
    assert circles(graph) == round_ones


def test_imports_between_folders_are_imports_between_rooms():
    """What modules of one folder import from each other stays inside."""
    graph = modules_of("schemas")

    between = rooms(graph)

    assert between.keys() >= {"schemas", "schemas.yaml"}
    assert all(room not in imported for room, imported in between.items())
