"""A dashboard whose page somebody else filters."""

from google.cloud.monitoring_dashboard_v1.types import dashboard

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.monitoring_dashboard import AREA, LIMIT, LINE, TEXT, Dashboard, Shown
from tests.conformance.example import Example

COUNT = 'metric.type="run.googleapis.com/request_count" AND resource.type="cloud_run_revision"'
FAILED = f'{COUNT} AND metric.label.response_code_class="5xx"'
BY_CLASS = ("metric.label.response_code_class",)
TILES = {
    "About": (Shown(TEXT, "# churn"),),
    "Requests": (Shown(AREA, "${metric.labels.response_code_class}", COUNT, "RATE", "SUM", BY_CLASS, period_s=60),),
    "Cost": (Shown(AREA, "CPU and memory", "sum(rate(run_googleapis_com:request_count[5m])) * 0.0954"),),
    "Errors": (
        Shown(LINE, "share", FAILED, "RATE", "SUM", over=COUNT, period_s=60),
        Shown(LIMIT, "promised", limit=0.01),
    ),
}


def api(operator):
    return operator.api("google.cloud.monitoring_dashboard_v1", "dashboards_service", "DashboardsService")


def read(operator):
    name = operator.at.of_project("dashboards", "churn-europe")
    return api(operator).get_dashboard(request={"name": name})


def write(operator, change):
    live = read(operator)
    change(live)
    api(operator).update_dashboard(request={"dashboard": live})


def filter_page(live):
    live.dashboard_filters.append({"label_key": "revision_name", "filter_type": "RESOURCE_LABEL"})


def add_label(operator, key):
    write(operator, lambda live: live.labels.update({key: "theirs"}))


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    ours = {**mark_labels(churn), **at.labels}
    example = Example(
        address=Address("monitoring_dashboard", "global", at.name("churn-europe")),
        fields=Dashboard("churn", TILES, ours),
        edits=(
            {"display_name": "churn in europe"},
            {"tiles": {**TILES, "About": (Shown(TEXT, "# churn, again"),)}},
            {"tiles": {"Requests": TILES["Requests"], "Latency": TILES["Errors"]}},
            {"tiles": TILES, "display_name": "churn"},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=dashboard.Dashboard,
        places={"display_name": ["display_name"], "tiles": ["mosaic_layout"], "labels": ["labels"]},
        written_by_google=frozenset({"etag"}),
        owner=churn,
        unmarked={"labels": {**ours, "managed-by": "somebody"}},
        meddle=lambda operator: write(operator, filter_page),
        theirs=lambda operator: len(read(operator).dashboard_filters) == 1,
        add_key={"labels": add_label},
    )
    return (example,)
