"""The job that reconciles, on the emulator: what its account may do, what is left to a person, how work is divided."""

import json
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import resourcemanager_v3
from google.iam.v1 import iam_policy_pb2

from emulator.identity import roles
from reconciler.cli.commands.install import plan_operator
from reconciler.cli.commands.publish import files_of
from reconciler.core.bundle import pack
from reconciler.core.errors import NotFoundError, UsageError
from reconciler.core.inventory import Inventory
from reconciler.core.orphans import NEVER, Rule, why_stays
from reconciler.engine.apply import apply
from reconciler.engine.bundles import Bundles, digested
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.operators import Installed
from reconciler.engine.orphans import Orphanage
from reconciler.engine.reports import FORMAT, Reports
from reconciler.kinds.duties import WIDER
from reconciler.render.operator import status_lines
from schemas import load
from tests.emulator_iam.callers import PROJECT, Account
from tests.engine.test_least_roles import FULL, LATER, AsAccount, failures
from tests.operating import BUCKET, REGION, spec
from tests.operating_passes import forked_passes

PLACE = f"gs://{BUCKET}/specs/mlservice"
ITSELF = "operator_mlservice"
pytestmark = pytest.mark.timeout(300)


def document(**sections: Any) -> dict[str, Any]:
    """The operator, started by hand alone."""
    body = {"region": REGION, "schedule": "0 0 1 1 *", **sections}
    return {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "mlservice"}, "spec": body}


class Job:
    """The installed job of a project."""

    def __init__(self, operator):
        self.operator = operator

    def install(self, *specs):
        """Make it, or upgrade it."""
        loaded = load(self.operator.write(*specs))
        session = self.operator.session()
        report = apply(session, plan_operator(session, loaded))
        assert not report.failed, [str(result.error) for result in report.failed]
        return len(report.results)

    def publish(self, *specs, written="2026-11-23T10:00:00+00:00"):
        """Put specs where it reads them."""
        archive = pack(files_of(load(self.operator.write(*specs))))
        about = {"written": written, "published": written, "commit": written}
        Bundles(self.operator.connection, PLACE).publish(archive, digested(archive, **about))

    def run(self):
        """One pass; gives the report of each shard."""
        installed = Installed.find(self.operator.session())
        installed.wait(installed.run(), timeout_s=120)
        return installed.reports.latest()

    def outcomes(self, report, service):
        """Addresses by how their change ended."""
        found: dict[str, set[str]] = {}
        for change in report["services"][service]["changes"]:
            found.setdefault(change["outcome"], set()).add(change["address"])
        return found


@pytest.fixture
def job(operator, tmp_path):
    """Nothing is installed yet."""
    with forked_passes(operator.emulator, tmp_path):
        yield Job(operator)


def names(operator):
    return {service.name.rpartition("/")[2] for service in operator.services()}


def test_installed_again_nothing_is_done(job):
    """The same document and services: a second install writes nothing."""
    assert job.install(spec(), document()) > 10

    assert job.install(spec(), document()) == 0


def test_it_goes_and_comes_back(operator, job):
    """Uninstalled, nothing of it is left but the bucket; its custom role, whose name Google keeps, is restored."""
    job.install(spec(), document())

    gone = operator.destroy(ITSELF)
    assert not gone.failed
    assert operator.inventories() == {}
    job.install(spec(), document())

    assert job.install(spec(), document()) == 0


def test_what_needs_a_person_and_shards_that_are_no_more(operator, job):
    """A pass that left something to a person is a problem; the last word of a shard that is gone is none."""
    job.install(spec(), document())
    session = operator.session()
    now = session.clock.now().isoformat(timespec="seconds")
    itself = {"state": "needs a person", "problems": ["mlservice install"], "changes": []}
    for shard, code in ((0, 0), (1, 1)):
        told = {"format": FORMAT, "shard": {"index": shard}, "started": now, "ended": now, "run": "r", "changed": 0}
        Reports(session, "mlservice").write(told | {"exitCode": code, "services": {ITSELF: itself}})

    found = Installed.find(session).status()

    assert [report["shard"]["index"] for report in found["passes"]] == [0]
    assert found["problems"] == [f"{ITSELF} needs a person: mlservice install"]


