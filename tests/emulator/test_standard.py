"""What collections have in common, without servers: pages, order, wildcards, policies."""

import errno
import sys
from functools import partial
from types import SimpleNamespace

import pytest
from google.iam.v1 import iam_policy_pb2

from emulator.apis import LISTED
from emulator.apis.run.stored import EXECUTIONS, JOBS, REVISIONS
from emulator.core.api import Api, Call, Listed, Policies, Registry
from emulator.core.failures import ApiFailure, without_room
from emulator.core.paging import token_after
from emulator.core.resources import fits
from emulator.wire.dispatch import perform
from emulator.wire.table import load

REGION = "projects/local/locations/europe-west4"
TABLE = load()


def ask(world, method, **fields):
    """Call a method of the table as a client would."""
    return perform(world, Call(method, mutating=False, caller="me"), TABLE[method].request(**fields))


def names(answer, field):
    """The ids of what was listed."""
    return [each.name.rpartition("/")[2] for each in getattr(answer, field)]


def walk(world, method, field, size, **fields):
    """Every page of a list."""
    pages, token = [], ""
    while True:
        answer = ask(world, method, page_size=size, page_token=token, **fields)
        pages.append(names(answer, field))
        if not (token := answer.next_page_token):
            return pages


@pytest.fixture
def made(world):
    """Executions of two jobs: the oldest has the last name, two are of one moment."""
    for name, second in (("a/executions/z", 1), ("a/executions/b", 3), ("a/executions/c", 3), ("b/executions/y", 2)):
        message = EXECUTIONS.message(name=f"{REGION}/jobs/{name}")
        message.create_time.FromSeconds(second)
        EXECUTIONS.save(world, message)
    return world


NOTE = {"attestation": {"hint": {"human_readable_name": "n"}}}
SECRETS = "google.cloud.secretmanager.v1.SecretManagerService/"
EXECUTION_LIST = "google.cloud.run.v2.Executions/ListExecutions"


def test_a_token_is_good_for_its_list_only(made):
    """That of another parent would skip what nobody has seen."""
    token = ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/a", page_size=1).next_page_token

    assert names(ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/a", page_token=token), "executions") == ["b", "z"]
    with pytest.raises(ApiFailure, match="page token is not valid"):
        ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/b", page_token=token)


QUESTIONS = ("parent", "name", "project", "resource_names", "resource", "topic", "model_monitor")
PLACES = (
    "",
    "projects/local",
    REGION,
    f"{REGION}/jobs/a",
    f"{REGION}/jobs/a/executions/b",
    f"{REGION}/services/s",
    "projects/local/locations/global/services/run.googleapis.com",
    "projects/local/services/-",
    "projects/local/notes/n",
    "projects/local/topics/topic",
    "projects/local/secrets/s",
    "projects/cloudrun/locations/us/repositories/container",
    "projects/cloudrun/locations/us/repositories/container/packages/hello",
)
NOWHERE = {
    "google.cloud.aiplatform.v1.ModelService/ListModelVersions",
    "google.cloud.aiplatform.v1beta1.ModelMonitoringService/ListModelMonitoringJobs",
    "google.cloud.aiplatform.v1beta1.ModelMonitoringService/SearchModelMonitoringAlerts",
    "google.cloud.aiplatform.v1beta1.ModelMonitoringService/SearchModelMonitoringStats",
    "google.cloud.billing.budgets.v1.BudgetService/ListBudgets",
    "google.cloud.billing.v1.CloudCatalog/ListSkus",
}
"""Lists of what is none of these places."""
PAGED = [method for method, row in TABLE.items() if "page_token" in row.request.DESCRIPTOR.fields_by_name]


def test_no_list_takes_a_token_of_another_one(world):
    """Whatever it lists, and also where it is not one of the usual kind; tried where something is listed at all."""
    ask(world, "google.pubsub.v1.Publisher/CreateTopic", name="projects/local/topics/topic")
    ask(world, "grafeas.v1.Grafeas/CreateNote", parent="projects/local", note_id="n", note=NOTE)
    secret = {"replication": {"automatic": {}}}
    ask(world, SECRETS + "CreateSecret", parent="projects/local", secret_id="s", secret=secret)
    strange = token_after(("a",), "another list")
    nowhere = set()
    for method in PAGED:
        places = [fields for fields in map(partial(asked_at, method), PLACES) if answers(world, method, fields)]
        if not places:
            nowhere.add(method)
        for fields in places:
            with pytest.raises(ApiFailure, match="page token is not valid"):
                ask(world, method, page_token=strange, **fields)

    assert {method for method in nowhere if not is_unimplemented(world, method)} == NOWHERE


def asked_at(method, place):
    """What a list of a place asks."""
    field = next((name for name in QUESTIONS if name in TABLE[method].request.DESCRIPTOR.fields_by_name), None)
    return {} if field is None else {field: [place] if field == "resource_names" else place}


def answers(world, method, fields):
    """Whether something is listed there, be it nothing."""
    try:
        ask(world, method, **fields)
    except ApiFailure:
        return False
    return True


def is_unimplemented(world, method):
    """Whether the method answers nobody."""
    try:
        ask(world, method, **asked_at(method, REGION))
    except ApiFailure as refusal:
        return refusal.code == "UNIMPLEMENTED"
    return False


def test_a_token_is_good_for_its_question_only(world):
    """What is asked beside the parent counts as well; how long a page is does not."""
    service = "google.api.serviceusage.v1.ServiceUsage/ListServices"
    token = ask(world, service, parent="projects/local", filter="state:ENABLED", page_size=2).next_page_token
    whole = [each.name for each in ask(world, service, parent="projects/local", filter="state:ENABLED").services]

    rest = ask(world, service, parent="projects/local", filter="state:ENABLED", page_token=token)
    assert [each.name for each in rest.services] == whole[2:]
    for other in ({"filter": "state:DISABLED"}, {}, {"parent": "projects/other", "filter": "state:ENABLED"}):
        with pytest.raises(ApiFailure, match="page token is not valid"):
            ask(world, service, **({"parent": "projects/local"} | other), page_token=token)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_pages_of_a_newest_first_list_are_newest_first_together(made, size):
    """The whole list is put in order before it is cut; what was made in one moment has one order, too."""
    pages = walk(made, EXECUTION_LIST, "executions", size, parent=f"{REGION}/jobs/a")

    assert [name for page in pages for name in page] == ["c", "b", "z"]
    assert all(len(page) == size for page in pages[:-1])


def test_what_is_made_and_removed_between_two_pages_moves_nothing(made):
    """Something newer stands before what was shown; the one shown last may be gone; the rest comes once, in order."""
    first = ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/a", page_size=1)
    newer = EXECUTIONS.message(name=f"{REGION}/jobs/a/executions/newest")
    newer.create_time.FromSeconds(9)
    EXECUTIONS.save(made, newer)
    EXECUTIONS.remove(made, first.executions[0].name)
    rest = ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/a", page_token=first.next_page_token)

    assert (names(first, "executions"), names(rest, "executions")) == (["c"], ["b", "z"])


def test_a_full_disk_is_said_whatever_writes(world):
    """Tried again it would be as full, so nobody is told to; and nothing is written by half."""
    topic = "google.pubsub.v1.Publisher/CreateTopic"
    pages = world.store._db.execute("PRAGMA page_count").fetchone()[0]
    world.store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(ApiFailure, match="disk that holds the emulator's state is full") as caught:
        ask(world, topic, name="projects/local/topics/topic", kms_key_name="k" * 100_000)

    assert caught.value.code == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False), (errno.EIO, False)]
)
def test_which_failures_of_files_are_a_full_disk(number, full):
    """Others are faults of ours, as they were."""
    with pytest.raises(ApiFailure if full else OSError), without_room():
        raise OSError(number, "write")


