"""Prices of Google's catalog: taken where it is certain which they are, else kept as they come, and said."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cost import prices as module
from reconciler.cost.catalog import Rule, Sku, refreshed, rules
from reconciler.cost.prices import packaged, preferring, snapshot
from reconciler.cost.told import OLD_DAYS, told
from reconciler.render.cost import render_cost

RUN = "152E-C115-5142"
CPU = Rule("run.req.cpu.active.t1", RUN, "Services CPU (Request-based billing)", {"s": Decimal(1)})
WHOLE = Rule("run.inst.cpu.t1", RUN, "Services CPU (Instance-based billing) in {region}", {"s": Decimal(1)}, tier=1)
SENT = Rule("pubsub.throughput.basic", "A1E8-BE35-7EBC", "Message Delivery Basic",
            {"TiBy": Decimal(1), "GiBy": Decimal(1024)}, sku="027D-B6C7-CCA2")  # fmt: skip


def sku(text, usd, unit="s", *, service=RUN, name="AAAA-BBBB-CCCC", free=()):
    """A SKU with one price, after what is free."""
    rates = (*((Decimal(start), Decimal(0)) for start in free), (Decimal(len(free)), Decimal(usd)))
    return Sku(service, name, text, unit, rates)


ACTIVE = sku("Services  CPU (Request-based billing)", "0.00003")


def one(rule, *skus):
    """What becomes of one rule: the price, or why it is kept."""
    found = refreshed(skus, packaged(), [rule])
    assert bool(found.usd) != bool(found.kept)
    return found.usd[rule.row][0] if found.usd else found.kept[0]


def test_a_price_is_that_of_the_last_tier_whatever_spaces_a_text_has():
    """The first tier is what is free; two spaces are one."""
    assert one(CPU, ACTIVE) == Decimal("0.00003")
    assert one(CPU, sku(CPU.text, "0.00002", free=["0"])) == Decimal("0.00002")


@pytest.mark.parametrize(
    ("skus", "why"),
    [
        ([], "no SKU 'Services CPU (Request-based billing)'"),
        ([sku("Services CPU (Request-based billing) in x", "0.00003")], "no SKU "),
        ([replace(ACTIVE, service="other")], "no SKU "),
        ([ACTIVE, replace(ACTIVE, id="D")], "2 SKUs are "),
        ([replace(ACTIVE, unit="h")], "its unit is 'h', and not s"),
        ([replace(ACTIVE, rates=())], "it has no rate"),
        ([sku(CPU.text, "0.0001")], "0.0001 is far from 0.000024 of "),
        ([sku(CPU.text, "0")], "0 is far from "),
    ],
    ids=["missing", "longer", "of another service", "twice", "unit", "no rate", "far", "nothing"],
)
def test_what_is_not_certain_keeps_its_price_and_is_said(skus, why):
    """Never a price of zero, and never another thing's."""
    assert one(CPU, *skus).startswith(f"run.req.cpu.active.t1: {why}")


def test_regions_of_a_tier_share_a_price_or_keep_it():
    """Those of the other tier have nothing to do with it, and a second `in` is Google's."""
    here, there = (sku(WHOLE.text.replace("in {region}", text), "0.00002")
                   for text in ("in us-central1", "in in asia-northeast1"))  # fmt: skip
    other = sku(WHOLE.text.format(region="europe-west2"), "0.00009")
    dearer = sku(WHOLE.text.format(region="europe-west1"), "0.000021")

    assert one(WHOLE, here, there, other) == Decimal("0.00002")
    assert "differs from region to region, 0.00002 to 0.000021" in one(WHOLE, here, there, dearer)


def test_an_id_is_enough_and_a_unit_is_turned_into_ours():
    """Whatever its text became; a price of a GiB is that of a TiB, 1024 times."""
    found = sku("Anything", "0.04", "GiBy", service=SENT.service, name=SENT.sku)

    assert one(SENT, found) == Decimal("40.96")


@given(st.lists(st.tuples(st.sampled_from([rule.text for rule in rules()]), st.text(max_size=4), st.decimals(
    min_value=0, max_value=1000, places=9)), max_size=5))  # fmt: skip
def test_whatever_the_catalog_says_each_rule_has_a_price_near_the_known_one_or_a_reason(listed):
    """Prices are never lost, and never more than twice or less than half of what was known."""
    skus = [sku(text.replace("{region}", "us-central1"), usd, unit or "s") for text, unit, usd in listed]
    found = refreshed(skus, packaged())

    assert len(found.usd) + len(found.kept) == len(rules())
    for name, (usd, ids) in found.usd.items():
        assert packaged().rows[name].usd / 2 <= usd <= packaged().rows[name].usd * 2
        assert ids
    preferred = preferring(packaged(), found.document("2030-01-01"))
    assert preferred.rows.keys() == packaged().rows.keys()
    assert {name: preferred.rows[name].usd for name in found.usd} == {name: usd for name, (usd, _) in found.usd.items()}