def test_what_is_gone_or_cannot_be_read_is_said(operator, job):
    """A report that is none, a schedule that was deleted: each command names it and the way back."""
    job.install(spec(), document())
    bucket = operator.connection.state.use()
    bucket.blob("operators/mlservice/latest/0.json").upload_from_string("{")
    schedules = operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    schedules.delete_job(name=f"{PROJECT}/locations/{REGION}/jobs/{ITSELF}")
    installed = Installed.find(operator.session())

    lines = "\n".join(status_lines(installed.status(), operator.session().clock.now()))

    assert "its schedule is gone" in lines
    assert "what the latest pass did cannot be read" in lines
    assert "(hidden)" not in lines
    assert "it is no JSON" in installed.reports.read().unreadable[-1]
    with pytest.raises(UsageError, match="not known what is held"):
        installed.held()
    with pytest.raises(NotFoundError) as refused:
        installed.pause()
    assert "mlservice install" in refused.value.hint


def test_of_several_operators_none_is_chosen(operator):
    """Two that were installed at once are named: which one is meant is a person's to say."""
    store = InventoryStore(operator.session())
    for name in ("a", "b"):
        store.take(Inventory(service=f"operator_{name}", region=REGION))

    with pytest.raises(UsageError, match=f"several operators .*: a in {REGION}, b in {REGION}"):
        Installed.find(operator.session())


def test_its_account_may_not_give_itself_more(operator, job):
    """It gives the roles that its services need, and no other, to nobody."""
    job.install(spec(), document())
    own = Account(operator.emulator, "mlservice-operator", made=True)
    projects = own.client(resourcemanager_v3.ProjectsClient)
    policy = projects.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=PROJECT))
    policy.bindings.add(role="roles/editor", members=[own.member])

    with pytest.raises(Forbidden):
        projects.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))


@pytest.mark.slow
def test_fewer_services_are_orphans_and_a_wrong_one_stops_no_other(operator, job):
    """What is published without a service deletes nothing; a spec that is wrong is told of."""
    job.install(spec(), document())
    job.publish(spec(), spec("other"), document())
    job.run()
    missing = spec("other", image="europe-west1-docker.pkg.dev/local/ml/none:1")
    job.publish(missing, spec("third"), document(), written="2026-11-24T10:00:00+00:00")

    [report] = job.run()

    assert names(operator) == {"churn", "other", "third"}
    [orphan] = report["orphaned"]
    assert (orphan["name"], orphan["state"], orphan["reason"]) == ("churn", "orphaned", NEVER)
    assert (report["services"]["other"]["state"], report["services"]["third"]["state"]) == ("refused", "changed")
    assert report["exitCode"] == 1


@pytest.mark.slow
def test_without_a_bundle_that_can_be_used_the_last_one_stays(operator, job):
    """The pointer is broken: the pass goes on with what it applied last, and says so."""
    job.install(spec(), document())
    job.publish(spec(), document())
    job.run()
    operator.connection.storage.bucket(BUCKET).blob("specs/mlservice/current.json").upload_from_string("{")

    [report] = job.run()

    assert "the pointer cannot be read" in report["problems"][0] or "none of this version" in report["problems"][0]
    assert (report["services"]["churn"]["state"], report["exitCode"]) == ("ok", 1)


@pytest.mark.slow
def test_it_changes_its_schedule_and_leaves_its_roles_to_a_person(job):
    """A later document reaches it like everything else; what widens or weakens it waits for `install`."""
    job.install(spec(), document())
    later = spec(registry={"repository": "ml"}), document(schedule="*/20 * * * *", drift="Report")
    job.publish(*later)

    [report] = job.run()

    found = job.outcomes(report, ITSELF)
    assert report["services"][ITSELF]["state"] == "needs a person"
    follows = f"monitoring_alert_policy/global/{ITSELF}/pass-failed"
    assert found["done"] == {f"scheduler_job/{REGION}/{ITSELF}", follows}
    assert f"run_job/{REGION}/mlservice-operator" in found["held"]
    assert any("roles/artifactregistry.admin" in address for address in found["held"])
    job.install(*later)
    [report] = job.run()
    assert (report["drift"], report["services"][ITSELF]["state"]) == ("Report", "ok")


@pytest.mark.slow
def test_what_a_person_paused_stays_paused(operator, job):
    """A pass that somebody starts meanwhile resumes neither the schedule nor the alert; `install` does."""
    job.install(spec(), document(schedule="*/10 * * * *"))
    job.publish(spec(), document(schedule="*/20 * * * *"))
    Installed.find(operator.session()).pause()

    [report] = job.run()

    status = Installed.find(operator.session()).status()
    assert (status["paused"], status["schedule"]) == (True, "*/20 * * * *")
    assert not next(policy.enabled for policy in alerts(operator) if "no pass ends" in policy.display_name)
    assert (report["exitCode"], any("operator resume" in each for each in report["warnings"])) == (0, True)
    assert report["services"][ITSELF]["state"] == "changed"
    assert job.run()[0]["services"][ITSELF]["state"] == "ok"
    job.install(spec(), document(schedule="*/20 * * * *"))
    assert not Installed.find(operator.session()).status()["paused"]


