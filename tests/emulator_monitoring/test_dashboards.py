"""Dashboards through Google's own client, which speaks gRPC and REST: what is kept, what is refused."""

import pytest
from google.api_core import exceptions
from google.cloud import monitoring_dashboard_v1 as dashboards

from emulator.apis.dashboards.checks import check_tiles
from emulator.core.failures import ApiFailure
from tests.emulator.clients import WIRES, client

PROJECT, HERE = "projects/local", "projects/local/dashboards/churn"
FILTER = 'metric.type="run.googleapis.com/request_count" resource.type="cloud_run_revision"'


@pytest.fixture(params=WIRES)
def api(emulator, request):
    """The client, by each wire."""
    return client(emulator, dashboards.DashboardsServiceClient, request.param)


def query(**fields):
    step = {"alignment_period": {"seconds": 60}, "per_series_aligner": "ALIGN_RATE"}
    return {"time_series_filter": {"filter": FILTER, "aggregation": step} | fields}


def chart(**fields):
    return {"title": "requests", "xy_chart": {"data_sets": [{"time_series_query": query(**fields)}]}}


def tile(x, y, width=12, height=8, widget=None):
    return {"x_pos": x, "y_pos": y, "width": width, "height": height, "widget": widget or chart()}


def board(*tiles, **fields):
    layout = {"columns": 24, "tiles": list(tiles) or [tile(0, 0)]}
    return dashboards.Dashboard({"name": HERE, "display_name": "churn", "mosaic_layout": layout} | fields)


def make(api, wanted=None):
    return api.create_dashboard(request={"parent": PROJECT, "dashboard": wanted or board()})


def test_one_is_made_changed_and_deleted(api):
    """Its id is the caller's, its project is told by number, and each change has another etag."""
    made = make(api, board(labels={"team": "growth"}))
    number = made.name.split("/")[1]
    assert (number.isdigit(), made.name) == (True, f"projects/{number}/dashboards/churn")
    assert made == api.get_dashboard(request={"name": HERE}) == api.get_dashboard(request={"name": made.name})
    assert [each.name for each in api.list_dashboards(request={"parent": PROJECT})] == [made.name]

    changed = api.update_dashboard(request={"dashboard": board(tile(0, 0), tile(12, 0), etag=made.etag)})
    assert changed.etag != made.etag
    assert (len(changed.mosaic_layout.tiles), dict(changed.labels)) == (2, {}), "the whole is replaced"
    with pytest.raises(exceptions.Aborted if api.transport.kind == "grpc" else exceptions.Conflict):
        api.update_dashboard(request={"dashboard": board(etag=made.etag)})
    with pytest.raises(exceptions.Conflict):
        make(api)

    api.delete_dashboard(request={"name": HERE})
    with pytest.raises(exceptions.NotFound, match="Requested entity was not found"):
        api.get_dashboard(request={"name": HERE})


def test_what_is_only_validated_is_not_kept(emulator):
    """Neither made nor changed; and one without a name gets one of the server's."""
    api = client(emulator, dashboards.DashboardsServiceClient)
    api.create_dashboard(request={"parent": PROJECT, "dashboard": board(), "validate_only": True})
    assert list(api.list_dashboards(request={"parent": PROJECT})) == []

    made = make(api, board(name=""))
    renamed = board(name=made.name, display_name="other")
    assert api.update_dashboard(request={"dashboard": renamed, "validate_only": True}).display_name == "other"
    assert api.get_dashboard(request={"name": made.name}) == made


def test_texts_come_back_with_what_they_left_out(emulator):
    """A format and an empty style."""
    api = client(emulator, dashboards.DashboardsServiceClient)
    made = make(api, board(tile(0, 0, widget={"text": {"content": "# Hello"}})))

    [found] = made.mosaic_layout.tiles
    assert (found.widget.text.format_.name, "style" in found.widget.text) == ("MARKDOWN", True)


WIDE = {"mosaic_layout": {"columns": 49}}
COLOURED = {**chart()["xy_chart"], "thresholds": [{"value": 1, "color": "RED"}]}
BAD = {
    "no-name": (board(display_name=""), "display_name"),
    "no-layout": (dashboards.Dashboard(name=HERE, display_name="x"), "layout"),
    "id": (board(name=f"{PROJECT}/dashboards/a.b"), "dashboard id"),
    "another-project": (board(name="projects/other/dashboards/x"), "dashboard.name"),
    "etag": (board(etag="x"), "etag"),
    "label": (board(labels={"Upper": "x"}), "invalid label key"),
    "columns": (board(**WIDE), "columns"),
    "outside": (board(tile(13, 0)), "not contained"),
    "flat": (board(tile(0, 0, height=0)), "height"),
    "on-each-other": (board(tile(0, 0), tile(11, 7)), r"tiles\[1\].*overlaps with tiles\[0\]"),
    "no-query": (board(tile(0, 0, widget={"xy_chart": {"data_sets": [{}]}})), "one source"),
    "no-filter": (board(tile(0, 0, widget=chart(filter=""))), "filter"),
    "filter": (board(tile(0, 0, widget=chart(filter="metric.type="))), "filter"),
    "half-a-step": (board(tile(0, 0, widget=chart(aggregation={"cross_series_reducer": "REDUCE_SUM"}))), "ALIGN_NONE"),
    "coloured-line": (board(tile(0, 0, widget={"xy_chart": COLOURED})), "color"),
}


def test_a_dashboard_has_a_bounded_number_of_tiles():
    """Each is compared with every other one."""
    spot = {"x_pos": 0, "y_pos": 0, "width": 1, "height": 1}

    with pytest.raises(ApiFailure, match="500 at most, not 501"):
        check_tiles(dashboards.MosaicLayout.pb(dashboards.MosaicLayout({"columns": 1, "tiles": [spot] * 501})))


@pytest.mark.parametrize(("wanted", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(emulator, wanted, words):
    """Nothing is left behind."""
    api = client(emulator, dashboards.DashboardsServiceClient)
    with pytest.raises(exceptions.BadRequest, match=words):
        make(api, wanted)

    assert list(api.list_dashboards(request={"parent": PROJECT})) == []
