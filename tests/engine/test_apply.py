"""From spec to world and back."""

import copy
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from reconciler.core.errors import Locked, PlansRefused, StalePlan
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Plan
from reconciler.engine.apply import apply
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.planning import make_plan
from reconciler.engine.saved import check_saved
from schemas import load
from tests.operating import HELLO, REGION, spec

FULL = spec(
    env={"LOG_LEVEL": "info", "MODE": "a"},
    resources={"cpu": 2, "memory": "2Gi"},
    scaling={"minInstances": 1, "maxInstances": 4, "concurrency": 10},
    access={"invokers": ["user:a@example.com", "user:b@example.com"]},
    runtime={"timeout": "60s"},
    registry={"repository": "ml", "cleanup": {"keepLast": 3, "deleteUntaggedAfter": "7d"}},
)


def edited(base, **sections):
    changed = copy.deepcopy(base)
    changed["spec"].update(sections)
    return changed


def test_an_apply_is_followed_by_an_empty_plan(operator):
    """What was applied is there, and there is nothing left to do."""
    report = operator.apply(FULL)

    assert not report.failed, [str(r.error) for r in report.failed]
    assert operator.differences(FULL) == []
    assert operator.service().template.max_instance_request_concurrency == 10


def test_a_second_apply_writes_nothing(operator):
    """When nothing differs, no mutating call is made."""
    operator.apply(FULL)
    operator.emulator.control("DELETE", "calls")

    operator.apply(FULL)

    made = operator.emulator.calls()
    assert not [
        name for name in made if not name.split("/")[-1].startswith(("Get", "List")) and "objects.list" not in name
    ]


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"env": {"LOG_LEVEL": "debug"}}, id="env"),
        pytest.param({"scaling": {"minInstances": 0, "maxInstances": 2, "concurrency": 5}}, id="scaling"),
        pytest.param({"access": {"authentication": "Public"}}, id="access"),
        pytest.param({"access": {"ingress": "Internal", "invokers": ["user:b@example.com"]}}, id="ingress"),
        pytest.param({"registry": {"repository": "ml", "immutableTags": True}}, id="registry"),
        pytest.param({"registry": {"repository": "other"}}, id="other-repository"),
        pytest.param({"resources": {"cpu": 1}, "runtime": {"timeout": "10m"}}, id="size"),
    ],
)
def test_every_edit_converges_there_and_back(operator, sections):
    """Editing the file and applying leaves nothing to do, and so does editing it back."""
    operator.apply(FULL)
    other = edited(FULL, **sections)

    assert operator.differences(other)
    operator.apply(other)
    assert operator.differences(other) == []
    operator.apply(FULL)
    assert operator.differences(FULL) == []


def test_destroy_leaves_nothing_of_ours(operator):
    """After a destroy there is no resource, no inventory and no bucket."""
    operator.apply(FULL)

    operator.destroy("churn")

    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    names = [a.email for a in accounts.list_service_accounts(request={"name": "projects/local"})]
    assert operator.services() == []
    assert not [n for n in names if n.startswith("churn")]
    assert list(operator.connection.storage.list_buckets()) == []


def test_what_others_added_stays(operator):
    """A label and an environment variable that someone added are neither in the plan nor lost by an update."""
    operator.apply(FULL)
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.labels["theirs"] = "yes"
    live.template.containers[0].env.append({"name": "THEIRS", "value": "1"})
    client.update_service(request={"service": live}).result()

    assert operator.differences(FULL) == []
    operator.apply(edited(FULL, env={"LOG_LEVEL": "debug"}))

    after = operator.service()
    env = {e.name: e.value for e in after.template.containers[0].env}
    assert after.labels["theirs"] == "yes"
    assert env["THEIRS"] == "1"
    assert env["LOG_LEVEL"] == "debug"
    assert "MODE" not in env


def test_config_drift_on_a_field_of_ours_is_found_and_mended(operator):
    """What someone changed on a field the spec decides is in the plan, named as config drift, and put back."""
    operator.apply(FULL)
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.template.max_instance_request_concurrency = 77
    client.update_service(request={"service": live}).result()

    planned = operator.plan(FULL)

    [change] = planned.plan.pending
    assert change.reason.startswith("config drift")
    assert [(c.path, c.before, c.after) for c in change.changes] == [("concurrency", 77, 10)]
    operator.apply(FULL)
    assert operator.service().template.max_instance_request_concurrency == 10


