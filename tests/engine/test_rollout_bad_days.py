"""Rollouts on bad days, over real services: nobody looks, somebody meddles, everything fails at once."""

import re

import httpx
import pytest

from tests.emulator_run.cloud import to
from tests.engine.test_rollouts import CANARY, Stage, walk
from tests.operating import HELLO, REGION, spec

pytestmark = pytest.mark.slow

DAY_S = 86_400


class Day(Stage):
    """A stage whose rollout a case changes."""

    rollout = CANARY

    def __init__(self, operator):
        super().__init__(operator)
        self.more = {}

    def wanted(self, **env):
        return spec(env=env, rollout=self.rollout, access={"authentication": "Public"}, **self.more)

    def services(self):
        return self.operator.api("google.cloud.run_v2", "services", "Services")

    def write(self, live, *paths):
        """Somebody writes the service."""
        request = {"service": live, **({"update_mask": {"paths": [*paths]}} if paths else {})}
        self.services().update_service(request=request).result()

    def fail(self, count=40):
        """So many requests that fail whoever answers, and then some minutes go by."""
        with httpx.Client(trust_env=False) as client:
            for _ in range(count):
                client.get(self.operator.service().uri, params={"status": 500})
        self.operator.emulator.advance(180)

    def begun(self, **env):
        """A first version that serves, and another that has its first share."""
        self.pass_(V="1")
        first = self.newest()
        self.ask(20)
        self.pass_(**env)
        new = walk(self, 20, **env)
        self.operator.emulator.advance(60)  # whole minutes count, since its first traffic
        return first, new


@pytest.fixture
def day(operator):
    return Day(operator)


@pytest.mark.parametrize(("env", "percent"), [({}, 50), ({"HELLO_STATUS": "500"}, 0)], ids=["good", "bad"])
def test_after_three_days_without_a_pass_one_step_is_taken(day, env, percent):
    """What was measured meanwhile is not forgotten: a bad version goes back at once, a good one goes one step up."""
    first, new = day.begun(V="2", **env)
    for _ in range(3):
        day.ask(60)
    day.operator.emulator.advance(3 * DAY_S)

    said = day.pass_(V="2", **env)

    assert day.shares().get(new, 0) == percent, said
    assert day.shares()[first] == 100 - percent


def test_where_both_versions_fail_nobody_is_sent_back(day):
    """Going back would help nobody: it is said, and traffic stays as it is."""
    first, new = day.begun(V="2")
    for _ in range(3):
        day.fail()

    said = day.pass_(V="2")

    assert day.shares() == {first: 80, new: 20}
    assert "the stable version is beyond the limit, too" in said[0], said


def test_what_was_split_by_hand_before_the_first_pass_stays_so(day):
    """Whoever divided requests between two versions of his own is asked: nothing moves, and the plan says so."""
    parent = f"projects/local/locations/{REGION}"
    made = {"template": {"containers": [{"image": HELLO, "env": [{"name": "V", "value": "1"}]}]}}
    live = day.services().create_service(request={"parent": parent, "service_id": "churn", "service": made}).result()
    first = day.newest()
    live.template.containers[0].env[0].value = "2"
    live.traffic = [to(first, 100)]
    day.write(live)
    new = day.newest()
    live = day.operator.service()
    live.traffic = [to(first, 80), to(new, 20)]
    day.write(live)
    day.more = {"management": {"deletion": "Delete", "adopt": "Always"}}

    for _ in range(3):
        said = day.pass_(V="3")

    assert day.shares() == {first: 80, new: 20}, said
    assert "it stays until `resume`" in said[0], said


