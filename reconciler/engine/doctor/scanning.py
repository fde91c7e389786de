"""Whether pushed images are scanned where specs wait for that, and what scans say of those that would be deployed.

What is asked for of a repository and what is are two things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.address import Address
from reconciler.core.checkup import Answer, Check, Who
from reconciler.core.planned import Planned
from reconciler.engine.clearances import with_clearances
from reconciler.engine.doctor.case import Case, Checks

_HOST = "containerscanning.googleapis.com"


def looks(case: Case) -> Iterator[tuple[str, Checks]]:
    """Give a look for the repositories whose images are to be scanned; none where no spec says so."""
    wanted: dict[Address, list[str]] = {}
    for loaded in case.services:
        registry = loaded.service.spec.registry
        if registry and registry.scan:
            here = Address("artifact_repository", loaded.region, registry.repository)
            wanted.setdefault(here, []).append(loaded.name)
    if wanted:
        yield "scanning", lambda: _checks(case, wanted)


def clearances(case: Case, made: Planned) -> Iterator[tuple[str, Checks]]:
    """Give a look at what scans and attestations say of the images that would be deployed; none where none is asked."""
    asking = [loaded.service.spec.registry for loaded in case.services if loaded.service.spec.registry]
    if any(each.scan or each.signed for each in asking):
        yield "scan", lambda: _clearances(case, made)


def _clearances(case: Case, made: Planned) -> Iterator[Check]:
    plan = with_clearances(case.session, case.services, made).plan
    for name, found in plan.unclean.items():
        yield from (Check("scan", Answer.FAIL, f"{name}: {why}", services=(name,)) for why in found.blocked)
        yield from (Check("scan", Answer.WARN, f"{name}: {why}", services=(name,)) for why in found.waiting)
    for name, found in plan.scans.items():
        lines = (*found.warnings, *found.serving, *found.unsure)
        yield from (Check("scan", Answer.WARN, f"{name}: {why}", services=(name,)) for why in lines)


def _checks(case: Case, wanted: dict[Address, list[str]]) -> Iterator[Check]:
    seen = case.session.observe(dict.fromkeys(wanted, ""))
    for address, services in sorted(wanted.items()):
        there = seen.get(address)
        if there is not None:
            yield _check(case, address, there.live.vulnerability_scanning_config, services)


def _check(case: Case, address: Address, scanning: Any, services: Sequence[str]) -> Check:
    """Say of a repository that is there whether what is pushed to it is scanned.

    Source:
        `Repository.VulnerabilityScanningConfig` of artifactregistry v1: the state is Google's, its reason in words.
    """
    state = scanning.enablement_state.name
    why = scanning.enablement_state_reason
    named = tuple(sorted(services))
    if state == "SCANNING_ACTIVE":
        return Check("scanning", Answer.OK, f"images pushed to {address.name} are scanned", services=named)
    line = f"images pushed to {address.name} are not scanned, and none is deployed: {why or state}"
    commands = tuple(_commands(case, address, why, refused=scanning.enablement_config.name == "DISABLED"))
    return Check("scanning", Answer.FAIL, line, Who.PROJECT, commands, named)


def _commands(case: Case, address: Address, why: str, *, refused: bool) -> Iterator[str]:
    """Give what switches it on: the API, the repository's own word, or both."""
    if _HOST in why or not refused:
        yield f"gcloud services enable {_HOST} --project={case.project}"
    if refused:
        update = f"gcloud artifacts repositories update {address.name} --location={address.location}"
        yield f"{update} --project={case.project} --allow-vulnerability-scanning"
