"""What looks like a secret is hidden wherever a container holds it: in plans, printed or saved, and in histories."""

import json

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import diff_fields
from reconciler.core.plan import Action, Change
from reconciler.core.sealing import Sealer
from reconciler.core.secrecy import masked
from reconciler.core.told import told_change
from reconciler.render.data import _change
from reconciler.render.values import differences, listing

HERE = Address("run_service", "europe-west1", "churn")
SECRETS = {
    "argument": {"container": {"args": ["--model", "/m", "--password", "hunter2!"]}},
    "sidecar": {"sidecars": {"side": {"env": {"DB_PASSWORD": "hunter2!"}}}},
    "header": {"container": {"startupProbe": {"httpGet": {"httpHeaders": {"Authorization": "hunter2!"}}}}},
    "annotation": {"template": {"annotations.acme.example/password": "hunter2!"}},
    "arguments-of-a-sidecar": {"sidecars": {"side": {"args": ["--token", "hunter2!"], "image": "i"}}},
}


@pytest.mark.parametrize("record", SECRETS.values(), ids=SECRETS)
def test_it_is_nowhere_to_be_read(record):
    """In what is made anew, in what differs, in both forms of output, and in a saved plan, which still knows it."""
    empty = {name: {} for name in record}
    changes = diff_fields(record, empty, {name: frozenset() for name in record})
    change = Change(HERE, Action.UPDATE, ("churn",), desired=record, observed=empty, changes=changes)
    sealer = Sealer("00" * 16)

    shown = [
        json.dumps(masked("", record)),
        str(list(listing(record))),
        str(list(differences(change))),
        json.dumps(_change(change)),
        json.dumps(sealer.record(HERE, record)),
        json.dumps(told_change(change, "done"), default=str),
    ]

    assert changes
    assert [text for text in shown if "hunter2!" in text] == []
    assert "hunter2!" in sealer.known.values()


def test_arguments_are_told_one_by_one():
    """A reader sees which one differs."""
    before, after = ({"container": {"args": ["--port", port, "--fast"]}} for port in ("1", "2"))
    changes = diff_fields(after, before)
    change = Change(HERE, Action.UPDATE, ("churn",), desired=after, observed=before, changes=changes)

    assert [(path, old, new) for path, old, new in differences(change)] == [("container.args[1]", "1", "2")]
