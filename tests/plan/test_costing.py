"""What a plan says of costs: after it, what it adds, and which services their own limit blocks."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.core.address import Address
from reconciler.core.cost import Cost, together
from reconciler.core.costing import costs_of, without_new
from reconciler.core.diff import FieldChange
from reconciler.core.kind import Kind
from reconciler.core.paid import NOTHING
from reconciler.core.plan import Action, Change, Plan
from reconciler.cost.shape import Instances, Shape
from reconciler.kinds import KINDS
from reconciler.kinds.functions_function.settings import VARIABLE
from reconciler.kinds.run_service.template import LOG_RATE_ENV
from reconciler.kinds.vertex_model_monitor.record import Rows
from reconciler.render.comment import About, render_comment
from reconciler.render.costs import costs
from reconciler.render.report import Report, read_report
from reconciler.render.text import render_text
from schemas import load
from tests.golden.world import plan_case

FUNCTION, JOB, SETTINGS = "functions_function", "scheduler_job", f"environment.{VARIABLE}"
CASE = Path(__file__).parents[1] / "golden" / "cost_over_the_limit"
HERE = Address("run_service", "europe-west1", "churn")
LIVE = {"cpu_millis": 1000, "memory_mib": 1024, "min_instances": 0, "max_instances": 3, "concurrency": 80, "gpu": "",
        "gpu_zonal_redundancy": False, "container": {"cpuIdle": True}, "sidecars": {}, "template": {},
        "service": {}}  # fmt: skip
SPEC = """\
apiVersion: mlservice/v1
kind: MLService
metadata: {name: churn}
spec:
  region: europe-west1
  image: europe-west1-docker.pkg.dev/acme/ml/churn:1