def test_a_dash_in_a_parent_stands_for_every_id(made):
    """Executions of all jobs, also of all regions; never of another project."""
    everywhere = ask(made, EXECUTION_LIST, parent="projects/local/locations/-/jobs/-")
    of_region = ask(made, EXECUTION_LIST, parent=f"{REGION}/jobs/-")
    elsewhere = ask(made, EXECUTION_LIST, parent="projects/local/locations/us-east1/jobs/-")

    assert names(everywhere, "executions") == names(of_region, "executions") == ["c", "b", "y", "z"]
    assert names(elsewhere, "executions") == []


def test_two_revisions_of_one_number_are_listed_newest_first(world):
    """A service that was made again counts from 1 again; time decides, not the name."""
    for name, second in (("s-00001-zzz", 1), ("s-00001-aaa", 2), ("s-00002-mmm", 3)):
        revision = REVISIONS.message(name=f"{REGION}/services/s/revisions/{name}")
        revision.create_time.FromSeconds(second)
        REVISIONS.save(world, revision)

    answer = ask(world, "google.cloud.run.v2.Revisions/ListRevisions", parent=f"{REGION}/services/s")

    assert names(answer, "revisions") == ["s-00002-mmm", "s-00001-aaa", "s-00001-zzz"]


@pytest.mark.parametrize("parent", ["projects/local", REGION, f"{REGION}/services/a", f"{REGION}/jobs/", "nothing"])
def test_a_parent_of_another_shape_is_refused(made, parent):
    """It names no place where such members could be."""
    with pytest.raises(ApiFailure, match="Invalid resource name") as caught:
        ask(made, EXECUTION_LIST, parent=parent)

    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("pattern", "name", "fit"),
    [
        pytest.param("projects/*/topics/*", "projects/p/topics/t", True, id="as-made"),
        pytest.param("projects/*/topics/*", "projects/p/topics/t/x", False, id="longer"),
        pytest.param("projects/*/topics/*", "projects/p/topics", False, id="shorter"),
        pytest.param("projects/*/topics/*", "projects/p/topics/", False, id="an-id-is-not-empty"),
        pytest.param("projects/*/topics/*", "projects/p/subscriptions/t", False, id="another-collection"),
        pytest.param("a/*|b/*", "b/1", True, id="second-way"),
    ],
)
def test_names_and_patterns(pattern, name, fit):
    """A star is one id, a bar parts ways."""
    assert fits(pattern, name) is fit


