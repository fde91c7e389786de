"""What docs/permissions.md asks for is enough and nothing of it too much: applied as an account with just that."""

import re
from dataclasses import dataclass, replace

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import iam_admin_v1, run_v2, secretmanager
from google.cloud.billing_v1 import CloudBillingClient
from google.iam.v1 import iam_policy_pb2
from google.pubsub_v1 import PublisherClient

from emulator.apis import LISTED
from emulator.core import permissions
from emulator.core.api import folder_of
from emulator.identity import roles
from reconciler.cli.permissions import INVENTORY, STATE
from reconciler.core import errors
from reconciler.engine.apply import Report
from reconciler.engine.models import read_models
from reconciler.engine.promotion import choose, move_alias
from reconciler.engine.session import Patience, Session
from reconciler.gcp.connection import Connection
from reconciler.gcp.roles import role_with
from reconciler.kinds import KINDS
from reconciler.kinds.artifact_repository import SIGNATURES
from schemas import SpecError
from tests.attesting import Attestor
from tests.emulator.clients import client
from tests.emulator_analysis.pushed import SCANNED_AFTER_S, make_repository, switch
from tests.emulator_iam.callers import PROJECT, Account, grant
from tests.operating import BUCKET, REGION, Operator, spec
from tests.operating_registry import Registered
from tests.operating_tables import parquet, upload

BILLING = "billingAccounts/000000-000000-000000"
FULL = spec(
    model={
        "uri": "./model",
        "framework": "custom",
        "alias": "champion",
        "features": {"age": {"type": "number"}, "spend": {"type": "number"}},
        "prediction": {"name": "score"},
    },
    runtime={"startup": {"deadline": "10s"}},
    secrets={"TOKEN": {"secret": "key", "version": "latest"}},
    access={"invokers": ["user:ann@example.com"]},
    registry={"repository": "ml", "cleanup": {"keepLast": 3, "deleteUntaggedAfter": "7d"}},
    events={
        "requests": {"topic": "orders", "deadLetter": {"topic": "dead", "create": True}},
        "answers": {"topic": "scores", "create": True},
    },
    triggers=[{"name": "weekly", "when": {"schedule": "0 3 * * 1"}}, {"name": "moved", "when": {"breach": ["skew"]}}],
    retraining={"run": {"cloudRunJob": {"name": "train"}}, "promote": "Never"},
    notifications=[{"email": "ml@acme.example"}, {"pubsub": "orders"}],
    monitoring={
        "logging": {"table": "ml_logs.churn"},
        "baseline": {"uri": "gs://acme-data/train.parquet"},
        "skew": {"default": 0.3},
        "drift": {"default": 0.3},
        "performance": {
            "labels": {"table": "ml.outcomes"},
            "after": "1d",
            "threshold": 0.5,
            "least": {"accuracy": 0.7},
        },
        "uptime": {"every": "15m"},
        "slo": {"availability": 0.99, "latencyP95": "300ms"},
    },
    budget={"amount": 900, "currency": "USD", "actions": [{"at": 1, "do": "CapInstances", "maxInstances": 1}]},
)
"""Every section that a kind acts on today."""
CUSTOM_JOB = {"run": {"customJob": {"image": "europe-west1-docker.pkg.dev/local/ml/train:1"}}, "promote": "Never"}
LATER = FULL | {
    "spec": FULL["spec"]
    | {"scaling": {"maxInstances": 2}, "notifications": [], "triggers": [], "retraining": CUSTOM_JOB}
}
"""The same service some days later: changed, and with less of everything else."""

IMAGE = "europe-west1-docker.pkg.dev/local/models/scorer"


COVERED = {"roles/run.viewer": "roles/cloudfunctions.viewer"}
"""Roles that are needed by specs without `retraining`: with it, another role has what a plan reads of services, too."""


OF_AN_OPERATOR = frozenset(
    {
        "run_job",
        "iam_role",
        "iam_workload_identity_pool",
        "iam_workload_identity_pool_provider",
    }
)
"""Kinds that no service leads to: who installs an operator needs their roles."""
OF_SERVICES = tuple(kind for kind in KINDS if kind.name not in OF_AN_OPERATOR)


def wanted(kinds=OF_SERVICES, *, writing=True):
    """The roles and permissions on the project, as the page lists them."""
    every = [STATE, *(kind.roles for kind in kinds)]
    on_the_project = [roles for roles in every if not roles.on]
    every_role = {role for roles in on_the_project for role in (*roles.read, *(roles.write if writing else ()))}
    return sorted(every_role)


