"""What lets a CI in, and the operator's accounts: each has the roles that its work takes, no more and no less."""

import itertools
import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
from google.iam.v1 import iam_policy_pb2, policy_pb2

from emulator.identity import roles
from reconciler.cli.commands.install import plan_operator
from reconciler.cli.planning import plan_documents
from reconciler.core import errors
from reconciler.core.bundle import pack
from reconciler.core.checkup import Answer
from reconciler.core.orders import Orders
from reconciler.core.own import may_change
from reconciler.engine.apply import apply
from reconciler.engine.bundles import Bundles, digested
from reconciler.engine.ci import letting_in, plan_shutting_out, ways
from reconciler.engine.doctor import examine
from reconciler.kinds.iam_workload_identity_pool import HOST
from schemas import load
from tests.emulator_iam import issuers
from tests.emulator_iam.callers import PROJECT, Account
from tests.engine.test_least_roles import FULL, LATER, AsAccount, denied_in, failures, trained_on, wanted
from tests.engine.test_operator import PLACE, document
from tests.operating import BUCKET, HELLO, spec, told

CI = {"github": {"repository": "acme/ml", "repositoryId": 456, "ownerId": 123, "environment": "prod"}}
WHOLE = iam_policy_pb2.GetIamPolicyRequest(resource=PROJECT, options={"requested_policy_version": 3})
RUNS = itertools.count(1)


class Project:
    """A project with everything that the fullest spec is about, and an operator that lets a CI in."""

    def __init__(self, operator, folder, on_merge="Publish"):
        self.operator, self.folder = operator, folder
        (operator.folder / "model").mkdir()
        (operator.folder / "model" / "weights.txt").write_text("1")
        topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
        topics.create_topic(request={"name": f"{PROJECT}/topics/orders"})
        secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
        made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
        secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
        operator.make_job()
        trained_on(operator)
        operator.connection.state.make()
        self.itself = document(ci=CI | {"onMerge": on_merge})
        assert self.install(FULL, self.itself) > 20

    def install(self, *documents, part=lambda planned: planned):
        """Install; gives how many changes were made."""
        session = self.operator.session()
        planned = part(plan_operator(session, load(self.operator.write(*documents))))
        report = apply(session, planned)
        assert failures(report) == []
        return len(report.results)

    def sign_in(self, purpose):
        """From now on calls are made as one of the operator's accounts, by a key file of it."""
        account = Account(self.operator.emulator, f"mlservice-{purpose}", made=True)
        (self.folder / "key.json").write_text(account.key)
        self.member = account.member

    def own(self):
        """A run as that account, which has seen nothing yet."""
        return AsAccount(self.operator, str(self.folder / "key.json"))

    def planned(self, own, *documents):
        """The plan of services and operator."""
        return plan_documents(own.session(), load(own.write(*documents)).documents)

    def plan(self):
        """What CI does on a pull request."""
        return self.planned(self.own(), FULL, self.itself)

    def apply(self, service):
        """What CI, or a pass, does after a merge."""
        return self.own().apply(service)

    def reschedule(self):
        """What a pass does to the operator itself: its schedule, and back."""
        own = self.own()
        hour = next(RUNS) % 24
        again = self.itself | {"spec": self.itself["spec"] | {"schedule": f"0 {hour} 1 1 *"}}
        planned = plan_operator(own.session(), load(own.write(FULL, again)))
        mine = tuple(change for change in planned.plan.changes if may_change(change, Orders()))
        return apply(own.session(), replace(planned, plan=replace(planned.plan, changes=mine)))

    def publish(self):
        """What CI does after a merge, where an operator is at work: something new each time."""
        own = self.own()
        archive = pack({"mlservice.yaml": f"# {next(RUNS)}\n".encode()})
        now = own.session().clock.now().isoformat(timespec="seconds")
        assert own.connection.state.there
        Bundles(own.connection, PLACE).publish(archive, digested(archive, written=now, published=now, commit=""))

    def ways(self):
        """How CI comes in."""
        return ways(plan_operator(self.operator.session(), load(self.operator.write(FULL, self.itself))))

    @property
    def steps(self):
        """Everything that works on services, and what the job does to itself."""
        own = [self.reschedule] if "operator" in self.member else []
        return [self.plan, *own, lambda: self.apply(LATER), lambda: self.apply(FULL)]

    @property
    def policy(self):
        """The project's."""
        return self.operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")

    def bindings(self):
        """Those of the account."""
        return [each for each in self.policy.get_iam_policy(request=WHOLE).bindings if self.member in each.members]

    @contextmanager
    def without(self, *taken):
        """Some roles are taken from the account, and given back."""
        before = self.policy.get_iam_policy(request=WHOLE)
        less = policy_pb2.Policy()
        less.CopyFrom(before)
        for each in less.bindings:
            if each.role in taken and self.member in each.members:
                each.members.remove(self.member)
        self._set(less)
        try:
            yield
        finally:
            self._set(before)

    @contextmanager
    def lacking(self, name, permission):
        """A permission is taken out of a custom role, and put back."""
        admin = self.operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
        whole = list(admin.get_role(request={"name": name}).included_permissions)
        self._write(admin, name, [each for each in whole if each != permission])
        try:
            yield
        finally:
            self._write(admin, name, whole)

    def _set(self, policy):
        policy.etag = b""
        policy.version = 3
        self.policy.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))

    def _write(self, admin, name, permissions):
        mask = {"paths": ["included_permissions"]}
        admin.update_role(request={"name": name, "role": {"included_permissions": permissions}, "update_mask": mask})