@pytest.mark.parametrize(
    ("rollout", "percent"),
    [
        pytest.param(
            {**CANARY, "steps": [{"traffic": 10, "hold": "2m"}, {"traffic": 80, "hold": "2m"}]}, 80, id="steps"
        ),
        pytest.param({"strategy": "AllAtOnce"}, 100, id="all-at-once"),
        pytest.param({**CANARY, "gates": {"errorRate": 0.05, "minRequests": 100_000}}, 20, id="gates"),
    ],
)
def test_words_that_change_on_the_way_hold_from_then_on(day, rollout, percent):
    """Traffic is never lowered for them, and no version is made anew."""
    first, new = day.begun(V="2")
    day.ask(240, minutes=6)  # the minute of the requests is over, and Google's delay behind it
    day.rollout = rollout

    for _ in range(2):
        said = day.pass_(V="2")

    assert day.newest() == new
    assert day.shares() == {name: share for name, share in {first: 100 - percent, new: percent}.items() if share}, said


def test_annotations_that_are_lost_on_the_way_begin_the_hold_again(day):
    """And tags of others are theirs from the beginning to the end."""
    first, new = day.begun(V="2")
    live = day.operator.service()
    live.traffic = [*live.traffic, to(first, 0, "theirs")]
    for name in [name for name in live.annotations if name.startswith("mlservice.dev/")]:
        del live.annotations[name]
    day.write(live, "annotations", "traffic")
    day.ask()

    said = day.pass_(V="2")

    assert day.shares() == {first: 80, new: 20}, said
    for _ in range(9):
        day.ask()
        said += day.pass_(V="2")
    assert day.shares() == {new: 100}, said
    assert ("theirs", first) in {(each.tag, each.revision) for each in day.operator.service().traffic}


def test_a_newer_version_waits_for_the_one_on_its_way_where_that_is_said(day):
    """However often somebody trains: the one on its way ends, and the newest is the next."""
    day.rollout = {**CANARY, "supersede": "Finish"}
    first, second = day.begun(V="2")
    for version in ("3", "4", "5"):
        day.ask()
        day.pass_(V=version)
        assert day.newest() == second
        assert set(day.shares()) <= {first, second}
    for _ in range(6):
        day.ask()
        day.pass_(V="5")
    assert day.newest() != second
    assert day.shares().get(day.newest()) is not None or day.shares() == {second: 100}
    [variable] = [each for each in day.operator.service().template.containers[0].env if each.name == "V"]
    assert variable.value == "5"


def grant_gpus(operator, value):
    """Google grants more L4s."""
    quota = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"
    asked = {"service": "run.googleapis.com", "quota_id": quota, "dimensions": {"region": REGION}}
    preference = {**asked, "quota_config": {"preferred_value": value}}
    quotas = operator.api("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    quotas.create_quota_preference(parent="projects/local/locations/global", quota_preference=preference)


def test_a_version_for_which_no_gpu_is_free_is_no_bad_version(day):
    """Old and new take GPUs together: it waits with Google's words, is tried again, and goes out once there is room."""
    day.operator.emulator.control("PUT", "settings", {"run_gpu_quotas": 1})
    day.more = {
        "resources": {"gpu": {"type": "nvidia-l4", "zonalRedundancy": False}, "cpu": 4, "memory": "16Gi"},
        "scaling": {"minInstances": 3, "maxInstances": 3},
    }
    day.pass_(V="1")
    first = day.newest()
    day.ask(20)

    for _ in range(3):
        said = day.pass_(V="2")
    assert day.shares() == {first: 100}
    assert "no capacity: " in said[0], said
    assert "Quota exceeded for total allowable count of GPUs" in said[0], said
    failed = day.newest()

    grant_gpus(day.operator, 8)
    day.operator.emulator.advance(16 * 60)
    day.pass_(V="2")  # another try
    assert walk(day, 20, V="2") != failed


def test_who_stays_with_a_version_is_one_client_however_often_he_asks(day):
    """With session affinity a split is of clients: it waits for as many of those, and says so."""
    day.more = {"execution": {"sessionAffinity": True}}
    first, new = day.begun(V="2")
    for _ in range(3):
        day.ask(60)

    said = day.pass_(V="2")

    assert day.shares() == {first: 80, new: 20}, said
    assert re.search(r"of 15 clients", said[0]), said