@dataclass
class Deployer:
    """A reconciler that calls as an account."""

    operator: Operator
    account: Account

    def may(self, *roles: str) -> None:
        """Give the account these roles and permissions on the project, and nothing else."""
        own = [role for role in roles if role.startswith("roles/")]
        permissions = [role for role in roles if not role.startswith("roles/")]
        admin = client(self.operator.emulator, iam_admin_v1.IAMClient)
        name = f"{PROJECT}/roles/deployer"
        admin.update_role(request={"name": name, "role": {"included_permissions": permissions}})
        grant(self.operator.emulator, *((role, self.account.member) for role in (*own, name)))


def trained_on(operator):
    """Make the file that the fullest spec names as its baseline, in a bucket that every account may read."""
    upload(operator, "train.parquet", parquet({"age": [40.0], "spend": [1.5]}))
    bucket = operator.connection.storage.bucket("acme-data")
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allAuthenticatedUsers"}})
    bucket.set_iam_policy(policy)


@pytest.fixture
def deployer(operator, tmp_path):
    """An account with nothing, beside what the developer made: a topic, a secret, a model and the state bucket."""
    (operator.folder / "model").mkdir()
    (operator.folder / "model" / "weights.txt").write_text("1")
    operator.api("google.pubsub_v1", "publisher", "Publisher").create_topic(
        request={"name": f"{PROJECT}/topics/orders"}
    )
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
    operator.make_job()
    trained_on(operator)
    operator.connection.state.make()
    account = Account(operator.emulator, "deployer")
    (tmp_path / "key.json").write_text(account.key)
    on_the_bucket(operator, account, *INVENTORY.write)
    billed = {role for kind in KINDS if kind.roles.on == "the billing account" for role in kind.roles.write}
    grant(operator.emulator, *((role, account.member) for role in billed), api=CloudBillingClient, on=BILLING)
    admin = client(operator.emulator, iam_admin_v1.IAMClient)
    admin.create_role(request={"parent": PROJECT, "role_id": "deployer", "role": {}})
    return Deployer(AsAccount(operator, str(tmp_path / "key.json")), account)


class AsAccount(Operator):
    """The same operator, calling as an account, and in a hurry: what is refused is not waited for."""

    def __init__(self, operator: Operator, key_file: str) -> None:
        super().__init__(operator.emulator, operator.pool, operator.folder)
        local = self.connection.local
        self.connection = Connection("local", BUCKET, replace(local, key_file=key_file))

    def session(self) -> Session:
        """A run without patience."""
        found = super().session()
        found.patience = Patience(propagate_s=0)
        return found


def on_the_bucket(operator, account, *given):
    """Give an account these roles on the state bucket, and no others."""
    bucket = operator.connection.storage.bucket(BUCKET)
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings = [each for each in policy.bindings if account.member not in each["members"]]
    policy.bindings += [{"role": role, "members": {account.member}} for role in given]
    bucket.set_iam_policy(policy)


def refusals(run):
    """What went wrong in a run for want of permissions: each with the permission and the hint."""
    try:
        report = run()
    except errors.SeveralErrors as several:
        return [each for each in several.errors if isinstance(each, errors.ApiError)]
    except errors.ApiError as error:
        return [error]
    except SpecError as error:
        return [named for each in error.problems if (named := refusal_in(each))]
    return [result.error for result in report.failed] if isinstance(report, Report) else []


def refusal_in(problem):
    """The refusal of a look at what a spec names: there it is a problem with a place."""
    missing = re.match(r"permission (\S+) is missing: ", problem.hint)
    return missing and errors.NotPermitted("read", "it", problem.summary, hint=problem.hint, permission=missing[1])


def failures(report: Report):
    return [f"{result.change.address}: {result.error} ({result.error.hint})" for result in report.failed]


def test_the_roles_of_the_page_are_enough(deployer):
    """The fullest spec is planned, applied, changed and destroyed by an account that has what the page says."""
    deployer.may(*wanted())
    operator = deployer.operator

    assert failures(operator.apply(FULL)) == []
    assert operator.differences(FULL) == []
    assert failures(operator.apply(LATER)) == []
    assert operator.differences(LATER) == []
    assert failures(operator.destroy("churn")) == []


READING = wanted(writing=False)
WRITING = [role for role in wanted() if role not in READING]


@pytest.mark.parametrize("role", READING)
def test_no_role_for_reading_is_too_much(deployer, role):
    """Without any one of them a plan is refused, with the permission that is missing and a role."""
    deployer.may(*(each for each in READING if each not in {role, COVERED.get(role)}))

    found = refusals(lambda: deployer.operator.plan(FULL))

    refused = [each for each in found if COVERED.get(role) is None or each.permission.startswith("run.")]
    assert refused, f"{role} is superfluous: a plan needs nothing of it"
    check_words(refused, role)


