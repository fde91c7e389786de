"""Rollouts end to end: passes over real services, real requests to them, and what Cloud Monitoring says of those."""

import re

import httpx
import pytest

from reconciler.core.errors import StalePlan
from reconciler.core.plan import Plan
from reconciler.engine.rollouts import leave, order_of, refusal_of, standings
from reconciler.engine.saved import check_saved
from tests.engine.killing import killed_while
from tests.operating import BUCKET, REGION, spec

CANARY = {
    "strategy": "Canary",
    "steps": [{"traffic": 20, "hold": "2m"}, {"traffic": 50, "hold": "2m"}],
    "gates": {"errorRate": 0.05, "minRequests": 40},
}


class Stage:
    """A service with a rollout, its callers, and its passes."""

    def __init__(self, operator):
        self.operator = operator
        self.dropped = 0

    def wanted(self, **env):
        return spec(env=env, rollout=CANARY, access={"authentication": "Public"})

    def pass_(self, **env):
        """One pass; gives what it said of the rollout."""
        planned = self.operator.plan(self.wanted(**env))
        report = self.operator.apply(self.wanted(**env))
        self.report = report
        return [note.text for note in planned.plan.notes if note.text.startswith("rollout")]

    def ask(self, count=40, minutes=3):
        """So many requests, and then so many minutes go by."""
        url = self.operator.service().uri
        with httpx.Client() as client:
            codes = [client.get(url).status_code for _ in range(count)]
        self.operator.emulator.advance(60 * minutes)
        return codes

    def shares(self):
        """Percent by revision, newest first, as it is."""
        live = self.operator.service()
        found = {}
        for each in live.traffic:
            name = each.revision or "latest"
            found[name] = found.get(name, 0) + each.percent
        return {name: share for name, share in found.items() if share}

    def newest(self):
        return self.operator.service().latest_created_revision.rpartition("/")[2]


@pytest.fixture
def stage(operator):
    """A service whose first version serves."""
    made = Stage(operator)
    made.pass_(V="1")
    made.ask(20)
    return made


def test_a_good_version_walks_to_all(stage):
    """Pass by pass: no traffic, 20, 50, all; the plan says each time where it is; afterwards it is empty."""
    first = stage.newest()
    stage.pass_(V="2")
    new = stage.newest()
    assert stage.shares() == {first: 100}
    walked, said = [], []
    for _ in range(12):
        said += stage.pass_(V="2")
        walked.append(stage.shares().get(new, 0))
        if stage.shares().get(new) == 100 or stage.shares() == {"latest": 100}:
            break
        codes = stage.ask()
        assert set(codes) == {200}
    assert [share for place, share in enumerate(walked) if share not in walked[:place]] == [20, 50, 100], (walked, said)
    stage.ask(5)
    stage.pass_(V="2")
    assert stage.operator.differences(stage.wanted(V="2")) == []
    assert any(re.search(r"step 1.* of .* requests|hold", text) for text in said), said


def walk(stage, percent, **env):
    """Passes and requests until the newest version has so much."""
    new = stage.newest()
    for _ in range(10):
        stage.pass_(**env)
        if stage.shares().get(new, 0) >= percent:
            return new
        stage.ask()
    raise AssertionError(stage.shares())


def test_a_hand_in_the_console_is_understood(stage):
    """Somebody sends all back on the way: that version is rejected, with who did it, and stays without traffic."""
    first = stage.newest()
    stage.pass_(V="2")
    new = walk(stage, 20, V="2")
    services = stage.operator.api("google.cloud.run_v2", "services", "Services")
    live = stage.operator.service()
    live.traffic = [{"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": first, "percent": 100}]
    services.update_service(request={"service": live}).result()

    said = [stage.pass_(V="2") for _ in range(3)]

    assert stage.shares() == {first: 100}, said
    assert stage.newest() == new
    assert "reject" in said[-1][0] or "hand" in said[-1][0], said


@pytest.mark.parametrize("percent", [20, 100])
def test_a_version_made_by_hand_is_put_back(stage, percent):
    """An edit in the console keeps our label on another template: it is seen, and what serves goes on as it did."""
    stage.pass_(V="2")
    new = walk(stage, percent, V="2")
    stage.ask(5)
    shares = stage.shares()
    services = stage.operator.api("google.cloud.run_v2", "services", "Services")
    live = stage.operator.service()
    live.template.revision = ""
    [variable] = [each for each in live.template.containers[0].env if each.name == "V"]
    variable.value = "by hand"
    services.update_service(request={"service": live}).result()
    by_hand = stage.newest()
    assert by_hand != new

    stage.pass_(V="2")

    [variable] = [each for each in stage.operator.service().template.containers[0].env if each.name == "V"]
    assert variable.value == "2"
    assert by_hand not in stage.shares()
    assert stage.shares()[new] >= shares[new]
    for _ in range(8):
        stage.ask()
        stage.pass_(V="2")
    assert stage.shares() in ({new: 100}, {stage.newest(): 100})
    assert stage.operator.differences(stage.wanted(V="2")) == []


