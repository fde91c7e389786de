"""The job that reconciles, on the emulator: what its account may do, what is left to a person, how work is divided."""

import json
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import resourcemanager_v3
from google.iam.v1 import iam_policy_pb2

from reconciler.cli.commands.install import plan_operator
from reconciler.cli.commands.publish import files_of
from reconciler.core.bundle import pack
from reconciler.engine.apply import apply
from reconciler.engine.bundles import Bundles, digested
from reconciler.engine.operators import Installed
from schemas import load
from tests.emulator_iam.callers import PROJECT, Account
from tests.operating import BUCKET, REGION, spec

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
        self.operator.connection.state.make()
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
def job(operator):
    """Nothing is installed yet."""
    return Job(operator)


def names(operator):
    return {service.name.rpartition("/")[2] for service in operator.services()}


def test_installed_again_nothing_is_done(job):
    """The same document and services: a second install writes nothing."""
    assert job.install(spec(), document()) > 10

    assert job.install(spec(), document()) == 0


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
    assert report["orphaned"] == [{"region": REGION, "name": "churn"}]
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
    assert found["done"] == {f"scheduler_job/{REGION}/{ITSELF}"}
    assert f"run_job/{REGION}/mlservice-operator" in found["held"]
    assert any("roles/artifactregistry.admin" in address for address in found["held"])
    job.install(*later)
    [report] = job.run()
    assert (report["drift"], report["services"][ITSELF]["state"]) == ("Report", "ok")


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


def test_a_project_has_one_operator(job):
    """Another one, of another name, is refused before anything of it is made."""
    job.install(spec(), document())
    another = document() | {"metadata": {"name": "another"}}

    with pytest.raises(Exception, match="operator 'mlservice' in europe-west1 is at work"):
        job.install(spec(), another)
