"""A service's dashboard: where tiles stand, what they show, and what of a live one is a difference."""

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import measures
from reconciler.core.diff import diff_fields
from reconciler.core.record import revive
from reconciler.core.reference import filled
from reconciler.kinds import KINDS
from reconciler.kinds.monitoring_dashboard import LIMIT, Dashboard
from reconciler.kinds.monitoring_dashboard.layout import COLUMNS, Place, arranged, place_of
from reconciler.kinds.monitoring_dashboard.messages import dashboard_of, dashboard_to_json
from tests.golden.world import plan_case

CASE = Path(__file__).parents[1] / "golden" / "monitoring_dashboard"
TITLES = [f"t{n}" for n in range(12)]
places = st.builds(Place, st.integers(-2, 50), st.integers(-2, 30), st.integers(0, 50), st.integers(0, 20))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(TITLES), unique=True), st.sets(st.sampled_from(TITLES)), st.data())
def test_tiles_never_meet_and_never_leave_the_grid(titles, banners, data):
    """Whatever somebody did to them; one that stands where it may stays there."""
    before = data.draw(st.dictionaries(st.sampled_from(TITLES), places))

    found = arranged(titles, banners, before)

    assert list(found.keys() ^ set(titles)) == []
    assert not any(a.meets(b) for a, b in combinations(found.values(), 2))
    assert all(0 <= each.x <= each.x + each.width <= COLUMNS and each.y >= 0 for each in found.values())
    assert arranged(titles, banners, found) == found
    first = before.get(titles[0]) if titles else None
    if first and min(first.x, first.y) >= 0 and min(first.width, first.height) > 0 and first.x + first.width <= COLUMNS:
        assert found[titles[0]] == first


def test_a_page_is_read_from_left_to_right():
    """The banner first, then three in a row."""
    found = arranged(["about", "a", "b", "c", "d"], ["about"], {})

    assert [(each.x, each.y, each.width) for each in found.values()] == [
        (0, 0, 48),
        (0, 6, 16),
        (16, 6, 16),
        (32, 6, 16),
        (0, 22, 16),
    ]


@pytest.fixture(scope="module")
def wanted():
    """The dashboard of the golden case, with the schedules' ids as Google gave them."""
    plan = plan_case(KINDS, CASE).plan
    [change] = [each for each in plan.changes if each.address.kind == "monitoring_dashboard"]
    return filled(revive(Dashboard, change.desired), lambda address: {"id": f"id-of-{address.name}"})


def live_of(wanted):
    """As Google has it after it was made."""
    return {"name": "projects/1/dashboards/x", "etag": "e", **dashboard_to_json(wanted, {}, wanted.labels)}


def test_what_is_written_is_what_is_read(wanted):
    """Every sort of tile, limits of 0.1 and shares among them; distances are those of one schedule."""
    assert diff_fields(wanted, dashboard_of(live_of(wanted))) == ()
    [skew, *limits] = wanted.tiles["Distance from training (skew)"]
    assert 'schedule_id="id-of-churn-' in skew.filter
    assert [(each.how, each.text, each.limit) for each in limits] == [
        (LIMIT, "limit", 0.3),
        (LIMIT, "limit of tenure_months", 0.1),
    ]
    assert "GPU in use, p95" in wanted.tiles


def test_what_google_fills_in_is_no_difference(wanted):
    """Axes, styles, defaults, an empty list where we wrote none; and what is 0 is left out."""
    live = live_of(wanted)
    live["dashboardFilters"] = [{"labelKey": "revision_name"}]
    for tile in live["mosaicLayout"]["tiles"]:
        for name in ("xPos", "yPos"):
            if not tile[name]:
                del tile[name]
        widget = tile["widget"]
        if "text" in widget:
            widget["text"] |= {"format": "MARKDOWN", "style": {}}
        for data in widget.get("xyChart", {}).get("dataSets", ()):
            data |= {"targetAxis": "Y1", "breakdowns": [], "measures": []}
            data["timeSeriesQuery"]["unitOverride"] = ""

    assert diff_fields(wanted, dashboard_of(live)) == ()


