"""The scan of an image: known at the push, looked at a little later, and again whenever something new is known.

A scan takes two minutes of the emulator's time. A fault of the method `containerscanning.scan` with a status makes it
fail. Images that nobody pushed or pulled for 30 days are no longer looked at again, until somebody pulls them.

Source: https://cloud.google.com/artifact-analysis/docs/container-scanning-overview (scanned at the push, by digest,
continuous analysis for 30 days after the last push or pull); comments of `DiscoveryOccurrence` of grafeas 1.25.0.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.rpc import code_pb2, status_pb2

from emulator.apis.containeranalysis import database
from emulator.apis.containeranalysis.model import (
    NOTES,
    OCCURRENCES,
    Discovery,
    Kind,
    Note,
    Occurrence,
    Severity,
    Vulnerability,
)
from emulator.core.failures import CODES
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.images import Image, Images
from emulator.images.inventory import NotScannableError, Package, is_index, packages
from emulator.images.reference import registry_path

SCAN = "containerscanning.scan"
BEGINS_AFTER, TAKES = timedelta(seconds=30), timedelta(seconds=90)
WATCHED = timedelta(days=30)
USED = "containeranalysis.used"
"""Image -> when it was last pushed or pulled, ISO 8601."""
DISCOVERED = "projects/goog-analysis/notes/PACKAGE_VULNERABILITY"
NOTES_OF = "projects/goog-vulnz/notes"


def uri_of(image: Image) -> str:
    """As occurrences name an image: with the scheme and the digest, never by a tag (kinds.md 13)."""
    name = image.package.rpartition("/")[2].replace("%2F", "/")
    return f"https://{registry_path(image.repository)}/{name}@{image.digest}"


def name_of(image: Image, what: str) -> str:
    """The name of the occurrence of an image and a note: always the same one."""
    project = "/".join(image.name.split("/")[:2])
    return f"{project}/occurrences/{uuid.uuid5(uuid.NAMESPACE_URL, f'{image.name} {what}')}"


def begin(world: World, name: str) -> None:
    """An image was pushed: what was pushed before is only in use again.

    Args:
        world: Where.
        name: Version name. An index is not scanned: the images are that it names.
    """
    image = world.part(Images).find(name)
    if image is None or is_index(world.part(Images), image):
        return
    if OCCURRENCES.find(world, name_of(image, DISCOVERED)) is not None:
        use(world, name)
        return
    with world.store.transaction():
        note_of_discoveries(world)
        save(world, image, Discovery.AnalysisStatus.PENDING)
        mark(world, image)
    pushed = world.clock.now()
    ends = (pushed + BEGINS_AFTER + TAKES).isoformat()
    world.clock.call_at(pushed + BEGINS_AFTER, look, {"image": name, "ends": ends})


def look(world: World, payload: dict[str, Any]) -> None:
    """It is being looked at; it ends so long after the push, however late the machine was to begin."""
    image = world.part(Images).find(payload["image"])
    found: Any = image and OCCURRENCES.find(world, name_of(image, DISCOVERED))
    if image is None or found is None or found.discovery.analysis_status != Discovery.AnalysisStatus.PENDING:
        return
    save(world, image, Discovery.AnalysisStatus.SCANNING)
    # A timer of an older version of this program, found after a restart, does not say when.
    told = payload.get("ends", "")
    ends = datetime.fromisoformat(told) if told else world.clock.now() + TAKES
    world.clock.call_at(ends, end, {"image": payload["image"]})


def end(world: World, payload: dict[str, Any]) -> None:
    """It was looked at."""
    image = world.part(Images).find(payload["image"])
    if image is not None:
        finish(world, image)


def finish(world: World, image: Image) -> None:
    """Write what is found, or why nothing can be."""
    for hit in world.faults.rule(SCAN, mutating=True).hits:
        if hit.rule.status is not None:
            fail(world, image, CODES[hit.rule.status][0], hit.rule.message)
            return
    try:
        there = packages(world.part(Images), image)
    except NotScannableError as error:
        if error.supported:
            fail(world, image, code_pb2.INTERNAL, str(error))
        else:
            save(world, image, Discovery.AnalysisStatus.FINISHED_UNSUPPORTED)
        return
    with world.store.transaction():
        tell(world, image, there)
        save(world, image, Discovery.AnalysisStatus.FINISHED_SUCCESS, active=True)
    world.clock.call_at(world.clock.now() + WATCHED, rest, {"image": image.name})


def fail(world: World, image: Image, code: int, why: str) -> None:
    """The scan came to nothing."""
    status = status_pb2.Status(code=code, message=why)
    save(world, image, Discovery.AnalysisStatus.FINISHED_FAILED, error=status)


def save(
    world: World, image: Image, status: Any, *, active: bool = False, error: status_pb2.Status | None = None
) -> None:
    """Write how far the scan of an image is."""
    now, name = timestamp(world.clock.now()), name_of(image, DISCOVERED)
    found = OCCURRENCES.find(world, name) or Occurrence(
        name=name, resource_uri=uri_of(image), note_name=DISCOVERED, kind=Kind.DISCOVERY, create_time=now
    )
    found.update_time.CopyFrom(now)
    continuous = Discovery.ContinuousAnalysis
    found.discovery.analysis_status = status
    found.discovery.continuous_analysis = continuous.ACTIVE if active else continuous.CONTINUOUS_ANALYSIS_UNSPECIFIED
    if active:
        found.discovery.last_scan_time.CopyFrom(now)
    if error is not None:
        found.discovery.analysis_status_error.CopyFrom(error)
    OCCURRENCES.save(world, found)


def tell(world: World, image: Image, there: list[Package]) -> None:
    """Write the vulnerabilities of an image; what is known of one that was found before is brought up to date."""
    for cve, hits in database.found(database.advisories(world), image.name, there):
        now, name = timestamp(world.clock.now()), name_of(image, cve)
        note_of(world, hits[0][0])
        before = OCCURRENCES.find(world, name)
        made = Occurrence(
            name=name,
            resource_uri=uri_of(image),
            note_name=f"{NOTES_OF}/{cve}",
            kind=Kind.VULNERABILITY,
            create_time=before.create_time if before else now,
            update_time=now,
            vulnerability=vulnerability(cve, hits),
        )
        OCCURRENCES.save(world, made)


def vulnerability(cve: str, hits: list[tuple[database.Advisory, Package]]) -> Any:
    """What an occurrence says of a vulnerability (recording vulnerability-list-quoted)."""
    first = hits[0][0]
    found = Vulnerability(
        severity=Severity[first.severity],
        effective_severity=max(Severity[each.effective or each.severity] for each, _ in hits),
        cvss_score=first.cvss,
        short_description=cve,
        fix_available=any(each.fixed for each, _ in hits),
    )
    for each, package in hits:
        cpe = "cpe:/o:debian:debian_linux:12" if package.sort == "OS" else ""
        issue = found.package_issue.add(
            affected_cpe_uri=cpe,
            affected_package=package.name,
            fixed_cpe_uri=cpe,
            fixed_package=package.name,
            fix_available=bool(each.fixed),
            package_type=package.sort,
            effective_severity=Severity[each.effective or each.severity],
        )
        write_version(issue.affected_version, package.version)
        write_version(issue.fixed_version, each.fixed)
    return found


def write_version(version: Any, text: str) -> None:
    """`1:6.2+20201114-2` in its parts; none at all is the highest that there can be (kinds.md 13)."""
    if not text:
        version.kind = type(version).VersionKind.MAXIMUM
        return
    version.kind, version.full_name = type(version).VersionKind.NORMAL, text
    epoch, colon, rest = text.partition(":")
    version.epoch = int(epoch) if colon and epoch.isdigit() else 0
    name, dash, revision = (rest if colon else text).rpartition("-")
    version.name, version.revision = (name, revision) if dash else (rest if colon else text, "")


def note_of(world: World, advisory: database.Advisory) -> None:
    """The note of a vulnerability, in the project of Google's database."""
    note = Note(
        name=f"{NOTES_OF}/{advisory.cve}",
        short_description=advisory.cve,
        kind=Kind.VULNERABILITY,
        create_time=timestamp(world.clock.now()),
    )
    note.vulnerability.severity = Severity[advisory.severity]
    note.vulnerability.cvss_score = advisory.cvss
    if advisory.published:
        when = datetime.fromisoformat(advisory.published)
        note.vulnerability.advisory_publish_time.CopyFrom(timestamp(when if when.tzinfo else when.replace(tzinfo=UTC)))
    NOTES.save(world, note)


