"""Notes and occurrences of people and their tools, and the language that they are asked for in."""

from contextlib import suppress

import pytest
from google.api_core import exceptions
from grafeas import grafeas_v1

from tests.emulator.clients import WIRES, client

PARENT = "projects/local"
URI = "https://europe-west1-docker.pkg.dev/local/models/scorer@sha256:" + "a" * 64


@pytest.fixture(params=WIRES)
def api(emulator, request):
    return client(emulator, grafeas_v1.GrafeasClient, request.param)


def make(api, uri=URI, note="qa"):
    """An attestation of an image; its note is made where it is not there."""
    with suppress(exceptions.AlreadyExists, exceptions.Conflict):
        api.create_note(parent=PARENT, note_id=note, note={"attestation": {"hint": {"human_readable_name": "QA"}}})
    attested = {"note_name": f"{PARENT}/notes/{note}", "resource_uri": uri, "attestation": {"serialized_payload": b"x"}}
    return api.create_occurrence(parent=PARENT, occurrence=attested)


def test_an_occurrence_lives(api):
    """It is made of a note that is there, read, listed by note, changed and deleted."""
    made = make(api)
    changed = api.update_occurrence(
        name=made.name, occurrence={"remediation": "none"}, update_mask={"paths": ["remediation"]}
    )
    listed = list(api.list_note_occurrences(name=f"{PARENT}/notes/qa"))
    api.delete_occurrence(name=made.name)

    assert made.kind == grafeas_v1.NoteKind.ATTESTATION
    assert (changed.remediation, changed.resource_uri) == ("none", URI)
    assert [each.name for each in listed] == [made.name]
    with pytest.raises(exceptions.NotFound):
        api.get_occurrence(name=made.name)


def test_one_is_refused_without_its_note(api):
    """An occurrence of a note that is not there, and one of another kind than its note, are refused."""
    make(api)
    with pytest.raises(exceptions.NotFound):
        api.create_occurrence(parent=PARENT, occurrence={"note_name": f"{PARENT}/notes/x", "resource_uri": URI})
    with pytest.raises(exceptions.GoogleAPICallError, match="kind"):
        api.create_occurrence(
            parent=PARENT, occurrence={"note_name": f"{PARENT}/notes/qa", "resource_uri": URI, "build": {}}
        )


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ('kind="ATTESTATION"', 3),
        ('kind = "VULNERABILITY"', 0),
        ('kind!="VULNERABILITY"', 3),
        (f'resourceUrl="{URI}"', 1),
        (f'(kind = "ATTESTATION") AND ((resourceUrl = "{URI}") OR (resourceUrl = "{URI}1"))', 2),
        (f'has_prefix(resourceUrl, "{URI}")', 3),
        (f'has_prefix(resourceUrl, "x") OR has_prefix(resource_url, "{URI}2")', 1),
        (f'kind="VULNERABILITY" AND resourceUrl="{URI}" OR noteId="qa"', 3),
        ('noteProjectId="local" AND noteId="qa"', 3),
        ('createTime>"2020-01-01"', 3),
        ('createTime<"2020-01-01T00:00:00Z"', 0),
    ],
)
def test_filters(emulator, query, count):
    """AND binds closer than OR, brackets closest; texts are compared whole, or by how they begin."""
    api = client(emulator, grafeas_v1.GrafeasClient)
    for uri in (URI, f"{URI}1", f"{URI}2"):
        make(api, uri)

    assert len(list(api.list_occurrences(parent=PARENT, filter=query))) == count


@pytest.mark.parametrize(
    "query",
    ['severity="HIGH"', "kind", 'kind="A" AND', '(kind="A"', 'kind>"A"', 'kind="A" kind="B"', 'createTime>"x"', "%"],
)
def test_other_filters_are_refused(emulator, query):
    """What the emulator does not understand it does not ignore."""
    with pytest.raises(exceptions.InvalidArgument):
        list(client(emulator, grafeas_v1.GrafeasClient).list_occurrences(parent=PARENT, filter=query))


def test_pages(emulator):
    """A page has twenty where nobody asks for another number."""
    api = client(emulator, grafeas_v1.GrafeasClient)
    for number in range(21):
        make(api, f"{URI}{number}")

    sizes = [len(page.occurrences) for page in api.list_occurrences(parent=PARENT).pages]

    assert sizes == [20, 1]
