"""Making a service what its spec says: deploy the newest revision, then move traffic, then say how it went.

Every step reads the stored service afresh and can be repeated, so a restart in the middle finishes the work.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emulator.apis.run import authorization, conditions, gpus, programs, secrets
from emulator.apis.run.addresses import KIND, MAIN, Addresses, changing, load, routes_of, save
from emulator.apis.run.messages import INGRESS_ALL, LATEST, MANUAL, REVISION, TrafficTargetStatus
from emulator.apis.run.names import missing, parts, short
from emulator.apis.run.running import plane
from emulator.apis.run.stored import REVISIONS, SERVICES
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.identity import iam_policy
from emulator.processes.model import Outcome

INVOKER = "roles/run.invoker"
CODES = {"CONTAINER_MISSING": "NOT_FOUND", "HEALTH_CHECK_CONTAINER_ERROR": "FAILED_PRECONDITION"}
"""Status of the operation by what failed; others end with INTERNAL, as reports of deployments show it."""
NOT_READY = "Revision '{name}' is not ready and cannot serve traffic. {message}"
NO_REVISION = (
    "Revision '{name}' does not exist or is deleted. Update all traffic to route to currently available revisions."
)
"""terraform-google-modules/terraform-docs-samples PR 269."""
GIVE_UP_EVERY_S = 0.3


class Locks(dict[str, threading.Lock]):
    """One lock per service of this cloud, by its name."""


def reconcile(world: World, name: str, uid: str = "") -> Any:
    """Do what a create or update operation waits for; answers the service.

    Args:
        world: Where.
        name: Of the service.
        uid: Of the service that was written; another one of its name has an operation of its own. Empty: whichever.

    Raises:
        ApiFailure: It does not work: the service is there and its conditions say the same.
    """
    with one_at_a_time(world, name):
        try:
            revision, settled, deployed, routed = converge(world, name, uid)
        except ApiFailure as failure:
            now = SERVICES.find(world, name)
            if now is None or now.uid != (uid or now.uid):
                raise ApiFailure("ABORTED", f"Service '{short(name)}' was deleted.") from failure
            raise
    raise_failure(deployed, routed, revision)
    return settled


def converge(world: World, name: str, uid: str = "") -> tuple[str, Any, Outcome, Outcome]:
    """Deploy, route and settle until nobody has changed the service meanwhile.

    Returns:
        Short name of the newest revision, the settled service, how deployment and routing went.

    Raises:
        ApiFailure: The service is gone.
    """
    while True:
        service = SERVICES.get(world, name)
        if service.uid != (uid or service.uid):
            raise missing("SERVICE", name)
        with gpus.kept_free(world, service.latest_created_revision):
            deployed = deploy(world, service)
            routed = route(world, name)
        if (settled := settle(world, service, deployed, routed)) is not None:
            return short(settled.latest_created_revision), settled, deployed, routed


@contextmanager
def one_at_a_time(world: World, name: str) -> Iterator[None]:
    """Work on a service alone; a deployment that a newer write has overtaken is not waited for."""
    lock = world.part(Locks, Locks).setdefault(name, threading.Lock())
    while not lock.acquire(timeout=GIVE_UP_EVERY_S):
        give_up_older(world, name)
    try:
        yield
    finally:
        lock.release()


def give_up_older(world: World, name: str) -> None:
    """Stop the deployment of revisions that a newer write has overtaken: they may have minutes of probing left."""
    service = SERVICES.find(world, name)
    latest = service.latest_created_revision if service is not None else ""
    gone = []
    for found, _ in world.store.list(programs.KIND, f"{name}/revisions/"):
        revision = REVISIONS.find(world, found)
        if revision is None or (revision.reconciling and found != latest):
            gone.append(found)
    plane(world).remove(gone)


def raise_failure(deployed: Outcome, routed: Outcome, revision: str) -> None:
    """End the operation with the error of the step that failed.

    Raises:
        ApiFailure: A step failed.
    """
    if not deployed.ready:
        message = NOT_READY.format(name=revision, message=deployed.message)
        raise ApiFailure(CODES.get(deployed.reason, "INTERNAL"), message)
    if not routed.ready:
        raise ApiFailure("INTERNAL", routed.message)


def deploy(world: World, service: Any) -> Outcome:
    """Start the newest revision, if that has not been tried, and write down how it went."""
    name = service.latest_created_revision
    revision = REVISIONS.get(world, name)
    ready = next((c for c in revision.conditions if c.type_ == "Ready"), None)
    if ready is not None and ready.state == conditions.SUCCEEDED:
        return Outcome()
    if ready is not None and ready.state == conditions.FAILED:
        return Outcome(_reason(ready), ready.message)
    outcome, sources = _start(world, revision)
    with world.store.transaction():
        revision = REVISIONS.find(world, name)
        if revision is not None:
            show_deployed(world, revision, sources, outcome)
            REVISIONS.save(world, revision)
    return outcome


def _start(world: World, revision: Any) -> tuple[Outcome, list[programs.Source]]:
    sources, outcome = programs.find_sources(world, revision.containers)
    if outcome.ready:
        project = parts(revision.name)["projects"]
        outcome = secrets.check(world, project, revision.service_account, revision)
    if outcome.ready:
        outcome = authorization.check(world, revision, sources)
    if outcome.ready:
        outcome = gpus.check_free(world, revision)
    if outcome.ready:
        programs.save_sources(world, revision.name, sources)
        outcome = plane(world).deploy(revision.name)
    return outcome, sources


def _reason(condition: Any) -> str:
    for field in conditions.REASONS:
        number = getattr(condition, field)
        if number:
            values = condition.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
            return str(values[number].name)
    return "INTERNAL"


def show_deployed(world: World, revision: Any, sources: list[programs.Source], outcome: Outcome) -> None:
    """Write how a deployment went into its revision: conditions, digests."""
    now = world.clock.now()
    healthy = outcome if outcome.reason == "HEALTH_CHECK_CONTAINER_ERROR" else Outcome()
    available = Outcome() if outcome.reason == "HEALTH_CHECK_CONTAINER_ERROR" else outcome
    new = [conditions.ended("Ready", now, outcome), conditions.ended("ContainerHealthy", now, healthy)]
    new += [conditions.ended("ResourcesAvailable", now, available), conditions.ended("Active", now, outcome)]
    conditions.put(revision.conditions, new)
    revision.reconciling = False
    revision.observed_generation = revision.generation
    revision.update_time.CopyFrom(timestamp(now))
    for container, source in zip(revision.containers, sources, strict=False):
        container.image = source.pinned


def route(world: World, name: str) -> Outcome:
    """Send traffic where the service says; where that cannot be, it stays as it was."""
    service = SERVICES.get(world, name)
    statuses, outcome = resolve(world, service)
    if not outcome.ready:
        return outcome
    with changing(world, name):
        before = load(world, name) or Addresses()
        after = addresses_of(world, service, statuses, before)
        save(world, name, after)
        retired = tuple(sorted(before.revisions() - after.revisions()))
        plane(world).route(routes_of(world, name, after), retired)
    plane(world).close([port for tag, port in before.ports.items() if tag not in after.ports])
    show_activity(world, after.revisions(), set(retired))
    return Outcome()


def resolve(world: World, service: Any) -> tuple[list[tuple[str, Any]], Outcome]:
    """Find the revision behind each traffic target: LATEST is the latest that is ready.

    Returns:
        Pairs of full revision name and target, and the outcome.
    """
    found: list[tuple[str, Any]] = []
    latest = latest_ready(world, service)
    for target in service.traffic:
        name = latest if target.type_ == LATEST else f"{service.name}/revisions/{target.revision}"
        if target.type_ == LATEST and not name:
            continue  # nothing is ready yet: the address answers 404
        if target.type_ == REVISION and not is_ready(world, name):
            return found, Outcome("REVISION_FAILED", NO_REVISION.format(name=target.revision))
        found.append((name, target))
    return found, Outcome()


def latest_ready(world: World, service: Any) -> str:
    """Full name of the newest revision that is ready, or empty."""
    if is_ready(world, service.latest_created_revision):
        return str(service.latest_created_revision)
    return str(service.latest_ready_revision)


def is_ready(world: World, revision: str) -> bool:
    """Tell whether a revision is there and passed its deployment."""
    found = REVISIONS.find(world, revision)
    return found is not None and any(c.type_ == "Ready" and c.state == conditions.SUCCEEDED for c in found.conditions)


def addresses_of(world: World, service: Any, targets: list[tuple[str, Any]], before: Addresses) -> Addresses:
    """Write down what each address of a service serves, opening new ones and keeping known ones."""
    after = Addresses(
        public=is_public(world, service),
        internal=service.ingress != INGRESS_ALL,
        audiences=list(service.custom_audiences),
        iap=service.iap_enabled,
    )
    manual = service.scaling.scaling_mode == MANUAL
    set_by_hand = by_hand(world, service, targets) if manual else {}
    for name, target in targets:
        if target.percent:
            one = set_by_hand.get(name) or share(world, service, name, target.percent)
            after.shares.setdefault(MAIN, []).append((name, target.percent, *one[2:]))
        if target.tag:
            one = set_by_hand.get(name) or share(world, service, name, 100, tagged_only=True)
            after.shares[target.tag] = [(name, 100, *one[2:])]
    after.shares.setdefault(MAIN, [])
    for tag in after.shares:
        after.ports[tag] = before.ports.get(tag) or plane(world).listen()
    return after


Kept = tuple[str, int, int, int | None, bool]
"""A share as it is written down: revision, percent, instances to keep, most of the service, whether set by hand."""


def share(world: World, service: Any, revision: str, percent: int, *, tagged_only: bool = False) -> Kept:
    """One share of an address, with the instances that service and revision want kept.

    The service's minimum is divided by percentage; a revision's own holds while it has traffic or a tag
    (https://cloud.google.com/run/docs/configuring/min-instances).
    """
    wanted = service.scaling.min_instance_count
    divided = 0 if tagged_only else math.ceil(wanted * percent / 100)
    own = REVISIONS.get(world, revision).scaling.min_instance_count
    return revision, percent, max(divided, own), service.scaling.max_instance_count or None, False


def by_hand(world: World, service: Any, targets: list[tuple[str, Any]]) -> dict[str, Kept]:
    """Each revision's share where the number of instances is set by hand: they are divided by percentage.

    One that has a tag alone is kept apart: it has its own minimum, and else one instance at most.
    Source: https://cloud.google.com/run/docs/configuring/services/manual-scaling.
    """
    percents: dict[str, int] = {}
    for name, target in targets:
        percents[name] = percents.get(name, 0) + target.percent
    counts = divided(service.scaling.manual_instance_count, {name: each for name, each in percents.items() if each})
    found: dict[str, Kept] = {}
    for name, percent in percents.items():
        own = REVISIONS.get(world, name).scaling.min_instance_count
        least, most = (counts[name], counts[name]) if percent else (own, own or 1)
        found[name] = (name, percent, least, most, True)
    return found


def divided(count: int, percents: dict[str, int]) -> dict[str, int]:
    """Divide a number of instances by percentage: whole ones, and all of them; the largest parts are rounded up."""
    exact = {name: count * percent / 100 for name, percent in percents.items()}
    found = {name: math.floor(part) for name, part in exact.items()}
    largest = sorted(exact, key=lambda name: (found[name] - exact[name], name))
    for name in largest[: count - sum(found.values())]:
        found[name] += 1
    return found


def is_public(world: World, service: Any) -> bool:
    """Tell whether anybody may call: by the policy, or because the check is switched off."""
    return bool(service.invoker_iam_disabled) or "allUsers" in iam_policy.members(world, service.name, INVOKER)


def show_activity(world: World, active: set[str], retired: set[str]) -> None:
    """Write into revisions whether they serve."""
    now = world.clock.now()
    with world.store.transaction():
        for name in active | retired:
            revision = REVISIONS.find(world, name)
            if revision is None:
                continue
            outcome = Outcome() if name in active else Outcome("RETIRED", "Revision retired.")
            conditions.put(revision.conditions, [conditions.ended("Active", now, outcome)])
            REVISIONS.save(world, revision)


def settle(world: World, seen: Any, deployed: Outcome, routed: Outcome) -> Any:
    """Write the result into the service; None when it was changed meanwhile and has to be looked at again."""
    now = world.clock.now()
    with world.store.transaction():
        service = SERVICES.find(world, seen.name)
        if service is None or (service.uid, service.generation) != (seen.uid, seen.generation):
            return None
        service.observed_generation = service.generation
        service.reconciling = False
        service.latest_ready_revision = latest_ready(world, service)
        shown = _shown(deployed, short(service.latest_created_revision))
        reached = routed if service.latest_ready_revision else shown
        conditions.put(
            service.conditions,
            [conditions.ended("RoutesReady", now, reached), conditions.ended("ConfigurationsReady", now, shown)],
        )
        ready = conditions.ended("Ready", now, routed if shown.ready else shown)
        service.terminal_condition.CopyFrom(ready)
        _show_addresses(world, service, moved=routed.ready)
        SERVICES.save(world, service)
    return service


def _shown(deployed: Outcome, revision: str) -> Outcome:
    if deployed.ready:
        return deployed
    return Outcome(deployed.reason, NOT_READY.format(name=revision, message=deployed.message))


def show_addresses(world: World, name: str) -> None:
    """Write a service's addresses into it again: a port has changed at a restart."""
    with world.store.transaction():
        service = SERVICES.find(world, name)
        if service is not None:
            _show_addresses(world, service, moved=False)
            SERVICES.save(world, service)


def _show_addresses(world: World, service: Any, *, moved: bool) -> None:
    """Write uri and the state of traffic: as asked for where it `moved`, else as it was."""
    addresses = load(world, service.name)
    if addresses is None:
        return
    service.uri = addresses.uri()
    service.urls[:] = [service.uri]
    if moved:
        del service.traffic_statuses[:]
        for target in service.traffic:
            fields = {name: getattr(target, name) for name in ("type_", "revision", "percent", "tag")}
            service.traffic_statuses.append(TrafficTargetStatus(**fields))
    for status in service.traffic_statuses:
        if status.tag in addresses.ports and status.tag:
            status.uri = addresses.uri(status.tag)


def reroute(world: World, name: str) -> None:
    """Take up a change of the policy: who may call is part of the address."""
    with changing(world, name):
        addresses = load(world, name)
        service = SERVICES.find(world, name)
        if addresses is not None and service is not None:
            addresses.public = is_public(world, service)
            save(world, name, addresses)
            plane(world).route(routes_of(world, name, addresses))


def remove(world: World, name: str) -> None:
    """Take a deleted service's addresses and revisions away; what is in flight may finish."""
    with one_at_a_time(world, name):
        with changing(world, name):
            addresses = load(world, name)
            if SERVICES.find(world, name) is None and addresses is not None:
                world.store.delete(KIND, name)
                plane(world).close(list(addresses.ports.values()))
        present = {found for found, _ in world.store.list(REVISIONS.kind, f"{name}/revisions/")}
        gone = [found for found, _ in world.store.list(programs.KIND, f"{name}/revisions/") if found not in present]
        plane(world).remove(gone)
        for revision in gone:
            world.store.delete(programs.KIND, revision)