def check_words(refused, role):
    """Each names the permission, one that the role has, and says what to grant."""
    for error in refused:
        if isinstance(error, errors.NotReadyYet):  # an account that may not be acted as looks like one not there yet
            assert "roles/iam.serviceAccountUser" in error.hint
            continue
        assert isinstance(error, errors.NotPermitted), error
        assert error.permission == role or error.permission in roles.predefined()[role]
        assert f"permission {error.permission} is missing: grant roles/" in error.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    "role",
    [pytest.param(role, marks=[pytest.mark.long] * (place % 3 > 0)) for place, role in enumerate(sorted(WRITING))],
)
def test_no_role_for_writing_is_too_much(deployer, role):
    """Without any one of them something of making, changing or destroying is refused, and is named."""
    deployer.may(*(each for each in wanted() if each != role))
    operator = deployer.operator
    steps = (lambda: operator.apply(FULL), lambda: operator.apply(LATER), lambda: operator.destroy("churn"))

    refused = next((found for step in steps if (found := denied_in(step))), [])

    assert refused, f"{role} is superfluous: nothing needs it"
    check_words(refused, role)


def denied_in(step):
    """The refusals of one step, without what was left for want of another change."""
    return [error for error in refusals(step) if isinstance(error, (errors.NotPermitted, errors.NotReadyYet))]


def test_reading_what_scans_found_takes_its_role(operator, deployer):
    """With the roles of the page for a spec that asks for it a clean image passes; without its own, none does."""
    image = {"image": clean_image(operator), "registry": {"repository": "models", "scan": {}}}
    gate = spec(**image, management={"adopt": "Always"})
    extra = [role for kind in KINDS for each in kind.extras for role in each.roles]

    deployer.may(*READING)
    (blocked,) = deployer.operator.plan(gate).plan.blocked
    deployer.may(*READING, *extra)
    passed = deployer.operator.plan(gate).plan

    assert "who owns project local must grant roles/containeranalysis.occurrences.viewer there" in blocked
    assert passed.blocked == ()
    assert [str(change.action) for change in passed.pending if change.address.kind == "run_service"] == ["create"]


def test_reading_attestations_takes_its_roles(operator, deployer):
    """With the roles of the page for a spec that asks for it an attested image passes, without one none."""
    attestor = Attestor(operator.emulator)
    gate = spec(
        registry={"repository": "models", "signed": {"attestors": [attestor.name]}}, management={"adopt": "Always"}
    )
    deployer.may(*READING, *SIGNATURES.roles)
    (unsigned,) = deployer.operator.plan(gate).plan.blocked
    attestor.attest(re.search(r"--artifact-url=(\S+)", unsigned)[1])
    passed = deployer.operator.plan(gate).plan.blocked
    lacking = {}
    for role in SIGNATURES.roles:
        deployer.may(*READING, *(each for each in SIGNATURES.roles if each != role))
        lacking[role] = list(deployer.operator.plan(gate).plan.blocked)

    assert passed == ()
    assert all(f"must grant {SIGNATURES.roles[0]} on the attestor" in line for (line,) in lacking.values())


def clean_image(operator):
    """Push an image where scanning is on, and let its scan end; its reference."""
    switch(operator.emulator)
    make_repository(operator.emulator)
    (operator.folder / "image").mkdir()
    (operator.folder / "image" / "main.py").write_text("")
    pushed = {"image": f"{IMAGE}:v1", "folder": str(operator.folder / "image"), "command": ["python", "main.py"]}
    digest = operator.emulator.control("POST", "images", pushed)["digest"]
    operator.emulator.advance(SCANNED_AFTER_S)
    return f"{IMAGE}@{digest}"


def test_no_role_on_the_state_bucket_is_too_much(operator, deployer):
    """A plan reads it, an apply writes it: what the page says for each is needed, and enough for a plan."""
    deployer.may(*wanted())
    on_the_bucket(operator, deployer.account)
    unread = refusals(lambda: deployer.operator.plan(FULL))
    on_the_bucket(operator, deployer.account, *INVENTORY.read)

    read = refusals(lambda: deployer.operator.plan(FULL))
    unwritten = refusals(lambda: deployer.operator.apply(FULL))

    assert {error.permission for error in unread} <= {"storage.objects.list", "storage.objects.get"}
    assert unread
    assert read == []
    assert [error.permission for error in unwritten] == ["storage.objects.create"]


