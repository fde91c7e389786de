"""The operator's page in the cloud: who comes in, what it may read, and what becomes of what somebody opens by hand."""

from dataclasses import replace

import httpx
import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import iam_admin_v1, run_v2
from google.iam.v1 import iam_policy_pb2

from reconciler.cli.commands.install import plan_operator
from reconciler.cli.permissions import INVENTORY
from reconciler.core.orders import Orders
from reconciler.core.own import may_change
from reconciler.engine.apply import apply
from reconciler.engine.operators import Installed
from reconciler.gcp.iap_policies import ACCESSOR, PATH, iap_policies
from reconciler.gcp.policy import grants
from reconciler.kinds import KINDS, duties
from reconciler.render.operator import status_lines
from schemas import load
from tests.emulator.clients import client
from tests.emulator_iam.callers import PROJECT, Account
from tests.emulator_run.test_access import token
from tests.engine.test_least_roles import AsAccount, Deployer, failures, on_the_bucket, wanted
from tests.engine.test_operator import ITSELF, Job, document
from tests.operating import BUCKET, HELLO, REGION, spec

NAME = "mlservice-page"
HERE = f"{PROJECT}/locations/{REGION}/services/{NAME}"
PROTECTED = PATH.format(project="local", location=REGION, name=NAME)
READER = "serviceAccount:reader@local.iam.gserviceaccount.com"


def itself(*access, image=HELLO):
    """The operator with a page; hello stands for it where what it shows does not matter."""
    of_whom = {"image": image} if image else {}
    return document(page={"enabled": True, "access": [READER, *access], **of_whom})


class Page(Job):
    """The installed page."""

    def __init__(self, operator):
        super().__init__(operator)
        self.reader = Account(operator.emulator, "reader")
        self.other = Account(operator.emulator, "stranger")

    def ask(self, account=None, path="/", **headers):
        """Its answer to somebody."""
        uri = self.operator.service(NAME).uri
        if account:
            headers["authorization"] = f"Bearer {token(self.operator.emulator, account.email, uri)}"
        return httpx.get(f"{uri}{path}", headers=headers, timeout=20)

    def status(self, account=None):
        """How it answers somebody."""
        return self.ask(account).status_code

    def add(self, api, resource, role, *members):
        """Somebody adds members to a policy."""
        policy = api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=resource))
        policy.bindings.add(role=role, members=members)
        api.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy))

    @property
    def services(self):
        """Google's client."""
        return self.operator.api("google.cloud.run_v2", "services", "Services")

    def open(self):
        """Somebody opens it in every way there is."""
        self.add(self.services, HERE, "roles/run.invoker", "allUsers", self.other.member)
        self.add(iap_policies(self.operator.connection), PROTECTED, ACCESSOR, self.other.member)
        off = {"service": run_v2.Service(name=HERE), "update_mask": {"paths": ["iap_enabled"]}}
        self.services.update_service(request=off).result(timeout=20)

    def own(self, folder):
        """Calls as the job's account."""
        key = folder / "key.json"
        key.write_text(Account(self.operator.emulator, "mlservice-operator", made=True).key)
        return AsAccount(self.operator, str(key))

    def members(self):
        """Who may sign in."""
        request = iam_policy_pb2.GetIamPolicyRequest(resource=PROTECTED)
        return {each.member for each in grants(iap_policies(self.operator.connection).get_iam_policy(request))}


@pytest.fixture
def page(operator):
    """Nothing is installed yet; there are somebody who is to look at the page, and somebody who is not."""
    return Page(operator)


def planned(own, *documents):
    """What an account would do to the operator."""
    return plan_operator(own.session(), load(own.write(*documents)))