IAM = "google.iam.v1.IAMPolicy/"


@pytest.fixture
def sharing(world, monkeypatch):
    """Two APIs that share the policy service, each with one resource; the first is asked first."""
    known = {"first": "projects/p/apples/a", "second": "projects/p/pears/b"}
    for name, resource in known.items():
        held = Policies(resource.rpartition("/")[0].replace("/p/", "/*/") + "/*", partial(_only, resource))
        monkeypatch.setitem(sys.modules, f"shared_{name}", SimpleNamespace(API=Api(name, policies=[held])))
    world.add(Registry([Listed(f"shared_{name}", (IAM,)) for name in known]))
    return world


def _only(resource, _, name):
    if name != resource:
        raise ApiFailure("NOT_FOUND", f"{name} is not there")
    return name


def policy_call(world, verb, request):
    """Call a method of the shared service."""
    return perform(world, Call(IAM + verb, mutating=True, caller="me"), request)


def test_a_shared_policy_method_goes_to_the_api_whose_resource_is_named(sharing):
    """Not to the one that is listed first; and each keeps its own policy."""
    for resource, role in (("projects/p/apples/a", "roles/one"), ("projects/p/pears/b", "roles/two")):
        request = iam_policy_pb2.SetIamPolicyRequest(resource=resource)
        request.policy.bindings.add(role=role, members=["allUsers"])
        policy_call(sharing, "SetIamPolicy", request)

    read = iam_policy_pb2.GetIamPolicyRequest
    first = policy_call(sharing, "GetIamPolicy", read(resource="projects/p/apples/a"))
    second = policy_call(sharing, "GetIamPolicy", read(resource="projects/p/pears/b"))
    assert [policy.bindings[0].role for policy in (first, second)] == ["roles/one", "roles/two"]


@pytest.mark.parametrize(
    ("resource", "code"), [("projects/p/pears/gone", "NOT_FOUND"), ("projects/p/plums/x", "UNIMPLEMENTED")]
)
def test_a_policy_of_nothing_is_refused(sharing, resource, code):
    """By the API whose resource it would be; by nobody's when nobody has such resources."""
    with pytest.raises(ApiFailure) as caught:
        policy_call(sharing, "GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest(resource=resource))

    assert caught.value.code == code


def test_no_two_apis_claim_the_policy_of_one_resource():
    """Where a policy service is shared, a name decides; so no name may fit two."""
    registry = Registry(LISTED)
    services = {prefix for listed in LISTED for prefix in listed.services}
    for service in services:
        claimed = [way for api in registry._serving(f"{service}x") for held in api.policies for way in _ways(held)]
        clashes = [(one, two) for one in claimed for two in claimed if one is not two and _overlap(one, two)]
        assert clashes == [], service


def _ways(held):
    return held.pattern.split("|")


def _overlap(one, two):
    left, right = one.split("/"), two.split("/")
    return len(left) == len(right) and all("*" in pair or pair[0] == pair[1] for pair in zip(left, right, strict=True))


def test_what_a_caller_may_do_is_asked_of_a_resource_that_is_there(world):
    """TestIamPermissions of an absent job is a 404, in Cloud Run's words; gcloud asks of a service before it is."""
    method = "google.cloud.run.v2.{}/TestIamPermissions"
    with pytest.raises(ApiFailure, match="of kind 'JOB'"):
        ask(world, method.format("Jobs"), resource=f"{REGION}/jobs/j", permissions=["run.jobs.get"])

    JOBS.save(world, JOBS.message(name=f"{REGION}/jobs/j"))
    answer = ask(world, method.format("Jobs"), resource=f"{REGION}/jobs/j", permissions=["run.jobs.get"])
    assert list(answer.permissions) == ["run.jobs.get"]
    asked = {"resource": f"{REGION}/services/s", "permissions": ["run.services.setIamPolicy"]}
    assert list(ask(world, method.format("Services"), **asked).permissions) == ["run.services.setIamPolicy"]


@pytest.mark.parametrize(
    ("host", "served"),
    [
        pytest.param("pubsub.googleapis.com", True, id="listed"),
        pytest.param("us-central1-run.googleapis.com", True, id="with-a-region"),
        pytest.param("ml.googleapis.com", False, id="not-listed"),
        pytest.param("rerun.googleapis.com", False, id="another-name-that-ends-alike"),
        pytest.param("run.googleapis.com.example.com", False, id="somebody-else"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_which_hosts_are_served_follows_from_the_list_of_apis(host, served):
    """What is listed for gcloud names the host as well."""
    assert Registry(LISTED).serves(host) is served
