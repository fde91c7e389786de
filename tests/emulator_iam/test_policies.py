"""Where a permission may come from, and where it may not."""

import threading

import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1, resourcemanager_v3, run_v2, scheduler_v1, secretmanager
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.core.api import Policies
from emulator.core.world import World
from emulator.identity import access, iam_policy
from tests.conftest import HTTP
from tests.emulator.clients import both_wires, client
from tests.emulator_iam.callers import PROJECT, Account, grant

PLACE = f"{PROJECT}/locations/europe-west1"
TOPIC = f"{PROJECT}/topics/scores"
SERVICE = {"template": {"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]}}


@pytest.fixture
def topic(emulator):
    """A topic that somebody else made."""
    return client(emulator, PublisherClient).create_topic(name=TOPIC)


def denied(call, **kwargs):
    """IAM's refusal of a call."""
    with pytest.raises(exceptions.Forbidden) as caught:
        call(**kwargs)
    assert caught.value.reason == "IAM_PERMISSION_DENIED"
    return caught.value


@both_wires
def test_the_developer_may_do_everything_until_he_is_held_to_being_an_owner(emulator, topic, wire):
    """With the switch on he has what roles/owner has, which is all of a topic, and not the content of buckets."""
    api = client(emulator, PublisherClient, wire)
    emulator.control("POST", "iam", {"enforced": True})

    assert emulator.control("GET", "iam") == {"enforced": True}
    assert api.get_topic(topic=TOPIC) == topic
    assert HTTP.post(f"{emulator.http}/storage/v1/b?project=local", json={"name": "models"}).status_code == 200
    # An owner is a legacy owner of his buckets: he may list, and read nothing.
    assert HTTP.get(f"{emulator.http}/storage/v1/b/models/o").status_code == 200
    assert HTTP.get(f"{emulator.http}/storage/v1/b/models/o/x?alt=media").status_code == 403
    emulator.control("POST", "iam", {"enforced": False})
    assert HTTP.get(f"{emulator.http}/storage/v1/b/models/o/x?alt=media").status_code == 404


def test_a_role_on_the_resource_is_enough_and_no_more(emulator, account, topic):
    """The topic's own policy lets the account see that topic, and no other one."""
    grant(emulator, ("roles/pubsub.viewer", account.member), api=PublisherClient, on=TOPIC)
    api = account.client(PublisherClient)

    assert api.get_topic(topic=TOPIC) == topic
    assert (
        denied(api.get_topic, topic=f"{PROJECT}/topics/other").message == "User not authorized to perform this action."
    )


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_everybody_is_somebody(emulator, account, topic, member):
    """A role of everybody is one of the account."""
    grant(emulator, ("roles/pubsub.viewer", member), api=PublisherClient, on=TOPIC)

    assert account.client(PublisherClient).get_topic(topic=TOPIC) == topic


STRANGERS = [
    "group:team@example.com",
    "domain:local.iam.gserviceaccount.com",
    "user:caller@local.iam.gserviceaccount.com",
]


@pytest.mark.parametrize("member", STRANGERS)
def test_nobody_is_in_a_group_or_a_domain(emulator, account, topic, member):
    """The emulator knows no groups, so they give nothing."""
    grant(emulator, ("roles/owner", member))

    denied(account.client(PublisherClient).get_topic, topic=TOPIC)


def test_a_custom_role_gives_its_permissions_until_it_is_deleted(emulator, account, topic):
    """What a predefined role would give too much of."""
    admin = client(emulator, iam_admin_v1.IAMClient)
    wanted = {"title": "Topics", "included_permissions": ["pubsub.topics.get"]}
    role = admin.create_role(request={"parent": PROJECT, "role_id": "topics", "role": wanted})
    grant(emulator, (role.name, account.member))
    api = account.client(PublisherClient)

    assert api.get_topic(topic=TOPIC) == topic
    denied(api.delete_topic, topic=TOPIC)
    admin.delete_role(request={"name": role.name})
    denied(api.get_topic, topic=TOPIC)
    with pytest.raises(exceptions.FailedPrecondition, match="in a deleted state"):
        admin.create_role(request={"parent": PROJECT, "role_id": "topics", "role": wanted})
    admin.undelete_role(request={"name": role.name})
    assert api.get_topic(topic=TOPIC) == topic


def test_an_unknown_permission_is_none_of_a_role(emulator):
    """A misspelt one is refused when the role is made, as by Google."""
    admin = client(emulator, iam_admin_v1.IAMClient)

    with pytest.raises(exceptions.InvalidArgument, match=r"Permission pubsub\.topics\.gett is not valid"):
        admin.create_role(
            request={"parent": PROJECT, "role_id": "topics", "role": {"included_permissions": ["pubsub.topics.gett"]}}
        )


def test_conditions_count_by_name_type_and_time(emulator, account, topic):
    """A role holds where and while its condition does, on the emulator's clock."""
    until = "request.time < timestamp('2100-01-01T00:00:00Z')"
    here = f"resource.name == '{TOPIC}' && resource.type == 'pubsub.googleapis.com/Topic'"
    grant(emulator, ("roles/pubsub.viewer", account.member, f"{here} && {until}"))
    api = account.client(PublisherClient)

    assert api.get_topic(topic=TOPIC) == topic
    denied(api.get_topic, topic=f"{PROJECT}/topics/other")
    emulator.advance(80 * 365 * 86_400)
    denied(api.get_topic, topic=TOPIC)


def test_a_condition_beyond_the_emulator_grants_nothing_and_is_named(emulator, account, topic):
    """The refusal says why a role that is there counts for nothing."""
    grant(emulator, ("roles/pubsub.viewer", account.member, "resource.matchTag('1/env', 'prod')"))

    refused = denied(account.client(PublisherClient).get_topic, topic=TOPIC)

    assert "cannot evaluate the condition \"resource.matchTag('1/env', 'prod')\"" in refused.message


def test_an_administrator_of_policies_can_be_limited_to_some_roles(emulator, account):
    """By the condition that our page on permissions names: other roles cannot be granted."""
    only = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/run.invoker'])"
    mine = ("roles/resourcemanager.projectIamAdmin", account.member, only)
    grant(emulator, mine)
    api = account.client(resourcemanager_v3.ProjectsClient)
    seen = iam_policy_pb2.GetIamPolicyRequest(resource=PROJECT)
    seen.options.requested_policy_version = 3
    policy = client(emulator, resourcemanager_v3.ProjectsClient).get_iam_policy(request=seen)
    policy.bindings.add(role="roles/run.invoker", members=["user:ann@example.com"])
    policy.ClearField("etag")

    set_policy = iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy)
    api.set_iam_policy(request=set_policy)
    set_policy.policy.bindings.add(role="roles/owner", members=[account.member])

    assert (
        denied(api.set_iam_policy, request=set_policy).metadata["permission"] == "resourcemanager.projects.setIamPolicy"
    )


def test_google_s_agents_have_their_roles_in_their_own_project(tmp_path):
    """Cloud Scheduler publishes without anybody's grant, and to the topics of its project only."""
    world = World(tmp_path)
    agent = f"service-{world.project_number('local')}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"

    own, other = (
        access.may(world, agent, "pubsub.topics.publish", access.Target(f"projects/{project}/topics/t")).granted
        for project in ("local", "another")
    )

    assert (own, other) == (True, False)
    world.store.close()


def test_a_policy_that_is_set_while_its_resource_is_deleted_goes_with_it(tmp_path):
    """The next one of the name would have it: who was let in to the old one is not to be let in to the new one."""
    world = World(tmp_path)
    kind, name, started = "test.note", "projects/local/notes/n", threading.Event()
    world.store.put(kind, name, b"")

    def delete():
        started.set()
        with world.store.transaction():
            world.store.delete(kind, name)
            iam_policy.forget(world, name)

    beside = threading.Thread(target=delete)

    def key(where, resource):
        assert where.store.get(kind, resource) is not None
        beside.start()
        started.wait()
        beside.join(0.3)  # it ends now where it can, and else once the policy is set
        return resource

    policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])])
    request = iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy)
    iam_policy.answer(world, Policies("projects/*/notes/*", key), "Notes/SetIamPolicy", request)
    beside.join()

    assert not iam_policy.stored(world, name).bindings
    world.store.close()


