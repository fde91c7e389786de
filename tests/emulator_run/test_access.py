"""Who may call a service of the emulated Cloud Run, with which secrets, and what a restart leaves."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import google.auth.transport.requests
import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1, resourcemanager_v3, run_v2, secretmanager_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.oauth2 import service_account

from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_run.cloud import Cloud, latest, service, short, to, who

pytestmark = pytest.mark.slow

CALLER = "caller@local.iam.gserviceaccount.com"


@pytest.fixture
def cloud(emulator):
    """Clients of an empty emulator."""
    return Cloud(emulator)


@pytest.fixture
def caller(emulator):
    """A service account that may do nothing yet."""
    iam = client(emulator, iam_admin_v1.IAMClient)
    account = iam_admin_v1.CreateServiceAccountRequest(name="projects/local", account_id="caller")
    iam.create_service_account(request=account)
    return CALLER


def token(emulator, email, audience):
    """An identity token as google-auth fetches it with a key of the account."""
    key = json.loads(Path(emulator.env["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    if email != key["client_email"]:
        iam = client(emulator, iam_admin_v1.IAMClient)
        made = iam.create_service_account_key(name=f"projects/local/serviceAccounts/{email}")
        key = json.loads(made.private_key_data)
    credentials = service_account.IDTokenCredentials.from_service_account_info(key, target_audience=audience)
    credentials.refresh(google.auth.transport.requests.Request())
    return credentials.token


def call(uri, bearer=None):
    """The status of a call."""
    return httpx.get(uri, headers={"authorization": f"Bearer {bearer}"} if bearer else {}, timeout=20).status_code


def grant(cloud, name, role, *members):
    """Replace a service's policy by one binding."""
    policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role=role, members=members)])
    cloud.services.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy))


def test_names_on_run_app_lead_to_services_and_tags(cloud, emulator, caller):
    """Where containers are told to look, by `Host`: a tag while there is one, a token for the name that it is of."""
    found = cloud.create(public=False)
    grant(cloud, found.name, "roles/run.invoker", f"serviceAccount:{caller}")
    number = (
        client(emulator, resourcemanager_v3.ProjectsClient).get_project(name="projects/local").name.partition("/")[2]
    )
    name = f"hello-{number}.europe-west1.run.app"
    bearer = {"authorization": f"Bearer {token(emulator, caller, f'https://{name}')}"}
    own = {"authorization": f"Bearer {token(emulator, caller, found.uri)}"}
    told = httpx.get(found.uri, params={"env": "RUN_APP_EMULATOR_HOST"}, headers=own).json()
    here = f"http://{told['env']['RUN_APP_EMULATOR_HOST']}"

    def asked(host, headers):
        return httpx.get(here, headers={**headers, "host": host}, timeout=20).status_code

    assert asked(name, bearer) == 200
    assert asked(name, {}) == 403
    assert asked(f"shadow---{name}", bearer) == 404
    found.traffic = [latest(), latest(0, "shadow")]
    found = cloud.update(found, "traffic")
    assert asked(f"shadow---{name}", bearer) == 200
    assert asked("127.0.0.1", bearer) == 404
    assert call(found.uri, token(emulator, caller, f"https://{name}")) == 200
    found.traffic = [latest()]
    cloud.update(found, "traffic")
    assert asked(f"shadow---{name}", bearer) == 404


def test_a_private_service_lets_invokers_in(cloud, emulator, caller):
    """No token 403, a token for another address 401, without the role 403, with it 200; revoked it is 403 again."""
    found = cloud.create(public=False)
    good = token(emulator, caller, found.uri)

    assert call(found.uri) == 403
    assert call(found.uri, "nonsense") == 401
    assert call(found.uri, token(emulator, caller, "https://elsewhere.example.com")) == 401
    assert call(found.uri, good) == 403

    grant(cloud, found.name, "roles/run.invoker", f"serviceAccount:{caller}")
    assert call(found.uri, good) == 200

    grant(cloud, found.name, "roles/run.invoker")
    assert call(found.uri, good) == 403


def test_everybody_may_be_let_in(cloud):
    """By a policy for allUsers or by switching the check off; each takes effect at once and can be taken back."""
    found = cloud.create(public=False)

    grant(cloud, found.name, "roles/run.invoker", "allUsers")
    assert call(found.uri) == 200
    grant(cloud, found.name, "roles/run.invoker")
    assert call(found.uri) == 403
    cloud.update(run_v2.Service(name=found.name, invoker_iam_disabled=True), "invoker_iam_disabled")
    assert call(found.uri) == 200


def test_tags_and_custom_audiences_are_audiences(cloud, emulator, caller):
    """A token is good for the service's address, the tag's, and the custom ones."""
    wanted = service(public=False)
    wanted.custom_audiences = ["https://models.example.com"]
    wanted.traffic = [latest(100, "blue")]
    found = cloud.create(wanted=wanted)
    grant(cloud, found.name, "roles/run.invoker", f"serviceAccount:{caller}")
    tagged = found.traffic_statuses[0].uri

    assert call(tagged, token(emulator, caller, tagged)) == 200
    assert call(tagged, token(emulator, caller, found.uri)) == 200
    assert call(found.uri, token(emulator, caller, "https://models.example.com")) == 200


def test_the_owner_of_the_emulator_may_call(cloud, emulator):
    """The emulator's own credentials belong to the project's owner: `fetch_id_token` just works."""
    found = cloud.create(public=False)
    owner = "emulator@local.iam.gserviceaccount.com"

    assert call(found.uri, token(emulator, owner, found.uri)) == 200


