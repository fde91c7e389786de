"""Service accounts, through Google's client and as recorded."""

import json

import google.auth.exceptions
import google.auth.transport.requests
import httpx
import jwt
import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1 as iam
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account

from tests.emulator.clients import client

PROJECT = "projects/local"
EMAIL = "scorer-run@local.iam.gserviceaccount.com"
NAME = f"{PROJECT}/serviceAccounts/{EMAIL}"


@pytest.fixture
def api(emulator):
    return client(emulator, iam.IAMClient)


def create(api, account_id="scorer-run", **fields):
    request = {"name": PROJECT, "account_id": account_id, "service_account": iam.ServiceAccount(**fields)}
    return api.create_service_account(request=request)


def test_an_account_lives_its_life(api):
    """Created, changed by mask, disabled, deleted; the answer of a change holds only what was masked."""
    made = create(api, display_name="Scorer", description="runs it")
    changed = api.patch_service_account(
        request={"service_account": {"name": NAME, "display_name": "New"}, "update_mask": {"paths": ["display_name"]}}
    )
    api.disable_service_account(request={"name": NAME})
    found = api.get_service_account(name=f"projects/-/serviceAccounts/{made.unique_id}")

    assert (made.name, made.email, made.project_id) == (NAME, EMAIL, "local")
    assert (changed.name, changed.display_name, changed.description, changed.email) == (NAME, "New", "", "")
    assert (found.display_name, found.description, found.disabled) == ("New", "runs it", True)
    api.delete_service_account(name=NAME)
    with pytest.raises(exceptions.NotFound, match=f"Account deleted: {made.unique_id}"):
        api.get_service_account(name=NAME)


def test_the_answers_of_rest_are_those_recorded(emulator):
    """iam.googleapis.com/v1 as the recordings show it: errors, and a mask in snake case."""
    url = f"{emulator.http}/v1/{PROJECT}/serviceAccounts"
    unknown = httpx.get(f"{url}/{EMAIL}?alt=json&prettyPrint=false")
    made = httpx.post(url, json={"accountId": "scorer-run", "serviceAccount": {"displayName": "Example"}})
    patch = {"serviceAccount": {"displayName": "Two", "etag": made.json()["etag"]}, "updateMask": "display_name"}
    changed = httpx.patch(f"{url}/{EMAIL}", json=patch)

    message = "Unknown service account"
    errors = [{"domain": "global", "message": message, "reason": "notFound"}]
    assert unknown.json() == {"error": {"code": 404, "errors": errors, "message": message, "status": "NOT_FOUND"}}
    assert sorted(made.json()) == ["displayName", "email", "etag", "name", "oauth2ClientId", "projectId", "uniqueId"]
    assert changed.json() == {"displayName": "Two", "name": NAME}
    assert httpx.delete(f"{url}/{EMAIL}").json() == {}


@pytest.mark.parametrize("account_id", ["", "short", "Upper-case", "1starts", "ends-", "a" * 31])
def test_ids_are_refused_as_google_refuses_them(api, account_id):
    """6 to 30 characters, lower case, a letter first."""
    with pytest.raises(exceptions.InvalidArgument, match="account ID"):
        create(api, account_id)


def test_an_account_is_made_once(api):
    """The second create is refused by name."""
    create(api)
    with pytest.raises(exceptions.AlreadyExists, match="already exists within project"):
        create(api)


def test_lists_come_in_pages_of_twenty(api):
    """The default page of IAM; the default compute account is in it."""
    for number in range(21):
        create(api, f"account-{number:02}")

    first = next(api.list_service_accounts(name=PROJECT).pages)
    emails = [account.email for account in api.list_service_accounts(name=PROJECT)]

    assert len(first.accounts) == 20
    assert len([email for email in emails if email.startswith("account-")]) == 21
    assert any(email.endswith("-compute@developer.gserviceaccount.com") for email in emails)


def policy(*bindings, **fields) -> policy_pb2.Policy:
    return policy_pb2.Policy(bindings=[policy_pb2.Binding(**each) for each in bindings], **fields)


def set_policy(api, wanted) -> policy_pb2.Policy:
    return api.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=NAME, policy=wanted))


def test_a_deleted_account_shows_in_policies_until_it_comes_back(api):
    """`deleted:serviceAccount:…?uid=…`; a new account of that name does not inherit the role; undelete does."""
    made = create(api)
    create(api, "other-one")
    member = "serviceAccount:other-one@local.iam.gserviceaccount.com"
    set_policy(api, policy({"role": "roles/iam.serviceAccountUser", "members": [member]}))
    other = api.get_service_account(name=f"projects/-/serviceAccounts/{member.partition(':')[2]}")

    api.delete_service_account(name=other.name)
    gone = api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=made.name))
    api.undelete_service_account(request={"name": f"projects/-/serviceAccounts/{other.unique_id}"})
    back = api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=made.name))

    assert list(gone.bindings[0].members) == [f"deleted:{member}?uid={other.unique_id}"]
    assert list(back.bindings[0].members) == [member]


def test_who_may_act_as_a_deleted_account_may_not_act_as_a_new_one_of_its_name(api):
    """A policy belongs to the account, and comes back with it."""
    asked = iam_policy_pb2.GetIamPolicyRequest(resource=NAME)
    old = create(api)
    role = {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:ann@example.com"]}
    set_policy(api, policy(role))

    api.delete_service_account(name=NAME)
    new = create(api)
    seen = api.get_iam_policy(request=asked)
    api.delete_service_account(name=new.name)
    api.undelete_service_account(request={"name": f"projects/-/serviceAccounts/{old.unique_id}"})

    assert not seen.bindings
    assert [each.role for each in api.get_iam_policy(request=asked).bindings] == [role["role"]]


def test_a_key_gets_tokens_of_its_account(api):
    """Through google-auth, until the key is deleted."""
    create(api)
    key = api.create_service_account_key(name=NAME)
    info = json.loads(key.private_key_data)
    credentials = service_account.IDTokenCredentials.from_service_account_info(info, target_audience="https://scorer")
    request = google.auth.transport.requests.Request()
    credentials.refresh(request)
    (listed,) = api.list_service_account_keys(name=NAME).keys

    claims = jwt.decode(credentials.token, options={"verify_signature": False})
    assert (claims["email"], claims["aud"]) == (EMAIL, "https://scorer")
    assert (listed.name, listed.private_key_data) == (key.name, b"")
    api.delete_service_account_key(name=key.name)
    with pytest.raises(google.auth.exceptions.RefreshError):
        credentials.refresh(request)
    request.session.close()


def test_new_accounts_can_be_slow_to_appear(emulator, api):
    """As an option: 404 on reads and 400 in policies until the delay has passed on the virtual clock."""
    emulator.control("PUT", "settings", {"service_account_delay_s": 60})
    create(api)
    with pytest.raises(exceptions.NotFound, match=f"Service account {NAME} does not exist"):
        api.get_service_account(name=NAME)

    emulator.advance(60)

    assert api.get_service_account(name=NAME).email == EMAIL
