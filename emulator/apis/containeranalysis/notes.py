"""Notes: what may be found, such as a vulnerability, or who vouches for an image.

Source: recording containeranalysis_note/crud: an update without a mask writes every field but the output ones.
"""

from typing import Any

from grafeas.grafeas_v1.types import grafeas

from emulator.apis.containeranalysis import filters
from emulator.apis.containeranalysis.model import API, NOTES, OCCURRENCES, PAGE, PAGE_MOST, SERVICE, Note, kind_of
from emulator.apis.standard import Listing, held, standard
from emulator.core.api import Call
from emulator.core.paging import page_of
from emulator.core.resources import apply_mask, by_id, check_id, part, timestamp
from emulator.core.world import World

OUTPUT = ("name", "kind", "create_time", "update_time")
NOTE_ID = r"[a-zA-Z0-9][a-zA-Z0-9._~%-]{0,127}"


@API.method(SERVICE + "CreateNote")
def create_note(world: World, request: Any, _: Call) -> Any:
    """A note of the name that the caller picks."""
    part(request.parent, "projects")
    check_id("noteId", request.note_id, NOTE_ID)
    note = Note()
    note.CopyFrom(request.note)
    note.name = f"{by_id(world, request.parent)}/notes/{request.note_id}"
    note.kind = kind_of(note)
    note.create_time.CopyFrom(timestamp(world.clock.now()))
    note.update_time.CopyFrom(note.create_time)
    NOTES.insert(world, note)
    return note


@API.method(SERVICE + "UpdateNote")
def update_note(world: World, request: Any, _: Call) -> Any:
    """Change one; of what kind it is stays."""
    with world.store.transaction():
        note = NOTES.get(world, by_id(world, request.name))
        apply_mask(note, request.note, list(request.update_mask.paths) or ["*"], keep=OUTPUT)
        note.update_time.CopyFrom(timestamp(world.clock.now()))
        NOTES.save(world, note)
    return note


@API.method(SERVICE + "ListNoteOccurrences")
def list_note_occurrences(world: World, request: Any, _: Call) -> Any:
    """Where a note was found, in whatever project."""
    note = NOTES.get(world, by_id(world, request.name)).name
    found = [each for each in OCCURRENCES.all(world) if each.note_name == note]
    chosen = filters.matching(found, request.filter)
    shown, token = page_of(request, chosen, default=PAGE, most=PAGE_MOST)
    return grafeas.ListNoteOccurrencesResponse.pb()(occurrences=shown, next_page_token=token)


standard(
    API,
    SERVICE,
    "Note",
    NOTES,
    listing=Listing(default=PAGE, most=PAGE_MOST, matching=filters.matching),
    policies=held(NOTES),
)