def test_a_strangers_service_is_refused_by_name(operator):
    """A Cloud Run service of our name that we did not make is not touched, and the ways out are named."""
    client = operator.api("google.cloud.run_v2", "services", "Services")
    template = {"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]}
    parent = f"projects/local/locations/{REGION}"
    client.create_service(request={"parent": parent, "service_id": "churn", "service": {"template": template}}).result()

    with pytest.raises(PlansRefused, match="was not made by mlservice") as refusal:
        operator.plan(FULL)

    assert "import" in refusal.value.hint
    assert "adopt" in refusal.value.hint
    assert not operator.service().labels


def test_a_held_lock_refuses_the_second_apply_by_name(operator):
    """While one run is at work, another is refused and told whose lock it is and until when."""
    session = operator.session()
    planned = operator.plan(FULL)
    InventoryStore(session).take(planned.inventories[REGION, "churn"])

    with pytest.raises(Locked, match=session.holder):
        operator.apply(FULL)
    assert operator.services() == []


def test_an_expired_lock_is_taken_over(operator):
    """A lock whose holder died is free after its expiry."""
    InventoryStore(operator.session()).take(operator.plan(FULL).inventories[REGION, "churn"])
    operator.emulator.advance(310)

    assert not operator.apply(FULL).failed
    assert operator.inventories()[REGION, "churn"].lock is None


def test_the_lock_of_a_process_that_was_killed_here_is_taken_over_at_once(operator):
    """With the emulator, a holder of this user and host that is no process any more holds nothing; others do."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    key, session = (REGION, "churn"), operator.session()
    me = replace(session, holder=f"ann@here pid {os.getpid()}")
    fresh = operator.plan(FULL).inventories[key]
    for holder in (f"ann@here pid {os.getppid()}", f"ann@there pid {gone.pid}", "ann@here", f"ann@here pid {gone.pid}"):
        held = InventoryStore(replace(session, holder=holder)).take(fresh)
        seen = InventoryStore(me).read_all()[key]

        free = seen.lock.expired(session.clock.now())
        assert free == (holder == f"ann@here pid {gone.pid}"), holder
        InventoryStore(session).release(held)
    InventoryStore(replace(session, holder=f"ann@here pid {gone.pid}")).take(fresh)
    assert InventoryStore(me).take(InventoryStore(me).read_all()[key]).lock.holder == me.holder


def test_a_stale_saved_plan_is_refused_with_what_moved(operator):
    """A saved plan is applied exactly or not at all."""
    operator.apply(FULL)
    saved = Plan.from_json(operator.plan(edited(FULL, env={"A": "1"})).plan.to_json())
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.template.timeout = "90s"
    client.update_service(request={"service": live}).result()

    with pytest.raises(StalePlan, match="timeout_s was 60 and is 90"):
        check_saved(operator.session(), saved)


def test_a_write_of_a_field_that_is_not_ours_makes_a_saved_plan_stale_too(operator):
    """Somebody was at the object since: what else they did nobody has read, so the plan is made again."""
    operator.apply(FULL)
    saved = Plan.from_json(operator.plan(edited(FULL, env={"A": "1"})).plan.to_json())
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.client = "theirs"
    client.update_service(request={"service": live}).result()

    with pytest.raises(StalePlan, match="written since, in fields mlservice does not manage"):
        check_saved(operator.session(), saved)


@pytest.mark.parametrize("edit", [lambda want: want.pop("timeout_s"), lambda want: want.update(of_later=1)])
def test_a_saved_plan_of_another_version_is_refused_in_words(operator, edit):
    """Its records have other fields: what it says of them cannot be carried out exactly, and is not left out."""
    body = operator.plan(FULL).plan.to_json()
    [service] = [change for change in body["changes"] if change["address"].startswith("run_service/")]
    edit(service["desired"])
    saved = Plan.from_json(signed(body))

    with pytest.raises(StalePlan, match=r"run_service/.*another version of mlservice"):
        check_saved(operator.session(), saved)


def test_an_apply_with_nothing_to_do_writes_nothing(operator):
    """Not even the inventory: what a first write says of a service's keys, every later plan says too."""
    operator.apply(FULL)
    operator.emulator.control("DELETE", "calls")

    operator.apply(FULL)

    reading = ("get", "list", "query", "search", "batchget", "testiam")
    names = [name.rpartition("/")[2].rpartition(".")[2].lower() for name in operator.emulator.calls()]
    assert [name for name in names if not name.startswith(reading)] == []


def signed(body):
    """Give a plan as its version would have written it."""
    rest = {name: value for name, value in body.items() if name != "digest"}
    return rest | {"digest": fingerprint(rest, length=32)}


def test_a_saved_plan_is_carried_out(operator):
    """Without a change in between, the saved plan does what it says."""
    operator.apply(FULL)
    wanted = edited(FULL, env={"A": "1"})
    saved = Plan.from_json(operator.plan(wanted).plan.to_json())
    session = operator.session()

    apply(session, check_saved(session, saved))

    assert operator.differences(wanted) == []


def test_two_services_share_a_repository(operator):
    """The repository of two services is made once and goes with the last of them."""
    one, two = spec("one", registry={"repository": "ml"}), spec("two", registry={"repository": "ml"})
    operator.apply(one, two)
    repositories = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    parent = {"parent": f"projects/local/locations/{REGION}"}

    operator.destroy("one")
    assert len(list(repositories.list_repositories(request=parent))) == 1
    operator.destroy("two")
    assert list(repositories.list_repositories(request=parent)) == []


FAULTS = [
    pytest.param({"status": "UNAVAILABLE", "when": "before"}, id="503", marks=pytest.mark.slow),
    pytest.param({"status": "RESOURCE_EXHAUSTED", "when": "before"}, id="429", marks=pytest.mark.slow),
    pytest.param({"status": "UNAVAILABLE", "when": "after"}, id="lost-answer"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_every_call_converges(operator, fault):
    """Every method that an apply calls fails once, or its answer is lost; the apply ends well all the same."""
    operator.apply(spec("first"))  # with it comes the bucket: the first write finds no other
    operator.emulator.control("DELETE", "calls")
    operator.apply(FULL)
    methods = [name for name in operator.emulator.calls() if not name.startswith("google.longrunning")]
    operator.emulator.reset()
    operator.apply(spec("first"))
    operator.emulator.faults(*({"method": name, "times": 1, **fault} for name in methods))

    report = operator.apply(FULL)

    hit = [rule for rule in operator.emulator.control("GET", "faults") if rule["applied"]]
    operator.emulator.faults()
    assert {rule["method"] for rule in hit} == set(methods), "every method was called and failed"
    assert not report.failed, [str(r.error) for r in report.failed]
    assert operator.differences(FULL) == []
    assert len(operator.services()) == 2


def test_a_failed_revision_is_tried_again_on_request(operator):
    """After its cause is mended, --retry makes a new revision of the same template; without it nothing is done."""
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    accounts.create_service_account(request={"name": "projects/local", "account_id": "runner"})
    secret = {"parent": "projects/local", "secret_id": "token", "secret": {"replication": {"automatic": {}}}}
    secrets.create_secret(request=secret)
    secrets.add_secret_version(request={"parent": "projects/local/secrets/token", "payload": {"data": b"x"}})
    member = "serviceAccount:runner@local.iam.gserviceaccount.com"
    wanted = spec(access={"serviceAccount": member.partition(":")[2]}, secrets={"TOKEN": {"secret": "token"}})
    assert operator.apply(wanted).failed, "the account may not read the secret"

    policy = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [member]}]}
    secrets.set_iam_policy(request={"resource": "projects/local/secrets/token", "policy": policy})
    assert operator.apply(wanted).unwell

    session = operator.session()
    planned = make_plan(session, load(operator.write(wanted)).services, runtime_image=HELLO, retry=True)
    assert not apply(session, planned).failed
    assert operator.differences(wanted) == []
    assert not operator.apply(wanted).unwell


