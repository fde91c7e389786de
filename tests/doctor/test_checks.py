"""Each check of `mlservice doctor`, well and spoiled: what it says then, to whom, and which command it gives."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists
from google.cloud import billing_v1, cloudquotas_v1, orgpolicy_v2, resourcemanager_v3, service_usage_v1

from emulator.apis import LISTED
from emulator.core import permissions
from emulator.core.api import folder_of
from reconciler.core.checkup import Answer, Who
from reconciler.core.facts import Facts
from reconciler.engine.doctor.caller import who
from reconciler.engine.doctor.case import Case
from reconciler.engine.doctor.needs import Needs
from reconciler.engine.doctor.organisation import CONSTRAINTS, Rules
from reconciler.engine.doctor.project import enable
from reconciler.engine.resolve import known_facts, look_up
from reconciler.engine.session import Patience
from reconciler.gcp.connection import Connection
from reconciler.gcp.who import Caller
from reconciler.kinds import KINDS
from schemas import load
from tests.emulator_iam.callers import PROJECT, grant
from tests.engine.test_least_roles import FULL, LATER, trained_on
from tests.engine.test_operator import document
from tests.operating import BUCKET, HELLO, REGION, spec
from tests.operating_tables import table

L4 = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"
OPENED = (
    f"gcloud storage buckets remove-iam-policy-binding gs://{BUCKET} --member=allUsers "
    "--role=roles/storage.objectViewer"
)
GPU = {"gpu": {"type": "nvidia-l4", "zonalRedundancy": False}, "cpu": 4, "memory": "16Gi"}


def told(checks):
    """Answer, line and commands of each."""
    return [(str(check.answer), check.line, check.commands) for check in checks]


def only(checks, answer):
    """Those of one answer."""
    return [check for check in checks if check.answer is answer]


def test_a_project_where_everything_is_well_has_nothing_to_tell(patient):
    """A first deployment on a healthy project: every check that can be made says so, and the exit code is 0."""
    found = patient.looked_at(spec())

    assert [c.line for c in found.checks if c.answer in {Answer.FAIL, Answer.WARN}] == []
    assert found.exit_code == 0
    assert {c.name for c in found.checks} >= {
        "apis", "billing", "caller", "clock", "cloud-run", "image", "organisation", "permissions", "project",
        "state-bucket",
    }  # fmt: skip


def test_only_what_the_specs_need_is_looked_at(patient):
    """A service without secrets, topics and GPUs has nothing to do with them."""
    small = patient.looked_at(spec())
    lines = " ".join(c.line for c in small.checks)

    assert "3 APIs" not in lines
    assert not {"quota", "secret", "webhook", "model"} & {c.name for c in small.checks}


def test_apis_that_are_off(patient):
    """All of them in one line, with one command; who may enable them is told to, and is well afterwards."""
    usage = patient.client(service_usage_v1.ServiceUsageClient)
    for host in ("run", "artifactregistry", "pubsub"):
        usage.disable_service(request={"name": f"{PROJECT}/services/{host}.googleapis.com"}).result(timeout=20)

    [check] = patient.found("apis", spec())
    enable(patient.operator.session(), ["run.googleapis.com", "artifactregistry.googleapis.com"])

    assert check.answer is Answer.FAIL
    assert check.line == "2 APIs off: artifactregistry, run (enabling takes 1 to 3 min)"
    assert check.who is Who.YOU
    assert check.apis == ("artifactregistry.googleapis.com", "run.googleapis.com")
    assert check.commands == (
        "gcloud services enable artifactregistry.googleapis.com run.googleapis.com --project=local",
    )
    assert patient.found("apis", spec())[0].answer is Answer.OK


def test_a_page_needs_an_api_and_a_role_more(patient, tmp_path):
    """Identity-Aware Proxy's: where the operator's document has a page, and not where it has none."""
    patient.client(service_usage_v1.ServiceUsageClient).disable_service(
        request={"name": f"{PROJECT}/services/iap.googleapis.com"}
    ).result(timeout=20)
    page = document(page={"enabled": True, "access": ["user:ann@acme.example"]})

    [check] = patient.found("apis", spec(), page)
    stranger, _, _ = patient.as_account(tmp_path, "resourcemanager.projects.get")
    lines = [c.line for c in stranger.found("permissions", spec(), page) if "the page" in c.line]

    assert (check.answer, check.apis) == (Answer.FAIL, ("iap.googleapis.com",))
    assert patient.found("apis", spec(), document())[0].answer is Answer.OK
    assert len(lines) == 1
    assert "iap.webServices.setIamPolicy" in lines[0]
    assert "roles/iap.admin" in lines[0]


def test_a_project_that_nobody_pays_for(patient):
    """Nothing would start, and somebody else has to mend it."""
    billing = patient.client(billing_v1.CloudBillingClient)
    billing.update_project_billing_info(name=PROJECT, project_billing_info={"billing_account_name": ""})

    [check] = patient.found("billing", spec())

    assert (check.answer, check.who) == (Answer.FAIL, Who.PROJECT)
    assert check.line == "no billing account is linked: nothing will start"
    assert check.commands == ("gcloud billing projects link local --billing-account=ACCOUNT",)


def test_a_project_that_one_may_not_see(patient, tmp_path):
    """It looks like one that is not there; projects that one may see and that are called alike are named."""
    account = patient.as_account(tmp_path)[0]

    [check] = account.found("project", spec())

    assert (check.answer, check.line) == (Answer.FAIL, "project local does not exist, or you may not see it")


def test_permissions_that_are_missing(patient, tmp_path):
    """They are named with what they are for, whose spec needs them and a role that has them."""
    account, whose, role = patient.as_account(
        tmp_path, "run.services.get", "run.services.list", "run.revisions.list", "storage.buckets.list"
    )
    grant(patient.emulator, (role, whose.member))

    found = account.found("permissions", spec(), writing=True)
    service = next(c for c in found if "Cloud Run service" in c.line)
    reading = account.found(
        "permissions", spec(access={"serviceAccount": "x@local.iam.gserviceaccount.com"}), writing=False
    )

    assert (service.answer, service.who, service.services) == (Answer.FAIL, Who.PROJECT, ("churn",))
    assert service.line == (
        "missing for Cloud Run service of churn: run.operations.get, run.services.create, run.services.delete, "
        "run.services.update; roles/run.admin + roles/run.viewer would do"
    )
    assert service.commands[0] == (
        f"gcloud projects add-iam-policy-binding local --member={whose.member} --role=roles/run.admin"
    )
    assert not [c for c in reading if "Cloud Run service" in c.line]


def test_what_another_account_may_not_do(patient, tmp_path):
    """Whoever may act as the job's account learns what it lacks; whoever may not is told so and nothing else."""
    _, whose, role = patient.as_account(tmp_path, "storage.buckets.list", "run.services.get")
    grant(patient.emulator, (role, whose.member))
    local = patient.operator.connection.local

    def as_job(endpoint):
        acting = Connection("local", BUCKET, endpoint, acting_as=whose.email)
        return replace(patient.operator.session(), connection=acting, _clients={})

    found = patient.looked_at(spec(), session=as_job(local))
    refused = patient.looked_at(spec(), session=as_job(replace(local, key_file=str(tmp_path / "key.json"))))

    lines = " ".join(c.line for c in found.checks if c.name == "permissions")
    assert whose.email in found.caller
    assert "run.services.create" in lines
    assert "run.services.get," not in lines
    [caller] = [c for c in refused.checks if c.name == "caller"]
    assert caller.answer is Answer.UNKNOWN
    assert f"cannot act as {whose.email}: " in caller.line
    assert "iam.serviceAccounts.getAccessToken" in caller.line


