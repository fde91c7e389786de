"""Workload identity federation: Google's own library, with another issuer's token, gets what policies give it."""

import json

import pytest
from google.auth import identity_pool
from google.auth.exceptions import OAuthError, RefreshError
from google.auth.transport.requests import Request
from google.cloud import iam_admin_v1, resourcemanager_v3
from google.iam.v1 import iam_policy_pb2

from emulator.apis.workload_identity import fields, sts
from emulator.apis.workload_identity.claims import MissingError, Subject, parsed, value
from emulator.core.failures import ApiFailure
from emulator.identity.conditions import UnknownConditionError
from tests.conftest import HTTP
from tests.emulator_iam import issuers
from tests.emulator_iam.callers import PROJECT, Account, grant

POOLS = "/v1/projects/local/locations/global/workloadIdentityPools"
CONDITION = "assertion.repository_id == '456' && assertion.ref == 'refs/heads/main'"
MAPPING = {"google.subject": "assertion.sub", "attribute.repository": "assertion.repository"}


class Pool:
    """A pool with one provider, over HTTP as gcloud and Terraform speak it."""

    def __init__(self, emulator):
        self.emulator = emulator

    def call(self, verb, path, body=None, code=200, **query):
        """One call."""
        headers = query.pop("headers", {})
        answer = HTTP.request(verb, f"{self.emulator.http}{path}", json=body, params=query, headers=headers)
        assert answer.status_code == code, answer.text
        return answer.json()

    def done(self, verb, path, body=None, **query):
        """A write, and the response of its operation, which is pending at first."""
        operation = self.call(verb, path, body, **query)
        assert "done" not in operation
        return self.call("GET", f"/v1/{operation['name']}")["response"]

    def make(self, **provider):
        """The pool `ci`, with the provider `github`."""
        self.done("POST", POOLS, {"displayName": "CI"}, workloadIdentityPoolId="ci-pool")
        oidc = {"issuerUri": issuers.GITHUB, "jwksJson": json.dumps(issuers.jwks())}
        body = {"attributeMapping": MAPPING, "attributeCondition": CONDITION, "oidc": oidc} | provider
        made = self.done("POST", f"{POOLS}/ci-pool/providers", body, workloadIdentityPoolProviderId="github")
        self.name = made["name"]
        return self

    @property
    def principals(self):
        """How policies name everybody who comes from the repository."""
        pool = self.name.partition("/providers/")[0]
        return f"principalSet://iam.googleapis.com/{pool}/attribute.repository/acme/ml"

    def credentials(self, tmp_path, token, account=""):
        """Google's credentials of type `external_account`, as the action writes them."""
        (tmp_path / "token").write_text(token)
        as_account = f"{self.emulator.http}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        info = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{self.name}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{self.emulator.http}/v1/token",
            "credential_source": {"file": str(tmp_path / "token")},
            **({"service_account_impersonation_url": as_account} if account else {}),
        }
        return identity_pool.Credentials.from_info(info, scopes=["https://www.googleapis.com/auth/cloud-platform"])

    def token(self, **claims):
        """A token for the provider."""
        return issuers.token(f"https://iam.googleapis.com/{self.name}", **claims)


@pytest.fixture
def pool(emulator):
    """Nothing is made yet."""
    return Pool(emulator)


def refreshed(credentials):
    request = Request()
    try:
        credentials.refresh(request)
    finally:
        request.session.close()
    return credentials.token


def as_caller(emulator, token):
    """Google's client with a token."""
    account = Account.__new__(Account)
    account.emulator, account.token = emulator, token
    return account


def test_a_job_acts_as_the_account_that_it_is_bound_to(emulator, pool, tmp_path):
    """By google-auth, unchanged: the exchange, then `generateAccessToken`; without the role the last one is refused."""
    pool.make()
    account = Account(emulator, "deployer")
    credentials = pool.credentials(tmp_path, pool.token(), account.email)

    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        refreshed(credentials)
    role = "roles/iam.workloadIdentityUser"
    grant(
        emulator, (role, pool.principals), api=iam_admin_v1.IAMClient, on=f"{PROJECT}/serviceAccounts/{account.email}"
    )
    token = refreshed(credentials)

    told = HTTP.post(f"{emulator.http}/tokeninfo", data={"access_token": token}).json()
    assert told["email"] == account.email


