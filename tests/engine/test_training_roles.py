"""What the function and its trainings are given is enough, and nothing of it too much."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import iam_admin_v1, resourcemanager_v3
from google.iam.v1 import iam_policy_pb2
from google.pubsub_v1 import PublisherClient

from reconciler.core.membership import Membership
from runtime.retraining.decision import Event
from runtime.retraining.function import act
from runtime.retraining.google import Google
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.settings import VARIABLE, Settings
from runtime.retraining.trainers.bigquery_ml import BigQueryML
from tests.emulator.clients import client
from tests.emulator_iam.callers import Account
from tests.emulator_vertex.cloud import BUCKET as PIPELINES
from tests.emulator_vertex.cloud import IMAGE, Vertex
from tests.engine.test_monitoring import TRAINS
from tests.operating import BUCKET, REGION, spec
from tests.operating_tables import table
from tests.retraining.conftest import pushed
from tests.retraining.test_bigquery_ml import SELECT, TREES, ended
from tests.retraining.test_bigquery_ml import World as Tables
from tests.retraining.test_vertex import FAST, PIPELINE, WAIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PROJECT, RUNS = "projects/local", f"retraining/{REGION}/churn/runs/"
TEMPLATE = f"gs://{PIPELINES}/train.json"
WAYS = {
    "customJob": {"customJob": {"image": IMAGE, "args": [WAIT]}},
    "vertexPipeline": {"vertexPipeline": {"template": TEMPLATE, "parameters": {"days": "1", "codes": "1"}}},
}
HOLDERS = {
    "project": (resourcemanager_v3.ProjectsClient, PROJECT),
    "service_account": (iam_admin_v1.IAMClient, f"{PROJECT}/serviceAccounts/{{}}@local.iam.gserviceaccount.com"),
    "pubsub_topic": (PublisherClient, f"{PROJECT}/topics/{{}}"),
}
"""Who holds the policy of what a role is on, and its name."""


def wanted(way):
    return spec(
        model={"uri": "gs://acme-models/churn/"},
        runtime={"startup": {"deadline": "10s"}},
        retraining={"run": WAYS[way], "evaluation": {"metric": "auroc", "dataset": "gs://acme-data/kept-out.csv"}},
    )


class Function:
    """The function's program in this process, with the credentials of its account."""

    def __init__(self, operator, monkeypatch, folder):
        for name, value in operator.emulator.env.items():
            monkeypatch.setenv(name, value)
        account = Account(operator.emulator, "churn-retrain", made=True)
        (folder / "key.json").write_text(account.key)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))
        functions = operator.api("google.cloud.functions_v2", "function_service", "FunctionService")
        live = functions.get_function(request={"name": f"{PROJECT}/locations/{REGION}/functions/churn-retrain"})
        told = json.loads(live.service_config.environment_variables[VARIABLE])
        told["guards"] = {"cooldown": 0, "max_per_day": 99, "max_concurrent": 99, "failures": 99}
        self.settings, self.number, self.operator = Settings.read({VARIABLE: json.dumps(told)}), 0, operator

    def deliver(self, trigger):
        """Act on a message; what went wrong for want of a permission, in words."""
        self.number += 1
        answer, status = act("", pushed(str(self.number), trigger=trigger), self.settings, Google(REGION))
        if status != 200:
            return answer["error"]
        runs = self.operator.connection.storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/history.json")
        last = json.loads(runs.download_as_bytes())["runs"][-1]
        return last["why"] if last["status"] == "Failed" else ""


def given(operator, way, account):
    """Every role that the spec gives an account, from the plan."""
    found = [Membership.of(each.address) for each in operator.plan(wanted(way)).plan.changes if is_member(each)]
    return [each for each in found if each.member.startswith(f"serviceAccount:{account}@") and each.role != "*"]


class Without:
    """The world without one of the grants, for a while."""

    def __init__(self, emulator, there):
        holder, name = HOLDERS[there.on]
        self.holder, self.name, self.there = client(emulator, holder), name.format(there.name), there

    def __enter__(self):
        request = iam_policy_pb2.GetIamPolicyRequest(resource=self.name)
        request.options.requested_policy_version = 3
        self.before = self.holder.get_iam_policy(request=request)
        less = type(self.before)()
        less.CopyFrom(self.before)
        for binding in less.bindings:
            if (binding.role, binding.condition.title) == (self.there.role, self.there.title):
                binding.members.remove(self.there.member)
        self.write(less)

    def __exit__(self, *_):
        self.before.etag = b""
        self.write(self.before)

    def write(self, policy):
        policy.etag = b""
        self.holder.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=self.name, policy=policy))


@pytest.fixture
def applied(operator, tmp_path):
    """Apply the spec that trains in some way."""

    def apply(way):
        vertex = Vertex(operator.emulator)
        vertex.push(tmp_path, FAST)
        vertex.put("train.json", json.dumps(PIPELINE).encode())
        for bucket in ("acme-models", "acme-data"):
            operator.connection.storage.create_bucket(bucket)
        for bucket, name in (
            ("acme-models", "churn/m.json"),
            ("acme-data", "kept-out.csv"),
            ("acme-data", "other.csv"),
        ):
            operator.connection.storage.bucket(bucket).blob(name).upload_from_string("1")
        report = operator.apply(wanted(way))
        assert not report.failed, [f"{result.change.address}: {result.error}" for result in report.failed]

    return apply


