"""Every field of Google's own definition is said, free, refused with a reason, or written by Google alone."""

import inspect
import re
from dataclasses import replace

from google.cloud import run_v2

from reconciler.kinds.run_service.client import from_api
from reconciler.kinds.run_service.template import write_template
from schemas.cloud_run import FREE, NEWER, REFUSED, SAID

_RUN = "google.cloud.run.v2."
BELOW = {**SAID, **FREE, **REFUSED}


def leaves(descriptor, path=""):
    for field in descriptor.fields:
        here = f"{path}{field.json_name}"
        kind = field.message_type
        if here in BELOW or kind is None or not kind.full_name.startswith(_RUN) or kind.GetOptions().map_entry:
            yield here
        else:
            yield from leaves(kind, f"{here}.")


def of_google(path):
    """Whether the definition says that only Google writes it: generated docstrings carry the marks."""
    message, name = run_v2.Service, ""
    for part in path.split("."):
        name = re.sub(r"([A-Z])", r"_\1", part).lower()
        told = inspect.cleandoc(message.__doc__)  # newer compilers leave the margin out themselves
        text = re.search(rf"\n    {name} \(.*?(?=\n    [a-z_]+ \(|\Z)", told, re.DOTALL)
        if text is not None and "Output only" in text.group():
            return True
        field = message.meta.fields.get(name) or message.meta.fields.get(f"{name}_")
        message = field.message if field is not None and isinstance(field.message, type) else message
    return False


def test_no_field_is_unknown():
    found = set(leaves(run_v2.Service.pb(run_v2.Service()).DESCRIPTOR))
    unknown = {path for path in found - BELOW.keys() if not of_google(path)}
    assert unknown == set()
    assert len(found & BELOW.keys()) == len(BELOW)  # and no row names a field that there is not


def test_no_row_is_written_by_google_alone():
    assert [path for path in {**SAID, **FREE} if of_google(path) and path != "name"] == []


def test_what_is_said_to_be_newer_is_not_known_yet():
    """Once the client knows a field, it has a word, or a place in `cloudRun`."""
    assert NEWER.keys() & {*leaves(run_v2.Service.pb(run_v2.Service()).DESCRIPTOR), *BELOW} == set()


def test_what_the_client_does_not_know_survives_an_edit():
    """Targets that gcloud set are fields of a number that this client has no name for."""
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image="a")], scaling={"max_instance_count": 3})
    scaling = run_v2.RevisionTemplate.pb(template).scaling
    scaling.MergeFromString(b"\xfa\x7f\x01\x07")  # field 2047, one byte
    want = from_api(run_v2.Service(template=template))

    write_template(template, replace(want, image="b", max_instances=4))

    written = run_v2.RevisionTemplate.pb(template)
    assert (written.containers[0].image, written.scaling.max_instance_count) == ("b", 4)
    assert b"\xfa\x7f\x01\x07" in written.scaling.SerializeToString()