def test_whom_the_document_names_comes_in_and_it_goes_as_it_came(operator, page):
    """A member 200, others 403, nobody to where one signs in; installed again nothing is done; off, nothing is left."""
    page.install(itself())

    assert [page.status(each) for each in (page.reader, page.other, None)] == [200, 403, 302]
    live = operator.service(NAME)
    assert (live.iap_enabled, live.scaling.min_instance_count, live.invoker_iam_disabled) == (True, 0, False)
    assert page.install(itself()) == 0
    status = Installed.find(operator.session()).status()
    assert (status["page"], status["missing"], status["problems"]) == (live.uri, [], [])
    assert f"  page    {live.uri}" in status_lines(status, operator.session().clock.now())
    before = operator.inventories()[REGION, ITSELF].entries
    gone = [each for each in before if "page" in each.name]
    assert planned(operator, document()).plan.protected == ()
    assert page.install(document()) == len([*gone, "the job's custom role, which needs less"])
    assert operator.services() == []
    assert page.install(document()) == 0
    [inventory] = operator.inventories().values()
    assert not [str(each) for each in inventory.entries if "page" in each.name]


def test_its_account_reads_what_is_for_readers_and_nothing_else(operator, page):
    """Reports and histories: no inventory with its lock, budget or spec; uninstalled, nothing of it is left."""
    page.install(itself())
    bucket = operator.connection.storage.bucket(BUCKET)
    for name in ("operators/mlservice/latest/0.json", "history/churn.json", "budgets/churn.json", "specs/mlservice/x"):
        bucket.blob(name).upload_from_string("{}")

    own = Account(operator.emulator, NAME, made=True).storage().bucket(BUCKET)

    assert own.blob("operators/mlservice/latest/0.json").download_as_bytes() == b"{}"
    assert own.blob("history/churn.json").download_as_bytes() == b"{}"
    assert [each.name for each in own.list_blobs(prefix="history/")] == ["history/churn.json"]
    [inventory] = [each.name for each in bucket.list_blobs(prefix="inventory/") if ITSELF in each.name]
    for name in (inventory, "budgets/churn.json", "specs/mlservice/x"):
        with pytest.raises(Forbidden):
            own.blob(name).download_as_bytes()
    with pytest.raises(Forbidden):
        own.blob("operators/mlservice/latest/0.json").upload_from_string("[]")
    gone = operator.destroy(ITSELF)
    assert (gone.failed, operator.services(), operator.inventories()) == ((), [], {})


def test_what_somebody_opened_is_named_and_a_pass_closes_it(page, tmp_path):
    """Everyone at Cloud Run, a stranger at IAP, and IAP switched off: seen one by one, and closed by the job itself."""
    page.install(itself())
    page.open()
    assert page.status() == 200
    own = page.own(tmp_path)

    found = planned(own, itself())

    pending = {str(change.address): change for change in found.plan.pending}
    assert {each.partition("/")[0] for each in pending} == {"run_service", "iam_member"}
    assert [change.path for change in pending[f"run_service/{REGION}/{NAME}"].changes] == ["service.iapEnabled"]
    closed = {each.rpartition(" ")[2] for each, change in pending.items() if change.contradicts}
    assert closed == {"allUsers", page.other.member}
    assert all(may_change(change, Orders()) for change in pending.values())
    report = apply(own.session(), found)
    assert failures(report) == []
    assert [page.status(each) for each in (page.reader, page.other, None)] == [200, 403, 302]
    assert page.members() == {READER}
    assert planned(own, itself()).plan.pending == ()


def test_who_signs_in_more_is_a_persons_to_say(page, tmp_path):
    """The job lets nobody in: a longer list waits for `install`, and whoever is no longer named goes at once."""
    page.install(itself())
    own = page.own(tmp_path)

    [change] = planned(own, itself(page.other.member)).plan.pending

    assert not may_change(change, Orders())
    page.install(itself(page.other.member))
    assert page.members() == {READER, page.other.member}
    [change] = planned(own, itself()).plan.pending
    assert may_change(change, Orders())


