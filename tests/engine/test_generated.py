"""The plan right after an apply is empty: for every kind, every field, every spec that can be drawn."""

import copy

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.operating import HELLO
from tests.strategies.specs import service_specs
from tests.strategies.whole_specs import budgets, models

SHARDS = 4
RUNNER = "runner@local.iam.gserviceaccount.com"


@st.composite
def services(draw):
    """A spec this machine and this project can run: floors of at most one, accounts and secrets that exist."""
    data = draw(service_specs(name="drawn", image=HELLO, secrets=("token", "password")))
    access = data["spec"].get("access", {})
    if access.get("serviceAccount", "Auto") != "Auto":
        access["serviceAccount"] = RUNNER
        data["spec"].pop("secrets", None)  # an account that is not ours gets no roles from us
        data["spec"].get("mounts", {}).pop("/etc/conf", None)
    scaling = data["spec"].get("scaling", {})
    if scaling.get("minInstances", 0) > 1:
        scaling["minInstances"] = 1
    if scaling.get("windows"):  # one that is open whenever this runs: tests/engine/test_windows.py opens and closes
        scaling["windows"] = [{"schedule": "0 0 * * *", "lasts": "2d", "minInstances": 1}]
    if draw(st.booleans()):  # what the server is told is part of the template
        data["spec"]["model"] = {**draw(models()), "uri": "gs://acme-models/churn/"}
    if draw(st.booleans()):
        budget = draw(budgets())
        if isinstance(budget, dict) and "currency" in budget:
            budget["currency"] = "USD"  # of the emulator's account
        data["spec"]["budget"] = budget
    if draw(st.booleans()):
        data["spec"] |= {"triggers": draw(triggers()), "retraining": {"run": draw(st.sampled_from(WAYS))}}
    return data


WAYS = [
    {"cloudRunJob": {"name": "train"}},
    {"customJob": {"image": "europe-west1-docker.pkg.dev/local/ml/train:1", "spot": True}},
    {"webhook": {"url": "https://train.acme.example/hook"}},
]
READY, DATA = "projects/local/topics/churn-data-ready", "acme-data"
"""What others made: a topic and a bucket that trigger."""


@st.composite
def triggers(draw):
    """Triggers by the clock, a message or a file, up to three of four."""
    names = draw(st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
    zone = {"timeZone": st.sampled_from(["Europe/Paris", "Etc/UTC"])}
    when = st.one_of(
        st.fixed_dictionaries({"schedule": st.sampled_from(["0 3 * * 1", "*/30 * * * *"])}, optional=zone),
        st.just({"pubsub": "churn-data-ready"}),
        st.fixed_dictionaries({"storage": st.sampled_from([f"gs://{DATA}/churn/", f"gs://{DATA}/leavers/"])}),
    )
    return [{"name": name, "when": draw(when)} for name in names]


@pytest.fixture
def furnished(operator):
    """A project with an account and two secrets that specs may name."""
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    accounts.create_service_account(request={"name": "projects/local", "account_id": "runner"})
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    for name in ("token", "password"):
        made = secrets.create_secret(
            request={"parent": "projects/local", "secret_id": name, "secret": {"replication": {"automatic": {}}}}
        )
        secrets.add_secret_version(request={"parent": made.name, "payload": {"data": b"x"}})
    operator.make_job()
    operator.api("google.pubsub_v1", "publisher", "Publisher").create_topic(request={"name": READY})
    operator.connection.storage.create_bucket(DATA)
    return operator


def converged(operator, data):
    report = operator.apply(data)
    assert not report.failed, [(str(r.change.address), str(r.error)) for r in report.failed]
    assert operator.differences(data) == []


def left(operator):
    """Everything that is ours in the world, by Google's clients."""
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    repositories = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    jobs = operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    subscriber = operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    functions = operator.api("google.cloud.functions_v2", "function_service", "FunctionService")
    parent = {"parent": "projects/local/locations/europe-west1"}
    return [
        *(service.name for service in operator.services()),
        *(a.email for a in accounts.list_service_accounts(request={"name": "projects/local"}) if "drawn" in a.email),
        # Google makes one for functions, and keeps it.
        *(r.name for r in repositories.list_repositories(request=parent) if not r.name.endswith("/gcf-artifacts")),
        *(f.name for f in functions.list_functions(request=parent)),
        *(b.name for b in operator.connection.storage.list_buckets() if b.name != DATA),
        *(n.topic_name for n in operator.connection.storage.bucket(DATA).list_notifications()),
        *(j.name for j in jobs.list_jobs(request=parent)),
        *(t.name for t in publisher.list_topics(request={"project": "projects/local"}) if t.name != READY),
        *(s.name for s in subscriber.list_subscriptions(request={"project": "projects/local"})),
    ]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_apply_there_and_back_always_ends_in_an_empty_plan(furnished, shard, request):
    """Apply A, edit to B, back to A, destroy: each plan afterwards is empty, and nothing of ours is left."""
    operator = furnished
    cases = -(-request.config.getoption("--cases") // SHARDS)

    @seed(shard)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking would cost minutes: a failing case is small enough
        suppress_health_check=list(HealthCheck),
    )
    @given(services(), services())
    def check(one, other):
        note(f"A: {one}\nB: {other}")
        for data in (one, other, one):
            converged(operator, copy.deepcopy(data))
        assert not operator.destroy("drawn").failed
        assert left(operator) == []

    check()