def test_going_back_in_the_middle_puts_the_version_before_back(stage):
    """The file is as it was before: so is the service, template and all."""
    first = stage.newest()
    stage.pass_(V="2")
    new = walk(stage, 20, V="2")

    for _ in range(3):
        stage.pass_(V="1")

    [variable] = [each for each in stage.operator.service().template.containers[0].env if each.name == "V"]
    assert variable.value == "1"
    assert new not in stage.shares()
    assert stage.shares() == {first: 100}
    assert stage.operator.differences(stage.wanted(V="1")) == []


def test_a_rejected_version_stays_rejected_under_another_strategy(stage):
    """Whoever writes the split in the file meanwhile, and comes back, does not get the bad version anew."""
    first = stage.newest()
    stage.pass_(V="2")
    bad = walk(stage, 20, V="2")
    order(stage, "abort", V="2")
    stage.pass_(V="2")
    manual = spec(
        env={"V": "2"},
        rollout={"strategy": "Manual"},
        traffic=[{"version": first, "percent": 100}],
        access={"authentication": "Public"},
    )
    stage.operator.apply(manual)
    assert stage.operator.differences(manual) == []

    for _ in range(3):
        stage.pass_(V="2")

    assert stage.newest() == bad
    assert bad not in stage.shares()


class Shares(Stage):
    """A stage whose split stands in the spec."""

    split = ({"version": "stable", "percent": 90}, {"version": "latest", "percent": 10})

    def wanted(self, **env):
        public = {"authentication": "Public"}
        return spec(env=env, rollout={"strategy": "Manual"}, traffic=[*self.split], access=public)

    def move(self, **percents):
        """Somebody moves traffic in the console: to the newest revision, and the one before."""
        live = self.operator.service()
        live.traffic = [
            {"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": name, "percent": percent}
            for name, percent in percents.items()
        ]
        self.operator.api("google.cloud.run_v2", "services", "Services").update_service(
            request={"service": live}
        ).result()


def test_a_hand_is_understood_where_the_split_stands_in_the_spec_too(operator):
    """It stays, and a newer version comes without traffic, until the spec says another split, or a person `resume`."""
    stage = Shares(operator)
    made = []
    for version in ("1", "2"):
        stage.pass_(V=version)
        made.append(stage.newest())
        assert operator.differences(stage.wanted(V=version)) == []
    first, new = made
    assert stage.shares() == {first: 90, "latest": 10}
    stage.move(**{first: 40, new: 60})
    assert operator.differences(stage.wanted(V="2")) == []
    [said] = stage.pass_(V="2")
    assert "somebody moved traffic" in said
    stage.pass_(V="3")
    assert stage.newest() not in {first, new}
    assert stage.shares() == {first: 40, new: 60}
    assert operator.differences(stage.wanted(V="3")) == []

    assert order(stage, "resume", V="3") == ""
    stage.pass_(V="3")
    assert stage.shares() == {new: 90, "latest": 10}
    stage.move(**{new: 100})
    stage.pass_(V="3")
    assert stage.shares() == {new: 100}
    stage.split = ({"version": "stable", "percent": 70}, {"version": "latest", "percent": 30})
    stage.pass_(V="3")
    assert stage.shares() == {new: 70, "latest": 30}
    assert operator.differences(stage.wanted(V="3")) == []
    assert "with strategy Manual the split stands in the spec" in order(stage, "rollback", V="3")
    stage.move(**{stage.newest(): 100})
    stage.pass_(V="3")
    assert order(stage, "resume", V="3") == ""
    stage.pass_(V="3")
    assert stage.shares() == {new: 70, "latest": 30}, "what was stable before is so again"


@pytest.mark.parametrize(
    ("rollout", "shares"),
    [
        pytest.param({"strategy": "AllAtOnce"}, [100], id="all-at-once"),
        pytest.param({"strategy": "Canary", "steps": [{"traffic": 30, "hold": "1h"}]}, [30, 70], id="canary"),
    ],
)
def test_a_split_that_is_taken_out_of_the_spec_goes_on_from_there(operator, rollout, shares):
    """It was the spec's, and nobody's hand: the newest version gets everything, or its next step."""
    stage = Shares(operator)
    for version in ("1", "2"):
        stage.pass_(V=version)
    assert sorted(stage.shares().values()) == [10, 90]
    then = spec(env={"V": "2"}, rollout=rollout, access={"authentication": "Public"})

    for _ in range(2):
        operator.apply(then)

    assert sorted(stage.shares().values()) == shares
    assert stage.shares()[stage.newest()] == shares[0]
    assert operator.differences(then) == []