"""


@pytest.fixture
def priced(tmp_path):
    """The cost of a spec, with lines added, beside what is live of it."""

    def cost(*lines, live=None, action=Action.UPDATE, desired=None, beside=()):
        (tmp_path / "mlservice.yaml").write_text(SPEC + "".join(f"  {line}\n" for line in lines))
        services = load(tmp_path / "mlservice.yaml").documents
        change = Change(HERE, action, ("churn",), observed=live, desired=desired)
        return costs_of(services, [change, *beside], KINDS)["churn"]

    return cost


def test_a_new_service_adds_all_of_what_it_costs(priced):
    """There is nothing before it."""
    cost = priced(action=Action.CREATE)

    assert cost.more == f"+{cost.expected}"
    assert Decimal(cost.floor) <= Decimal(cost.expected) <= Decimal(cost.worst)


def test_what_does_not_change_adds_nothing(priced):
    """The live sizes are those of the spec: a line that says so is left out of the sentence."""
    cost = priced(live=LIVE, action=Action.NO_OP)

    assert cost.more == "+0.00"
    assert "by this plan" not in cost.said()


def test_a_warm_instance_is_what_it_adds(priced):
    """One more that waits all month: 13.14 of it, less the seconds in which it serves."""
    warm, cold = priced("scaling: {minInstances: 1}", live=LIVE), priced(live=LIVE)

    assert warm.floor == "13.14"
    assert warm.more == f"+{Decimal(warm.expected) - Decimal(cold.expected)}"
    assert f"; {warm.more} by this plan" in warm.said()


@pytest.mark.parametrize("live", [{}, {"min_instances": 2}], ids=["closed", "open"])
def test_what_a_warm_window_adds_is_not_known(priced, live):
    """Nobody keeps which there were before, so that nothing is said; those of a new service add all they cost."""
    window = 'scaling: {windows: [{schedule: "0 7 * * *", lasts: 8h, minInstances: 2}]}'

    assert priced(window, live=LIVE | live).more == ""
    new = priced(window, action=Action.CREATE)
    assert Decimal(new.floor) > 0
    assert new.more == f"+{new.expected}"


def test_less_is_told_as_less(priced):
    """A live service that is larger than its spec."""
    cost = priced(live=LIVE | {"min_instances": 2})

    assert cost.more.startswith("-")


def test_objects_that_are_made_anew_were_not_paid_for(priced):
    """A first scheduler job is ten cents, and the live service had none."""
    lines = (
        "triggers: [{name: weekly, when: {schedule: '0 3 * * 1'}}]",
        "retraining: {run: {webhook: {url: 'https://a.b'}}}",
    )
    jobs = [Change(Address("scheduler_job", "europe-west1", f"churn_{name}"), Action.CREATE, ("churn",))
            for name in ("weekly", "sweep")]  # fmt: skip

    assert priced(*lines, live=LIVE, beside=jobs).more == "+0.20"
    assert priced(*lines, live=LIVE).more == "+0.00"


def other(kind, action, *changes):
    """A change of another object of the service."""
    return Change(Address(kind, "europe-west1", "churn-beside"), action, ("churn",), changes=changes)


def trained(**told):
    """The settings of a function that trains."""
    guards = {"cooldown": 0, "max_per_day": 4, "failures": 3, **told.pop("guards", {})}
    return json.dumps({"run": {}, "timeout": 60, "guards": guards, **told})


TRAINS = ("triggers: [{name: weekly, when: {schedule: '0 3 * * 1'}}]",
          "retraining: {run: {customJob: {image: 'europe-docker.pkg.dev/acme/ml/train:1'}}}")  # fmt: skip
LONGER = FieldChange(SETTINGS, trained(), trained(timeout=600))
OFTENER = FieldChange(SETTINGS, trained(), trained(guards={"max_per_day": 9}))
ANOTHER = FieldChange(SETTINGS, trained(), trained(triggers={"new": {"storage": "b"}}))
BROKEN = FieldChange(SETTINGS, "{[", trained())
MORE_PATIENT = FieldChange(SETTINGS, trained(), trained(guards={"failures": 9}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other("vertex_schedule", Action.DELETE), False),
        (other("vertex_schedule", Action.REPLACE, FieldChange("target.window", "24h", "48h")), False),
        (other("vertex_schedule", Action.UPDATE, FieldChange("target", {"window": "24h"}, None)), False),
        (other("bigquery_table", Action.UPDATE, FieldChange("expiration_s", 1, 2)), False),
        (other("bigquery_table", Action.UPDATE, FieldChange("labels.a", "1", "2")), True),
        (other("monitoring_uptime_check", Action.UPDATE, FieldChange("regions[0]", "USA", "EUROPE")), False),
        (other("run_service", Action.UPDATE, FieldChange("env.MLSERVICE_PREDICTION_LOG_RATE", "1", "0.1")), False),
        (other(FUNCTION, Action.UPDATE, LONGER), False),
        (other(FUNCTION, Action.UPDATE, OFTENER), False),
        (other(FUNCTION, Action.UPDATE, ANOTHER), False),
        (other("artifact_repository", Action.UPDATE, FieldChange("keep_last", None, 5000)), False),
        (other("monitoring_uptime_check", Action.UPDATE, FieldChange("regions[1]", None, "EUROPE")), False),
        (other("bigquery_table", Action.UPDATE, FieldChange("expiration_s", None, 86400)), False),
        (other("run_service", Action.UPDATE, FieldChange("env.MLSERVICE_PREDICTION_LOG_RATE", None, "1")), True),
        (other(FUNCTION, Action.UPDATE, BROKEN), False),
        (other(FUNCTION, Action.UPDATE, MORE_PATIENT), True),
        (other(JOB, Action.CREATE), False),
        (other(JOB, Action.UPDATE, FieldChange("schedule", "0 1 * * *", "0 3 * * 1")), False),
        (other("pubsub_topic", Action.DELETE), True),
    ],
    ids=lambda each: str(each.changes or each.action) if isinstance(each, Change) else "",
)
def test_what_was_paid_before_is_told_only_where_it_is_known(priced, change, told):
    """A deleted object had a price that the spec no longer says, and one that changes had another."""
    assert bool(priced(*TRAINS, live=LIVE, beside=[change]).more) == told


def test_what_is_deleted_raises_nothing_and_what_may_be_raised_is_over(priced):
    """A service over its limit may be made smaller; what was paid of another change nobody knows."""
    over, (window,) = "budget: {amount: 10, planLimit: 100}", [FieldChange("target.window", "24h", "48h")]

    assert not priced(over, live=LIVE, beside=[other("vertex_schedule", Action.DELETE)]).over
    assert priced(over, live=LIVE, beside=[other("vertex_schedule", Action.UPDATE, window)]).over


@pytest.mark.parametrize("kind", [*KINDS], ids=lambda kind: kind.name)
def test_each_kind_says_what_of_it_is_paid_for(kind):
    """It costs nothing, or names what its record has and what a shape has, as the plan and the estimate call them."""
    paid, record = kind.paid, {each.name for each in fields(kind.fields)}
    shape = {each.name for each in fields(Shape)}

    assert {path.partition(".")[0] for path in paid.alters.paths | paid.fires.paths} <= record
    assert paid.without.keys() | ({paid.counted} - {""}) <= shape


def test_no_kind_is_made_without_saying_it():
    """A new kind has no default to be forgotten with."""
    with pytest.raises(TypeError, match="paid"):
        Kind("toy", "Toy", dict, desired=lambda *_: iter(()), connect=dict)


def test_what_an_estimate_counts_is_of_some_kind():
    """All of it but the place, what the primary kind sizes, and the one GiB that a folder of models is taken for."""
    said = {name for kind in KINDS for name in (*kind.paid.without, kind.paid.counted)}

    assert {each.name for each in fields(Shape)} - said == {"region", "instances", "uploaded"}
    assert KINDS.primary.paid.sized is not NOTHING.sized
    assert f"env.{LOG_RATE_ENV}" in KINDS.primary.paid.alters.paths
    assert {"window"} <= {each.name for each in fields(Rows)}


def test_a_shape_as_it_is_live():
    """Sizes are those that run; what the plan makes anew was not there."""
    shape = Shape("us-central1", Instances(1000, 1024, 1, 5), log_rate=Decimal(1), jobs=2)
    observed = LIVE | {"cpu_millis": 2000, "memory_mib": 512, "concurrency": 40, "container": {"cpuIdle": False}}
    without = without_new(shape, {"scheduler_job": 1, "pubsub_table_subscription": 1}, KINDS)
    live = KINDS.primary.paid.sized(without, observed)

    assert live.instances == Instances(2000, 512, 0, 3, 40, always=True)
    assert (live.log_rate, live.jobs) == (None, 1)
    assert without_new(shape, {"scheduler_job": -1}, KINDS).jobs == 3


def test_what_the_spec_leaves_to_others_is_priced_as_it_is(priced):
    """CPU outside of requests, which somebody switched on for an image of their own: whole instances are billed."""
    left = priced(live=LIVE | {"container": {"cpuIdle": False}}, desired=LIVE | {"container": {}})
    ours = priced(live=LIVE, desired=LIVE)

    assert left.more == "+0.00"
    assert Decimal(left.expected) > Decimal(ours.expected)


def test_a_number_of_instances_that_is_left_to_others_is_priced_as_it_is():
    """The spec says three and leaves it to whoever set forty."""
    cost = plan_case(KINDS, CASE.parent / "externally_owned").plan.costs["churn"]

    assert Decimal(cost.worst) > 2000
    assert cost.more == "+0.00"


def test_what_is_only_observed_adds_nothing(priced):
    """No plan changes it, whatever differs."""
    cost = priced("scaling: {minInstances: 1}", "management: {mode: Observe}", live=LIVE)

    assert (cost.floor, cost.more) == ("13.14", "+0.00")


@pytest.mark.parametrize(
    ("budget", "live", "over"),
    [
        ("{amount: 10, planLimit: 100}", None, True),
        ("{amount: 10, planLimit: 100, currency: USD}", None, True),
        ("{amount: 10, planLimit: 900}", None, False),
        ("{amount: 10, planLimit: 100, currency: EUR}", None, False),
        ("{amount: 10, planLimit: 200, currency: EUR, perUsd: 0.8}", None, True),
        ("{amount: 10, planLimit: 240, currency: EUR, perUsd: 0.8}", None, False),
        ("{amount: 10, planLimit: 240, perUsd: 0.8}", None, False),
        ("{amount: 10, planLimit: 900, perUsd: 90}", None, True),
        ("{amount: 10, planLimit: 900, currency: USD, perUsd: 90}", None, False),
        ("{amount: 10, planLimit: 100}", LIVE, False),
        ("{amount: 10, planLimit: 100}", LIVE | {"max_instances": 2}, True),
        ("{amount: 10, planLimit: 100}", LIVE | {"max_instances": 9}, False),
    ],
    ids=["above", "in dollars", "within", "in euros that nobody priced", "above in euros", "within in euros",
         "within in what is not named", "above in what is not named", "in dollars whatever they are in themselves",
         "no more than now", "more than now", "less than now"],
)  # fmt: skip
def test_a_limit_blocks_what_may_cost_more(priced, budget, live, over):
    """The worst case of three instances, at list prices: 208.93, requests, logs and answers. Only more is blocked."""
    cost = priced(f"budget: {budget}", live=live)

    assert cost.worst == "285.99"
    assert bool(cost.over) == over
    assert bool(cost.fits) == over


def test_what_would_fit_is_told(priced):
    """As many instances as the limit bears, or what costs most where it bears none."""
    assert priced("budget: {amount: 10, planLimit: 100}").fits == "scaling.maxInstances: 1 would fit"
    assert priced("budget: {amount: 10, planLimit: 20}").fits == "not even one instance fits: most of it is CPU"


LIVE_GPU = LIVE | {
    "cpu_millis": 4000,
    "memory_mib": 16384,
    "gpu": "nvidia-l4",
    "container": {"cpuIdle": False},
    "max_instances": 9,
}


def test_a_limit_that_a_missing_price_is_not_compared_with_blocks(tmp_path):
    """A price that nobody knows is not zero: it is over any limit, whatever is let go, but where nothing changes."""
    spec = SPEC.replace("europe-west1\n  image", "asia-southeast1\n  image")
    added = "  resources: {gpu: nvidia-l4}\n  budget: {amount: 10, planLimit: 100000}\n"
    (tmp_path / "mlservice.yaml").write_text(spec + added)
    services = load(tmp_path / "mlservice.yaml").documents

    def cost(live):
        address = Address("run_service", "asia-southeast1", "churn")
        return costs_of(services, [Change(address, Action.UPDATE, ("churn",), observed=live)], KINDS)["churn"]

    for live in (None, LIVE_GPU):
        found = cost(live)
        assert "cannot be compared: no price of GPU in asia-southeast1; at least " in found.over
        assert (found.fits, found.blocked) == ("", found.over)
    assert not cost(LIVE_GPU | {"max_instances": 3}).over


def test_no_size_keeps_others_from_being_priced(priced):
    """As much as the language takes, and as much as somebody may have set in Google Cloud by hand."""
    most = 2**31 - 1
    cost = priced(
        "scaling: {maxInstances: 100000}",
        f"registry: {{repository: ml, cleanup: {{keepLast: {most}}}}}",
        "usage: {requestDuration: 1ms, answerBytes: 33554432, imageSize: 1024Gi}",
        "budget: {amount: 10, planLimit: 100}",
        live=LIVE | {"max_instances": most, "cpu_millis": most, "memory_mib": most},
    )

    assert float(cost.worst) > 10**12
    assert cost.more.startswith("-")


def test_only_who_would_change_is_blocked(priced):
    """A service over its limit that nobody touches keeps nobody from anything."""
    cost = priced("budget: {amount: 10, planLimit: 100}")
    change = Change(HERE, Action.UPDATE, ("churn",))
    plan = Plan.of([change], project="acme", services=("churn",), costs={"churn": cost})

    assert [*plan.over_limit] == ["churn"]
    assert not replace(plan, changes=(replace(change, action=Action.NO_OP),)).over_limit
    assert not replace(plan, observing=("churn",)).over_limit


def test_a_plan_says_it_everywhere_and_a_report_keeps_it():
    """Text, document and comment; a report that another job reads says the same."""
    plan = plan_case(KINDS, CASE).plan
    report = read_report(json.dumps(Report(plan=plan, project="acme").to_json()).encode())
    titles = {kind.name: kind.title for kind in KINDS}

    assert report.plan.costs == plan.costs
    assert plan.over_limit
    said = plan.costs["churn"].said()
    assert f"cost: churn: {said}\n" in render_text(plan, titles=titles).plain
    assert f"Cost of churn: {said}" in render_comment([report], titles=titles, about=About())


@pytest.mark.parametrize("amount", ["1e5", "12.345", "@everyone", "1.00\n", f"{10**16}.00"])
def test_a_report_of_a_stranger_has_amounts_or_is_none(amount):
    """What a comment prints as an amount is one."""
    data = Report(plan=plan_case(KINDS, CASE).plan, project="acme").to_json()
    data["plan"]["costs"]["churn"]["worst"] = amount

    with pytest.raises(ValueError, match="it is no report"):
        read_report(json.dumps(data).encode())


def test_many_services_are_a_few_lines():
    """Those that change, five of them, and what all cost together: with what is not known of any."""
    changes = [Change(Address("run_service", "r", f"s{n}"), Action.CREATE, (f"s{n}",)) for n in range(7)]
    one = Cost("1.00", "2.00", "3.00", "+2.00")
    priced = {f"s{n}": one for n in range(9)} | {"s9": replace(one, more="", missing=("GPU",))}
    plan = Plan.of(changes, project="acme", services=tuple(priced), costs=priced)

    told = dict(costs(plan))
    assert [*told] == ["s0", "s1", "s2", "s3", "s4", "all 10 services, 2 more that change among them"]
    assert told["all 10 services, 2 more that change among them"] == together(priced.values())
    assert together(priced.values()) == Cost("10.00", "20.00", "30.00", "", ("GPU",))
    assert [whose for whose, _ in costs(replace(plan, changes=()))] == ["all 10 services"]