def test_who_may_not_work_on_budgets(patient, tmp_path):
    """No role on the billing account: nothing fails for it; with one, or as an editor of the project, all is well."""
    account, whose, role = patient.as_account(tmp_path, "resourcemanager.projects.get")
    asked = spec(budget=900)
    paid = "billingAccounts/000000-000000-000000"

    def found(*roles, on_account=()):
        grant(patient.emulator, *((each, whose.member) for each in (role, *roles)))
        grant(
            patient.emulator, *((each, whose.member) for each in on_account), api=billing_v1.CloudBillingClient, on=paid
        )
        [check] = account.found("budget", asked)
        return check

    without = found()
    looking = found(on_account=["roles/billing.viewer"])
    assert [each.answer for each in (without, looking)] == [Answer.WARN] * 2
    assert "may not look at budgets of billing account 000000-000000-000000" in without.line
    assert "may not change budgets" in looking.line
    assert without.who is Who.BILLING
    assert without.commands == (
        (
            "gcloud billing accounts add-iam-policy-binding 000000-000000-000000 "
            f"--member={whose.member} --role=roles/billing.costsManager"
        ),
    )
    assert found(on_account=["roles/billing.costsManager"]).answer is Answer.OK
    assert found("roles/editor").answer is Answer.OK


def test_a_budget_in_another_currency(patient):
    """Google would refuse it; the words that lead to it are named."""
    checks = patient.found("budget", spec(budget={"amount": 900, "currency": "EUR"}))

    [wrong] = [each for each in checks if each.answer is Answer.FAIL]
    assert wrong.line == "the currency of the billing account is USD, not EUR"
    assert wrong.where.endswith("currency")
    assert patient.found("budget", spec()) == []


