"""What a request is about to make, so that it can be found again."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.conformance.place import Place
from tests.conformance.target.journal import Made, account_of, run_in
from tests.conformance.target.sorts import SORTS

STAYS = {"/google.monitoring.v3.MetricService/CreateMetricDescriptor"}
"""Makes what is the project's and no run's: the description of a metric that all operators there write."""
WITHIN = (
    "/v1/projects/*/locations/global/workloadIdentityPools/*/providers",
    "/bigquery/v2/projects/*/datasets/*/tables",
    "/storage/v1/b/*/notificationConfigs",
    "/upload/storage/v1/b/*/o",
)
"""What is posted here goes with what it is in, which is the last `*`."""
JOBS = "/bigquery/v2/projects/*/jobs"
"""What is posted here is a record that Google forgets by itself; what it does must be done to what this run made."""
CHANGES = {"getIamPolicy", "setIamPolicy", "testIamPermissions", "pause", "resume", "undelete", "mergeVersionAliases"}
"""What is posted to something that is there already, behind a colon."""
GRANTS = next(sort for sort in SORTS if sort.name == "grant")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/".join("([^/]+)" if part == "*" else re.escape(part) for part in path.split("/")))


CALLS = {sort.made_by: sort for sort in SORTS if sort.made_by.startswith("/")}
POSTS = [(_pattern(sort.made_by.removeprefix("POST ")), sort) for sort in SORTS if sort.made_by.startswith("POST ")]
PARENTS = [_pattern(path) for path in WITHIN]
RECORDS = _pattern(JOBS)


def made_by(verb: str, url: str, body: Any, at: Place) -> list[Made]:
    """Say what a request is about to make.

    Raises:
        LookupError: It makes something that nobody would find again: it must not be sent.
    """
    if verb == "GRPC":
        return _called(url, body, at)
    return _posted(url, body, at) if verb == "POST" else []


def _called(method: str, body: Any, at: Place) -> list[Made]:
    if method.endswith("/SetIamPolicy") and body.get("resource") == at.top:
        return _granted(body["policy"], at)
    sort = CALLS.get(method)
    if sort is None:
        if method.rpartition("/")[2].startswith("Create") and method not in STAYS:
            raise LookupError(f"{method} makes what nobody would find again: add it to SORTS")
        return []
    name = sort.called.format(**body)
    if sort.name == "account":
        name = f"{name}@{at.project}.iam.gserviceaccount.com"
    return [Made(sort.name, name)]


def _granted(policy: Any, at: Place) -> list[Made]:
    members = {member for binding in policy.get("bindings", ()) for member in binding["members"]}
    run = run_in(at.prefix)
    return [Made(GRANTS.name, member) for member in sorted(members) if run and run_in(account_of(member)) == run]


def _posted(url: str, body: Any, at: Place) -> list[Made]:
    where = urlsplit(url)
    for pattern, sort in POSTS:
        if pattern.fullmatch(where.path):
            parent = where.path.split("/", 2)[2].rpartition("/")[0]
            return [Made(sort.name, sort.called.format(**{**body, **dict(parse_qsl(where.query)), "parent": parent}))]
    changes = where.path.rpartition("/")[2].partition(":")[2] in CHANGES
    loads = RECORDS.fullmatch(where.path) is not None and _loads(body, at)
    if not changes and not loads and not _within(where.path, at):
        raise LookupError(f"POST {where.path} makes what nobody would find again: add it to SORTS")
    return []


def _within(path: str, at: Place) -> bool:
    """Tell whether it makes something in what this run made."""
    found = next(filter(None, (pattern.fullmatch(path) for pattern in PARENTS)), None)
    return found is not None and _ours(found.groups()[-1], at)


def _loads(body: Any, at: Place) -> bool:
    """Tell whether a job does no more than load a table of a dataset that this run made."""
    configuration = body.get("configuration", {})
    goal = configuration.get("load", {}).get("destinationTable", {})
    return (
        configuration.keys() == {"load"}
        and goal.get("projectId") == at.project
        and _ours(goal.get("datasetId", ""), at)
    )


def _ours(name: str, at: Place) -> bool:
    run = run_in(at.prefix)
    return bool(run) and run_in(name) == run
