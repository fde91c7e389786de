"""Occurrences: what was found, and where; how many vulnerabilities of which severity, by image."""

import uuid
from collections import Counter
from typing import Any

from google.cloud.devtools.containeranalysis_v1.types import containeranalysis

from emulator.apis.containeranalysis import filters
from emulator.apis.containeranalysis.model import (
    ANALYSIS,
    API,
    NOTES,
    OCCURRENCES,
    PAGE,
    PAGE_MOST,
    SERVICE,
    Kind,
    Occurrence,
    kind_of,
    seen,
)
from emulator.apis.standard import Listing, held, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, by_id, part, timestamp
from emulator.core.world import World

OUTPUT = ("name", "kind", "note_name", "resource_uri", "create_time", "update_time")
Summary = containeranalysis.VulnerabilityOccurrencesSummary.pb()


@API.method(SERVICE + "CreateOccurrence")
def create_occurrence(world: World, request: Any, _: Call) -> Any:
    """One of a note that is there; the server picks its name."""
    part(request.parent, "projects")
    sent = request.occurrence
    note = NOTES.get(world, by_id(world, sent.note_name))
    occurrence = Occurrence()
    occurrence.CopyFrom(sent)
    occurrence.kind = kind_of(occurrence)
    if note.kind != occurrence.kind or not sent.resource_uri:
        raise ApiFailure("INVALID_ARGUMENT", "an occurrence has a resourceUri, and is of the kind of its note")
    occurrence.name = f"{by_id(world, request.parent)}/occurrences/{uuid.uuid4()}"
    occurrence.note_name = note.name
    occurrence.create_time.CopyFrom(timestamp(world.clock.now()))
    occurrence.update_time.CopyFrom(occurrence.create_time)
    OCCURRENCES.insert(world, occurrence)
    return occurrence


@API.method(SERVICE + "UpdateOccurrence")
def update_occurrence(world: World, request: Any, _: Call) -> Any:
    """Change one; what it is of stays."""
    with world.store.transaction():
        occurrence = OCCURRENCES.get(world, by_id(world, request.name))
        apply_mask(occurrence, request.occurrence, list(request.update_mask.paths) or ["*"], keep=OUTPUT)
        occurrence.update_time.CopyFrom(timestamp(world.clock.now()))
        OCCURRENCES.save(world, occurrence)
    return occurrence


@API.method(SERVICE + "GetOccurrenceNote")
def get_occurrence_note(world: World, request: Any, _: Call) -> Any:
    """The note of one, also where that is in a project of Google's."""
    return NOTES.get(world, OCCURRENCES.get(world, by_id(world, request.name)).note_name)


@API.method(ANALYSIS + "GetVulnerabilityOccurrencesSummary")
def summarise(world: World, request: Any, _: Call) -> Any:
    """Vulnerabilities by image and effective severity; without a severity: all of the image."""
    part(request.parent, "projects")
    stored = OCCURRENCES.read(OCCURRENCES.below(world, seen(world, request.parent)))
    total: Counter[tuple[str, int]] = Counter()
    fixable: Counter[tuple[str, int]] = Counter()
    for each in filters.matching(stored, request.filter):
        if each.kind == Kind.VULNERABILITY:
            for key in ((each.resource_uri, each.vulnerability.effective_severity), (each.resource_uri, 0)):
                total[key] += 1
                fixable[key] += each.vulnerability.fix_available
    answer = Summary()
    for (uri, severity), count in sorted(total.items()):
        kept = fixable[uri, severity]
        answer.counts.add(resource_uri=uri, severity=severity, fixable_count=kept, total_count=count)
    return answer


standard(
    API,
    SERVICE,
    "Occurrence",
    OCCURRENCES,
    listing=Listing(default=PAGE, most=PAGE_MOST, matching=filters.matching),
    policies=held(OCCURRENCES),
)