def test_permissions_that_are_had_on_the_objects_alone(patient, tmp_path):
    """A role on the one service that there is does as well as one on the project."""
    patient.operator.apply(spec())
    account, whose, role = patient.as_account(tmp_path, "run.services.update", "run.services.delete")
    before = [c.line for c in account.found("permissions", spec()) if "Cloud Run service" in c.line]
    services = patient.operator.api("google.cloud.run_v2", "services", "Services")
    name = f"{PROJECT}/locations/{REGION}/services/churn"
    policy = services.get_iam_policy(request={"resource": name})
    policy.bindings.add(role=role, members=[whose.member])
    services.set_iam_policy(request={"resource": name, "policy": policy})

    after = [c.line for c in account.found("permissions", spec()) if "Cloud Run service" in c.line]

    assert "run.services.update" in before[0]
    assert "run.services.update" not in after[0]
    assert "run.services.create" in after[0]


SWEPT = {"aiplatform.modelMonitors.searchModelMonitoringStats", "aiplatform.modelMonitoringJobs.get"}
"""What the retraining function calls, as its own account, where a tenth minute passes while it is there."""
DONE_WITHOUT = {"cloudquotas.quotas.get"}
"""A plan tells of quotas where it may look, and asks nobody to let it."""


def test_what_is_asked_for_is_what_the_calls_need(patient, operator):
    """The permissions that are checked are those that planning, applying, changing and destroying the spec took."""
    prepare(operator)
    operator.emulator.control("DELETE", "calls")
    assert [str(r.error) for run in (FULL, LATER) for r in operator.apply(run).failed] == []
    assert [str(r.error) for r in operator.destroy("churn").failed] == []
    tables = [permissions.read(folder_of(each.module)) for each in LISTED]
    called = set(operator.emulator.calls())
    taken = {d.permission for t in tables for m, ds in t.methods.items() if m in called for d in ds}

    asked = needed(patient)

    # The bucket is made by the first apply, if nobody made it before, and goes with the last service.
    assert sorted(taken - asked - SWEPT - DONE_WITHOUT) == ["storage.buckets.create", "storage.buckets.delete"]
    # What deletes or changes in ways that this story does not, waits for operations, reads points, is about policies;
    # what a load needs of the table that it fills, of which the method knows nothing; and what keeps images, where
    # there are any.
    assert sorted(p for p in asked - taken if not p.endswith(("IamPolicy", ".update", ".delete"))) == [
        "artifactregistry.dockerimages.get",
        "artifactregistry.tags.create",
        "bigquery.tables.updateData",
        "cloudfunctions.operations.get",
        "monitoring.timeSeries.list",
        "monitoring.uptimeCheckConfigs.get",
        "run.operations.get",
        "storage.objects.create",
    ]


def needed(patient):
    """The permissions that doctor asks about for the fullest spec."""
    prepare(patient.operator)
    services = load(patient.operator.write(FULL)).services
    given = Facts("local", BUCKET, HELLO)
    asked, known = look_up(patient.operator.session(), services, given)
    facts = [known_facts(given, many, known) for many in asked]
    needs = Needs.of(KINDS, services, facts, asked, writing=True)
    return {need.permission for need in needs.permissions}


def prepare(operator):
    """Make what the fullest spec names and others make, once."""
    (operator.folder / "model").mkdir(exist_ok=True)
    (operator.folder / "model" / "weights.txt").write_text("1")
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    try:
        topics.create_topic(request={"name": f"{PROJECT}/topics/orders"})
    except AlreadyExists:
        return
    made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
    operator.make_job()
    trained_on(operator)


def forbid(patient, constraint, **rule):
    """Set a policy of the organisation."""
    policies = patient.client(orgpolicy_v2.OrgPolicyClient)
    policy = {"name": f"{PROJECT}/policies/{constraint}", "spec": {"rules": [rule]}}
    policies.create_policy(request={"parent": PROJECT, "policy": policy})