def refused_in(steps):
    """The refusals of the first step that meets any."""
    return next((found for step in steps if (found := denied_in(step))), [])


def has(role, permission):
    """Whether a role, or a permission by itself, is what a refusal asks for."""
    written = permission.replace("iam.workload", "iam.googleapis.com/workload")
    return role == permission or written in roles.predefined().get(role, ())


def check(found, taken):
    """One is for want of what was taken; each names verb, resource, permission, and a remedy that has it."""
    refused = [each for each in found if isinstance(each, errors.NotPermitted)]
    assert any(has(taken, each.permission) for each in refused), f"{taken} is superfluous: nothing needs it"
    for each in refused:
        named = [word.strip(";,") for word in each.hint.split() if word.startswith("roles/")]
        assert str(each).startswith("cannot "), each
        # The public list of roles has none of those for custom roles.
        helps = any(has(role, each.permission) for role in named) or named == ["roles/iam.roleViewer"]
        assert helps, (each.permission, each.hint)


READS = {
    *("roles/aiplatform.viewer", "roles/cloudfunctions.viewer", "roles/iam.serviceAccountViewer"),
    *("roles/iam.workloadIdentityPoolViewer", "roles/monitoring.viewer", "roles/secretmanager.viewer"),
    "roles/logging.viewer",
    *("iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.list"),
    *("monitoring.alertPolicies.list", "monitoring.notificationChannels.list"),
    *("iam.roles.list", "pubsub.subscriptions.getIamPolicy", "pubsub.topics.getIamPolicy"),
    *("resourcemanager.projects.getIamPolicy", "roles/bigquery.metadataViewer", "storage.buckets.list"),
}
"""What all need who plan the fullest spec and the operator."""
BARE = {
    *("iam.serviceAccounts.getIamPolicy", "iam.serviceAccounts.list"),
    *("monitoring.alertPolicies.list", "monitoring.notificationChannels.list"),
}
"""Of these what looking at the operator needs and services have by roles."""
WRITES = {
    *("roles/aiplatform.user", "roles/bigquery.dataOwner", "roles/bigquery.jobUser", "roles/logging.configWriter"),
    *("roles/artifactregistry.admin", "roles/cloudfunctions.developer", "roles/cloudscheduler.admin"),
    *("roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser", "roles/monitoring.notificationChannelEditor"),
    *("roles/monitoring.alertPolicyEditor", "roles/monitoring.dashboardEditor"),
    *("roles/monitoring.servicesEditor", "roles/monitoring.uptimeCheckConfigEditor"),
    "monitoring.metricDescriptors.create",
    *("roles/pubsub.editor", "roles/resourcemanager.projectIamAdmin", "roles/run.admin", "roles/storage.objectAdmin"),
    *("pubsub.subscriptions.setIamPolicy", "pubsub.topics.setIamPolicy", "secretmanager.secrets.setIamPolicy"),
}
EXACT = {
    "planner": READS
    | {"roles/artifactregistry.reader", "roles/cloudscheduler.viewer", "roles/pubsub.viewer", "roles/run.viewer"}
    | {"roles/storage.objectViewer"},
    "publisher": {"roles/storage.objectUser", "storage.buckets.list"},
    "applier": READS | WRITES,
    "operator": READS
    | WRITES
    | {"monitoring.alertPolicies.update", "monitoring.timeSeries.list", "roles/monitoring.metricWriter"},
}
"""The roles and permissions of each account, of the fullest spec."""
TWICE = {"roles/iam.serviceAccountViewer", "roles/monitoring.viewer"}
"""Roles that services lead to, and of which looking at the operator needs permissions by themselves."""
COVERED = {
    "roles/aiplatform.viewer": ("roles/aiplatform.user",),
    "roles/bigquery.metadataViewer": ("roles/bigquery.dataOwner",),
    "roles/cloudfunctions.viewer": ("roles/cloudfunctions.developer",),
    "roles/iam.serviceAccountViewer": ("roles/iam.serviceAccountAdmin",),
    "roles/logging.viewer": ("roles/logging.configWriter",),
    "roles/monitoring.viewer": ("roles/monitoring.notificationChannelEditor",),
    "roles/run.viewer": ("roles/cloudfunctions.viewer",),
}
"""Of roles that other specs need, for which other roles would do here: those are taken as well."""