def may_act_as(emulator, account, email):
    """Let an account be acted as."""
    user = ("roles/iam.serviceAccountUser", account.member)
    grant(emulator, user, api=iam_admin_v1.IAMClient, on=f"{PROJECT}/serviceAccounts/{email}")


def test_deploying_as_an_account_needs_act_as_on_it(emulator, account):
    """A Cloud Run service runs as an account: who makes it must be allowed to act as that one, by default too."""
    grant(emulator, ("roles/run.admin", account.member))
    api = account.client(run_v2.ServicesClient)
    asked = {"parent": PLACE, "service_id": "hello", "service": SERVICE, "validate_only": True}
    number = resourcemanager_number(emulator)

    refused = denied(api.create_service, request=asked)

    email = f"{number}-compute@developer.gserviceaccount.com"
    words = f"Permission 'iam.serviceaccounts.actAs' denied on service account {email} (or it may not exist)."
    assert refused.message == words
    may_act_as(emulator, account, email)
    api.create_service(request=asked)


def resourcemanager_number(emulator) -> str:
    """The number of the project."""
    return client(emulator, resourcemanager_v3.ProjectsClient).get_project(name=PROJECT).name.rpartition("/")[2]


def test_pushes_and_schedules_as_an_account_need_act_as_on_it(emulator, account, topic):
    """So with the tokens that Pub/Sub and Cloud Scheduler send."""
    other = Account(emulator, "pusher")
    grant(emulator, ("roles/pubsub.editor", account.member), ("roles/cloudscheduler.admin", account.member))
    push = {"push_endpoint": "https://example.com/x", "oidc_token": {"service_account_email": other.email}}
    subscription = {"name": f"{PROJECT}/subscriptions/scorer", "topic": TOPIC, "push_config": push}
    http = {"uri": "https://example.com/x", "oidc_token": {"service_account_email": other.email}}
    job = {"name": f"{PLACE}/jobs/j", "schedule": "0 3 * * *", "http_target": http}

    asked = (
        (account.client(SubscriberClient).create_subscription, {"request": subscription}),
        (account.client(scheduler_v1.CloudSchedulerClient).create_job, {"parent": PLACE, "job": job}),
    )

    assert [denied(call, **of).metadata["permission"] for call, of in asked] == ["iam.serviceAccounts.actAs"] * 2
    may_act_as(emulator, account, other.email)
    assert [bool(call(**of)) for call, of in asked] == [True, True]