@pytest.mark.parametrize(
    ("constraint", "rule", "sections", "line"),
    [
        pytest.param(
            "iam.allowedPolicyMemberDomains",
            {"values": {"allowed_values": ["C03xgje4y"]}},
            {"access": {"authentication": "Public"}},
            "access.authentication: Public is blocked (allowed: C03xgje4y)",
            id="public",
        ),
        pytest.param(
            "run.managed.requireInvokerIam",
            {"enforce": True},
            {"access": {"authentication": "Public"}},
            "a service must ask its callers who they are",
            id="invoker-check",
        ),
        pytest.param(
            "run.allowedIngress",
            {"values": {"allowed_values": ["internal"]}},
            {},
            "access.ingress: All is blocked (allowed: internal)",
            id="ingress",
        ),
        pytest.param(
            "gcp.resourceLocations",
            {"values": {"allowed_values": ["in:us-locations"]}},
            {},
            "nothing may be made in europe-west1 (allowed: in:us-locations)",
            id="region",
        ),
        pytest.param(
            "run.allowedBinaryAuthorizationPolicies",
            {"values": {"allowed_values": ["default"]}},
            {},
            "services need protection.binaryAuthorization (allowed: default)",
            id="attestation",
        ),
        pytest.param(
            "run.allowedBinaryAuthorizationPolicies",
            {"values": {"allowed_values": ["projects/acme/platforms/cloudRun/policies/p"]}},
            {"protection": {"binaryAuthorization": "Default"}},
            "protection.binaryAuthorization: Default is blocked (allowed: projects/acme/platforms/cloudRun/policies/p)",
            id="another-attestation",
        ),
        pytest.param(
            "iam.disableServiceAccountCreation",
            {"enforce": True},
            {},
            "no service account may be made: name one that is there in access.serviceAccount",
            id="accounts",
        ),
    ],
)
def test_what_the_organisation_forbids(patient, constraint, rule, sections, line):
    """The words of the spec that it is about, what is allowed instead, and who must act."""
    forbid(patient, constraint, **rule)

    [check] = [c for c in patient.found("organisation", spec(**sections)) if c.answer is not Answer.OK]

    assert check.line == f"{constraint}: {line}"
    assert check.who is Who.ORGANISATION
    assert check.commands == (f"gcloud org-policies describe {constraint} --effective --project=local",)
    assert check.where.rpartition("/")[2].startswith("mlservice.yaml:")


@pytest.mark.parametrize(
    ("allowed", "denied", "answer"),
    [
        (["is:europe-west1"], [], None),
        (["is:europe-west4"], [], Answer.FAIL),
        ([], ["is:europe-west1"], Answer.FAIL),
        (["in:europe-locations"], ["is:europe-west1"], Answer.FAIL),
        (["in:europe-locations"], ["europe-west4"], None),
    ],
)
def test_what_is_denied_is_denied_although_it_is_allowed(patient, allowed, denied, answer):
    """Values are meant with `is:` and without; what is denied comes first, as at Google."""
    [region] = [each for each in CONSTRAINTS if each.path == "region"]
    values = {"allowed_values": allowed, "denied_values": denied}
    rules = Rules.of(orgpolicy_v2.Policy({"spec": {"rules": [{"values": values}]}}))
    [loaded] = load(patient.operator.write(spec())).services

    verdict = region.judge(rules, loaded)

    assert (verdict and verdict[0]) == answer


def test_groups_of_locations(patient):
    """A region of an allowed group is well; one of a group that only Google knows is unknown, and no failure."""
    forbid(patient, "gcp.resourceLocations", values={"allowed_values": ["in:europe-locations"]})
    inside = patient.found("organisation", spec())
    patient.client(orgpolicy_v2.OrgPolicyClient).delete_policy(name=f"{PROJECT}/policies/gcp.resourceLocations")
    forbid(patient, "gcp.resourceLocations", values={"allowed_values": ["in:low-carbon-locations"]})
    outside = patient.found("organisation", spec())

    assert only(inside, Answer.FAIL) == []
    assert [c.line for c in only(outside, Answer.UNKNOWN)] == [
        "gcp.resourceLocations: whether europe-west1 is allowed cannot be told here (allowed: in:low-carbon-locations)"
    ]


