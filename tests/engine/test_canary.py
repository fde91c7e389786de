"""The operator's canary on the emulator: what another version makes of the same specs waits, a hand's work does not."""

import pytest

from reconciler.core.canary import Build, Hold
from reconciler.core.orders import Orders
from reconciler.engine.canary import Canary, confirmation
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.passes import Pass
from reconciler.engine.planning import make_plan
from reconciler.engine.reports import Reports
from schemas import load_valid
from tests.engine.test_passes import Lines, states
from tests.operating import BUCKET, HELLO, REGION, spec

OLD, NEXT = Build("mlservice 1", "image@1"), Build("mlservice 2", "image@2")
ANOTHER = "gcr.io/cloudrun/hello"
CHANGED = {"env": {"A": "1"}}


@pytest.fixture
def passing(operator):
    """Make one pass of a version. What it makes of its specs is what is given, whatever their digest is said to be."""
    operator.connection.state.make()

    def go(build, *specs, digest="one", orders=Orders(name="m"), shard=0):  # noqa: B008 - frozen
        session = operator.session()
        canary = Canary(Reports(session, "m"), build, digest, shard=shard)
        services = load_valid(operator.write(*specs))[0].services
        canary.look_back((each.region, each.name) for each in services)
        made = Pass(session, orders, lambda many: make_plan(session, many, runtime_image=HELLO), Lines(), canary=canary)
        made.run(services)
        canary.save(None)
        return made

    return go


def by_hand(operator, name="churn"):
    """Somebody changes a service."""
    live = operator.service(name)
    live.template.max_instance_request_concurrency = 7
    services = operator.api("google.cloud.run_v2", "services", "Services")
    services.update_service(request={"service": live}).result(timeout=20)


def traces(operator):
    """The objects that traces are kept in, with their generations."""
    blobs = operator.connection.storage.list_blobs(BUCKET, prefix="operators/m/trace/")
    return {blob.name.rpartition("/")[2]: blob.generation for blob in blobs}


def test_a_new_version_changes_nothing_that_the_one_before_would_not(operator, passing):
    """What it alone wants is held, pass after pass; what a hand changed is mended; a person lets it go on."""
    passing(OLD, spec(), spec("other"))
    by_hand(operator, "other")

    made = passing(NEXT, spec(**CHANGED), spec("other"))

    assert states(made) == {"churn": "held", "other": "changed"}
    assert made.exit_code == 3
    assert set(made.canary.held.values()) == {Hold.ASKS}
    assert made.canary.before == OLD
    assert not operator.service().template.containers[0].env
    assert operator.service("other").template.max_instance_request_concurrency == 80
    assert states(passing(NEXT, spec(**CHANGED), spec("other"))) == {"churn": "held", "other": "ok"}

    Reports(operator.session(), "m").keep("proceed.json", confirmation(NEXT, "one"))
    assert states(passing(Build("mlservice 3"), spec(**CHANGED))) == {"churn": "held"}
    assert states(passing(NEXT, spec(**CHANGED))) == {"churn": "changed"}
    assert states(passing(NEXT, spec(env={"A": "2"}))) == {"churn": "changed"}


def test_a_hand_and_a_version_at_once_are_held_together(operator, passing):
    """On one object the two cannot be done apart: it waits, and says that the version asks for something else."""
    passing(OLD, spec())
    by_hand(operator)

    made = passing(NEXT, spec(**CHANGED))

    assert states(made) == {"churn": "held"}
    assert operator.service().template.max_instance_request_concurrency == 7


def test_what_a_hand_took_away_comes_back_with_what_refers_to_it(operator, passing):
    """A service that somebody deleted, its callers, the subscription whose address it was: none is the version's."""
    topic = "projects/local/topics/orders"
    operator.api("google.pubsub_v1", "publisher", "Publisher").create_topic(request={"name": topic})
    called = spec(events={"requests": {"topic": "orders"}}, access={"invokers": ["user:ann@example.com"]})
    passing(OLD, called)
    services = operator.api("google.cloud.run_v2", "services", "Services")
    services.delete_service(name=operator.service().name).result(timeout=20)

    made = passing(NEXT, called)

    assert (states(made), made.canary.held) == ({"churn": "changed"}, {})
    assert states(passing(NEXT, called)) == {"churn": "ok"}


def test_a_new_version_makes_no_object_that_the_one_before_did_not(operator, passing):
    """A repository that the old version did not look at is not made."""
    passing(OLD, spec())

    made = passing(NEXT, spec(registry={"repository": "ml"}))

    assert set(made.canary.held.values()) == {Hold.NEW}