def held(project):
    """Its roles and, of its custom role, the permissions."""
    admin = project.operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    found = set()
    for role in {each.role for each in project.bindings()}:
        custom = role.startswith("projects/")
        found |= {*admin.get_role(request={"name": role}).included_permissions} if custom else {role}
    return found


def check_each(project, steps, chosen):
    """Without any one of these the work is refused, in words that help; with all it is not."""
    assert refused_in(steps) == []
    [custom] = {each.role for each in project.bindings() if each.role.startswith("projects/")}
    for each in sorted(chosen):
        bare = "" if each.startswith("roles/") else each
        also = {role for role in held(project) if bare and has(role, bare)} - {bare}
        with project.without(each, *COVERED.get(each, also)), project.lacking(custom, bare):
            check(refused_in(steps), each)
    assert refused_in(steps) == []


def test_planner_and_publisher_have_what_their_work_takes(operator, tmp_path):
    """The lists are these; without any one of them planning, or publishing, is refused and says what helps."""
    project = Project(operator, tmp_path)
    for purpose, account, work in (("planner", "planner", project.plan), ("publisher", "applier", project.publish)):
        project.sign_in(account)

        assert held(project) == EXACT[purpose]
        check_each(project, [work], EXACT[purpose] - TWICE)


def test_the_planner_changes_nothing(operator, tmp_path):
    """Not one change of an apply is made as the planner; the publisher writes nothing but the bundle."""
    project = Project(operator, tmp_path)
    project.sign_in("planner")

    assert denied_in(lambda: project.apply(FULL))
    assert {key[1] for key in operator.inventories()} == {"operator_mlservice"}
    project.sign_in("applier")
    project.publish()
    with pytest.raises(Exception, match=r"storage\.objects\.create"):
        project.own().connection.storage.bucket(BUCKET).blob("inventory/x.json").upload_from_string("{}")


