"""The dashboard of a service: made with it, mended, left to people where the spec says so, and gone with it."""

from tests.operating import spec

NAME = "projects/local/dashboards/churn-europe-west1"
WATCHED = spec(monitoring={"slo": {"availability": 0.99, "latencyP95": "300ms"}})
THEIRS = spec(monitoring=WATCHED["spec"]["monitoring"], management={"externallyOwned": ["monitoring.dashboard"]})


def dashboards(operator):
    return list(
        operator.connection.rest("monitoring.googleapis.com", "v1").listed("projects/local/dashboards", "dashboards")
    )


def differences(operator, wanted):
    return [line for line in operator.differences(wanted) if "monitoring_dashboard" in line]


def add_tile(operator):
    """Somebody adds a tile, and moves another one."""
    api = operator.connection.rest("monitoring.googleapis.com", "v1")
    [live] = dashboards(operator)
    tiles = live["mosaicLayout"]["tiles"]
    tiles[1]["yPos"] = 90
    tiles.append({"yPos": 200, "width": 8, "height": 8, "widget": {"title": "Mine", "text": {"content": "hello"}}})
    api.patch(NAME, live)


def test_a_dashboard_lives_with_its_service(operator):
    """What a person adds is named and goes, where a tile was moved to it stays; unless tiles are left to people."""
    assert not operator.apply(WATCHED).failed
    assert operator.differences(WATCHED) == []
    [made] = dashboards(operator)
    assert [tile["widget"]["title"] for tile in made["mosaicLayout"]["tiles"]][:2] == [
        "About churn",
        "Requests per second, by revision",
    ]

    add_tile(operator)
    assert operator.differences(THEIRS) == []
    [told] = differences(operator, WATCHED)
    assert "tiles.Mine" in told
    assert not operator.apply(WATCHED).failed
    [mended] = dashboards(operator)
    assert [tile.get("yPos") for tile in mended["mosaicLayout"]["tiles"]].count(90) == 1
    assert "Mine" not in str(mended)
    assert operator.differences(WATCHED) == []

    assert not operator.apply(spec(monitoring={"dashboard": False})).failed
    assert dashboards(operator) == []