def test_what_people_did_is_named_and_where_they_moved_tiles_stays(wanted):
    """Tiles of theirs, one that shows something else, one that is gone; a page in another layout has none of ours."""
    live = live_of(wanted)
    tiles = live["mosaicLayout"]["tiles"]
    moved, changed, gone = tiles[1], tiles[4], tiles.pop(2)
    changed["widget"]["xyChart"]["thresholds"] = [{"value": 1, "label": "mine"}]
    moved.update(xPos=20, yPos=200)
    moved["widget"]["xyChart"]["chartOptions"] = {"mode": "STATS"}
    for title in ("Mine", "Mine", ""):
        tiles.append({"xPos": 0, "yPos": 300, "width": 4, "height": 4, "widget": {"title": title, "logsPanel": {}}})

    named = {change.path.split("[", 1)[0] for change in diff_fields(wanted, dashboard_of(live))}
    missing = f"tiles.{gone['widget']['title']}"
    assert named == {
        "tiles.Mine",
        "tiles.Mine (2)",
        "tiles.a tile without a title",
        missing,
        f"tiles.{changed['widget']['title']}",
    }

    made = dashboard_to_json(wanted, live, wanted.labels)
    assert diff_fields(wanted, dashboard_of(made)) == ()
    there = {tile["widget"]["title"]: tile for tile in made["mosaicLayout"]["tiles"]}
    assert there[moved["widget"]["title"]] == moved, "where it was put, with what somebody chose in it"
    assert place_of(there[gone["widget"]["title"]]).y > 200, "below what is there"
    rows = {"displayName": "x", "rowLayout": {"rows": [{"widgets": [{"title": "a", "blank": {}}]}]}}
    assert list(dashboard_of(rows).tiles) == ["a"]
    assert "rowLayout" not in dashboard_to_json(wanted, rows, {})


def test_measures_are_lines_beside_their_limits():
    """Of what the function writes, a line for each, whichever it is; none where nobody judges predictions."""
    plan = plan_case(KINDS, CASE.parent / "performance_judged").plan
    [change] = [each for each in plan.changes if each.address.kind == "monitoring_dashboard"]
    [tile] = [tile for title, tile in revive(Dashboard, change.desired).tiles.items() if title.startswith("How right")]

    lines, *limits = tile
    assert measures.VALUE in lines.filter
    assert lines.groups == ("metric.label.measure",)
    assert [(each.how, each.text, each.limit) for each in limits] == [
        (LIMIT, "accuracy at least", 0.8),
        (LIMIT, "recall at least", 0.6),
    ]


def test_columns_that_are_not_logged_are_named_nowhere(tmp_path):
    """Not even where the spec asks for one to be compared, and has a limit for all; one of its own is refused."""
    text = (CASE / "mlservice.yaml").read_text().replace("log: false, monitor: false", "log: false")
    (tmp_path / "mlservice.yaml").write_text(text)
    (tmp_path / "facts.json").write_text((CASE / "facts.json").read_text())
    plan = plan_case(KINDS, tmp_path).plan

    [change] = [each for each in plan.changes if each.address.kind == "monitoring_dashboard"]
    assert "tenure_months" in str(change.desired)
    assert "email" not in str(change.desired)


@pytest.mark.parametrize("written", ["dashboard: false", None])
def test_there_is_none_where_the_spec_wants_none(tmp_path, written):
    """Said, or without `monitoring`."""
    text = (CASE / "mlservice.yaml").read_text()
    head, _, tail = text.partition("  monitoring:\n")
    (tmp_path / "mlservice.yaml").write_text(f"{head}  monitoring:\n    {written}\n{tail}" if written else head)
    (tmp_path / "facts.json").write_text((CASE / "facts.json").read_text())

    kinds = {each.address.kind for each in plan_case(KINDS, tmp_path).plan.changes}

    assert "run_service" in kinds
    assert "monitoring_dashboard" not in kinds
