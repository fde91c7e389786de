"""Every field of Google's own definition is said, free, refused with a reason, or written by Google alone."""

import re

from google.cloud import run_v2

from schemas.cloud_run import FREE, REFUSED, SAID

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
        text = re.search(rf"\n        {name} \(.*?(?=\n        [a-z_]+ \(|\n    \"\"\"|\Z)", message.__doc__, re.DOTALL)
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