AFTERWARDS = {"monitoring.alertPolicies.update", "monitoring.timeSeries.list", "roles/monitoring.metricWriter"}
"""What a pass takes beside its plan, and a schedule that changes: `test_heartbeat` and `test_ladder` go without."""
WIDENED = {"roles/artifactregistry.reader", "roles/cloudscheduler.viewer", "roles/pubsub.viewer", "roles/run.viewer"}
"""What others of the roles hold whole."""


@pytest.mark.slow
@pytest.mark.parametrize("purpose", ["applier", pytest.param("operator", marks=pytest.mark.long)])
def test_applier_and_job_have_what_their_work_takes(operator, tmp_path, purpose):
    """The lists are these: what services need, each proven needed elsewhere, and what looking at the operator takes."""
    project = Project(operator, tmp_path, on_merge="Apply")
    project.sign_in(purpose)
    looks = {"iam.roles.list", "roles/iam.workloadIdentityPoolViewer", "roles/storage.objectAdmin", *BARE}
    itself = looks | (EXACT["operator"] - EXACT["applier"] if purpose == "operator" else set())

    assert held(project) == EXACT[purpose]
    assert {*wanted()} - WIDENED == EXACT[purpose] - itself
    check_each(project, project.steps[:-2], ((READS - TWICE) | itself) - AFTERWARDS)
    assert failures(project.apply(FULL)) == []
    assert failures(project.apply(LATER)) == []


def test_the_job_changes_its_schedule_and_nothing_that_lets_a_ci_in(operator, tmp_path):
    """Somebody opens the door wider behind its back, and a document asks for more: both are left to a person."""
    project = Project(operator, tmp_path)
    project.sign_in("operator")
    assert failures(project.reschedule()) == []
    rest = operator.connection.rest(HOST, "v1")
    [name] = [each.provider for purpose, each in project.ways().items() if purpose == "applier"]
    body = {"attributeCondition": "assertion.repository_owner == 'acme'", "oidc": {"jwksJson": '{"keys": []}'}}
    rest.write("PATCH", name, body, patience_s=5, updateMask="attributeCondition,oidc.jwksJson")

    itself = [change for change in project.plan().plan.pending if change.services == ("operator_mlservice",)]
    [left] = [change for change in itself if not may_change(change, Orders())]

    assert str(left.address) == "iam_workload_identity_pool_provider/global/mlservice-ci/applier"
    assert {each.path for each in left.changes} == {"condition", "keys"}
    assert project.install(FULL, project.itself) == len({"the condition", "the schedule"})


def external(project, purpose, folder, **claims):
    """What a job at GitHub signs in with, as the action writes it: a file, and a token that GitHub signed."""
    way = project.ways()[purpose]
    rest = project.operator.connection.rest(HOST, "v1")
    body = {"oidc": {"jwksJson": json.dumps(issuers.jwks())}}
    rest.write("PATCH", way.provider, body, patience_s=5, updateMask="oidc.jwksJson")
    http = project.operator.emulator.http
    (folder / "token").write_text(issuers.token(f"https://iam.googleapis.com/{way.provider}", **claims))
    info = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{way.provider}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{http}/v1/token",
        "credential_source": {"file": str(folder / "token")},
        "service_account_impersonation_url": f"{http}/v1/projects/-/serviceAccounts/{way.account}:generateAccessToken",
    }
    (folder / "key.json").write_text(json.dumps(info))


PUSH = {"environment": "prod"}
STRANGERS = [
    ("planner", {"repository_id": "457"}, "rejected by the attribute condition"),
    ("planner", {"repository_owner_id": "999"}, "rejected by the attribute condition"),
    ("applier", {}, "environment cannot be mapped"),
    ("applier", {"environment": "dev"}, "rejected by the attribute condition"),
    (
        "applier",
        PUSH | {"ref": "refs/pull/7/merge", "event_name": "pull_request"},
        "rejected by the attribute condition",
    ),
    ("applier", PUSH | {"event_name": "pull_request_target"}, "rejected by the attribute condition"),
    ("applier", PUSH | {"event_name": "workflow_run"}, "rejected by the attribute condition"),
    ("applier", PUSH | {"repository_id": "457"}, "rejected by the attribute condition"),
]


