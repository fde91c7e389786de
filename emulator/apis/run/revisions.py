"""Revisions: read and delete. They are made by writes to their service (`services.new_revision`).

Source: `google.cloud.run.v2.Revisions`; kinds.md 3.2.
"""

from typing import Any

from emulator.apis.run.addresses import load
from emulator.apis.run.deployment import remove
from emulator.apis.run.messages import Revision
from emulator.apis.run.names import location, short
from emulator.apis.run.stored import REVISIONS, SERVICES
from emulator.apis.run.writes import API, check_etag, only_validated
from emulator.apis.standard import Listing, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import NEWEST_FIRST
from emulator.core.resources import timestamp
from emulator.core.world import World

REVISION = "google.cloud.run.v2.Revisions/"
IN_USE = "Revision '{name}' cannot be deleted because it is {why}."


@API.method(REVISION + "DeleteRevision")
def delete_revision(world: World, request: Any, _: Call) -> Any:
    """Delete one that neither serves nor is the latest of its service."""
    with world.store.transaction():
        revision = REVISIONS.get(world, request.name)
        check_etag(request.etag, revision)
        check_unused(world, revision)
        if request.validate_only:
            return only_validated(revision)
        now = timestamp(world.clock.now())
        revision.delete_time.CopyFrom(now)
        revision.reconciling = True
        REVISIONS.remove(world, revision.name)
    return world.operations.start_task(location(revision.name), revision, finish_delete, revision.name)


def check_unused(world: World, revision: Any) -> None:
    """Refuse the deletion of a revision that is needed.

    Raises:
        ApiFailure: FAILED_PRECONDITION.
    """
    service_name = revision.name.partition("/revisions/")[0]
    service = SERVICES.find(world, service_name)
    addresses = load(world, service_name)
    if addresses is not None and revision.name in addresses.revisions():
        why = "serving traffic"
    elif service is not None and short(revision.name) in {target.revision for target in service.traffic}:
        why = "serving traffic"  # or about to: it was written so, and is not routed yet
    elif service is not None and revision.name in (service.latest_created_revision, service.latest_ready_revision):
        why = "the latest revision of its service"
    else:
        return
    raise ApiFailure("FAILED_PRECONDITION", IN_USE.format(name=short(revision.name), why=why))


def finish_delete(world: World, name: str) -> Any:
    """Take the containers away; requests that run may finish."""
    remove(world, name.partition("/revisions/")[0])
    return Revision(name=name)


standard(API, REVISION, "Revision", REVISIONS, listing=Listing(order=NEWEST_FIRST), deleted=None)
