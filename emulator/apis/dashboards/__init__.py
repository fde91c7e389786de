"""Cloud Monitoring dashboards v1: kept and checked, as the other half of Cloud Monitoring is; nothing is drawn.

Source: kinds.md 9.4, constraints.md section 8, recordings monitoring_dashboard; the message comments of
google-cloud-monitoring-dashboards 3.2.0. Words of refusals are in the service's style where no source is named.
"""

import uuid
from typing import Any

from google.cloud.monitoring_dashboard_v1.types import dashboard, text

from emulator.apis.dashboards import checks
from emulator.apis.standard import Listing, standard
from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, check_etag, check_id, etag_of, fits
from emulator.core.world import World

API = Api("dashboards")
SERVICE = "google.monitoring.dashboard.v1.DashboardsService/"
Dashboard = dashboard.Dashboard.pb()
ID = r"[A-Za-z0-9_-]{1,100}"
MARKDOWN: int = text.Text.Format.MARKDOWN
PAGE = 1000
"""Source: comment of `ListDashboardsRequest.page_size`."""


def by_number(world: World, name: str) -> str:
    """A name with the project's number, however the caller named the project (kinds.md 9.4)."""
    words = name.split("/")
    if len(words) > 1 and words[1]:
        words[1] = world.project_number(words[1])
    return "/".join(words)


DASHBOARDS = Collection("monitoring.dashboard", Dashboard, "projects/*/dashboards/*", key=by_number, place=by_number)


@API.method(SERVICE + "CreateDashboard")
def create(world: World, request: Any, _: Call) -> Any:
    """Make one, under the id in its name, or under one of the server's."""
    sent, parent = request.dashboard, by_number(world, request.parent)
    if not fits("projects/*", parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.parent!r}.")
    if sent.etag:
        raise ApiFailure("INVALID_ARGUMENT", "Field dashboard.etag must not be set on creation.")
    made = Dashboard()
    made.CopyFrom(sent)
    made.name = by_number(world, sent.name) if sent.name else f"{parent}/dashboards/{uuid.uuid4()}"
    if not fits(f"{parent}/dashboards/*", made.name):
        raise ApiFailure("INVALID_ARGUMENT", f"Field dashboard.name {sent.name!r} is not one of {request.parent}.")
    check_id("dashboard id", made.name.rpartition("/")[2], ID)
    settle(made)
    if not request.validate_only:
        DASHBOARDS.insert(world, made)
    return made


@API.method(SERVICE + "UpdateDashboard")
def update(world: World, request: Any, _: Call) -> Any:
    """Replace one whole: there is no mask."""
    sent = request.dashboard
    with world.store.transaction():
        before = DASHBOARDS.get(world, by_number(world, sent.name))
        check_etag(sent.etag, before.etag)
        made = Dashboard()
        made.CopyFrom(sent)
        made.name = before.name
        settle(made)
        if not request.validate_only:
            DASHBOARDS.save(world, made)
    return made


def settle(made: Any) -> None:
    """Check one that is about to be kept, and fill in what the server says."""
    checks.check(made)
    for widget in checks.widgets(made):
        if widget.WhichOneof("content") == "text":
            # Source: kinds.md 9.4, "empty style objects and default formats inside widgets".
            widget.text.format_ = widget.text.format_ or MARKDOWN
            widget.text.style.SetInParent()
    made.etag = etag_of(made)


standard(API, SERVICE, "Dashboard", DASHBOARDS, listing=Listing(default=PAGE, most=PAGE))
