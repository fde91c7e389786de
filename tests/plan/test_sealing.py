"""A saved plan has digests for what looks secret: they say nothing, and only the same value in the same place fits."""

import json
from dataclasses import replace

import pytest

from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.core.sealing import Opener, Sealer

SALT, OTHER = "00" * 16, "11" * 16
SERVICE = Address("run_service", "europe-west1", "churn")
TOKEN = "ghp_" + "a1B2" * 9
URL = "postgres://scorer:pa55w0rd@db.acme.example/ml"


def plan(env, *, before=None, **more):
    """A plan that changes the environment of a service."""
    changes = (FieldChange("env.API_TOKEN", (before or {}).get("API_TOKEN"), env.get("API_TOKEN")),)
    observed = None if before is None else {"env": before, "args": [URL]}
    changed = Change(
        SERVICE,
        Action.UPDATE,
        ("churn",),
        changes=changes,
        desired={"env": env, "args": [URL]},
        observed=observed,
        **more,
    )
    return Plan.of([changed], project="local", services=("churn",), spec_digest="abc")


def opened(sealed, known):
    """The plan with its values, and what was missing."""
    opener = Opener(known)
    return replace(sealed, changes=tuple(map(opener.change, sealed.changes))), opener.missing


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"API_TOKEN": TOKEN}, id="by-name-and-shape"),
        pytest.param({"DB_PASSWORD": "short"}, id="by-name-alone"),
        pytest.param({"DB": URL}, id="a-part-of-a-text"),
        pytest.param({"PLAIN": f"(sealed:{'0' * 64}) (hidden)"}, id="a-text-that-looks-sealed"),
    ],
)
def test_what_is_sealed_is_opened_by_the_same_value(env):
    """There and back through the file, by what the specs say now."""
    made = plan(env, before={"API_TOKEN": "old"})
    sealed = Sealer(SALT).plan(made)
    read = Plan.from_json(json.loads(json.dumps(sealed.to_json())))
    again = Sealer(read.salt)
    again.plan(made)

    found, missing = opened(read, again.known)

    assert missing == []
    assert found.changes == made.changes
    assert not [text for text in (TOKEN, "pa55w0rd", "short", "old") if text in json.dumps(sealed.to_json())]


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"API_TOKEN": TOKEN + "x", "B_TOKEN": "b"}, id="another-value"),
        pytest.param({"API_TOKEN": "b", "B_TOKEN": TOKEN}, id="the-values-of-two-names-swapped"),
        pytest.param({"B_TOKEN": "b"}, id="gone"),
    ],
)
def test_another_value_opens_nothing(now):
    """What is missing is named, and never its value."""
    sealed = Sealer(SALT).plan(plan({"API_TOKEN": TOKEN, "B_TOKEN": "b"}))
    again = Sealer(SALT)
    again.plan(plan(now))

    _, missing = opened(sealed, again.known)

    assert "run_service/europe-west1/churn env.API_TOKEN" in missing
    assert TOKEN not in str(missing)


def test_a_value_of_another_object_opens_nothing():
    """The digest says whose it is."""
    sealed = Sealer(SALT).plan(plan({"API_TOKEN": TOKEN}))
    again = Sealer(SALT)
    again.record(Address("run_service", "europe-west1", "other"), {"env": {"API_TOKEN": TOKEN}})

    assert opened(sealed, again.known)[1]


def test_digests_of_two_plans_say_nothing_of_each_other():
    """Each plan has a salt of its own, and the digest of the specs is salted as well."""
    one, two = (Sealer(salt).plan(plan({"API_TOKEN": TOKEN})) for salt in (SALT, OTHER))

    assert one.changes[0].desired != two.changes[0].desired
    assert len({one.spec_digest, two.spec_digest, "abc"}) == 3


def test_nothing_to_hide_is_saved_as_it_is():
    """Then apply needs no spec, as ever."""
    made = replace(plan({"MODE": "fast"}), changes=())

    assert Sealer(SALT).plan(made) == made


def test_words_for_people_are_redacted():
    """Nothing depends on them."""
    words = {"reason": f"was {TOKEN}", "consequence": TOKEN, "problem": TOKEN}
    made = replace(plan({}, **words), notes=(Note("churn", f"see {URL}"),))

    text = json.dumps(Sealer(SALT).plan(made).to_json())

    assert TOKEN not in text
    assert "pa55w0rd" not in text
