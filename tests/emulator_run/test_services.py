"""Services of the emulated Cloud Run, through Google's client."""

import re
import threading
import time
from collections import Counter

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.emulator.clients import both_wires
from tests.emulator_run.cloud import HELLO, LATEST, PARENT, STATE, Cloud, latest, service, short, to, who

pytestmark = pytest.mark.slow


@pytest.fixture
def cloud(emulator):
    """Clients of an empty emulator."""
    return Cloud(emulator)


def small(**fields):
    """A container with some resources."""
    return {"resources": run_v2.ResourceRequirements(**fields)}


@both_wires
def test_a_service_lives_its_life(emulator, wire):
    """Created, served, read, listed, changed, deleted: over both wires."""
    cloud = Cloud(emulator, wire)
    request = {"parent": PARENT, "service_id": "hello", "service": service(env={"COLOUR": "blue"})}

    started = cloud.services.create_service(request=request)
    pending = started.metadata
    created = started.result(timeout=30)
    found = cloud.get()

    assert not started.operation.done or pending.reconciling
    assert (pending.uid, pending.terminal_condition.state) == ("", STATE.CONDITION_PENDING)
    assert created == found
    assert [each.name for each in cloud.services.list_services(parent=PARENT)] == [found.name]
    assert httpx.get(found.uri, params={"env": "COLOUR"}).json()["env"] == {"COLOUR": "blue"}

    changed = cloud.update(renamed(found, "red"))
    assert httpx.get(changed.uri, params={"env": "COLOUR"}).json()["env"] == {"COLOUR": "red"}
    assert changed.uri == found.uri

    gone = cloud.services.delete_service(name=found.name).result(timeout=30)
    assert gone.delete_time
    with pytest.raises(
        exceptions.NotFound,
        match=r"Resource 'hello' of kind 'SERVICE' in region 'europe-west1' in project 'local' does not exist.",
    ):
        cloud.get()
    with pytest.raises(httpx.ConnectError):
        httpx.get(found.uri)


def renamed(found, colour):
    """The same service with another colour."""
    changed = service(env={"COLOUR": colour})
    changed.name = found.name
    return changed


