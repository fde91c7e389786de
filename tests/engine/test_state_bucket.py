"""Where inventories are kept: never in a stranger's bucket, and one bad object stops nothing but its own service."""

import base64
import json
import zlib

import pytest

from reconciler.core.errors import NotOursError, UnreadableInventory
from reconciler.engine.history import History
from reconciler.engine.status import read_status
from reconciler.gcp.connection import Connection
from tests.operating import BUCKET, REGION, spec

OURS = {"managed-by": "mlservice"}


def make_bucket(operator, *, project="local", labels=None, name=BUCKET):
    """Somebody makes a bucket."""
    bucket = operator.connection.storage.bucket(name)
    bucket.labels = labels or {}
    return operator.connection.storage.create_bucket(bucket, project=project)


def fresh(operator, bucket=BUCKET, *, chosen=False):
    """The operator in a new run, perhaps with --state."""
    operator.connection = Connection("local", bucket, operator.connection.local, chosen=chosen)
    return operator


def objects(operator, bucket=BUCKET):
    return [blob.name for blob in operator.connection.storage.list_blobs(bucket)]


@pytest.mark.parametrize("labels", [None, OURS], ids=["plain", "with-our-label"])
def test_a_strangers_bucket_of_our_name_is_not_used(operator, labels):
    """Names of buckets are one for the world: one in another project gets nothing of ours, whatever it is labelled."""
    make_bucket(operator, project="attacker-proj", labels=labels)

    with pytest.raises(NotOursError, match="belongs to another project") as refusal:
        fresh(operator).apply(spec())

    assert "--state" in refusal.value.hint
    assert objects(operator) == []
    assert operator.services() == []


def test_what_a_stranger_put_there_is_not_read(operator):
    """An inventory in a stranger's bucket tells us nothing: a plan is made as if there were none."""
    make_bucket(operator, project="attacker-proj", labels=OURS)
    lie = {"format": 2, "service": "churn", "region": REGION, "serial": 1, "deletion": "Delete", "lock": None,
           "entries": {f"run_service/{REGION}/victim": {}}}  # fmt: skip
    blob = operator.connection.storage.bucket(BUCKET).blob(f"inventory/{REGION}/churn.json")
    blob.upload_from_string(json.dumps(lie))

    plan = fresh(operator).plan(spec()).plan

    assert not [change for change in plan.changes if "victim" in str(change.address)]


def test_a_bucket_of_the_project_that_is_not_marked_is_not_used(operator):
    """Somebody in the project has it for something else: how to name another, or mark this one, is said."""
    make_bucket(operator)

    with pytest.raises(NotOursError, match="not marked as mlservice's") as refusal:
        fresh(operator).plan(spec())

    assert "--update-labels=managed-by=mlservice" in refusal.value.hint


def test_a_bucket_that_was_chosen_may_be_elsewhere(operator):
    """A team keeps state in a project of its own: the bucket is named, and marked."""
    make_bucket(operator, project="ops-project", labels=OURS, name="team-state")

    assert not fresh(operator, "team-state", chosen=True).apply(spec()).failed

    assert objects(operator, "team-state") == [f"inventory/{REGION}/churn.json"]
    assert operator.differences(spec()) == []


def test_two_last_services_may_go_at_once(operator):
    """The run that comes second to the bucket finds it gone, which is what it wanted, and knows that it is."""
    make_bucket(operator, labels=OURS)
    session = fresh(operator).session()
    second = session.connection.state
    assert second.there
    operator.connection.storage.bucket(BUCKET).delete()

    second.remove()
    assert not second.there

    make_bucket(operator, labels=OURS)
    assert second.there
    operator.connection.storage.bucket(BUCKET).delete()
    assert History(session).go_with_the_bucket()
    assert not second.there


def packed(text):
    return {"packed": base64.b64encode(zlib.compress(text)).decode()}