@pytest.mark.parametrize(
    ("most", "granted", "answer"),
    [
        pytest.param(1, None, Answer.OK, id="both-fit"),
        pytest.param(3, None, Answer.WARN, id="not-while-versions-change"),
        pytest.param(4, None, Answer.FAIL, id="not-at-all"),
        pytest.param(4, 8, Answer.OK, id="more-was-granted"),
    ],
)
def test_quotas_of_gpus(patient, most, granted, answer):
    """As many as the specs may use are compared with what the region allows, also while an old version stands."""
    if granted:
        wanted = {"service": "run.googleapis.com", "quota_id": L4, "dimensions": {"region": REGION}}
        preference = {**wanted, "quota_config": {"preferred_value": granted}}
        quotas = patient.client(cloudquotas_v1.CloudQuotasClient)
        quotas.create_quota_preference(
            request={"parent": f"{PROJECT}/locations/global", "quota_preference": preference}
        )

    [check] = patient.found("quota", spec(resources=GPU, scaling={"maxInstances": most}))

    assert check.answer is answer
    if answer in {Answer.WARN, Answer.FAIL}:
        assert (
            check.line == f"{REGION} allows 3 nvidia-l4; the specs may use {most}, and {2 * most} while versions change"
        )
        assert f"--quota-id={L4} --preferred-value={2 * most} --dimensions=region={REGION}" in check.commands[0]


def test_quotas_of_cpu_and_memory_are_told_where_they_are_too_small(patient):
    """Every service uses both: what is enough is no line, and sizes are those of all containers."""
    patient.emulator.control("PUT", "settings", {"run_cpu_quota": 8, "run_memory_quota_gib": 4})
    beside = {"agent": {"image": "us-docker.pkg.dev/cloudrun/container/hello", "cpu": 1, "memory": "512Mi"}}

    enough = patient.found("quota", spec(scaling={"maxInstances": 2}))
    checks = patient.found("quota", spec(sidecars=beside, scaling={"maxInstances": 3}))

    assert enough == []
    assert [(check.answer, check.line) for check in checks] == [
        (Answer.FAIL, f"{REGION} allows 4Gi of memory; the specs may use 4608Mi, and 9Gi while versions change"),
        (Answer.WARN, f"{REGION} allows 8 vCPU; the specs may use 6 vCPU, and 12 vCPU while versions change"),
    ]
    assert f"--quota-id=MemAllocPerProjectRegion --preferred-value={9 * 2**30}" in checks[0].commands[0]


def test_images_secrets_and_models_that_are_not_there(patient):
    """Each is told at its place in the spec, with what there is instead."""
    wanted = spec(
        image="us-docker.pkg.dev/cloudrun/container/hello:no-such-tag",
        secrets={"TOKEN": {"secret": "no-such", "version": "latest"}},
        model={"uri": "gs://no-such-bucket/model/", "framework": "onnx"},
    )

    found = patient.looked_at(wanted)
    failed = {c.name: c.line for c in found.checks if c.answer is Answer.FAIL}

    assert "there is no such tag; newest tags: " in failed["image"]
    assert failed["secret"].endswith("make it: gcloud secrets create no-such --data-file=-")
    assert failed["model"] == "gs://no-such-bucket/model/ has no files, or there is no such bucket"
    assert found.exit_code == 3


def test_a_model_folder_without_a_file_that_the_framework_loads(patient):
    """It would be found out when the first instance starts."""
    bucket = patient.operator.connection.storage.create_bucket("models")
    bucket.blob("churn/readme.md").upload_from_string("hello")

    found = patient.found("model", spec(model={"uri": "gs://models/churn/", "framework": "onnx"}))

    assert [c.line for c in found] == ["gs://models/churn/ has no .onnx file, which onnx loads"]


def test_images_of_another_project_that_cloud_run_may_not_pull(patient):
    """Its own account needs a role there, which that project's administrator gives."""
    repositories = patient.operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    parent = "projects/other/locations/europe-west1"
    wanted = {"parent": parent, "repository_id": "ml", "repository": {"format_": "DOCKER"}}
    repositories.create_repository(request=wanted).result(timeout=20)
    image = "europe-west1-docker.pkg.dev/other/ml/app:1"

    checks = patient.found("image", spec(image=image))

    [check] = only(checks, Answer.WARN)
    assert (
        check.line == f"{parent}/repositories/ml does not let Cloud Run of this project pull; a role on its project may"
    )
    assert (
        "gcloud artifacts repositories add-iam-policy-binding ml --location=europe-west1 --project=other"
        in (check.commands[0])
    )