@pytest.mark.parametrize("way", WAYS)
def test_the_function_needs_each_of_its_roles(operator, applied, monkeypatch, tmp_path, way):
    """Without any one of them a training does not start, or nobody is told of it; with all of them it does."""
    applied(way)
    function = Function(operator, monkeypatch, tmp_path)
    grants = given(operator, way, "churn-retrain")
    refused = {}
    for there in grants:
        with Without(operator.emulator, there):
            refused[f"{there.role} {there.title}"] = function.deliver("manual")

    assert [role for role, why in refused.items() if not why] == []
    assert len(refused) == {"customJob": 4, "vertexPipeline": 5}[way]
    assert function.deliver("manual") == ""
    assert act("", pushed("sweep", trigger="sweep"), function.settings, Google(REGION))[1] == 200


def test_a_training_writes_its_runs_and_reads_what_the_spec_names(operator, applied):
    """Nothing else of the state bucket, of the data's bucket or of the model's, and no service of Google's."""
    applied("customJob")
    storage = Account(operator.emulator, "churn-train", made=True).storage()
    storage.bucket(BUCKET).blob(f"{RUNS}1/model/m.json").upload_from_string("1")
    storage.bucket(BUCKET).blob(f"{RUNS}1/model/m.json").upload_from_string("2")

    assert storage.bucket("acme-data").blob("kept-out.csv").download_as_bytes() == b"1"
    assert storage.bucket("acme-models").blob("churn/m.json").download_as_bytes() == b"1"
    history = storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/history.json")
    refused = (
        history.download_as_bytes,
        lambda: history.upload_from_string("{}"),
        storage.bucket("acme-data").blob("other.csv").download_as_bytes,
        lambda: storage.bucket("acme-models").blob("churn/m.json").upload_from_string("2"),
    )
    for attempt in refused:
        with pytest.raises(Forbidden):
            attempt()


def test_a_training_needs_each_of_its_roles(operator, applied):
    """Without any one of them, one of the three things that a training does is refused; the other two are not."""
    applied("customJob")
    storage = Account(operator.emulator, "churn-train", made=True).storage()
    needs = {
        "runs": lambda: storage.bucket(BUCKET).blob(f"{RUNS}1/model/m.json").upload_from_string("1"),
        "dataset": storage.bucket("acme-data").blob("kept-out.csv").download_as_bytes,
        "serving": storage.bucket("acme-models").blob("churn/m.json").download_as_bytes,
    }

    grants = given(operator, "customJob", "churn-train")

    assert sorted(there.title for there in grants) == sorted(f"mlservice-{what}-{REGION}" for what in needs)
    for there in grants:
        with Without(operator.emulator, there):
            for what, attempt in needs.items():
                if there.title == f"mlservice-{what}-{REGION}":
                    with pytest.raises(Forbidden):
                        attempt()
                else:
                    attempt()


def test_looking_at_monitors_takes_the_reader_and_cloud_loggings_leave_to_publish(operator, monkeypatch, tmp_path):
    """Without the first nothing can be looked at, and that is an error; the second is Cloud Logging's, on one topic."""
    operator.make_job()
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, [{"spend": 1, "plan": "basic"}])
    assert not operator.apply(TRAINS).failed
    function = Function(operator, monkeypatch, tmp_path)
    granted = [Membership.of(each.address) for each in operator.plan(TRAINS).plan.changes if is_member(each)]
    [reader] = [each for each in granted if each.role == "roles/aiplatform.viewer"]
    [logging] = [each for each in granted if "gcp-sa-logging" in each.member]

    def look():
        return act("", pushed("1", trigger="sweep"), function.settings, Google(REGION))

    with Without(operator.emulator, reader):
        refused = look()

    assert refused == ({"error": "Refused"}, 500)
    assert look() == ({"swept": [], "windows": []}, 200)
    assert (logging.role, logging.on, logging.name) == ("roles/pubsub.publisher", "pubsub_topic", "churn-retrain")


def is_member(change):
    """Whether a change is about a role of somebody's."""
    return change.address.kind == "iam_member"


def test_bigquery_trains_with_the_roles_of_the_function_and_none_is_spare(operator, monkeypatch, tmp_path):
    """Without one of the three nothing is trained, or nothing measured; other datasets are closed to it."""
    tables = Tables(operator.emulator, "others")  # ours is made by apply
    tables.post("/bigquery/v2/projects/local/datasets", {"datasetReference": {"datasetId": "kept"}})
    tables.query("CREATE TABLE kept.out AS SELECT * FROM ml.churn")
    query = f"CREATE MODEL ml.model {TREES}{SELECT.replace('@least', '3')}"
    evaluation = {"metric": "roc_auc", "dataset": "local.kept.out"}
    trains = spec(retraining={"run": {"bigqueryML": {"query": query}}, "evaluation": evaluation})
    report = operator.apply(trains)
    assert not report.failed, [f"{result.change.address}: {result.error}" for result in report.failed]
    settings = Function(operator, monkeypatch, tmp_path).settings
    members = [Membership.of(each.address) for each in operator.plan(trains).plan.changes if "iam" in each.address.kind]
    grants = [each for each in members if "churn-retrain@" in each.member and each.role.startswith("roles/bigquery.")]

    def outcome(number, settings=settings):
        way, run = BigQueryML(settings, Google(REGION)), Run(f"{number:024}", "manual", datetime.now(UTC))
        try:
            return ended(tables, way, replace(run, name=way.start(run, Event(run.key, "manual", run.claimed)))).why
        except NotStarted as refusal:
            return str(refusal)

    assert len(grants) == 3
    for number, there in enumerate(grants):
        with Without(operator.emulator, there):
            assert "Access Denied" in outcome(number), there
    assert outcome(8) == ""
    elsewhere = {"bigqueryML": {**settings.run["bigqueryML"], "model": "local.kept.model"}}
    assert "Access Denied: Dataset local:kept" in outcome(9, replace(settings, run=elsewhere))