def test_permissions_are_tested_as_they_are_checked(emulator, account, topic):
    """TestIamPermissions answers what the caller has; the developer has everything."""
    grant(emulator, ("roles/pubsub.viewer", account.member))
    asked = iam_policy_pb2.TestIamPermissionsRequest(
        resource=TOPIC, permissions=["pubsub.topics.get", "pubsub.topics.delete"]
    )

    mine = account.client(PublisherClient).test_iam_permissions(request=asked)

    assert list(mine.permissions) == ["pubsub.topics.get"]
    assert len(client(emulator, PublisherClient).test_iam_permissions(request=asked).permissions) == 2


def test_a_secret_is_read_by_whom_its_policy_names(emulator, account):
    """Its versions lie below it; in conditions its name has the project's number."""
    admin = client(emulator, secretmanager.SecretManagerServiceClient)
    secret = admin.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    version = admin.add_secret_version(parent=secret.name, payload={"data": b"s"})
    api = account.client(secretmanager.SecretManagerServiceClient)

    denied(api.access_secret_version, name=version.name)
    here = f"resource.name.startsWith('projects/{resourcemanager_number(emulator)}/secrets/key/versions/')"
    grant(emulator, ("roles/secretmanager.secretAccessor", account.member, here))

    assert api.access_secret_version(name=f"{PROJECT}/secrets/key/versions/1").payload.data == b"s"


def test_an_operation_is_its_api_s(emulator, account):
    """Cloud Run asks for run.operations.get; whoever may not get them sees none in a list."""
    made = client(emulator, run_v2.ServicesClient).create_service(parent=PLACE, service_id="hello", service=SERVICE)
    name = made.operation.name
    made.result()
    api = account.client(run_v2.ServicesClient)

    assert denied(api.get_operation, request={"name": name}).metadata["permission"] == "run.operations.get"
    assert not api.list_operations(request={"name": PLACE}).operations
    grant(emulator, ("roles/run.viewer", account.member))
    assert api.get_operation(request={"name": name}).done
    assert len(api.list_operations(request={"name": PLACE}).operations) == 1


def test_what_gcloud_reads_of_version_1_is_checked_too(emulator, account):
    """Its paths are in no table."""
    url = f"{emulator.http}/apis/serving.knative.dev/v1/namespaces/local/services"
    header = {"authorization": f"Bearer {account.token}"}

    refused = HTTP.get(url, headers=header)

    assert (refused.status_code, refused.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    grant(emulator, ("roles/run.viewer", account.member))
    assert HTTP.get(url, headers=header).status_code == 200


def test_moving_traffic_needs_no_account(emulator, account):
    """Only an update that sets the template is a deployment; the account stays what it was."""
    client(emulator, run_v2.ServicesClient).create_service(parent=PLACE, service_id="hello", service=SERVICE).result()
    grant(emulator, ("roles/run.developer", account.member))
    api = account.client(run_v2.ServicesClient)
    name = f"{PLACE}/services/hello"
    traffic = [{"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "tag": "new"}]

    moved = api.update_service(
        request={"service": {"name": name, "traffic": traffic}, "update_mask": {"paths": ["traffic"]}}
    ).result()

    assert [target.tag for target in moved.traffic] == ["new"]
    whole = {"service": {"name": name, **SERVICE}, "update_mask": {"paths": ["template"]}}
    assert denied(api.update_service, request=whole).metadata["permission"] == "iam.serviceAccounts.actAs"