def test_a_job_acts_by_itself(emulator, pool, tmp_path):
    """Without an account, its own principal has what a policy gives it, and is otherwise refused, by name."""
    pool.make()
    caller = as_caller(emulator, refreshed(pool.credentials(tmp_path, pool.token())))
    projects = caller.client(resourcemanager_v3.ProjectsClient)
    asked = iam_policy_pb2.TestIamPermissionsRequest(resource=PROJECT, permissions=["run.services.list"])

    before = projects.test_iam_permissions(request=asked).permissions
    grant(emulator, ("roles/run.viewer", pool.principals))

    assert (list(before), list(projects.test_iam_permissions(request=asked).permissions)) == ([], ["run.services.list"])


def test_keys_are_those_that_the_issuer_publishes(emulator, pool, tmp_path):
    """Without keys in the provider the issuer is asked, by its discovery document; only on this machine."""
    with issuers.served() as address:
        pool.make(oidc={"issuerUri": address})
        assert refreshed(pool.credentials(tmp_path, pool.token(issuer=address)))
    far = {"oidc": {"issuerUri": issuers.GITHUB}}
    pool.done("PATCH", f"/v1/{pool.name}", far, updateMask="oidc")
    with pytest.raises(OAuthError, match="asks nobody beyond this machine"):
        refreshed(pool.credentials(tmp_path, pool.token()))


REFUSED = (
    ({"ref": "refs/heads/x"}, "unauthorized_client.*rejected by the attribute condition"),
    ({"repository_id": "457"}, "unauthorized_client.*rejected by the attribute condition"),
    ({"ref": None}, "unauthorized_client.*rejected by the attribute condition"),
    ({"repository": None}, r"invalid_grant.*attribute\.repository cannot be mapped"),
    ({"signed_by": "stranger"}, "invalid_grant.*cannot be verified"),
    ({"issuer": "https://example.com"}, "invalid_grant.*issuer in ID Token https://example.com"),
    ({"aud": "//iam.googleapis.com/else"}, "invalid_grant.*does not match the expected audience"),
    ({"iat": 1, "exp": 301}, "invalid_grant.*stale to sign-in"),
    ({"exp": 4_000_000_000}, "invalid_grant.*more than 24 hours"),
    ({"sub": "x" * 128}, "invalid_grant.*at most 127"),
)


def test_what_a_provider_does_not_take(pool, tmp_path):
    """Each in Google's words; a token that is all right, at the end, is taken."""
    pool.make()
    for claims, words in REFUSED:
        with pytest.raises(OAuthError, match=words):
            refreshed(pool.credentials(tmp_path, pool.token(**claims)))

    assert refreshed(pool.credentials(tmp_path, pool.token()))