@pytest.mark.slow
def test_what_a_pass_found_is_shown_to_whoever_may_sign_in(page):
    """From the documents to a member's browser: installed, published, one pass; nobody else sees a word of it."""
    page.install(spec(), itself(image=""))
    page.publish(spec(), itself(image=""))
    [report] = page.run()
    assert (report["exitCode"], report["services"][ITSELF]["state"]) == (0, "ok")

    shown = page.ask(page.reader)

    assert (shown.status_code, "churn" in shown.text) == (200, True)
    assert "churn" in page.ask(page.reader, "/fleet.json").raise_for_status().text
    for answer in (page.ask(page.other), page.ask()):
        assert (answer.status_code in {302, 403}, "churn" in answer.text) == (True, False)


@pytest.mark.slow
def test_past_identity_aware_proxy_the_page_itself_says_no(page):
    """Switched off, and open to everyone: without a signature that it can check the page shows nothing to anybody."""
    page.install(itself(image=""))
    page.open()

    forged = {"x-goog-authenticated-user-email": "accounts.google.com:boss@acme.example"}
    answers = [page.ask(), page.ask(page.reader), page.ask(None, **forged, **{"x-goog-iap-jwt-assertion": "a.b.c"})]

    assert [each.status_code for each in answers] == [403, 403, 403]


def denied(report_or_raise):
    """The permission that is missing for something; nothing where it is done."""
    try:
        report = report_or_raise()
    except Exception as error:  # noqa: BLE001 - one error or several, of planning: their text says it
        return str(error) + str(getattr(error, "hint", ""))
    return " ".join(failures(report))


def test_its_job_needs_what_it_has_for_the_page_and_no_less(operator, page, tmp_path):
    """Without any one of these permissions looking at the page, or closing it, is refused, and the permission named."""
    page.install(itself())
    own = page.own(tmp_path)
    admin = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    name = f"{PROJECT}/roles/mlservice_mlservice"
    whole = list(admin.get_role(request={"name": name}).included_permissions)
    mask = {"paths": ["included_permissions"]}
    needed = {*duties.LOOKING_AT_PAGE, *duties.CLOSING_PAGE}
    assert needed <= {*whole}

    def closes():
        found = planned(own, itself())
        mine = tuple(change for change in found.plan.changes if may_change(change, Orders()))
        return apply(own.session(), replace(found, plan=replace(found.plan, changes=mine)))

    for each in sorted(needed):
        page.open()
        less = [permission for permission in whole if permission != each]
        admin.update_role(request={"name": name, "role": {"included_permissions": less}, "update_mask": mask})
        assert each in denied(closes), each
        admin.update_role(request={"name": name, "role": {"included_permissions": whole}, "update_mask": mask})
        assert denied(closes) == ""


def test_who_installs_it_needs_what_the_page_of_permissions_says(operator, page, tmp_path):
    """The roles of every kind and two permissions of Identity-Aware Proxy's: enough, and without each it is refused."""
    operator.connection.state.make()
    account = Account(operator.emulator, "deployer")
    (tmp_path / "key.json").write_text(account.key)
    on_the_bucket(operator, account, *INVENTORY.write)
    client(operator.emulator, iam_admin_v1.IAMClient).create_role(
        request={"parent": PROJECT, "role_id": "deployer", "role": {}}
    )
    deployer = Deployer(AsAccount(operator, str(tmp_path / "key.json")), account)
    proxy = {each for each in (*duties.LOOKING_AT_PAGE, *duties.CLOSING_PAGE) if each.startswith("iap.")}

    def install():
        return apply(deployer.operator.session(), planned(deployer.operator, itself()))

    for each in sorted(proxy):
        deployer.may(*wanted(KINDS), *(proxy - {each}))
        assert each in denied(install), each
    deployer.may(*wanted(KINDS), *proxy)
    assert denied(install) == ""
    assert planned(deployer.operator, itself()).plan.pending == ()
    assert [page.status(one) for one in (page.reader, page.other)] == [200, 403]