def test_a_job_at_github_plans_and_publishes_without_a_key(operator, tmp_path):
    """By the token that GitHub signs, through Google's own library; nobody else's is taken, nor this for more."""
    project = Project(operator, tmp_path)
    for purpose, claims, words in STRANGERS:
        external(project, purpose, tmp_path, **claims)
        with pytest.raises(Exception, match=words):
            project.plan()

    external(project, "planner", tmp_path, event_name="pull_request", ref="refs/pull/7/merge", sub="anything")
    assert project.plan().plan.pending
    external(project, "applier", tmp_path, **PUSH)
    project.publish()

    way = json.loads((tmp_path / "key.json").read_text())
    planner = project.ways()["planner"].account
    way["service_account_impersonation_url"] = way["service_account_impersonation_url"].replace("applier", "planner")
    (tmp_path / "key.json").write_text(json.dumps(way))
    with pytest.raises(Exception, match=r"iam\.serviceAccounts\.getAccessToken"):
        project.plan()
    assert planner.startswith("mlservice-planner@")


def test_it_is_made_and_taken_away_alone_and_comes_back(operator, tmp_path):
    """Without the job; what Google still keeps of the names is used again; with the job, only the CI goes."""
    operator.connection.state.make()
    project = Project.__new__(Project)
    project.operator, itself = operator, document(ci=CI)
    assert project.install(spec(), itself, part=letting_in) > 10
    assert project.install(spec(), itself, part=letting_in) == 0
    apply(operator.session(), plan_shutting_out(operator.session()))
    assert operator.inventories() == {}

    assert project.install(spec(), itself) > 30
    gone = apply(operator.session(), plan_shutting_out(operator.session()))

    assert failures(gone) == []
    assert told(plan_operator(operator.session(), load(operator.write(spec(), document()))).plan) == []
    with pytest.raises(errors.UsageError, match="no CI is let into"):
        plan_shutting_out(operator.session())
    assert project.install(spec(), itself) > 10


def test_who_applied_and_publishes_from_now_on_loses_the_rest(operator, tmp_path):
    """Roles that a CI has no need of any more go at the next install, and by no pass and no apply before."""
    project = Project(operator, tmp_path, on_merge="Apply")
    project.sign_in("applier")
    itself = document(ci=CI | {"onMerge": "Publish"})

    session = operator.session()
    kept = plan_documents(session, load(operator.write(FULL, itself)).documents).plan
    assert not [
        change for change in kept.pending if change.action == "delete" and "project roles/" in str(change.address)
    ]
    project.install(FULL, itself)

    assert held(project) == EXACT["publisher"]


LOST = ("roles/run.admin", "roles/iam.serviceAccountUser", "roles/pubsub.editor", "roles/secretmanager.viewer")


@pytest.mark.slow
def test_of_a_role_that_the_job_lost_doctor_and_pass_say_which(operator, tmp_path):
    """`doctor` as its account names what is missing, before the pass that fails for want of it does the same."""
    project = Project(operator, tmp_path)
    project.sign_in("operator")
    services = load(operator.write(FULL)).services

    def examined():
        found = examine(project.own().session(), services, runtime_image=HELLO)
        return [check.line for check in found.checks if check.name == "permissions" and check.answer is Answer.FAIL]

    assert examined() == []
    for role in LOST:
        with project.without(role):
            told_by_doctor = " ".join(examined())
            assert any(permission in told_by_doctor for permission in roles.predefined()[role]), (role, told_by_doctor)
            assert refused_in([lambda: project.apply(FULL), lambda: project.apply(LATER)]), role
    assert failures(project.apply(FULL)) == []