def test_deleted_and_disabled_ones_give_no_token_until_they_are_back(emulator, pool, tmp_path):
    """For thirty days a deleted name is taken and can be brought back; then it is free."""
    pool.make()
    credentials = pool.credentials(tmp_path, pool.token())
    providers = f"{POOLS}/ci-pool/providers"
    pool.done("PATCH", f"/v1/{pool.name}", {"disabled": True}, updateMask="disabled")
    with pytest.raises(OAuthError, match="invalid_target"):
        refreshed(credentials)
    pool.done("PATCH", f"/v1/{pool.name}", {}, updateMask="disabled")
    deleted = pool.done("DELETE", f"{POOLS}/ci-pool")
    with pytest.raises(OAuthError, match="invalid_target"):
        refreshed(credentials)

    assert deleted["state"] == "DELETED"
    assert pool.call("GET", POOLS) == {"workloadIdentityPools": []}
    assert [each["state"] for each in pool.call("GET", providers, showDeleted="true").popitem()[1]] == ["DELETED"]
    pool.call("POST", POOLS, {}, code=409, workloadIdentityPoolId="ci-pool")
    pool.done("POST", f"{POOLS}/ci-pool:undelete", {})
    pool.done("POST", f"/v1/{pool.name}:undelete", {})
    assert refreshed(credentials)
    pool.done("DELETE", f"{POOLS}/ci-pool")
    emulator.advance(31 * 86_400)
    pool.call("GET", f"{POOLS}/ci-pool", code=404)
    assert pool.done("POST", POOLS, {}, workloadIdentityPoolId="ci-pool")["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ({"attributeCondition": ""}, "must reference one of the provider's claims"),
        ({"attributeCondition": "true"}, "must reference one of the provider's claims"),
        ({"attributeCondition": "assertion.sub.matches('x')"}, "only a part of CEL"),
        ({"attributeMapping": {"attribute.a": "assertion.a"}}, "must map google.subject"),
        ({"attributeMapping": {**MAPPING, "attribute.A": "assertion.a"}}, "no attribute that can be mapped"),
        ({"attributeMapping": {"google.subject": "assertion."}}, "only a part of CEL"),
        ({"oidc": {"issuerUri": "http://example.com"}}, "must be a valid URI"),
        ({"issuer": "x"}, "Unknown name"),
        ({"displayName": "x" * 33}, "at most 32"),
    ],
)
def test_what_a_provider_may_say(pool, provider, words):
    """Refused when it is written, with a reason."""
    oidc = {"issuerUri": issuers.GITHUB}
    pool.done("POST", POOLS, {}, workloadIdentityPoolId="ci-pool")
    body = {"attributeMapping": MAPPING, "attributeCondition": CONDITION, "oidc": oidc} | provider

    told = pool.call("POST", f"{POOLS}/ci-pool/providers", body, code=400, workloadIdentityPoolProviderId="github")

    assert words in told["error"]["message"]


@pytest.mark.parametrize(
    ("oidc", "words"),
    [
        ({"issuerUri": "https://["}, "must be a valid URI"),
        ({"issuerUri": ["https://x"]}, "must be a valid URI"),
        ({"issuerUri": issuers.GITHUB, "allowedAudiences": 5}, "must be a list of texts"),
        ({"issuerUri": issuers.GITHUB, "jwksJson": {"keys": []}}, "must be text"),
    ],
)
def test_values_of_another_sort(oidc, words):
    """They are refused in words."""
    with pytest.raises(ApiFailure, match=words):
        fields.check_oidc(oidc)


def test_bodies_that_are_no_provider():
    """One whose issuer is text, and one without end."""
    for body in (b'{"oidc": "issuerUri"}', b'{"oidc": ' + b"[" * 100_000):
        with pytest.raises(ApiFailure, match="Invalid JSON payload"):
            fields.sent(body, fields.PROVIDER)
    assert fields.masked({"oidc": {"issuerUri": "x"}}, {}, "oidc,oidc.jwksJson", fields.PROVIDER) == {"oidc": {}}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"sub": "x\nallAuthenticatedUsers"}, "google.subject must have no control characters"),
        ({"groups": ["a", "b\nuser:boss@example.com"]}, "google.groups must have no control characters"),
        ({"sub": "\ud800"}, "google.subject must have no control characters"),
        ({"groups": "admins"}, "must be a list of texts"),
        ({"groups": 5}, "must be a list of texts"),
    ],
)
def test_names_that_a_claim_would_smuggle_in(claims, words):
    """A caller's names are a line each: what a claim says is never a line of its own."""
    mapping = {"google.subject": "assertion.sub", "google.groups": "assertion.groups"}
    told = {"sub": "x", "groups": ["a"]}

    assert len(list(sts.members("pool", {"attributeMapping": mapping}, told))) == 3
    with pytest.raises(sts.RefusedError, match=words):
        list(sts.members("pool", {"attributeMapping": mapping}, told | claims))


def signed(**claims):
    """A token, and its issuer's provider."""
    provider = {"name": "it", "oidc": {"issuerUri": issuers.GITHUB, "jwksJson": json.dumps(issuers.jwks())}}
    return provider, issuers.token("https://iam.googleapis.com/it", **claims)