def test_the_server_fills_what_was_left_out(cloud):
    """The table of kinds.md 3.1, row by row."""
    found = cloud.create(public=False)
    template = found.template
    container = template.containers[0]

    assert found.ingress.name == "INGRESS_TRAFFIC_ALL"
    assert found.launch_stage == 4
    assert [(each.type_, each.percent) for each in found.traffic] == [(LATEST, 100)]
    assert [(each.type_, each.percent) for each in found.traffic_statuses] == [(LATEST, 100)]
    assert template.scaling.max_instance_count == 100
    assert template.timeout.total_seconds() == 300
    assert template.max_instance_request_concurrency == 80
    assert re.fullmatch(r"\d{12}-compute@developer.gserviceaccount.com", template.service_account)
    assert dict(container.resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
    assert container.resources.cpu_idle
    assert [(port.name, port.container_port) for port in container.ports] == [("http1", 8080)]
    probe = container.startup_probe
    assert (probe.timeout_seconds, probe.period_seconds, probe.failure_threshold) == (240, 240, 1)
    assert probe.tcp_socket.port == 8080
    assert (container.image, container.name) == (HELLO, "")


def test_resources_without_cpu_idle_mean_instance_based_billing(cloud):
    """Once `resources` is set, an unset `cpuIdle` is false, and the other limit is filled."""
    container = cloud.create(container=small(limits={"memory": "1Gi"})).template.containers[0]

    assert not container.resources.cpu_idle
    assert dict(container.resources.limits) == {"cpu": "1000m", "memory": "1Gi"}


def test_less_than_one_cpu_means_one_request_at_a_time(cloud):
    """The default concurrency depends on the CPU."""
    found = cloud.create(container=small(limits={"cpu": "0.5"}, cpu_idle=True))

    assert found.template.max_instance_request_concurrency == 1


def test_a_settled_service_says_so(cloud):
    """Identity, generation, conditions, revisions and address of a service that works."""
    found = cloud.create()

    assert found.uid
    assert (found.generation, found.observed_generation, found.reconciling) == (1, 1, False)
    assert (found.terminal_condition.type_, found.terminal_condition.state) == ("Ready", STATE.CONDITION_SUCCEEDED)
    assert [(each.type_, each.state) for each in found.conditions] == [
        ("RoutesReady", STATE.CONDITION_SUCCEEDED),
        ("ConfigurationsReady", STATE.CONDITION_SUCCEEDED),
    ]
    assert found.latest_created_revision == found.latest_ready_revision
    assert re.fullmatch(r"hello-00001-[a-z]{3}", short(found.latest_ready_revision))
    assert found.urls == [found.uri]
    assert found.creator == found.last_modifier


def test_a_change_below_the_template_makes_a_revision(cloud):
    """And a change outside does not, though the generation rises with both."""
    first = cloud.create()

    first.labels["team"] = "a"
    labelled = cloud.update(first, "labels")
    labelled.template.containers[0].env.append(run_v2.EnvVar(name="A", value="1"))
    changed = cloud.update(labelled)

    assert labelled.latest_created_revision == first.latest_created_revision
    assert (labelled.generation, changed.generation) == (2, 3)
    assert cloud.revision_ids() == [short(first.latest_created_revision), short(changed.latest_created_revision)]
    assert short(changed.latest_created_revision).startswith("hello-00003-")
    assert who(changed.uri) == short(changed.latest_created_revision)


def test_the_same_write_again_changes_nothing(cloud):
    """A write of what is there makes no revision and no generation."""
    found = cloud.create()

    again = cloud.update(found)

    assert (again.generation, again.etag, again.update_time) == (found.generation, found.etag, found.update_time)


def test_a_masked_field_left_out_is_cleared(cloud):
    """`update_mask` names what is replaced, whether it is in the body or not."""
    wanted = service()
    wanted.description, wanted.labels = "old", {"a": "b"}
    found = cloud.create(wanted=wanted)

    changed = cloud.update(run_v2.Service(name=found.name), "description")

    assert (changed.description, dict(changed.labels)) == ("", {"a": "b"})


def test_a_stale_etag_is_refused(cloud):
    """A write for an older state answers 409 ABORTED; without an etag it overwrites."""
    old = cloud.create()
    cloud.update(run_v2.Service(name=old.name, description="new"), "description")

    with pytest.raises(exceptions.Aborted, match="Conflict for resource 'hello'"):
        cloud.update(run_v2.Service(name=old.name, etag=old.etag, description="x"), "description")
    with pytest.raises(exceptions.Aborted):
        cloud.services.delete_service(request={"name": old.name, "etag": old.etag})
    assert cloud.update(run_v2.Service(name=old.name, description="y"), "description").description == "y"


def test_validate_only_stores_nothing(cloud):
    """A dry run answers the completed service and leaves nothing behind; it refuses what a write would refuse."""
    request = {"parent": PARENT, "service_id": "dry", "service": service(), "validate_only": True}

    answered = cloud.services.create_service(request=request).result(timeout=60)

    assert answered.template.timeout.total_seconds() == 300
    assert list(cloud.services.list_services(parent=PARENT)) == []


def test_allow_missing_creates(cloud):
    """An update of what is not there is 404, unless it may create."""
    wanted = service()
    wanted.name = f"{PARENT}/services/new"

    with pytest.raises(exceptions.NotFound):
        cloud.update(wanted)
    assert cloud.update(wanted, allow_missing=True).uri


def test_a_name_is_taken_once(cloud):
    """A second create answers 409 ALREADY_EXISTS."""
    cloud.create()

    with pytest.raises(exceptions.AlreadyExists, match=r"Resource 'hello' already exists."):
        cloud.create()


def test_traffic_is_split_and_tags_have_addresses(cloud):
    """80/20 by revision with a tag on the smaller: the split is measured, the tag answers alone."""
    first = cloud.create()
    second = cloud.update(renamed(first, "red"))
    old, new = short(first.latest_ready_revision), short(second.latest_ready_revision)

    split = cloud.update(run_v2.Service(name=first.name, traffic=[to(old, 80), to(new, 20, "next")]), "traffic")

    assert split.latest_created_revision == second.latest_created_revision
    with httpx.Client() as http:
        seen = Counter(http.get(split.uri).json()["revision"] for _ in range(400))
    assert 0.70 < seen[old] / 400 < 0.90
    assert set(seen) == {old, new}
    tagged = next(each for each in split.traffic_statuses if each.tag == "next")
    assert {who(tagged.uri) for _ in range(5)} == {new}


def test_a_new_template_and_old_traffic_go_in_one_write(cloud):
    """Nothing unproven serves by accident: the new revision is ready, and gets no request."""
    first = cloud.create()
    old = short(first.latest_ready_revision)
    wanted = renamed(first, "red")
    wanted.traffic = [to(old, 100)]

    changed = cloud.update(wanted)

    assert short(changed.latest_ready_revision) != old
    assert {who(changed.uri) for _ in range(10)} == {old}


def test_a_removed_tag_is_gone(cloud):
    """The tag's address closes; the service's own stays."""
    found = cloud.create()
    tagged = cloud.update(run_v2.Service(name=found.name, traffic=[latest(100), latest(0, "blue")]), "traffic")
    address = next(each.uri for each in tagged.traffic_statuses if each.tag == "blue")
    assert who(address) == who(found.uri)

    cloud.update(run_v2.Service(name=found.name, traffic=[latest()]), "traffic")

    with pytest.raises(httpx.HTTPError):
        httpx.get(address)
    assert who(found.uri)


def test_traffic_to_an_absent_revision_fails_and_changes_nothing(cloud):
    """The operation ends with Google's message, and requests go where they went."""
    found = cloud.create()

    with pytest.raises(exceptions.GoogleAPICallError, match=r"Revision 'hello-green' does not exist or is deleted."):
        cloud.update(run_v2.Service(name=found.name, traffic=[to("hello-green", 100)]), "traffic")

    after = cloud.get()
    assert after.terminal_condition.state == STATE.CONDITION_FAILED
    assert who(found.uri) == short(found.latest_ready_revision)


def test_a_missing_image_fails_and_the_service_stays(cloud):
    """The create's operation fails with Google's message; the service is there, and the next create is 409."""
    missing = "europe-west1-docker.pkg.dev/local/none/none:1"

    with pytest.raises(exceptions.NotFound, match=re.escape(f"Image '{missing}' not found.")):
        cloud.create(image=missing)

    found = cloud.get()
    assert found.terminal_condition.state == STATE.CONDITION_FAILED
    assert found.terminal_condition.reason.name == "CONTAINER_MISSING"
    assert found.latest_ready_revision == ""
    with pytest.raises(exceptions.AlreadyExists):
        cloud.create()
    assert httpx.get(found.uri).status_code == 404


def test_a_failing_revision_takes_no_traffic(cloud):
    """A container that exits fails its revision with Google's reason and message, and the old one goes on serving."""
    first = cloud.create()
    wanted = service(env={"HELLO_EXIT": "3"})
    wanted.name = first.name

    with pytest.raises(exceptions.FailedPrecondition, match="failed to start and listen on the port defined"):
        cloud.update(wanted)

    after = cloud.get()
    assert after.terminal_condition.revision_reason.name == "HEALTH_CHECK_CONTAINER_ERROR"
    assert "PORT=8080" in after.terminal_condition.message
    assert after.latest_created_revision != after.latest_ready_revision == first.latest_ready_revision
    assert who(after.uri) == short(first.latest_ready_revision)
    assert not after.reconciling
    repaired = cloud.update(renamed(first, "red"))
    assert repaired.terminal_condition.state == STATE.CONDITION_SUCCEEDED
    assert who(repaired.uri) == short(repaired.latest_created_revision)


def test_a_slow_start_fails_its_probe(cloud):
    """The declared startup probe's time counts."""
    probe = run_v2.Probe(tcp_socket=run_v2.TCPSocketAction(), period_seconds=1, failure_threshold=1)

    with pytest.raises(exceptions.FailedPrecondition, match="startup probe"):
        cloud.create(env={"HELLO_START_DELAY_S": "20"}, container={"startup_probe": probe})


def test_a_newer_write_overtakes_a_slow_one(cloud):
    """Nobody waits for a deployment whose spec is no longer wanted."""
    slow = cloud.services.create_service(
        request={"parent": PARENT, "service_id": "hello", "service": service(env={"HELLO_START_DELAY_S": "200"})}
    )
    wanted = service()
    wanted.name = f"{PARENT}/services/hello"

    changed = cloud.update(wanted)

    assert who(changed.uri) == short(changed.latest_created_revision)
    assert slow.result(timeout=30).latest_ready_revision == changed.latest_ready_revision


def test_a_delete_ends_a_slow_deployment(cloud):
    """The operations of both end, and nothing is left running."""
    slow = cloud.services.create_service(
        request={"parent": PARENT, "service_id": "hello", "service": service(env={"HELLO_START_DELAY_S": "200"})}
    )

    cloud.services.delete_service(name=f"{PARENT}/services/hello").result(timeout=20)

    with pytest.raises(exceptions.Aborted, match="was deleted"):
        slow.result(timeout=20)
    assert cloud.emulator.control("GET", "services") == []


def test_a_service_that_is_made_again_is_another_one(cloud):
    """The operation that made the deleted one ends as of a deleted one, and says nothing of the new one."""
    slow = cloud.services.create_service(
        request={"parent": PARENT, "service_id": "hello", "service": service(env={"HELLO_START_DELAY_S": "200"})}
    )

    cloud.services.delete_service(name=f"{PARENT}/services/hello")
    made = cloud.create()

    with pytest.raises(exceptions.Aborted, match="was deleted"):
        slow.result(timeout=20)
    assert who(made.uri) == short(made.latest_ready_revision)


def test_no_request_fails_while_revisions_come_and_traffic_moves(cloud):
    """New revisions, splits and retirements through the API, under load: every request is answered."""
    first = cloud.create()
    stop, failed, seen = threading.Event(), [], Counter()

    def load():
        with httpx.Client(timeout=30) as http:
            while not stop.is_set():
                answer = http.get(first.uri, params={"sleep_s": "0.01"})
                if answer.status_code == 200:
                    seen[answer.json()["revision"]] += 1
                else:
                    failed.append((answer.status_code, answer.text))

    def until_seen(revision):
        until = time.monotonic() + 60
        while not seen[revision] and time.monotonic() < until:
            time.sleep(0.01)

    callers = [threading.Thread(target=load) for _ in range(8)]
    for each in callers:
        each.start()
    until_seen(short(first.latest_ready_revision))
    for colour in ("red", "green", "blue"):
        old = short(cloud.get().latest_ready_revision)
        wanted = renamed(first, colour)
        wanted.traffic = [to(old, 100)]
        new = short(cloud.update(wanted).latest_ready_revision)
        cloud.update(run_v2.Service(name=first.name, traffic=[to(old, 50), to(new, 50)]), "traffic")
        cloud.update(run_v2.Service(name=first.name, traffic=[to(new, 100)]), "traffic")
        until_seen(new)
    stop.set()
    for each in callers:
        each.join()

    assert failed == []
    assert len(seen) == 4


def test_a_revision_name_with_another_template_is_refused(cloud):
    """`template.revision` is a trap: sent back with another template it is 409."""
    wanted = service(revision="hello-blue")
    first = cloud.create(wanted=wanted)
    assert short(first.latest_ready_revision) == "hello-blue"
    same = cloud.update(first)
    assert same.latest_created_revision == first.latest_created_revision

    first.template.containers[0].env.append(run_v2.EnvVar(name="A", value="1"))

    with pytest.raises(
        exceptions.Conflict, match=r"Revision named 'hello-blue' with different configuration already exists."
    ):
        cloud.update(first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"env": {"PORT": "1"}}, "reserved env names were provided: PORT", id="reserved-name"),
        pytest.param({"env": {"X_GOOGLE_A": "1"}}, "reserved env names", id="reserved-prefix"),
        pytest.param({"container": small(limits={"cpu": "3"})}, "Invalid value specified for cpu", id="three-cpu"),
        pytest.param(
            {"container": small(limits={"cpu": "0.5"}, cpu_idle=True), "max_instance_request_concurrency": 5},
            "Total cpu < 1 is not supported with concurrency > 1.",
            id="half-a-cpu-and-concurrency",
        ),
        pytest.param(
            {"container": small(limits={"memory": "5Gi"})}, "Invalid value specified for", id="memory-for-cpu"
        ),
        pytest.param(
            {"container": small(limits={"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"})},
            "accelerator",
            id="gpu-of-no-kind",
        ),
        pytest.param(
            {
                "container": small(limits={"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "1"}),
                "node_selector": run_v2.NodeSelector(accelerator="nvidia-l4"),
            },
            "GPU nvidia-l4 requires at least 4 CPU",
            id="gpu-and-too-little-cpu",
        ),
        pytest.param({"max_instance_request_concurrency": 1001}, "between 1 and 1000", id="concurrency"),
        pytest.param({"timeout": {"seconds": 3601}}, "between 1 and 3600", id="timeout"),
        pytest.param(
            {"scaling": run_v2.RevisionScaling(min_instance_count=5, max_instance_count=2)},
            "max_instance_count",
            id="min-max",
        ),
        pytest.param({"image": ""}, "image", id="no-image"),
        pytest.param(
            {"service_account": "nobody@local.iam.gserviceaccount.com"},
            "Permission 'iam.serviceaccounts.actAs' denied on service account nobody@local.iam.gserviceaccount.com",
            id="no-account",
        ),
    ],
)
def test_wrong_values_are_refused(cloud, change, message):
    """Google's rules on values hold before anything starts (constraints.md section 2)."""
    with pytest.raises((exceptions.InvalidArgument, exceptions.PermissionDenied), match=re.escape(message)):
        cloud.create(**change)

    assert list(cloud.services.list_services(parent=PARENT)) == []


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        pytest.param([latest(90)], "must be 100", id="sum"),
        pytest.param([latest(100, "Blue")], "traffic tag", id="tag-characters"),
        pytest.param([latest(100, "t" * 42)], "cannot exceed 46 characters", id="tag-length"),
        pytest.param([latest(100, "a"), latest(0, "a")], "more than once", id="tag-twice"),
    ],
)
def test_wrong_traffic_is_refused(cloud, traffic, message):
    """Sums and tags are checked at once."""
    wanted = service()
    wanted.traffic = traffic

    with pytest.raises(exceptions.InvalidArgument, match=message):
        cloud.create(wanted=wanted)


