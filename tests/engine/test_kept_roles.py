"""Roles of mounts and secrets stay for revisions that need them, and go with the last of them."""

import pytest
import yaml
from google.iam.v1 import iam_policy_pb2

from reconciler.engine.importing import import_service
from tests.operating import REGION, spec

READER, WRITER, SQL = "roles/storage.objectViewer", "roles/storage.objectUser", "roles/cloudsql.client"
MOUNTED = {"/models": "gs://acme-models/writer/", "/out": {"bucket": "gs://acme-models/out", "readOnly": False}}


@pytest.fixture
def bucket(operator):
    """A bucket to mount, and a secret to read."""
    operator.connection.storage.create_bucket("acme-models")
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    request = {"parent": "projects/local", "secret_id": "key", "secret": {"replication": {"automatic": {}}}}
    made = secrets.create_secret(request=request).name
    secrets.add_secret_version(request={"parent": made, "payload": {"data": b"x"}})
    return operator


def on_project(operator):
    """Roles that the service's account has on the project."""
    api = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    policy = api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource="projects/local"))
    return {
        each.role.partition("_withcond")[0]
        for each in policy.bindings
        if any("churn-run@" in member for member in each.members)
    }


def reads_the_secret(operator):
    api = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    policy = api.get_iam_policy(request={"resource": "projects/local/secrets/key"})
    return any("churn-run@" in member for each in policy.bindings for member in each.members)


def test_roles_of_mounts_go_with_the_last_version_that_needs_them(bucket):
    """One version longer than the mounts: to go back is possible. No plan after an apply has anything to do."""
    with_them, without, later = spec(mounts=MOUNTED), spec(), spec(env={"A": "1"})
    seen = []
    for said in (with_them, without, later):
        assert not bucket.apply(said).failed
        assert bucket.differences(said) == []
        seen.append(on_project(bucket))

    assert seen == [{READER, WRITER}, {READER, WRITER}, set()]


def test_a_version_with_a_share_or_a_tag_keeps_what_it_needs(bucket):
    """However many versions came since: its new instances mount the folder and read the secret."""
    operator = bucket
    key = {"TOKEN": {"secret": "key", "version": "1"}}
    operator.apply(spec(mounts={"/models": "gs://acme-models/writer/"}, secrets=key))
    old = operator.service().latest_ready_revision.rpartition("/")[2]
    split = {
        "rollout": {"strategy": "Manual"},
        "traffic": [{"version": old, "percent": 10}, {"version": "latest", "percent": 90}],
    }

    for number in range(2):
        said = spec(env={"A": str(number)}, **split)
        assert not operator.apply(said).failed
        assert operator.differences(said) == []
        assert (on_project(operator), reads_the_secret(operator)) == ({READER}, True)
    split["traffic"] = [{"version": old, "percent": 0, "tag": "before"}, {"version": "latest", "percent": 100}]
    assert not operator.apply(spec(env={"A": "1"}, **split)).failed
    assert (on_project(operator), reads_the_secret(operator)) == ({READER}, True)

    assert not operator.apply(spec(env={"A": "1"})).failed
    assert operator.differences(spec(env={"A": "1"})) == []
    assert (on_project(operator), reads_the_secret(operator)) == (set(), False)


def test_a_destroyed_service_leaves_no_role(bucket):
    """Neither of what its spec says last, nor of a version before."""
    bucket.apply(spec(mounts=MOUNTED))
    bucket.apply(spec())

    assert not bucket.destroy("churn").failed
    assert on_project(bucket) == set()


def test_what_is_imported_of_a_service_of_ours_loses_nothing(bucket):
    """Its account is left to us: named, it and its roles would be taken for no longer wanted."""
    said = spec(mounts=MOUNTED, secrets={"TOKEN": {"secret": "key", "version": "1"}})
    bucket.apply(said)

    text, _ = import_service(bucket.session(), "churn", REGION)

    assert bucket.differences(yaml.safe_load(text)) == []
