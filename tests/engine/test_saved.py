"""Whether the world still is what a saved plan was made from: toys, with real inventories."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import always
from reconciler.core.plan import Action
from reconciler.core.sealing import Sealer
from reconciler.engine.apply import apply
from reconciler.engine.saved import check_saved
from tests.engine.test_applying import Bench
from tests.operating import REGION
from tests.toys import NAMED, TOY, Toy, toy

ONE, TWO, THREE = (Address("toy", GLOBAL, name) for name in ("one", "two", "three"))


@pytest.fixture
def bench(operator):
    return Bench(operator)


def saved(bench, *wants, change=lambda change: change, **fields):
    """Plan, as it would be saved."""
    plan = bench.plan(*wants).plan
    given = {"regions": {"churn": REGION}, "made": bench.clock.now().isoformat(), **fields}
    return replace(plan, changes=tuple(map(change, plan.changes)), **given)


def test_what_fits_is_applied_as_it_was_agreed_to(bench):
    """Made, changed, made anew and deleted; and the plan after it is empty."""
    bench.apply(toy(), toy("two"), toy("three"))
    wants = [toy(size=2), toy("two", place="there"), toy("four", needs=[ONE])]

    planned = check_saved(bench.session(), saved(bench, *wants))

    assert planned.exact
    assert list(planned.deletions.values()) == ["Delete"]
    assert not apply(bench.session(), planned).failed
    assert {name: each[1] for name, each in bench.cloud.objects.items()} == {
        "one": Toy(size=2),
        "two": Toy(place="there"),
        "four": Toy(),
    }
    assert bench.plan(*wants).plan.empty


def written(cloud, name, **fields):
    """Somebody writes a toy, or makes it."""
    mark, now, (made, times) = cloud.objects.get(name, ("churn", Toy(), (9, 0)))
    cloud.objects[name] = (mark, replace(now, **fields), (made, times + 1))


def test_what_moved_is_told_object_by_object(bench):
    """What is there now, what is gone, what is another value, and what was written where we do not look."""
    bench.apply(toy(), toy("two"), toy("three"))
    plan = saved(bench, toy(size=2), toy("two", size=2), toy("three", size=2), toy("four"))
    for meddle in (
        lambda cloud: written(cloud, "one", size=5, url="https://x"),
        lambda cloud: cloud.objects.pop("two"),
        lambda cloud: written(cloud, "three"),
        lambda cloud: written(cloud, "four"),
    ):
        meddle(bench.cloud)

    with pytest.raises(errors.StalePlan) as stale:
        check_saved(bench.session(), plan)

    assert stale.value.moved == (
        "toy/global/four: it is there now",
        "toy/global/one: size was 1 and is 5, url was '' and is 'https://x'",
        "toy/global/three: written since, in fields mlservice does not manage",
        "toy/global/two: it is gone",
    )


def test_of_what_is_only_used_what_the_spec_requires_matters(bench):
    """Somebody else's object may be anything else."""
    bench.apply(toy(), toy("two"))

    def used(change):
        return replace(change, action=Action.NO_OP, uses=("size",)) if change.address == TWO else change

    plan = saved(bench, toy(size=2), toy("two"), change=used)
    written(bench.cloud, "two", place="there")
    assert check_saved(bench.session(), plan)

    written(bench.cloud, "two", size=7)
    with pytest.raises(errors.StalePlan, match=r"toy/global/two: size was 1 and is 7$"):
        check_saved(bench.session(), plan)


def test_what_is_a_part_of_something_made_anew_is_no_news(bench):
    """It goes with it: that it is there before is what the plan was made from."""
    bench.apply(toy())
    wants = [toy(place="there"), toy("two", needs=[ONE])]
    plan = saved(bench, *wants)
    written(bench.cloud, "two")

    assert check_saved(bench.session(), plan)


def test_what_the_plan_says_nothing_of_stays_ours(operator):
    """A model that a revision may still run on: an apply of a saved plan does not forget it."""
    bench = Bench(operator, (TOY, replace(NAMED, retained=always)))
    bench.apply(toy(), toy("kept", kind="named"))

    apply(bench.session(), check_saved(bench.session(), saved(bench, toy(size=2))))

    assert {address.name for address in bench.inventory().entries} == {"one", "kept"}


def test_what_the_server_named_is_found_by_its_name(bench):
    """Its mark is gone since, and the plan is about it still."""
    bench.apply(toy("mine", kind="named"))
    plan = saved(bench, toy("mine", kind="named", size=2))
    _, fields, version = bench.cloud.objects["channels/1"]
    bench.cloud.objects["channels/1"] = ("", fields, version)

    assert not apply(bench.session(), check_saved(bench.session(), plan)).failed

    assert {name: each[1].size for name, each in bench.cloud.objects.items()} == {"channels/1": 2}


def test_a_plan_of_another_version_is_stale(bench):
    """It has fields that this one does not know, object by object."""
    plan = saved(
        bench, toy(), toy("two"), change=lambda change: replace(change, desired={**change.desired, "colour": "red"})
    )

    with pytest.raises(errors.StalePlan) as stale:
        check_saved(bench.session(), plan)

    assert [line.split(": ")[:2] for line in stale.value.moved] == [
        [str(address), "another version of mlservice made this plan"] for address in (ONE, TWO)
    ]
    assert "colour" in stale.value.moved[0]


@pytest.mark.parametrize(
    ("minutes", "wants", "stale"),
    [
        (15, [toy(size=2)], False),
        (16, [toy(size=2)], True),
        (16, [toy()], False),
        (16, [toy(size=3)], False),
        (16, [], False),
    ],
)
def test_what_was_measured_is_good_for_a_quarter_of_an_hour(operator, minutes, wants, stale):
    """Where it decided what is written; what waits for nobody may lie for days."""
    bench = Bench(operator, (replace(TOY, fleeting=lambda record: record["size"] == 2),))
    bench.apply(toy())
    made = bench.clock.now() - timedelta(minutes=minutes)
    plan = saved(bench, *wants, made=made.isoformat())

    if not stale:
        assert check_saved(bench.session(), plan)
        return
    with pytest.raises(errors.StalePlan, match="one: its step was decided by what was measured 16 minutes ago"):
        check_saved(bench.session(), plan)


TOKEN = "ya29." + "A1b2" * 10


def test_hidden_values_are_those_of_what_is_there_or_of_the_specs(bench):
    """The file has digests; what is written has the values, and one that nobody has any more makes the plan stale."""
    bench.apply(toy(env={"OLD_TOKEN": TOKEN}))
    want = toy(size=2, env={"OLD_TOKEN": TOKEN, "NEW_TOKEN": TOKEN[::-1]})
    made = saved(bench, want)
    sealed = Sealer("00" * 16).plan(made)
    assert TOKEN not in str(sealed.to_json())

    with pytest.raises(errors.StalePlan, match="its value, which the plan hides, is not what the spec says") as stale:
        check_saved(bench.session(), sealed)
    with pytest.raises(errors.StalePlan):
        check_saved(bench.session(), sealed, lambda: saved(bench, toy(size=2, env={"NEW_TOKEN": "another"})))
    planned = check_saved(bench.session(), sealed, lambda: saved(bench, want))

    assert len(stale.value.moved) > 0
    assert TOKEN not in str(stale.value)
    assert not apply(bench.session(), planned).failed
    assert bench.cloud.objects["one"][1].env == want.fields.env
