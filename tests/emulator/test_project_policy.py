"""The IAM policy of a project, through Google's client."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1 as iam
from google.cloud import resourcemanager_v3 as rm
from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2
from google.type import expr_pb2

from tests.emulator.clients import both_wires, client

NAME = "projects/local"
ALICE = "user:alice@example.com"


@pytest.fixture
def api(emulator):
    return client(emulator, rm.ProjectsClient)


def get(api, version=3):
    options = options_pb2.GetPolicyOptions(requested_policy_version=version)
    return api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=NAME, options=options))


def put(api, policy):
    return api.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=NAME, policy=policy))


def binding(role="roles/viewer", *members, **fields):
    return policy_pb2.Binding(role=role, members=members or [ALICE], **fields)


@both_wires
def test_a_project_is_there_when_it_is_named(emulator, wire):
    """Its number is derived from its id and names it; a number nobody mentioned is denied, never not found."""
    api = client(emulator, rm.ProjectsClient, wire)

    by_id = api.get_project(name=NAME)
    by_number = api.get_project(name=by_id.name)

    assert (by_id.project_id, by_id.state.name) == ("local", "ACTIVE")
    assert by_number == by_id
    with pytest.raises(exceptions.Forbidden, match="does not have permission"):
        api.get_project(name="projects/123456789012")


def test_a_policy_that_was_never_set_is_an_etag(emulator):
    """As recorded: no version, no bindings (the older v1 path that gcloud uses)."""
    answer = httpx.post(f"{emulator.http}/v1/{NAME}:getIamPolicy", json={"options": {"requestedPolicyVersion": 3}})

    assert answer.json() == {"etag": "ACAB"}


def test_read_change_write(api):
    """Version 3 is sent, version 1 is answered where no condition is; members of one role are merged."""
    policy = get(api)
    policy.version = 3
    policy.bindings.extend([binding(), binding("roles/viewer", "user:bob@example.com")])

    answer = put(api, policy)

    assert answer.version == 1
    assert [list(each.members) for each in answer.bindings] == [[ALICE, "user:bob@example.com"]]
    assert get(api) == answer


def test_a_stale_etag_is_aborted(api):
    """Two read-modify-write cycles at once: the second has to begin again."""
    first, second = get(api), get(api)
    put(api, first)
    with pytest.raises(exceptions.Aborted, match="concurrent policy changes"):
        put(api, second)


def test_of_many_writers_each_binding_survives(api):
    """With the etag and a retry, nobody's binding is lost."""

    def grant(number: int) -> None:
        while True:
            policy = get(api)
            policy.bindings.append(binding(f"roles/role{number}"))
            try:
                put(api, policy)
            except exceptions.Aborted:
                continue
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(grant, range(8)))

    assert {each.role for each in get(api).bindings} == {f"roles/role{number}" for number in range(8)}


def test_conditions_need_version_three_in_both_calls(api):
    """Set with another version is refused; read with another version hides them."""
    condition = expr_pb2.Expr(title="office hours", expression="request.time.getHours() < 18")
    wanted = policy_pb2.Policy(bindings=[binding("roles/run.viewer", condition=condition)])
    with pytest.raises(exceptions.InvalidArgument, match="version 3"):
        put(api, wanted)
    wanted.version = 3

    assert put(api, wanted).version == 3
    assert get(api).bindings[0].condition == condition
    assert "_withcond_" in get(api, version=1).bindings[0].role


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("serviceAccount:ghost-one@local.iam.gserviceaccount.com", "Service account ghost-one@local.*does not exist"),
        ("alice@example.com", "Invalid member"),
        ("allUsers", "allUsers"),
    ],
)
def test_members_are_checked(api, member, message):
    """An unknown account of this project, a member without a type, and everybody are refused."""
    with pytest.raises(exceptions.InvalidArgument, match=message):
        put(api, policy_pb2.Policy(bindings=[binding("roles/viewer", member)]))


def test_accounts_that_exist_are_members(emulator, api):
    """Also one of another project, which nobody here can check."""
    accounts = client(emulator, iam.IAMClient)
    accounts.create_service_account(request={"name": NAME, "account_id": "scorer-run"})
    members = [
        "serviceAccount:scorer-run@local.iam.gserviceaccount.com",
        "serviceAccount:test-sa@test-project.iam.gserviceaccount.com",
    ]

    assert (
        list(put(api, policy_pb2.Policy(bindings=[binding("roles/viewer", *members)])).bindings[0].members) == members
    )


def test_what_is_audited_stays_unless_a_mask_names_it(api):
    """A policy is mostly written by who wants another binding (google/iam/v1/iam_policy.proto: the default mask)."""
    audited = policy_pb2.AuditConfig(service="allServices", audit_log_configs=[{"log_type": "ADMIN_READ"}])
    mask = {"paths": ["bindings", "etag", "audit_configs"]}
    api.set_iam_policy(request={"resource": NAME, "policy": {"audit_configs": [audited]}, "update_mask": mask})
    api.set_iam_policy(request={"resource": NAME, "policy": {"bindings": []}})
    assert list(get(api).audit_configs) == [audited]

    api.set_iam_policy(request={"resource": NAME, "policy": {}, "update_mask": mask})
    assert list(get(api).audit_configs) == []