def test_what_cloud_run_itself_refuses(patient):
    """It is asked to check and to write nothing, and its words are shown at the service's place."""
    patient.emulator.control("PUT", "settings", {"run_cpu_quota": 2})
    account = "runner"
    admin = patient.operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    admin.create_service_account(request={"name": PROJECT, "account_id": account})
    wanted = spec(
        access={"serviceAccount": f"{account}@local.iam.gserviceaccount.com"},
        resources={"cpu": 2, "memory": "1Gi"},
        scaling={"maxInstances": 5},
    )

    [check] = patient.found("cloud-run", wanted)

    assert check.answer is Answer.FAIL
    assert "quota" in check.line.lower()
    assert patient.operator.services() == []


def test_a_state_bucket_that_strangers_can_read(patient):
    """Everyone's role is a failure with the command that takes it away; weak settings are warnings."""
    patient.operator.connection.state.make()
    bucket = patient.operator.connection.storage.get_bucket(BUCKET)
    bucket.iam_configuration.public_access_prevention = "inherited"
    bucket.soft_delete_policy.retention_duration_seconds = 0
    bucket.patch()
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)

    found = told(c for c in patient.found("state-bucket", spec()))

    assert (
        "fail",
        f"gs://{BUCKET} is open: allUsers has roles/storage.objectViewer",
        (OPENED,),
    ) in found
    assert [line for answer, line, _ in found if answer == "warn"] == [
        f"gs://{BUCKET} could be opened to everyone",
        f"gs://{BUCKET} keeps nothing that was deleted: no versions, no soft delete",
    ]


def test_a_state_bucket_of_somebody_else(patient):
    """A bucket of that name without our mark is not written into."""
    patient.operator.connection.storage.create_bucket(BUCKET)

    [check] = patient.found("state-bucket", spec())

    assert check.answer is Answer.FAIL
    assert "it is not marked as mlservice's" in check.line


@pytest.mark.parametrize(
    ("off", "answer", "line"),
    [
        pytest.param(timedelta(), Answer.OK, "your clock is right", id="right"),
        pytest.param(
            timedelta(minutes=7), Answer.FAIL, "your clock is 7 min ahead: tokens will be refused", id="ahead"
        ),
        pytest.param(
            timedelta(minutes=-2),
            Answer.WARN,
            "your clock is 2 min behind: beyond five minutes tokens are refused",
            id="behind",
        ),
    ],
)
def test_a_clock_that_is_off(patient, wrong_clock, off, answer, line):
    """Ours is compared with what time Google says it is."""
    [check] = patient.found("clock", spec(), session=wrong_clock(off))

    assert (check.answer, check.line) == (answer, line)