BOMB = zlib.compress(b"0" * 2**26)
BROKEN = [
    pytest.param(b"[]", {}, id="a-list"),
    pytest.param(b"null", {}, id="null"),
    pytest.param(b"{", {}, id="half"),
    pytest.param(b"\xff\xfe", {}, id="binary"),
    pytest.param(b"[" * 100_000, {}, id="deep"),
    pytest.param(b"{}", {"packed": "###"}, id="bad-base64"),
    pytest.param(b"{}", {"packed": base64.b64encode(b"x").decode()}, id="no-zlib"),
    pytest.param(b"{}", packed(b"[]"), id="packed-list"),
    pytest.param(b"{}", {"packed": base64.b64encode(BOMB).decode()}, id="bomb"),
    pytest.param(b'{"format": 99}', {}, id="newer"),
    pytest.param(b'{"format": 2, "service": "other"}', {}, id="half-the-fields"),
    pytest.param(
        b'{"format": 2, "service": "one", "region": "europe-west1", "serial": 0, "deletion": "Delete", "lock": null,'
        b' "entries": {}}',
        {},
        id="says-it-is-another's",
    ),
    pytest.param(
        b'{"format": 2, "service": "other", "region": "europe-west1", "serial": 0, "deletion": "Delete", "lock": null,'
        b' "entries": {"iam_member/global/oops": {}}}',
        {},
        id="address-without-words",
    ),
    pytest.param(
        b'{"format": 2, "service": "other", "region": "europe-west1", "serial": 0, "deletion": "Delete", "lock": null,'
        b' "entries": {"x": 7}}',
        {},
        id="no-address",
    ),
    pytest.param(
        b'{"format": 1, "service": "other", "region": "europe-west1", "serial": 0, "deletion": "Delete", "lock": null,'
        b' "entries": {"run_invoker/europe-west1/x": {}}}',
        {},
        id="former-without-words",
    ),
    pytest.param(
        b'{"format": 2, "service": "other", "region": "europe-west1", "serial": 0, "deletion": "Delete", "entries": {},'
        b' "lock": {"holder": "x", "runId": "y", "expires": "2026-11-26T10:00:00"}}',
        {},
        id="lock-without-zone",
    ),
]


@pytest.mark.parametrize(("body", "metadata"), BROKEN)
def test_an_unreadable_inventory_stops_only_its_own_service(operator, body, metadata):
    """Others are planned, applied and shown; the object is named with how to mend it; its own service is refused."""
    operator.apply(spec("one"))
    name = f"inventory/{REGION}/other.json"
    blob = operator.connection.storage.bucket(BUCKET).blob(name)
    blob.metadata = metadata
    blob.upload_from_string(body)

    planned = operator.plan(spec("one", env={"A": "1"}))
    assert [note.text for note in planned.plan.notes if name in note.text]
    assert not operator.apply(spec("one", env={"A": "1"})).failed
    found = read_status(operator.session(), [])
    assert [each.inventory.service for each in found.services] == ["one"]
    assert not found.working
    with pytest.raises(UnreadableInventory, match=name) as refusal:
        operator.plan(spec("other"))
    assert "adopt: IfIdentical" in refusal.value.hint
    with pytest.raises(UnreadableInventory, match=name):
        operator.destroy("other")


def test_what_may_be_shared_with_an_unreadable_inventory_stays(operator):
    """Nobody knows whether the other service still needs the repository: it is not deleted."""
    operator.apply(spec("one", registry={"repository": "ml"}))
    operator.connection.storage.bucket(BUCKET).blob(f"inventory/{REGION}/other.json").upload_from_string("[]")

    report = operator.apply(spec("one"))

    repositories = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    assert not report.failed
    assert len(list(repositories.list_repositories(request={"parent": f"projects/local/locations/{REGION}"}))) == 1


def test_what_a_newer_version_made_stays_listed(operator):
    """An entry of a kind that this version does not know is neither dropped by an apply nor by a destroy."""
    operator.apply(spec("one"))
    blob = operator.connection.storage.bucket(BUCKET).get_blob(f"inventory/{REGION}/one.json")
    data = json.loads(blob.download_as_bytes())
    data["entries"]["wormhole/global/x"] = {"uid": "7"}
    blob.metadata = {"packed": ""}
    blob.upload_from_string(json.dumps(data))

    operator.apply(spec("one", env={"A": "1"}))
    assert "wormhole/global/x" in map(str, operator.inventories()[REGION, "one"].entries)
    operator.destroy("one")

    assert [*map(str, operator.inventories()[REGION, "one"].entries)] == ["wormhole/global/x"]