def test_other_specs_go_on(passing):
    """A merge is a wish: what comes of it, the new version may do; the old one would have done its part as well."""
    passing(OLD, spec())

    assert states(passing(NEXT, spec(**CHANGED), digest="two")) == {"churn": "changed"}


def test_what_the_version_before_left_undone_is_done(passing):
    """It only reported: the new one finds the same to do, and does it once it is told to correct."""
    told = Orders(name="m", correct=False)
    assert states(passing(OLD, spec(), orders=told)) == {"churn": "reported"}

    assert states(passing(NEXT, spec(**CHANGED), orders=told)) == {"churn": "held"}
    assert states(passing(NEXT, spec())) == {"churn": "changed"}


def test_a_service_that_was_refused_is_held_until_somebody_looks(operator, passing):
    """The old version could not plan it with these specs; that the new one can is new, pass after pass."""
    missing = spec("a", image="europe-west1-docker.pkg.dev/local/ml/none:1")
    passing(OLD, spec("a"), spec("b"))
    assert states(passing(OLD, missing, spec("b"), digest="two")) == {"a": "refused", "b": "ok"}

    for _ in range(2):
        assert states(passing(NEXT, spec("a", **CHANGED), spec("b"), digest="two")) == {"a": "held", "b": "ok"}


def test_what_was_blocked_or_locked_is_so_again(operator, passing):
    """The old version meant to do it, and was kept from it: for the new one it is nothing new."""
    repository = {"registry": {"repository": "ml"}}
    guarded = {"management": {"deletion": "Protect"}}
    passing(OLD, spec("a", **repository, **guarded), spec("b"))
    store = InventoryStore(operator.session())
    held = store.take(store.read_all()[REGION, "b"])
    changed = spec("a", **guarded), spec("b", **CHANGED)
    assert states(passing(OLD, *changed, digest="two")) == {"a": "blocked", "b": "locked"}
    store.release(held)

    assert states(passing(NEXT, *changed, digest="two")) == {"a": "blocked", "b": "changed"}


def test_a_version_that_reads_otherwise_is_held(operator, passing):
    """Nobody wrote the object since: the difference is in the eye of the new version."""
    passing(OLD, spec(**CHANGED))
    passing(OLD, spec(**CHANGED))
    left = Reports(operator.session(), "m").document("trace/0.json")
    objects = left["services"][f"{REGION}/churn"]["objects"]
    passing(Build("a hand"), spec(), digest="two")
    [place] = [address for address in objects if address.startswith("run_service/")]
    objects[place][1:3] = Reports(operator.session(), "m").document("trace/0.json")["services"][f"{REGION}/churn"][
        "objects"
    ][place][1:3]
    Reports(operator.session(), "m").keep("trace/0.json", left)

    made = passing(NEXT, spec(**CHANGED))

    assert made.canary.held == {place: Hold.READS}


def test_a_service_that_moves_to_another_shard_is_remembered(operator, passing):
    """Another number of shards, and another version at once: the trace is found where the old shard left it."""
    passing(OLD, spec(), spec("other"))
    passing(OLD, spec("other"))

    assert states(passing(NEXT, spec(**CHANGED), shard=1)) == {"churn": "held"}
    assert states(passing(NEXT, spec("other"))) == {"other": "ok"}
    assert states(passing(NEXT, spec(**CHANGED), shard=1)) == {"churn": "held"}
    assert set(traces(operator)) == {"0.json", "1.json"}


def test_a_quiet_pass_leaves_the_trace_as_it_is(operator, passing):
    """Nothing to do, nothing to write."""
    passing(OLD, spec())
    passing(OLD, spec())
    before = traces(operator)

    passing(OLD, spec())

    assert traces(operator) == before


@pytest.mark.parametrize("content", ["{", "{}", '{"format": "mlservice/trace/v1", "services": {"a": 1}}', "[]"])
def test_a_trace_that_cannot_be_read_is_no_leave(operator, passing, content):
    """Half written, empty, of another version: what is to do waits for a person, and then goes on."""
    passing(OLD, spec())
    operator.connection.storage.bucket(BUCKET).blob("operators/m/trace/0.json").upload_from_string(content)

    assert states(passing(OLD, spec(**CHANGED))) == {"churn": "held"}
    Reports(operator.session(), "m").keep("proceed.json", confirmation(OLD, "one"))
    assert states(passing(OLD, spec(**CHANGED))) == {"churn": "changed"}
    assert states(passing(OLD, spec(**CHANGED))) == {"churn": "ok"}