def test_internal_ingress_is_not_reached_from_outside(cloud):
    """The front end answers 404, as Google's does."""
    wanted = service()
    wanted.ingress = run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY

    assert call(cloud.create(wanted=wanted).uri) == 404


def secret_env(name="key", version="1"):
    """A service whose environment names a secret."""
    wanted = service()
    reference = run_v2.SecretKeySelector(secret=name, version=version)
    source = run_v2.EnvVarSource(secret_key_ref=reference)
    wanted.template.containers[0].env.append(run_v2.EnvVar(name="KEY", value_source=source))
    return wanted


def make_secret(emulator, *members):
    """A secret with one version that `members` may read."""
    secrets = client(emulator, secretmanager_v1.SecretManagerServiceClient)
    secret = secretmanager_v1.Secret(replication={"automatic": {}})
    created = secrets.create_secret(parent="projects/local", secret_id="key", secret=secret)
    secrets.add_secret_version(parent=created.name, payload={"data": b"sesame"})
    binding = policy_pb2.Binding(role="roles/secretmanager.secretAccessor", members=members)
    request = iam_policy_pb2.SetIamPolicyRequest(
        resource="projects/local/secrets/key", policy=policy_pb2.Policy(bindings=[binding])
    )
    secrets.set_iam_policy(request)


def test_a_secret_becomes_a_variable(cloud, emulator, caller):
    """The value is read at instance start, as the revision's account."""
    make_secret(emulator, f"serviceAccount:{caller}")
    wanted = secret_env()
    wanted.template.service_account = caller

    found = cloud.create(wanted=wanted)

    assert httpx.get(found.uri, params={"env": "KEY"}).json()["env"] == {"KEY": "sesame"}


def test_a_secret_needs_a_role(cloud, emulator, caller):
    """Without it the revision fails with Google's reason and message."""
    make_secret(emulator)
    wanted = secret_env()
    wanted.template.service_account = caller

    with pytest.raises(exceptions.InternalServerError, match=f"for Revision service account {caller}"):
        cloud.create(wanted=wanted)

    assert cloud.get().terminal_condition.reason.name == "SECRETS_ACCESS_CHECK_FAILED"


def test_a_secret_version_must_exist(cloud, emulator, caller):
    """A version that is not there is said by its name."""
    make_secret(emulator, f"serviceAccount:{caller}")
    wanted = secret_env(version="7")
    wanted.template.service_account = caller

    with pytest.raises(exceptions.InternalServerError, match="secrets/key/versions/7 was not found"):
        cloud.create(wanted=wanted)


def test_services_come_back_after_a_restart(tmp_path):
    """Clean stop or kill: addresses, split, tags and access are the same; instances start with the first request."""
    first = Emulator.start(tmp_path)
    cloud = Cloud(first)
    created = cloud.create()
    wanted = service(env={"COLOUR": "red"})
    wanted.name = created.name
    wanted.traffic = [to(created.latest_ready_revision, 100), latest(0, "next")]
    before = cloud.update(wanted)
    private = cloud.create("private", public=False)
    first.kill()

    second = Emulator.start(tmp_path)
    try:
        after = Cloud(second).get()

        assert after == before
        assert who(after.uri) == short(created.latest_ready_revision)
        assert who(after.traffic_statuses[1].uri) == short(before.latest_ready_revision)
        assert call(private.uri) == 403
    finally:
        second.stop()
    assert second.process.returncode == 0


def test_a_deployment_survives_a_kill(tmp_path):
    """The emulator dies in the middle of a deployment: the next start finishes it."""
    first = Emulator.start(tmp_path)
    request = {
        "parent": "projects/local/locations/europe-west1",
        "service_id": "hello",
        "service": service(env={"HELLO_START_DELAY_S": "0.6"}),
    }
    Cloud(first).services.create_service(request=request)
    time.sleep(0.3)
    first.kill()

    second = Emulator.start(tmp_path)
    try:
        until = time.monotonic() + 60
        while Cloud(second).get().reconciling and time.monotonic() < until:
            time.sleep(0.1)
        found = Cloud(second).get()

        assert not found.reconciling
        assert who(found.uri) == short(found.latest_ready_revision)
    finally:
        second.stop()


def test_who_may_call_and_from_where_are_said_at_the_same_time(cloud):
    """A policy and an update that are written together both hold: neither writes what the other read before."""
    name = cloud.create(wanted=service(public=False)).name
    ingress = run_v2.IngressTraffic
    anyone = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
    answers, wanted = [], []
    with httpx.Client(trust_env=False) as http, ThreadPoolExecutor(1) as beside:
        for turn in range(24):
            inside, public = bool(turn & 1), bool(turn & 2)
            changed = cloud.get()
            changed.ingress = ingress.INGRESS_TRAFFIC_INTERNAL_ONLY if inside else ingress.INGRESS_TRAFFIC_ALL
            moved = beside.submit(cloud.update, changed, "ingress")
            policy = policy_pb2.Policy(bindings=[anyone] if public else [])
            asked = iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy)
            cloud.services.set_iam_policy(asked)
            while not moved.done():
                cloud.services.set_iam_policy(asked)
            answers.append(http.get(moved.result().uri).status_code)
            wanted.append(404 if inside else 200 if public else 403)

    assert answers == wanted
