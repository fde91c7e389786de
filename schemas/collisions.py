"""Names that several services of one load would share, and what all of a project must say alike.

Source:
    Names are joined with hyphens and hold hyphens (`a-b` + `c` is `a` + `b-c`); a function becomes a Cloud Run service
    of its name: cloudfunctions v2 `functions.create functionId`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.names import SERVICE_LONGEST, derived_name, own_topics, page_name, service_account_id
from schemas.operator import Operator
from schemas.place import Document
from schemas.problems import Problem
from schemas.refusal import shown
from schemas.sections.access import AUTO
from schemas.service import MLService
from schemas.tables import full_table, split_table

_EXPORT = "spec.budget.export"
_Claim = tuple[str | None, str, str]  # project, sort of thing, name


@dataclass(frozen=True, slots=True)
class Named:
    """A service, the project it goes to, and where it was written."""

    service: MLService
    project: str | None
    document: Document


def collisions(services: list[Named]) -> Iterator[Problem]:
    """Services of one name, and services whose derived names meet."""
    owners: dict[_Claim, Named] = {}
    for each in services:
        rivals = {claim: owners[claim] for claim in _claims(each) if claim in owners}
        if rivals:
            yield _problem(each, *next(iter(rivals.items())))
        for claim in _claims(each):
            owners.setdefault(claim, each)


Topics = Mapping[str | None, Mapping[str, Named]]
"""By project, the topics that a retraining tells its decisions to, and whose they are."""


def topics_told(services: list[Named]) -> Topics:
    """Index the topics of every retraining of the load."""
    told: dict[str | None, dict[str, Named]] = {}
    for each in services:
        told.setdefault(each.project, {}).update(dict.fromkeys(topics_of(each.service), each))
    return told


def chained(each: Named, told: Topics) -> Iterator[Problem]:
    """Triggers that listen to what another service's retraining tells: each decision would be an event, in a ring.

    Args:
        each: The service whose triggers these are.
        told: The topics of all of the load.
    """
    for index, trigger in enumerate(each.service.spec.triggers):
        topic = _id_here(trigger.when.pubsub or "", each.project)
        other = told.get(each.project, {}).get(topic)
        if other and other is not each:
            where = each.document.where(f"spec.triggers[{index}].when.pubsub")
            summary = f"{shown(topic)} is a topic of the retraining of {shown(other.service.name)}"
            hint = "each decision there would be an event: publish to a topic of your own when it is time"
            yield Problem(where, summary, hint, rule="pubsub-loop")


def topics_of(service: MLService) -> frozenset[str]:
    """Ids of the topics that a service's retraining makes: its own part of names.own_topics."""
    if service.spec.retraining is None:
        return frozenset()
    return own_topics(service.name, (each.name for each in service.spec.triggers if each.when.storage is not None))


def _id_here(topic: str, project: str | None) -> str:
    """Give a topic's id where it is in the service's project; empty where it is in another one."""
    there, _, name = topic.removeprefix("projects/").partition("/topics/")
    if not name:
        return topic
    return name if there == project else ""


Exports = Mapping[str | None, Sequence[Named]]
"""By project, the services that name an export of the bill, in file order."""


def exports_named(services: list[Named]) -> Exports:
    """Index the services of the load that name where their bill is."""
    found: dict[str | None, list[Named]] = {}
    for each in services:
        if _export(each):
            found.setdefault(each.project, []).append(each)
    return found


def billed_apart(each: Named, exports: Exports) -> Iterator[Problem]:
    """A service whose bill is said to be elsewhere than the first one's of its project, which has one view of it.

    Args:
        each: The service.
        exports: Of all of the load.
    """
    first = exports.get(each.project, [each])[0]
    if _export(each) and _differ(_export(each), _export(first)):
        where, there = each.document.where(_EXPORT), first.document.where(_EXPORT)
        summary = f"{shown(_export(each))} is not the export that {shown(first.service.name)} names"
        hint = f"a project has one view of its bill: that of {there.file}:{there.line} is {_export(first)}"
        yield Problem(where, summary, hint, rule="billing-export")


def _export(each: Named) -> str:
    budget = each.service.spec.budget
    named = (budget and budget.export) or ""
    return full_table(named, each.project) if named and each.project else named


def _differ(one: str, other: str) -> bool:
    """Tell whether two tables are surely not the same: where a project is not known, the rest tells."""
    (mine, *table), (theirs, *another) = split_table(one, ""), split_table(other, "")
    return table != another or (mine != theirs and bool(mine and theirs))


def several_operators(operators: list[tuple[str | None, Document]]) -> Iterator[Problem]:
    """Operators of one project after the first: two would undo each other's work.

    Args:
        operators: Project and document of each.
    """
    first: dict[str | None, Document] = {}
    for project, document in operators:
        known = first.setdefault(project, document)
        if known is not document:
            where, place = document.where("metadata.name"), known.where("metadata.name")
            hint = f"the other is at {place.file}:{place.line}; a project has one"
            yield Problem(where, "there are two operators", hint, rule="one-operator")


def pages_names(services: list[Named], operators: list[tuple[str | None, Operator, Document]]) -> Iterator[Problem]:
    """Services whose name, or whose function's, an operator's page has.

    Args:
        services: Of the load.
        operators: Each with its project and document.
    """
    for project, operator, document in operators:
        taken = (project, "service", page_name(operator.name))
        for each in services:
            here = operator.spec.page.enabled and operator.spec.region == each.service.spec.region
            if here and taken in _claims(each):
                place = document.where("spec.page")
                summary = f"{shown(taken[2])} is the name of the operator's page"
                hint = f"rename it; the page is at {place.file}:{place.line}"
                yield Problem(each.document.where("metadata.name"), summary, hint, rule="service-name")


def _claims(each: Named) -> Iterator[_Claim]:
    service, project = each.service, each.project
    yield project, "service", service.name
    if service.spec.access.service_account == AUTO:
        yield project, "service account", service_account_id(service.name)
    if service.spec.retraining is not None:  # the function becomes a Cloud Run service of its name
        yield project, "service", derived_name(service.name, "retrain", longest=SERVICE_LONGEST)
        yield project, "service account", service_account_id(service.name, "retrain")


def _problem(each: Named, claim: _Claim, rival: Named) -> Problem:
    first = rival.document.where("metadata.name")
    place = f"{first.file}:{first.line}"
    where = each.document.where("metadata.name")
    _, sort, name = claim
    if each.service.name == rival.service.name:
        return Problem(
            where, f"{shown(name)} is the name of two services", f"the other is at {place}", rule="service-name"
        )
    summary = f"{shown(each.service.name)} and {shown(rival.service.name)} both need the {sort} {shown(name)}"
    return Problem(where, summary, f"rename one; the other is at {place}", rule="service-name")