def alerts(operator):
    client = operator.api("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService")
    return list(client.list_alert_policies(name=PROJECT))


@pytest.mark.slow
def test_shards_take_each_service_once(operator, job):
    """Three tasks, each with its share: together all services, none twice; one report each."""
    services = [spec(f"s{number}") for number in range(5)]
    job.install(*services, document(shards=3))
    job.publish(*services, document(shards=3))

    found = job.run()

    assert [report["shard"] for report in found] == [{"index": index, "count": 3} for index in range(3)]
    taken = [name for report in found for name in report["services"] if name != ITSELF]
    assert sorted(taken) == [f"s{number}" for number in range(5)]
    assert [report["exitCode"] for report in found] == [0, 0, 0], json.dumps(found, indent=1)
    assert len(names(operator)) == 5


@pytest.mark.slow
def test_two_passes_at_once_do_the_work_once(operator, job):
    """The schedule fires twice: who comes second leaves what the first one works on; nothing is made twice."""
    services = [spec(f"s{number}") for number in range(4)]
    job.install(*services, document())
    job.publish(*services, document())
    installed = Installed.find(operator.session())

    executions = [installed.run(), installed.run()]

    assert [installed.wait(each, timeout_s=120) for each in executions] == [True, True]
    assert names(operator) == {"s0", "s1", "s2", "s3"}
    [report] = job.run()
    assert {service["state"] for service in report["services"].values()} == {"ok"}
    assert all(inventory.lock is None for inventory in operator.inventories().values())


@pytest.mark.slow
@pytest.mark.parametrize("call", [pytest.param(0, marks=pytest.mark.long), 4])
def test_a_pass_that_is_killed_is_finished_by_the_next_one(operator, job, call):
    """Its process goes in the middle of a write; the next pass takes the lock over, and nothing is left to do."""
    job.install(spec(), document())
    job.publish(spec(), document())
    installed = Installed.find(operator.session())
    operator.emulator.faults(
        {"method": "*", "mutating": True, "skip": call + 1, "times": 1, "when": "after", "hang": True}
    )
    execution = installed.run()
    executions = operator.api("google.cloud.run_v2", "executions", "Executions")
    name = f"projects/local/locations/{REGION}/jobs/mlservice-operator/executions/{execution}"
    while not operator.emulator.control("GET", "faults")[0]["waiting"]:
        assert not executions.get_execution(name=name).completion_time, "it ended before it was killed"
    executions.cancel_execution(request={"name": name}).result(timeout=60)
    operator.emulator.forget_the_dead()
    operator.emulator.advance(310)  # the dead run's lock expires

    [report] = job.run()

    assert report["exitCode"] == 0, report
    assert names(operator) == {"churn"}
    assert operator.differences(spec()) == []
    assert all(inventory.lock is None for inventory in operator.inventories().values())


@pytest.mark.slow
def test_a_role_that_its_account_lost_is_named(operator, job):
    """Somebody takes a role away: the pass says which permission is missing, and that a person has to give it back."""
    job.install(spec(), document())
    job.publish(spec(), document())
    projects = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    whole = {"requested_policy_version": 3}
    policy = projects.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=PROJECT, options=whole))
    left = [binding for binding in policy.bindings if binding.role != "roles/run.admin"]
    del policy.bindings[:]
    policy.bindings.extend(left)
    projects.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))

    [report] = job.run()

    assert (report["services"]["churn"]["state"], names(operator)) == ("failed", set())
    assert "run.services." in report["services"]["churn"]["problems"][0]
    assert report["exitCode"] == 1
    assert job.install(spec(), document()) == 1
    assert job.run()[0]["services"]["churn"]["state"] == "changed"