@pytest.mark.parametrize(("more", "lines"), [({}, 1), ({"quota_project_id": "acme"}, 0)], ids=["without", "with"])
def test_a_person_s_credentials_without_a_quota_project(patient, tmp_path, monkeypatch, more, lines):
    """Some APIs refuse such calls; the command that mends it names the project at hand."""
    file = tmp_path / "adc.json"
    file.write_text(json.dumps({"type": "authorized_user", "refresh_token": "x", **more}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    session = replace(patient.operator.session(), connection=Connection("acme-prod", "acme-prod-mlservice"))

    found = [c for c in who(Case(session, ()), Caller("jo@acme.example")) if c.name == "quota-project"]

    assert [(str(c.answer), c.line, c.commands) for c in found] == [
        (
            "warn",
            "your own credentials name no quota project",
            ("gcloud auth application-default set-quota-project acme-prod",),
        )
    ][:lines]


def test_the_emulator_s_time_is_the_time_there(patient):
    """A day that was let pass there is no clock that is off."""
    patient.emulator.advance(86_400)

    assert patient.found("clock", spec())[0].answer is Answer.OK


def test_an_account_that_lost_a_role(patient):
    """A service that runs without what its spec needs is told before somebody else finds it."""
    secrets = patient.operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    made = secrets.create_secret(parent=PROJECT, secret_id="key", secret={"replication": {"automatic": {}}})
    secrets.add_secret_version(parent=made.name, payload={"data": b"s"})
    wanted = spec(secrets={"TOKEN": {"secret": "key", "version": "1"}})
    patient.operator.apply(wanted)
    policy = secrets.get_iam_policy(request={"resource": made.name})
    del policy.bindings[:]
    secrets.set_iam_policy(request={"resource": made.name, "policy": policy})

    [check] = patient.found("service-permissions", wanted)

    assert check.answer is Answer.WARN
    assert check.line == (
        "churn-run@local.iam.gserviceaccount.com has no roles/secretmanager.secretAccessor on secret key: the next "
        "apply grants it"
    )


def test_a_state_bucket_that_one_may_not_make(patient, tmp_path):
    """The first apply would make it: who may not is told how somebody else does."""
    account, whose, role = patient.as_account(tmp_path, "storage.buckets.list")
    grant(patient.emulator, (role, whose.member))

    found = only(account.found("state-bucket", spec()), Answer.FAIL)

    assert [c.line for c in found] == [f"gs://{BUCKET} is not there, and you may not make it (storage.buckets.create)"]
    assert found[0].commands[0].startswith(f"gcloud storage buckets create gs://{BUCKET} --uniform")


def test_objects_of_others_in_the_way(patient):
    """What a plan would be refused for is told among the rest."""
    services = patient.operator.api("google.cloud.run_v2", "services", "Services")
    template = {"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]}
    request = {"parent": f"{PROJECT}/locations/{REGION}", "service_id": "churn", "service": {"template": template}}
    services.create_service(request=request).result(timeout=20)

    [check] = patient.found("plan", spec())

    assert check.answer is Answer.FAIL
    assert "cannot plan run_service/europe-west1/churn" in check.line


def test_a_region_that_does_not_offer_the_gpu(patient):
    """The loader's warning is one of the checks, with the regions that do."""
    wanted = spec(resources=GPU)
    wanted["spec"]["region"] = "europe-north1"

    [check] = patient.found("region", wanted)

    assert check.answer is Answer.WARN
    assert check.line.startswith('"europe-north1" is not known to offer nvidia-l4; offered in us-central1')


def test_a_webhook_that_does_not_answer_is_told_only_when_asked(patient):
    """Receivers are somebody else's: nobody is called without being told to."""
    wanted = spec(notifications=[{"webhook": "https://127.0.0.1:9/hook"}])

    assert patient.found("webhook", wanted) == []
    [check] = patient.found("webhook", wanted, send_test=True)
    assert (check.answer, check.line) == (Answer.FAIL, "the webhook at 127.0.0.1 does not answer: ConnectError")


def test_what_may_not_be_looked_at_is_unknown(patient, tmp_path):
    """An account that may not read policies, quotas and billing is told so, and that is no failure of the project."""
    account = patient.as_account(tmp_path)[0]

    found = account.looked_at(spec(resources=GPU))

    assert {c.name for c in only(found.checks, Answer.UNKNOWN)} >= {"apis", "billing", "organisation", "plan", "quota"}
    assert all("could not look: cannot " in c.line for c in only(found.checks, Answer.UNKNOWN))


def test_a_check_whose_own_api_is_off_says_how_to_enable_it(patient):
    """APIs that only the checks need are no failure: the specs do without them."""
    usage = patient.client(service_usage_v1.ServiceUsageClient)
    usage.disable_service(request={"name": f"{PROJECT}/services/cloudbilling.googleapis.com"}).result(timeout=20)

    [check] = patient.found("billing", spec())

    assert (check.answer, check.who) == (Answer.UNKNOWN, Who.PROJECT)
    assert check.commands == ("gcloud services enable cloudbilling.googleapis.com",)


def test_nothing_is_ever_written(patient):
    """Of all the calls of an examination of the fullest spec none writes: Cloud Run is asked to check only."""
    prepare(patient.operator)
    patient.emulator.control("DELETE", "calls")

    patient.looked_at(FULL)

    reading = ("Get", "List", "Test", "BatchGet", "Search")
    wrote = [
        method
        for method in patient.emulator.calls()
        if not method.rpartition("/")[2].startswith(reading)
        and not method.endswith((".get", ".list", ".testIamPermissions", ".getIamPolicy", "?validateOnly"))
    ]
    assert wrote == []
    assert patient.client(resourcemanager_v3.ProjectsClient).get_iam_policy(resource=PROJECT).bindings == []


def test_twenty_services_are_examined_with_few_calls(patient):
    """What is the same for all is asked once; each service costs its own policy and its own check."""
    patient.emulator.control("DELETE", "calls")
    patient.looked_at(spec("one"))
    single = patient.emulator.calls()
    patient.emulator.control("DELETE", "calls")
    patient.looked_at(*[spec(f"service-{number:02}") for number in range(20)])
    many = patient.emulator.calls()

    assert {m: n for m, n in many.items() if n != single.get(m) and "GetIamPolicy" not in m} == {
        "google.cloud.run.v2.Services/CreateService?validateOnly": 20,
        "google.cloud.run.v2.Services/ListServices": 1,
    }


def test_a_run_as_an_account_is_the_same_run(patient, tmp_path):
    """Its patience, its bucket and its end are the caller's; its clients are not."""
    _, whose, _ = patient.as_account(tmp_path, "storage.buckets.list")
    session = replace(patient.operator.session(), patience=Patience(settle_s=1.5))
    session.client(KINDS.by_name["pubsub_topic"])

    acting = session.acting_as(whose.email)

    assert (acting.patience, acting.run_id) == (session.patience, session.run_id)
    assert acting.connection.stopped is session.connection.stopped
    assert acting.connection.acting_as == whose.email
    assert acting.client(KINDS.by_name["pubsub_topic"]) is not session.client(KINDS.by_name["pubsub_topic"])
    assert session.connection.acting_as == ""


def test_a_baseline_that_nothing_can_be_compared_with(patient):
    """What is wrong with training data is told as a plan would tell it, with its line."""
    table(patient.operator, "ml.training", {"plan": "STRING"}, [{"plan": "basic"}])
    features = {"spend": {"type": "number"}, "plan": {"type": "string"}}
    model = {"uri": "gs://models/churn/", "framework": "onnx", "features": features, "prediction": {"name": "p"}}
    watch = {"logging": {"table": "ml_logs.churn"}, "baseline": {"table": "ml.training"}, "skew": {"default": 0.3}}

    lacking, there = patient.found("baseline", spec(model=model, monitoring=watch))

    assert (there.answer, there.line) == (Answer.OK, "baseline local.ml.training is there")
    assert lacking.answer is Answer.FAIL
    assert lacking.line.startswith('BigQuery table local.ml.training has no column "spend"; columns there: plan')
    assert "monitoring.baseline.table" in lacking.where


def test_an_image_that_would_be_blocked_is_told_before(patient):
    """What a plan would say of its scan, the doctor says; of a clean one, and where no spec asks, nothing."""
    strange = "docker.io/library/nginx@sha256:" + "a" * 64
    gate = {"repository": "ml", "scan": {}}

    [check] = patient.found("scan", spec(image=strange, registry=gate))
    assert (check.answer, check.services) == (Answer.FAIL, ("churn",))
    assert "it is in no registry of Google's" in check.line
    assert patient.found("scan", spec(registry=gate)) == []
    assert patient.found("scan", spec(image=strange)) == []


def test_scanning_that_is_off(patient):
    """Where a spec waits for scans: the API first, then the repository's own word; nothing where no spec does."""
    gate = spec(registry={"repository": "ml", "scan": {}}, management={"adopt": "Always"})
    patient.operator.apply(spec(registry={"repository": "ml"}))
    usage = patient.client(service_usage_v1.ServiceUsageClient)
    host = f"{PROJECT}/services/containerscanning.googleapis.com"

    [off] = patient.found("scanning", gate)
    apis = patient.found("apis", gate)
    usage.enable_service(request={"name": host}).result(timeout=20)
    [unwanted] = patient.found("scanning", gate)
    repositories = patient.operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    name = f"{PROJECT}/locations/{REGION}/repositories/ml"
    inherited = {"name": name, "vulnerability_scanning_config": {"enablement_config": "INHERITED"}}
    mask = {"paths": ["vulnerability_scanning_config.enablement_config"]}
    repositories.update_repository(request={"repository": inherited, "update_mask": mask})
    [well] = patient.found("scanning", gate)

    assert [each.answer for each in (off, unwanted, well)] == [Answer.FAIL, Answer.FAIL, Answer.OK]
    enable = "gcloud services enable containerscanning.googleapis.com --project=local"
    allow = (
        f"gcloud artifacts repositories update ml --location={REGION} --project=local --allow-vulnerability-scanning"
    )
    assert (off.commands, unwanted.commands) == ((enable, allow), (allow,))
    assert any("containerscanning" in check.line for check in apis)
    assert patient.found("scanning", spec(registry={"repository": "ml"})) == []