def test_the_edit_after_a_failed_apply_is_the_spec_s(operator):
    """Google took what was written, and no start came of it: what is there is ours, and nobody else changed it."""
    soon = {"startupProbe": {"tcpSocket": {}, "period": "1s", "failureThreshold": 1}}
    assert not operator.apply(spec(container=soon)).failed
    failed = operator.apply(spec(container=soon, env={"HELLO_START_DELAY_S": "20"})).failed
    assert "startup probe" in str(failed[0].error)

    planned = operator.plan(spec(container=soon, env={"HELLO_START_DELAY_S": "0"}))
    [change] = planned.plan.pending
    assert change.reason == "the spec or what it names changed"


NOT_KNOWN = {
    "method": "google.cloud.run.v2.Services/CreateService",
    "status": "PERMISSION_DENIED",
    "message": "Permission 'iam.serviceaccounts.actAs' denied on service account x (or it may not exist).",
    "times": 3,
}


@pytest.mark.slow
def test_an_account_made_a_moment_ago_is_waited_for(operator):
    """A new account that Cloud Run does not know yet is no failure: the run tries until it is known."""
    operator.emulator.faults(NOT_KNOWN)

    assert not operator.apply(spec()).failed
    assert operator.differences(spec()) == []


def test_an_account_that_was_never_made_fails_at_once(operator):
    """Where the spec names the account, nothing is in the making: the refusal names the role and is final."""
    [failed] = operator.apply(spec(access={"serviceAccount": "nobody@local.iam.gserviceaccount.com"})).failed

    assert "may not exist" in str(failed.error)
    assert "roles/iam.serviceAccountUser" in failed.error.hint


def test_a_saved_plan_writes_nothing_that_nobody_read(operator):
    """When someone changes another field while a saved plan is carried out, it stops instead of undoing that."""
    operator.apply(FULL)
    wanted = edited(FULL, env={"A": "1"})
    saved = Plan.from_json(operator.plan(wanted).plan.to_json())
    session = operator.session()
    planned = check_saved(session, saved)
    client = operator.api("google.cloud.run_v2", "services", "Services")
    live = operator.service()
    live.template.timeout = "90s"
    client.update_service(request={"service": live}).result()

    [failed] = apply(session, planned).failed

    assert "somebody changed timeout_s meanwhile" in str(failed.error)
    assert operator.service().template.timeout.total_seconds() == 90