def test_the_service_s_own_account_may_do_what_serving_takes_and_no_more(operator, deployer):
    """It reads its model and its secret and publishes answers; nothing else, neither elsewhere nor in another way."""
    deployer.may(*wanted())
    assert failures(deployer.operator.apply(FULL)) == []
    own = Account(operator.emulator, "churn-run", made=True)
    [model] = [blob.name for blob in operator.connection.storage.list_blobs(BUCKET, prefix="models/")]
    operator.connection.storage.bucket(BUCKET).blob("models/other/weights.txt").upload_from_string("2")
    bucket, secrets = own.storage().bucket(BUCKET), own.client(secretmanager.SecretManagerServiceClient)

    assert bucket.blob(model).download_as_bytes() == b"1"
    assert secrets.access_secret_version(name=f"{PROJECT}/secrets/key/versions/1").payload.data == b"s"
    assert may_on_topic(own, "scores") == ["pubsub.topics.publish"]
    for refused in (bucket.blob("models/other/weights.txt").download_as_bytes, bucket.blob(model).delete):
        with pytest.raises(Forbidden):
            refused()
    assert may_on_topic(own, "orders") == []
    with pytest.raises(Forbidden, match=r"run\.services\.list"):
        own.client(run_v2.ServicesClient).list_services(parent=f"{PROJECT}/locations/europe-west1")


def test_the_service_s_own_account_reads_what_its_alias_names_and_no_more_of_the_state_bucket(operator, deployer):
    """Its trainings' models, the next one's too; neither inventories nor what other services' trainings made."""
    models, others = Registered(operator), Registered(operator, model="other", service="other")
    models.version("a", "champion")
    models.put(models.folder("b"))
    others.put(others.folder("a"))
    deployer.may(*wanted())
    assert failures(deployer.operator.apply(FULL)) == []
    own = Account(operator.emulator, "churn-run", made=True)
    bucket = own.storage().bucket(BUCKET)

    def read(folder):
        return bucket.blob(f"{folder.removeprefix(f'gs://{BUCKET}/')}weights.txt").download_as_bytes()

    assert read(models.folder("a")) == b"a"
    assert read(models.folder("b"))
    for refused in (lambda: read(others.folder("a")), bucket.blob(f"inventory/{REGION}/churn.json").download_as_bytes):
        with pytest.raises(Forbidden):
            refused()


def test_moving_an_alias_takes_what_the_page_says(operator, deployer):
    """Reading the versions is not enough; the refusal names the role, and nothing moved."""
    models = Registered(operator)
    models.version("a", "champion")
    models.version("b")

    def promote():
        session = deployer.operator.session()
        found = read_models(session, REGION, "churn")
        move_alias(session, choose(found, "2", alias="champion", serving="", by="ann", force=False))

    elsewhere = [each for each in wanted() if not each.startswith("roles/aiplatform.")]
    deployer.may(*elsewhere)
    [unread] = refusals(promote)
    deployer.may(*elsewhere, "roles/aiplatform.viewer")
    [unmoved] = refusals(promote)
    still = models.holder("champion")
    deployer.may(*elsewhere, "roles/aiplatform.viewer", "roles/aiplatform.user")
    promote()

    assert (unread.permission, unmoved.permission) == ("aiplatform.models.list", "aiplatform.models.update")
    assert ("roles/aiplatform.viewer" in unread.hint, "roles/aiplatform.user" in unmoved.hint) == (True, True)
    assert (still, models.holder("champion")) == ("1", "2")


def may_on_topic(account, topic):
    """What of a topic's uses an account has."""
    asked = ["pubsub.topics.publish", "pubsub.topics.get", "pubsub.topics.delete"]
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=f"{PROJECT}/topics/{topic}", permissions=asked)
    return list(account.client(PublisherClient).test_iam_permissions(request=request).permissions)


def test_the_role_that_a_refusal_names_has_the_permission():
    """For every permission that a method we emulate needs, of an API that the reconciler calls."""
    tables = [permissions.read(folder_of(each.module)) for each in LISTED]
    needed = {demand.permission for table in tables for each in table.methods.values() for demand in each}
    needed |= {f"{noun}.{verb}IamPolicy" for table in tables for noun in table.policies.values() for verb in ("set",)}
    named = {permission: role_with(permission) for permission in needed if not permission.startswith("iam.roles.")}

    assert [p for p, role in sorted(named.items()) if role and p not in roles.predefined()[role]] == []
    assert named["storage.buckets.list"] == "roles/storage.bucketViewer"
