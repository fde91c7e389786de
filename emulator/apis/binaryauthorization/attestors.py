"""Attestors: a note that attestations are of, and the keys that sign them."""

from typing import Any

from emulator.apis.binaryauthorization.keys import settle_keys
from emulator.apis.binaryauthorization.model import API, ATTESTORS, SERVICE, Attestor, agent, invalid
from emulator.apis.standard import held, standard
from emulator.core.api import Call
from emulator.core.resources import by_id, check_etag, check_id, etag_of, fits, part, timestamp
from emulator.core.world import World

ATTESTOR_ID = r"[a-zA-Z0-9_-]{1,63}"
NOTE = "projects/*/notes/*"


@API.method(SERVICE + "CreateAttestor")
def create_attestor(world: World, request: Any, _: Call) -> Any:
    """One of the name that the caller picks."""
    project = part(request.parent, "projects")
    check_id("attestorId", request.attestor_id, ATTESTOR_ID)
    note = request.attestor.user_owned_grafeas_note.note_reference
    if not fits(NOTE, note) or note.split("/")[1].isdigit():
        raise invalid(f"noteReference is projects/PROJECT_ID/notes/NOTE, not {note!r}")
    attestor = Attestor()
    attestor.CopyFrom(request.attestor)
    attestor.name = f"{by_id(world, request.parent)}/attestors/{request.attestor_id}"
    settle(world, attestor, project)
    ATTESTORS.insert(world, attestor)
    return attestor


@API.method(SERVICE + "UpdateAttestor")
def update_attestor(world: World, request: Any, _: Call) -> Any:
    """Write one anew: all of it but its note, which stays (comment of `UserOwnedGrafeasNote.note_reference`)."""
    with world.store.transaction():
        before = ATTESTORS.get(world, by_id(world, request.attestor.name))
        check_etag(request.attestor.etag, before.etag)
        attestor = Attestor()
        attestor.CopyFrom(request.attestor)
        attestor.name = before.name
        if attestor.user_owned_grafeas_note.note_reference != before.user_owned_grafeas_note.note_reference:
            raise invalid("noteReference cannot be changed")
        settle(world, attestor, before.name.split("/")[1])
        ATTESTORS.save(world, attestor)
    return attestor


def settle(world: World, attestor: Any, project: str) -> None:
    """Check the keys, and fill in what the server says."""
    note = attestor.user_owned_grafeas_note
    settle_keys(note.public_keys)
    note.delegation_service_account_email = agent(world, project)
    attestor.update_time.CopyFrom(timestamp(world.clock.now()))
    attestor.etag = etag_of(attestor)


standard(API, SERVICE, "Attestor", ATTESTORS, policies=held(ATTESTORS))