@pytest.mark.parametrize(
    "claims", [{"exp": "9999999999"}, {"iat": float("inf")}, {"iat": "now"}, {"iss": "\ud800"}, {"aud": 5}]
)
def test_tokens_that_are_odd(claims):
    """They are refused, in words that can be sent."""
    with pytest.raises(sts.RefusedError) as told:
        sts.verified(*signed(**claims))
    assert str(told.value).encode()


@pytest.mark.parametrize(
    "keys", ["[]", "{", "[" * 100_000, '{"keys": 5}', '{"keys": [{"kid": "k1"}]}', '{"keys": ["x"]}']
)
def test_keys_that_are_none(keys):
    """They are refused, whatever the issuer publishes."""
    provider, token = signed()
    provider["oidc"]["jwksJson"] = keys

    with pytest.raises(sts.RefusedError, match=r"keys|no JSON|no object"):
        sts.verified(provider, token)
    with pytest.raises(sts.RefusedError, match="asks nobody beyond"):
        sts.fetched("http://[")


def test_each_method_needs_its_permission(emulator, pool, account):
    """A viewer reads and writes nothing, and is told what is missing, as Google writes it."""
    pool.make()
    grant(emulator, ("roles/iam.workloadIdentityPoolViewer", account.member))
    headers = {"authorization": f"Bearer {account.token}"}

    assert pool.call("GET", f"/v1/{pool.name}", headers=headers)["name"] == pool.name
    told = pool.call("POST", POOLS, {}, code=403, headers=headers, workloadIdentityPoolId="more")["error"]
    for verb, path in (("PATCH", pool.name), ("DELETE", pool.name), ("POST", f"{pool.name}:undelete")):
        pool.call(verb, f"/v1/{path}", {}, code=403, headers=headers)
    grant(emulator, ("roles/iam.workloadIdentityPoolAdmin", account.member))
    pool.call("POST", POOLS, {}, headers=headers, workloadIdentityPoolId="more")

    assert "Permission 'iam.workloadIdentityPools.create' denied on resource '//iam.googleapis.com/" in told["message"]
    assert told["details"][0]["metadata"]["permission"] == "iam.workloadIdentityPools.create"


SUBJECT = Subject({"a": "x", "list": ["x", "y"], "n": 1}, {"subject": "s"}, {"ref": "refs/heads/main"})


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("assertion.a", "x"),
        ("assertion['a'] + ':' + google.subject", "x:s"),
        ("'y' in assertion.list && !(assertion.a in ['z'])", True),
        ("has(assertion.b) ? assertion.b : 'none'", "none"),
        ("attribute.ref.startsWith('refs/heads/') && assertion.a.contains('x')", True),
        ("attribute.ref.extract('refs/heads/{name}')", "main"),
        ("assertion.n == 1 || assertion.b == 'x'", True),
        ("assertion.b == 'x' || assertion.n == 1", True),
        ("assertion.b == 'x' && assertion.n == 2", False),
    ],
)
def test_expressions(expression, found):
    """The part of CEL that federation needs."""
    assert value(expression, SUBJECT) == found


@pytest.mark.parametrize(
    "expression",
    [
        "assertion.b",
        "assertion.n + 'x'",
        "assertion.a in assertion.n",
        "'x' in assertion.a",
        "assertion.a.getHours()",
        "assertion.a ? 'x' : 'y'",
        "assertion.b == 'x' || assertion.n == 2",
        "assertion.n == 1 && assertion.b == 'x'",
    ],
)
def test_expressions_without_a_value(expression):
    """What is not there, or of another sort, is no value."""
    with pytest.raises(MissingError):
        value(expression, SUBJECT)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "assertion",
        "x.a",
        "has(a)",
        "assertion.a ? 'x'",
        "(" * 50,
        "true?true:" * 400 + "true",
        "assertion.a b",
        "!" * 4000 + "true",
        "assertion.a" + ".extract('')" * 330,
    ],
)
def test_expressions_that_are_none(expression):
    """They are refused when they are read."""
    with pytest.raises(UnknownConditionError):
        parsed(expression)