def note_of_discoveries(world: World) -> None:
    """The note of all discoveries."""
    note = Note(name=DISCOVERED, kind=Kind.DISCOVERY, create_time=timestamp(world.clock.now()))
    note.discovery.analysis_kind = Kind.VULNERABILITY
    if NOTES.find(world, DISCOVERED) is None:
        NOTES.save(world, note)


def mark(world: World, image: Image) -> None:
    """Note that it is in use."""
    world.store.put(USED, image.name, world.clock.now().isoformat().encode())


def use(world: World, name: str) -> None:
    """An image was pulled, or pushed again: one that was no longer looked at is again, with all that is known now."""
    image = world.part(Images).find(name)
    found: Any = image and OCCURRENCES.find(world, name_of(image, DISCOVERED))
    if image is None or found is None:
        return
    mark(world, image)
    if found.discovery.continuous_analysis == Discovery.ContinuousAnalysis.INACTIVE:
        finish(world, image)


def rest(world: World, payload: dict[str, Any]) -> None:
    """Look at an image no more, if nobody used it for long."""
    image, used = world.part(Images).find(payload["image"]), world.store.get(USED, payload["image"])
    if image is None or used is None:
        return
    ends = datetime.fromisoformat(used.decode()) + WATCHED
    if ends > world.clock.now():
        world.clock.call_at(ends, rest, payload)
        return
    with world.store.transaction():
        found = OCCURRENCES.find(world, name_of(image, DISCOVERED))
        if found is not None:
            found.discovery.continuous_analysis = Discovery.ContinuousAnalysis.INACTIVE
            OCCURRENCES.save(world, found)


def plant(world: World, advisory: database.Advisory) -> int:
    """Let something be known, and found at once in all that is still looked at; returns in how many images it is."""
    database.plant(world, advisory)
    active = Discovery.ContinuousAnalysis.ACTIVE
    for found in OCCURRENCES.all(world):
        if found.kind == Kind.DISCOVERY and found.discovery.continuous_analysis == active:
            image = _image_of(world, found)
            if image is not None:
                tell(world, image, packages(world.part(Images), image))
    note = f"{NOTES_OF}/{advisory.cve}"
    return len({each.resource_uri for each in OCCURRENCES.all(world) if each.note_name == note})


def _image_of(world: World, occurrence: Any) -> Image | None:
    """The image that an occurrence is of, if it is still there."""
    return world.part(Images).resolve(occurrence.resource_uri.removeprefix("https://"))


def seed(world: World, project: str) -> None:
    """Scan the bundled images of one of their projects, which nobody pushed."""
    note_of_discoveries(world)
    for image in world.part(Images).below(f"{project}/"):
        if OCCURRENCES.find(world, name_of(image, DISCOVERED)) is None:
            mark(world, image)
            finish(world, image)