def document(day="2030-01-01", **rows):
    """What was kept."""
    told = {name.replace("__", "."): {"usd": usd} for name, usd in rows.items()}
    return {"format": "mlservice/prices/v1", "asOf": day, "rows": told}


def test_what_was_read_is_preferred_where_it_is_newer():
    """Each price by its own day: a version that brings newer ones wins; what is not known any more is left out."""
    newer = preferring(packaged(), document(run__req__requests="0.0000005", gone="1"))
    older = preferring(packaged(), document("2020-01-01", run__req__requests="0.0000005"))

    requests = newer.rows["run.req.requests"]
    assert (requests.usd, requests.as_of, requests.source) == (
        Decimal("0.0000005"), "2030-01-01", "Cloud Billing Catalog API",
    )  # fmt: skip
    assert (newer.as_of, newer.refreshed, older.as_of) == ("2030-01-01", "2030-01-01", packaged().as_of)
    assert (older.rows, older.refreshed) == (packaged().rows, "")
    assert requests.free == packaged().rows["run.req.requests"].free


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b"{", "line 1, column 2: it is no JSON from here"),
        (b'{"format": 1}\n}', "line 2, column 1: it is no JSON from here"),
        (b"\xff", "it is no text in UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b" " * (1 << 20) + b"{}", "it has more than 1048576 characters"),
        (b"[]", "it is [], and should be an object"),
        (b"null", "it is missing, and should be an object"),
        (b"{}", "format is missing, and should be mlservice/prices/v1"),
        ({"format": "mlservice/prices/v9"}, 'format is "mlservice/prices/v9", and should be mlservice/prices/v1'),
        ({"asOf": "soon"}, 'asOf is "soon", and should be a day, such as 2026-11-20'),
        ({"asOf": None}, "asOf is missing, and should be a day, such as 2026-11-20"),
        ({"rows": ["x" * 60]}, f'rows is ["{"x" * 38}…, and should be an object'),
        ({"rows": {"a": 1}}, 'rows.a is "1", and should be an object'),
        *((document(run__req__requests=usd), f"rows.run.req.requests.usd is {shown}, and should be US dollars, from")
          for usd, shown in (("NaN", '"NaN"'), ("sNaN", '"sNaN"'), ("-1", '"-1"'), ("1e9", '"1e9"'), ("two", '"two"'),
                             (float("inf"), '"Infinity"'), (None, "missing"), ([1], '["1"]'), (True, "true"))),
        *((document(run__req__requests=usd), f'rows.run.req.requests.usd is "{usd}", too far from the 0.0000004 of')
          for usd in ("1e-99999", "0", "0.5")),
    ],
)  # fmt: skip
def test_a_damaged_file_is_said_and_prices_are_as_they_come(tmp_path, monkeypatch, text, said):
    """It hides nothing and stops nothing."""
    path = tmp_path / "prices.json"
    path.write_bytes(text if isinstance(text, bytes) else json.dumps(document() | text).encode())
    monkeypatch.setattr(module, "_OURS", [path])
    module.forget()
    try:
        assert snapshot().rows == packaged().rows
        assert snapshot().trouble.startswith(f"{path}: {said}")
    finally:
        monkeypatch.undo()
        module.forget()


def test_prices_that_have_no_rule_are_told_by_their_own_day(tmp_path, monkeypatch):
    """Read today, the catalog's are new; those of accelerators and trainings are as old as this version."""
    path, today = tmp_path / "prices.json", date.fromisoformat(packaged().as_of) + timedelta(days=OLD_DAYS + 1)
    path.write_text(json.dumps(document(today.isoformat(), run__req__requests="0.0000005")))
    monkeypatch.setattr(module, "_OURS", [path])
    module.forget()
    try:
        said = told([], today=today)
    finally:
        monkeypatch.undo()
        module.forget()

    prices = said["prices"]
    assert (prices["old"], prices["othersOld"], prices["others"]) == (False, True, packaged().as_of)
    assert told([], today=today)["prices"]["old"]
    shown = render_cost(said).plain
    assert f"list prices of {today.isoformat()} from Google's catalog" in shown
    assert f"others of {packaged().as_of}" in shown