@pytest.mark.slow
def test_what_it_may_not_see_of_itself_stops_no_service(operator, job):
    """Its custom role lacks a permission to look at its own objects, as before an `install` of a new version."""
    job.install(spec(), document())
    job.publish(spec(), document())
    admin = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    role = admin.get_role(request={"name": f"{PROJECT}/roles/mlservice_mlservice"})
    role.included_permissions.remove("iam.roles.list")
    request = {"name": role.name, "role": role, "update_mask": {"paths": ["included_permissions"]}}
    admin.update_role(request=request)

    [report] = job.run()

    itself = report["services"][ITSELF]
    assert (report["services"]["churn"]["state"], names(operator)) == ("changed", {"churn"})
    assert (itself["state"], report["exitCode"]) == ("failed", 1)
    assert "iam.roles.list" in itself["problems"][0]


def test_a_project_has_one_operator(job):
    """Another one, of another name, is refused before anything of it is made."""
    job.install(spec(), document())
    another = document() | {"metadata": {"name": "another"}}

    with pytest.raises(Exception, match="operator 'mlservice' in europe-west1 is at work"):
        job.install(spec(), another)


def test_its_roles_are_enough_for_everything_that_services_may_need(operator, job, tmp_path):
    """The fullest spec is made, changed and looked at by its account, with the roles that `install` computed."""
    operator.api("google.pubsub_v1", "publisher", "Publisher").create_topic(
        request={"name": f"{PROJECT}/topics/orders"}
    )
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
    operator.make_job()
    full = FULL | {"spec": {name: each for name, each in FULL["spec"].items() if name not in {"model", "monitoring"}}}
    full["spec"]["triggers"] = [each for each in FULL["spec"]["triggers"] if "breach" not in each["when"]]
    later = LATER | {
        "spec": {name: each for name, each in LATER["spec"].items() if name not in {"model", "monitoring"}}
    }
    job.install(full, document())
    (tmp_path / "key.json").write_text(Account(operator.emulator, "mlservice-operator", made=True).key)
    own = AsAccount(operator, str(tmp_path / "key.json"))

    assert failures(own.apply(full)) == []
    assert own.differences(full) == []
    assert failures(own.apply(later)) == []
    session = own.session()
    assert plan_operator(session, load(own.write(full, document()))).plan.pending == ()


def test_it_may_look_at_the_secret_that_it_clones_with(operator, job, tmp_path):
    """Before there is any service: as its own account it finds the secret's version and policy, and nothing to do."""
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
    cloning = document(specs={"git": {"repository": "https://git.example/acme/ml", "token": {"secret": "key"}}})
    job.install(cloning)
    (tmp_path / "key.json").write_text(Account(operator.emulator, "mlservice-operator", made=True).key)
    own = AsAccount(operator, str(tmp_path / "key.json"))

    assert plan_operator(own.session(), load(own.write(cloning))).plan.pending == ()


def test_a_role_that_is_left_out_is_held_by_another():
    """Nothing is lost where two roles are needed and the wider one is given."""
    permits = roles.predefined()

    assert [narrow for narrow, wide in WIDER.items() if not permits[narrow] <= permits[wide]] == []


@pytest.mark.slow
def test_the_job_prunes_within_its_limits(operator, job):
    """As its own account, which may delete no bucket: one a pass is gone, and said to be; the others wait."""
    limits = {"orphans": {"prune": True, "after": "1h", "most": 9}, "limits": {"deletes": 2}}
    job.install(spec(), document(**limits))
    both = [spec(name, management={"deletion": "Delete"}) for name in ("old", "older")]
    for specs in ([spec(), *both], [spec()]):
        job.publish(*specs, document(**limits))
        job.run()
    operator.emulator.advance(7200)

    [report] = job.run()

    states = {each["name"]: each["state"] for each in report["orphaned"]}
    assert sorted(states.values()) == ["orphaned", "pruned"], report
    assert names(operator) == {"churn", *(name for name, state in states.items() if state == "orphaned")}
    assert (report["exitCode"], report["changed"] > 0) == (0, True)


@pytest.mark.parametrize(
    "since", ["2026-11-26T10:00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", 7, None]
)
def test_a_book_of_orphans_that_is_wrong_stops_no_pass(operator, since):
    """Of what cannot be read nothing is assumed, and no orphan goes before its time."""
    operator.apply(spec())
    reports = Reports(operator.session(), "m")
    entry = {"since": since, "serial": next(iter(operator.inventories().values())).serial, "environment": ""}
    reports.keep("orphans.json", {"format": "mlservice/orphans/v1", "services": {f"{REGION}/churn": entry}})
    now = operator.session().clock.now()

    [orphan] = Orphanage(reports).look([(REGION, "churn")], operator.inventories(), now)

    assert orphan.since <= now
    assert why_stays(orphan, Rule(prune=True, after_s=60, most=1), now, environment="")
