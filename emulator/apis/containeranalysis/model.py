"""What is stored, and under which names; of which kind a note or an occurrence is."""

from typing import Any

from grafeas.grafeas_v1.types import common, discovery, grafeas, severity, vulnerability

from emulator.core.api import Api
from emulator.core.callbacks import resolve
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id
from emulator.core.world import World
from emulator.images import Images, bundled

API = Api("containeranalysis")
SERVICE = "grafeas.v1.Grafeas/"
ANALYSIS = "google.devtools.containeranalysis.v1.ContainerAnalysis/"
Note = grafeas.Note.pb()
Occurrence = grafeas.Occurrence.pb()
Discovery = discovery.DiscoveryOccurrence.pb()
Vulnerability = vulnerability.VulnerabilityOccurrence.pb()
Kind: Any = common.NoteKind
Severity: Any = severity.Severity
SEED = "emulator.apis.containeranalysis.scanning:seed"
PAGE, PAGE_MOST = 20, 1000
"""Source: comments of `ListOccurrencesRequest.page_size` and `ListNotesRequest.page_size`."""


def missing(_: str) -> ApiFailure:
    """Source: recording containeranalysis_note/crud."""
    return ApiFailure("NOT_FOUND", "Requested entity was not found")


def seen(world: World, name: str) -> str:
    """Somebody looks into a project: in those of the bundled images there is what scans of them found."""
    name = by_id(world, name)
    project = "/".join(name.split("/")[:2])
    if is_public(project) and world.part(Images).below(f"{project}/"):
        resolve(SEED)(world, project)
    return name


def is_public(project: str) -> bool:
    """Whether a project is one of those whose images everybody may read."""
    return f"{project}/" in bundled.PROJECTS


NOTES = Collection("containeranalysis.note", Note, "projects/*/notes/*", missing, key=by_id, place=by_id)
OCCURRENCES = Collection(
    "containeranalysis.occurrence", Occurrence, "projects/*/occurrences/*", missing, key=seen, place=seen
)


def kind_of(message: Any) -> int:
    """The kind of a note or an occurrence: as the one part of it is called that is set.

    Raises:
        ApiFailure: INVALID_ARGUMENT: none is.
    """
    oneof = next(each.name for each in message.DESCRIPTOR.oneofs if not each.name.startswith("_"))
    chosen = message.WhichOneof(oneof)
    if chosen is None:
        raise ApiFailure("INVALID_ARGUMENT", f"{oneof} must be set")
    return int(Kind[chosen.upper()])