@pytest.mark.parametrize("service_id", ["Hello", "1a", "a-", "a" * 50, ""])
def test_wrong_names_are_refused(cloud, service_id):
    """Names follow the rule of the definition."""
    with pytest.raises(exceptions.InvalidArgument):
        cloud.create(service_id)


def test_the_quota_is_checked_when_it_is_set(cloud, emulator):
    """With a quota, a maximum of instances beyond it is refused with the number that would do."""
    emulator.control("PUT", "settings", {"run_cpu_quota": 20, "run_memory_quota_gib": 40})

    with pytest.raises(exceptions.InvalidArgument, match="Max instances must be set to 20 or fewer"):
        cloud.create()
    assert cloud.create(scaling=run_v2.RevisionScaling(max_instance_count=20)).uri


def test_revisions_show_what_they_run(cloud):
    """A revision has the template's fields, the image by digest, and its conditions."""
    cloud.create(env={"A": "1"})
    revision = cloud.revisions.get_revision(name=cloud.get().latest_ready_revision)
    container = revision.containers[0]

    assert re.fullmatch(re.escape(HELLO) + r"@sha256:[0-9a-f]{64}", container.image)
    assert (container.name, revision.service) == ("hello-1", "hello")
    assert {each.type_: each.state for each in revision.conditions} == dict.fromkeys(
        ["Ready", "Active", "ContainerHealthy", "ResourcesAvailable"], STATE.CONDITION_SUCCEEDED
    )
    everywhere = cloud.revisions.list_revisions(parent=f"{PARENT}/services/-")
    assert [each.name for each in everywhere] == [revision.name]


