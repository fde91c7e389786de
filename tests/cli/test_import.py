"""Taking over a Cloud Run service that somebody made by hand, with Google's own client."""

import pytest
from google.api_core.exceptions import GoogleAPICallError

from schemas import load
from tests.operating import HELLO, REGION

PARENT = f"projects/local/locations/{REGION}"
AWKWARD = {"A": "1e3", "B": "0o17", "C": "on", "D": "null", "E": "1_000", "F": "12:30:45", "G": " padded ", "H": "3.10"}


@pytest.fixture
def by_hand(operator):
    """A service with settings of its own everywhere, two revisions and a split."""
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    request = {"parent": "projects/local", "secret_id": "key", "secret": {"replication": {"automatic": {}}}}
    secret = secrets.create_secret(request=request).name
    for value in (b"one", b"two"):
        secrets.add_secret_version(request={"parent": secret, "payload": {"data": value}})
    reader = {"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{account(operator)}"]}
    secrets.set_iam_policy(request={"resource": secret, "policy": {"bindings": [reader]}})
    services = operator.api("google.cloud.run_v2", "services", "Services")
    request = {"parent": PARENT, "service_id": "old", "service": {"labels": {"team": "growth"}, "template": template()}}
    first = services.create_service(request=request).result()
    first.template.containers[0].env.append({"name": "NEW", "value": "yes"})
    second = services.update_service(request={"service": first}).result()
    old = first.latest_ready_revision.rpartition("/")[2]
    second.traffic = [
        {"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": old, "percent": 70, "tag": "before"},
        {"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 30},
    ]
    services.update_service(request={"service": second}).result()
    policy = services.get_iam_policy(request={"resource": f"{PARENT}/services/old"})
    policy.bindings.add(role="roles/run.invoker", members=["allUsers"])
    services.set_iam_policy(request={"resource": f"{PARENT}/services/old", "policy": policy})
    return operator


def account(operator):
    """The account that services of this project run as by default."""
    projects = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    number = projects.get_project(request={"name": "projects/local"}).name.rpartition("/")[2]
    return f"{number}-compute@developer.gserviceaccount.com"


def template():
    """What somebody clicked together."""
    env = [{"name": name, "value": value} for name, value in AWKWARD.items()]
    key = {"name": "KEY", "value_source": {"secret_key_ref": {"secret": "key", "version": "latest"}}}
    probe = {"tcp_socket": {"port": 9090}, "period_seconds": 3, "failure_threshold": 7, "timeout_seconds": 2}
    container = {
        "image": HELLO,
        "env": [*env, key],
        "ports": [{"container_port": 9090}],
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "cpu_idle": True},
        "startup_probe": probe,
    }
    return {
        "containers": [container],
        "scaling": {"min_instance_count": 0, "max_instance_count": 5},
        "max_instance_request_concurrency": 11,
        "timeout": {"seconds": 77},
    }


def revisions(operator):
    """Names of the service's revisions."""
    client = operator.api("google.cloud.run_v2", "revisions", "Revisions")
    return sorted(r.name for r in client.list_revisions(request={"parent": f"{PARENT}/services/old"}))


def test_import_prints_a_spec_and_writes_nothing(by_hand, shell):
    """Without --output it only looks."""
    by_hand.emulator.control("DELETE", "calls")

    done = shell("import", "old", "--region", REGION, "--local")

    assert done.code == 0, done.err
    (shell.folder / "mlservice.yaml").write_text(done.out)
    [service] = load([shell.folder / "mlservice.yaml"]).services
    assert dict(service.service.spec.env) == {**AWKWARD, "NEW": "yes"}
    assert service.service.spec.scaling.max_instances == 5
    assert [(t.percent, t.tag) for t in service.service.spec.traffic] == [(30, None), (70, "before")]
    writes = [
        n for n in by_hand.emulator.calls() if not n.split("/")[-1].startswith(("Get", "List", "storage.objects.list"))
    ]
    assert writes == []


@pytest.mark.slow
def test_a_service_taken_over_runs_on_untouched(by_hand, shell):
    """After `import -o` the plan is empty, no revision was made, and what the spec has no words for is as it was."""
    before, made = by_hand.service("old"), revisions(by_hand)

    nobody = shell("import", "old", "--region", REGION, "--local", "-o", "old.yaml")
    assert nobody.code == 64
    assert not (shell.folder / "old.yaml").exists()
    taken = shell("import", "old", "--region", REGION, "--local", "-o", "old.yaml", "--yes")
    plan = shell("plan", "old.yaml", "--local", "--detailed-exitcode")

    after = by_hand.service("old")
    assert taken.code == 0, taken.out + taken.err
    assert (plan.code, revisions(by_hand)) == (0, made), plan.out
    assert after.template == before.template
    assert after.traffic == before.traffic
    assert after.template.containers[0].startup_probe.failure_threshold == 7
    assert after.labels["team"] == "growth"
    assert after.labels["mlservice-service"] == "old"


def test_import_says_what_it_cannot(shell, operator):
    """No such service, or a file in the way: wrong usage, in words."""
    (shell.folder / "there.yaml").write_text("")

    missing = shell("import", "nope", "--region", REGION, "--local")
    there = shell("import", "nope", "--region", REGION, "--local", "-o", "there.yaml")

    assert (missing.code, there.code) == (64, 64)
    assert "'nope' in europe-west1" in missing.err
    assert "exists already" in there.err


def test_a_service_that_is_not_taken_over_leaves_no_file(by_hand, shell):
    """Its write fails for good: the second try is not told that the file exists, and then it works."""
    by_hand.emulator.faults(
        {"method": "google.cloud.run.v2.Services/UpdateService", "times": 1, "status": "PERMISSION_DENIED"}
    )

    failed = shell("import", "old", "--region", REGION, "--local", "-o", "old.yaml", "--yes")
    left = (shell.folder / "old.yaml").exists()
    by_hand.emulator.faults()
    again = shell("import", "old", "--region", REGION, "--local", "-o", "old.yaml", "--yes")

    assert (failed.code != 0, left) == (True, False), failed.out + failed.err
    assert again.code == 0, again.out + again.err
    assert (shell.folder / "old.yaml").exists()


def test_a_service_that_did_not_work_before_is_taken_over(operator, shell):
    """Its newest version does not start, as before: that is said, and is no failure of taking it over."""
    services = operator.api("google.cloud.run_v2", "services", "Services")
    for name in ("fine", "ill"):
        container = {"image": HELLO}
        request = {"parent": PARENT, "service_id": name, "service": {"template": {"containers": [container]}}}
        made = services.create_service(request=request).result()
    made.template.containers[0].env.append({"name": "HELLO_EXIT", "value": "3"})
    with pytest.raises(GoogleAPICallError):
        services.update_service(request={"service": made}).result()

    done = shell("import", "--all", "--region", REGION, "--local", "-o", "specs", "--yes")
    plan = shell("plan", "specs", "--local", "--detailed-exitcode")

    said = done.out + done.err
    assert done.code == 0, said
    assert "taken over; it was not working before: " in said
    assert "run again" not in said
    assert "2 of 2 changes done" in said
    assert {operator.service(name).labels["mlservice-service"] for name in ("fine", "ill")} == {"fine", "ill"}
    assert plan.code == 0, plan.out
