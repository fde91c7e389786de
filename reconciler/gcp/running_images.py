"""Which images a region's services, jobs and functions name: everybody's, not only what is listed as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.keeping import Running, images_in
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.revisions import is_ready, last

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_RUN = "google.cloud.run_v2"
_PAGE = 500


def revisions_in(connection: Connection, region: str) -> list[Running]:
    """Read the services of a region and their revisions: two calls, however many there are."""
    found, revisions = services_in(connection, region)
    return [one for live in found for one in _of_service(live, revisions.get(last(live.name), ()), region)]


def services_in(connection: Connection, region: str) -> tuple[list[Any], Mapping[str, Sequence[Any]]]:
    """Give the services of a region as Google tells them, and the revisions by service: two calls."""
    parent = f"projects/{connection.project}/locations/{region}"
    services = connection.client(_RUN, "services", "Services")
    revisions = connection.client(_RUN, "revisions", "Revisions")
    # Services first: a revision that comes between the two calls is one more that is kept.
    with calling("list", f"run_service/{region}"):
        request = {"parent": parent, "page_size": _PAGE}
        found = list(services.list_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
    if not found:
        return [], {}
    with calling("list", f"revisions in {region}"):
        request = {"parent": f"{parent}/services/-", "page_size": 1000}
        listed = list(revisions.list_revisions(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
    grouped: dict[str, list[Any]] = {}
    for each in listed:
        grouped.setdefault(last(each.service), []).append(each)
    return found, grouped


def _of_service(live: Any, revisions: Any, region: str) -> Iterator[Running]:
    name = f"{region}/{last(live.name)}"
    newest = {last(live.latest_ready_revision), last(live.latest_created_revision)}
    shares = [*live.traffic, *live.traffic_statuses]
    for each in revisions:
        short = last(each.name)
        mine = [share for share in shares if last(share.revision) == short or (not share.revision and short in newest)]
        yield Running(
            service=name,
            name=short,
            images=tuple(container.image for container in each.containers),
            created=each.create_time,
            ready=is_ready(each),
            percent=max((share.percent for share in mine), default=0),
            tags=tuple(sorted({share.tag for share in mine if share.tag})),
            latest=short in newest,
        )
    # What the next revision is made of, should it not be there yet.
    images = tuple(container.image for container in live.template.containers)
    yield Running(name, "(template)", images, live.update_time, latest=True)


def jobs_in(connection: Connection, region: str) -> Mapping[str, tuple[str, ...]]:
    """Give the images of a region's jobs, by job in words."""
    return {
        f"job: {region}/{last(live.name)}": tuple(each.image for each in live.template.template.containers)
        for live in live_jobs_in(connection, region)
    }


def live_jobs_in(connection: Connection, region: str) -> list[Any]:
    """Give the jobs of a region as Google tells them."""
    jobs = connection.client(_RUN, "jobs", "Jobs")
    with calling("list", f"run_job/{region}"):
        request = {"parent": f"projects/{connection.project}/locations/{region}", "page_size": _PAGE}
        return list(jobs.list_jobs(request=request, retry=READING, timeout=CALL_TIMEOUT_S))


def functions_in(connection: Connection, region: str) -> Mapping[str, tuple[str, ...]]:
    """Give the images that a region's functions have in their settings: those that trainings start from."""
    found = live_functions_in(connection, region)
    return {f"trainings of {region}/{last(live.name)}": images_of_function(live) for live in found}


def live_functions_in(connection: Connection, region: str) -> list[Any]:
    """Give the functions of a region as Google tells them."""
    functions = connection.client("google.cloud.functions_v2", "function_service", "FunctionService")
    with calling("list", f"functions_function/{region}"):
        request = {"parent": f"projects/{connection.project}/locations/{region}", "page_size": _PAGE}
        return list(functions.list_functions(request=request, retry=READING, timeout=CALL_TIMEOUT_S))


def images_of_function(live: Any) -> tuple[str, ...]:
    """Give the images that a function has in its settings."""
    texts = live.service_config.environment_variables.values()
    return tuple(image.reference for text in texts for image in images_in(text))