def test_a_revision_in_use_is_not_deleted(cloud):
    """Neither the serving nor the latest; an old one goes."""
    first = cloud.create()
    second = cloud.update(renamed(first, "red"))
    retired = cloud.revisions.get_revision(name=first.latest_ready_revision)
    active = next(each for each in retired.conditions if each.type_ == "Active")
    assert active.revision_reason.name == "RETIRED"

    with pytest.raises(exceptions.FailedPrecondition, match="serving traffic"):
        cloud.revisions.delete_revision(name=second.latest_ready_revision).result(timeout=60)
    cloud.revisions.delete_revision(name=first.latest_ready_revision).result(timeout=60)

    assert cloud.revision_ids() == [short(second.latest_ready_revision)]


def test_a_revision_that_is_to_get_traffic_is_not_deleted(cloud):
    """It was written so, and nothing is routed yet: what moves traffic there must find it."""
    first = cloud.create()
    second = cloud.update(renamed(first, "red"))
    cloud.emulator.faults({"method": "google.cloud.run.v2.Services/UpdateService", "operation": "stuck"})
    second.traffic = [to(first.latest_ready_revision, 100)]
    cloud.services.update_service(request={"service": second, "update_mask": {"paths": ["traffic"]}})
    cloud.emulator.faults()

    with pytest.raises(exceptions.FailedPrecondition, match="serving traffic"):
        cloud.revisions.delete_revision(name=first.latest_ready_revision)
    assert who(cloud.update(cloud.get(), "traffic").uri) == short(first.latest_ready_revision)


