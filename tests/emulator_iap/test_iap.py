"""Identity-Aware Proxy before a service of the emulated Cloud Run: who is let in, and what the service hears of him."""

from types import SimpleNamespace

import httpx
import jwt
import pytest
from google.cloud import run_v2

from tests.emulator_iam.callers import Account, grant
from tests.emulator_run.cloud import Cloud, service
from tests.emulator_run.test_access import grant as invokers
from tests.emulator_run.test_access import token

AGENT = "serviceAccount:service-{number}@gcp-sa-iap.iam.gserviceaccount.com"
ACCESSOR = "roles/iap.httpsResourceAccessor"
HEADER = "x-goog-iap-jwt-assertion"


pytestmark = pytest.mark.slow


@pytest.fixture
def iap(emulator):
    """A service behind IAP, which its agent may call, and an account that nobody has let in."""
    cloud = Cloud(emulator)
    wanted = service(public=False)
    wanted.iap_enabled = True
    found = cloud.create("page", wanted)
    number = httpx.get(f"{emulator.http}/v1/projects/local").json()["projectNumber"]
    agent = AGENT.format(number=number)
    invokers(cloud, found.name, "roles/run.invoker", agent)
    account = Account(emulator, "reader")
    rest = f"{emulator.http}/v1/projects/{number}/iap_web/cloud_run-europe-west1/services/page"
    return SimpleNamespace(
        cloud=cloud, emulator=emulator, uri=found.uri, name=found.name, account=account, agent=agent, rest=rest,
        token=token(emulator, account.email, found.uri), number=number,
    )  # fmt: skip


def ask(iap, bearer=None, **headers):
    """An answer of the address, as it is."""
    told = {"authorization": f"Bearer {bearer}"} if bearer else {}
    return httpx.get(iap.uri, headers={**told, **headers}, timeout=20)


def let_in(iap, *members):
    """Replace the policy by one binding, by REST."""
    policy = {"bindings": [{"role": ACCESSOR, "members": list(members)}]}
    return httpx.post(f"{iap.rest}:setIamPolicy", json={"policy": policy}, timeout=20).raise_for_status().json()


def test_who_is_named_is_let_in_and_nobody_else(iap):
    """No token: to the page where one signs in; a bad one 401; without the role 403; with it 200, until it is taken."""
    first = ask(iap)
    assert (first.status_code, httpx.URL(first.headers["location"]).host) == (302, "accounts.google.com")
    assert ask(iap, "nonsense").status_code == 401
    assert ask(iap, token(iap.emulator, iap.account.email, "https://elsewhere.example")).status_code == 401
    assert ask(iap, iap.token).status_code == 403

    let_in(iap, iap.account.member)
    assert ask(iap, iap.token).status_code == 200

    let_in(iap)
    assert ask(iap, iap.token).status_code == 403


def test_who_owns_the_emulator_is_let_in_by_the_role_alone(iap):
    """Owning a project is no right to pass, and being let in by Cloud Run is none either."""
    owner = "emulator@local.iam.gserviceaccount.com"
    invokers(iap.cloud, iap.name, "roles/run.invoker", iap.agent, iap.account.member, "allUsers")

    assert ask(iap, token(iap.emulator, owner, iap.uri)).status_code == 403
    assert ask(iap, iap.token).status_code == 403
    assert ask(iap).status_code == 302


def test_a_role_on_the_project_lets_in(iap):
    """Policies are inherited."""
    grant(iap.emulator, (ACCESSOR, iap.account.member))

    assert ask(iap, iap.token).status_code == 200


def test_without_its_agent_nobody_comes_through(iap):
    """IAP calls as its own account, and Cloud Run lets that in like any other."""
    let_in(iap, iap.account.member)
    invokers(iap.cloud, iap.name, "roles/run.invoker", iap.account.member)

    assert ask(iap, iap.token).status_code == 403


def test_what_is_vouched_for_can_be_checked(iap):
    """The service gets a token that IAP's public key verifies, for this service; what the caller says is taken away."""
    let_in(iap, iap.account.member)
    forged = {HEADER: "forged", "x-goog-authenticated-user-email": "accounts.google.com:boss@acme.example"}

    told = ask(iap, iap.token, **forged).json()["headers"]

    keys = httpx.get(f"{iap.emulator.http}/iap/verify/public_key-jwk").json()["keys"]
    [key] = [each for each in keys if each["kid"] == jwt.get_unverified_header(told[HEADER])["kid"]]
    audience = f"/projects/{iap.number}/locations/europe-west1/services/page"
    claims = jwt.decode(
        told[HEADER],
        jwt.PyJWK(key).key,
        algorithms=["ES256"],
        audience=audience,
        issuer="https://cloud.google.com/iap",
        options={"require": ["exp", "iat", "aud", "iss", "sub"]},
    )
    assert claims["email"] == iap.account.email
    assert told["x-goog-authenticated-user-email"] == f"accounts.google.com:{iap.account.email}"
    assert set(httpx.get(f"{iap.emulator.http}/iap/verify/public_key").json()) == {key["kid"]}


def test_switched_off_the_service_asks_itself(iap):
    """Without IAP its policy lets nobody in, and what a caller says of himself arrives: only a signature tells."""
    let_in(iap, iap.account.member)
    iap.cloud.update(run_v2.Service(name=iap.name), "iap_enabled")

    assert ask(iap, iap.token).status_code == 403
    invokers(iap.cloud, iap.name, "roles/run.invoker", iap.account.member)
    assert ask(iap, iap.token, **{HEADER: "forged"}).json()["headers"][HEADER] == "forged"


def test_a_policy_is_read_as_it_was_written_and_of_a_service_that_is_there(iap):
    """By number or id one policy; what is not there is NOT_FOUND, and what is none of Cloud Run's is not emulated."""
    written = let_in(iap, iap.account.member)
    by_id = iap.rest.replace(iap.number, "local")

    read = httpx.post(f"{by_id}:getIamPolicy", json={}).json()

    assert (read["bindings"], read["etag"]) == (written["bindings"], written["etag"])
    assert httpx.post(f"{by_id}-none:getIamPolicy", json={}).status_code == 404
    backend = by_id.replace("cloud_run-europe-west1/services/page", "compute/services/1")
    assert httpx.post(f"{backend}:getIamPolicy", json={}).status_code == 501


def test_policies_are_read_and_written_with_permissions_of_their_own(iap):
    """An account without them is refused; with IAP's administrator's role it is not."""
    signed = {"authorization": f"Bearer {iap.account.token}"}
    asking = {"url": f"{iap.rest}:getIamPolicy", "json": {}, "headers": signed}

    refused = httpx.post(**asking)
    grant(iap.emulator, ("roles/iap.admin", iap.account.member))

    assert (refused.status_code, "iap.webServices.getIamPolicy" in refused.text) == (403, True)
    assert httpx.post(**asking).status_code == 200