def test_tags_of_a_split_go_with_it(operator):
    """And those of others stay, while versions go out in another way."""
    stage = Shares(operator)
    for version in ("1", "2"):
        stage.pass_(V=version)
    stage.split = ({"version": "stable", "percent": 90, "tag": "before"}, {"version": "latest", "percent": 10})
    stage.pass_(V="2")
    live = operator.service()
    live.traffic = [*live.traffic, {"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "tag": "theirs"}]
    operator.api("google.cloud.run_v2", "services", "Services").update_service(request={"service": live}).result()
    assert {share.tag for share in operator.service().traffic if share.tag} == {"before", "theirs"}

    then = spec(env={"V": "2"}, access={"authentication": "Public"})
    operator.apply(then)

    tags = {share.tag for share in operator.service().traffic if share.tag}
    assert ("before" in tags, "theirs" in tags) == (False, True)
    assert sorted(stage.shares().values()) == [100]
    assert operator.differences(then) == []


def test_a_saved_step_is_for_a_quarter_of_an_hour(stage):
    """What was measured before that says nothing of now: the plan is made again."""
    stage.pass_(V="2")
    saved = Plan.from_json(stage.operator.plan(stage.wanted(V="2")).plan.to_json())
    assert saved.pending
    stage.operator.emulator.advance(10 * 60)
    assert check_saved(stage.operator.session(), saved).plan.pending
    stage.operator.emulator.advance(10 * 60)

    with pytest.raises(StalePlan, match="20 minutes ago"):
        check_saved(stage.operator.session(), saved)


def order(stage, verb, **env):
    """What `mlservice promote` and its like do, but for the pass."""
    planned = stage.operator.plan(stage.wanted(**env))
    session = stage.operator.session()
    [standing] = standings(planned, session.kinds)
    asked = order_of(standing, verb, session)
    if not (why := refusal_of(standing, asked)):
        leave(session, planned, standing, asked)
    return why


def test_orders_are_for_what_a_person_saw(stage):
    """Abort takes it back, retry tries it again; an order that has no meaning here is refused in words."""
    first = stage.newest()
    stage.pass_(V="2")
    walk(stage, 20, V="2")

    assert "is not carried out" in order(stage, "retry", V="2")
    order(stage, "abort", V="2")
    stage.pass_(V="2")
    assert stage.shares() == {first: 100}

    order(stage, "retry", V="2")
    stage.pass_(V="2")
    assert walk(stage, 20, V="2") != first


def rejected(stage):
    """A second version that was taken back on its way. Gives the first one's revision."""
    first = stage.newest()
    stage.pass_(V="2")
    walk(stage, 20, V="2")
    order(stage, "abort", V="2")
    stage.pass_(V="2")
    assert stage.shares() == {first: 100}
    return first


def test_a_rejected_version_stays_back_whoever_takes_our_annotations_away(stage):
    """The inventory knows it, too, from the pass on that rejected it; a person's retry is still one."""
    first = rejected(stage)
    bad = stage.newest()
    live = stage.operator.service()
    for name in [name for name in live.annotations if name.startswith("mlservice.dev/")]:
        del live.annotations[name]
    services = stage.operator.api("google.cloud.run_v2", "services", "Services")
    request = {"service": live, "update_mask": {"paths": ["annotations"]}}
    services.update_service(request=request).result()
    assert "mlservice.dev/rejected" not in stage.operator.service().annotations

    said = [stage.pass_(V="2") for _ in range(3)]

    assert (stage.shares(), stage.newest()) == ({first: 100}, bad), said
    assert "aborted by" in said[-1][0], said
    order(stage, "retry", V="2")
    stage.pass_(V="2")
    assert walk(stage, 20, V="2") != bad


def test_a_rejected_version_stays_back_whoever_loses_the_inventory(stage):
    """What stands beside the traffic is enough, and the new inventory has it again."""
    wanted = stage.wanted
    stage.wanted = lambda **env: {
        **wanted(**env),
        "spec": {**wanted(**env)["spec"], "management": {"deletion": "Delete", "adopt": "Always"}},
    }
    first = rejected(stage)
    before = stage.operator.inventories()[REGION, "churn"]
    bucket = stage.operator.connection.storage.bucket(BUCKET)
    for blob in bucket.list_blobs(prefix="inventory/"):
        blob.delete()
    assert stage.operator.inventories() == {}

    for _ in range(3):
        stage.pass_(V="2")

    assert stage.shares() == {first: 100}
    kept = [each.memory for each in stage.operator.inventories()[REGION, "churn"].entries.values() if each.memory]
    assert kept == [each.memory for each in before.entries.values() if each.memory]
    assert len(kept) == 1


def test_a_plan_says_how_long_a_rollout_will_take(stage):
    """Of what was asked in the week before: 20 requests of some hours, so that 40 of the half take that long again."""
    stage.operator.emulator.advance(3 * 3600)
    [busy] = [note.text for note in stage.operator.plan(stage.wanted(V="2")).plan.notes if "last week" in note.text]
    stage.operator.emulator.advance(9 * 86_400)
    [idle] = [note.text for note in stage.operator.plan(stage.wanted(V="2")).plan.notes if "last week" in note.text]

    assert re.fullmatch(
        r"rollout: at 0\.1\d requests a minute, last week's mean, it takes about \d+ h( \d+ min)?", busy
    ), busy
    assert idle == "rollout: nobody asked it in the last week: it would wait for requests until its deadline"
    stage.pass_(V="2")
    assert not [note for note in stage.operator.plan(stage.wanted(V="2")).plan.notes if "last week" in note.text]


def test_a_plan_says_why_it_cannot_say_how_long(stage):
    """Monitoring does not answer: everything else of the plan is as it would be."""
    method = "google.monitoring.v3.MetricService/ListTimeSeries"
    stage.operator.emulator.faults({"method": method, "status": "PERMISSION_DENIED", "times": None})

    planned = stage.operator.plan(stage.wanted(V="2"))

    assert len(planned.plan.pending) == 1
    [said] = [note.text for note in planned.plan.notes if note.text.startswith("rollout")]
    assert said.startswith("rollout: how long it takes is not known: cannot read request_count")


def test_what_was_rejected_is_recognised_in_another_template(stage):
    """Another variable, and the same image: it goes out, and the plan says what became of it before."""
    rejected(stage)
    stage.operator.emulator.advance(2 * 3600)

    planned = stage.operator.plan(stage.wanted(V="3"))

    [change] = planned.plan.pending
    assert "same image and model as version" in change.reason
    assert "rejected 2 h ago: aborted by" in change.reason
    said = stage.pass_(V="3")
    assert stage.newest() not in stage.shares(), said


def test_blue_green_waits_for_a_person_with_an_address_of_its_own(operator):
    """Nothing moves before; afterwards everything does, and the version before keeps its address for a while."""
    stage = Stage(operator)
    blue = {"strategy": "BlueGreen", "approval": True, "keepStable": "1h"}
    stage.wanted = lambda **env: spec(env=env, rollout=blue, access={"authentication": "Public"})
    stage.pass_(V="1")
    first = stage.newest()
    stage.pass_(V="2")
    for _ in range(3):
        said = stage.pass_(V="2")
    tags = {each.tag: each.uri for each in operator.service().traffic_statuses if each.tag}

    assert stage.shares() == {first: 100}, said
    assert httpx.get(tags["candidate"]).status_code == 200
    assert "it waits for `promote`" in said[0], said
    order(stage, "promote", V="2")
    stage.pass_(V="2")
    assert stage.shares() == {stage.newest(): 100}
    assert operator.differences(stage.wanted(V="2")) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pass_that_dies_at_its_write_is_finished_by_the_next(operator, when):
    """Traffic and the reason for it are one write: whichever pass dies, the next one goes on."""
    stage = Stage(operator)
    stage.pass_(V="1")
    first = stage.newest()
    stage.ask(10)
    for dies in range(2):
        update = {"method": "google.cloud.run.v2.Services/UpdateService", "skip": 0, "when": when}
        killed_while(operator, update, stage.wanted(V="2"))
        operator.emulator.advance(310)
        assert sum(stage.shares().values()) == 100, dies
    stage.pass_(V="2")
    new = walk(stage, 100, V="2")

    assert new != first
    revisions = operator.api("google.cloud.run_v2", "revisions", "Revisions")
    made = revisions.list_revisions(request={"parent": operator.service().name})
    assert len(list(made)) == 2


def test_however_many_services_are_on_their_way_monitoring_is_asked_twice(operator):
    """One list for each metric and region; none where nothing is on its way."""
    many = [spec(f"s{n}", rollout=CANARY, env={"V": "1"}) for n in range(3)]
    operator.apply(*many)
    operator.emulator.control("DELETE", "calls")
    operator.plan(*many)
    lists = "google.monitoring.v3.MetricService/ListTimeSeries"
    assert lists not in operator.emulator.calls()
    newer = [spec(f"s{n}", rollout=CANARY, env={"V": "2"}) for n in range(3)]
    operator.apply(*newer)
    operator.emulator.advance(120)
    operator.emulator.control("DELETE", "calls")

    operator.plan(*newer)

    assert operator.emulator.calls()[lists] == 2