def test_the_container_knows_who_it_is(cloud):
    """Names, project, the emulator's endpoints: as documented."""
    found = cloud.create(env={"GREETING": "hi"})
    names = ["K_SERVICE", "K_REVISION", "K_CONFIGURATION", "GOOGLE_CLOUD_PROJECT", "STORAGE_EMULATOR_HOST", "GREETING"]

    seen = httpx.get(found.uri, params={"env": names}).json()["env"]

    assert seen == {
        "K_SERVICE": "hello",
        "K_REVISION": short(found.latest_ready_revision),
        "K_CONFIGURATION": "hello",
        "GOOGLE_CLOUD_PROJECT": "local",
        "STORAGE_EMULATOR_HOST": cloud.emulator.http,
        "GREETING": "hi",
    }


def test_services_and_logs_are_shown(cloud, emulator):
    """The control routes tell addresses, instances and output."""
    found = cloud.create()
    shown = emulator.control("GET", "services")

    assert [(each["name"], each["uri"]) for each in shown] == [(found.name, found.uri)]
    assert sum(shown[0]["instances"].values()) == 1
    assert list(emulator.control("GET", "logs?service=hello")) == [found.latest_ready_revision]


def test_deleting_twice_is_not_found(cloud):
    """The name is free at once."""
    found = cloud.create()
    cloud.services.delete_service(name=found.name).result(timeout=60)

    with pytest.raises(exceptions.NotFound):
        cloud.services.delete_service(name=found.name)
    assert cloud.create().uid != found.uid
