"""Records are compared like with like."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange, diff_fields, plain
from reconciler.core.record import revive
from reconciler.core.reference import Ref
from reconciler.kinds.run_service import RunService
from reconciler.kinds.run_service.record import TrafficShare

TEXT = st.text(max_size=5)
NUMBER = st.integers(0, 5)
RECORDS = st.builds(
    RunService,
    image=TEXT,
    model=st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=2), max_size=2),
    columns=st.lists(TEXT, max_size=2).map(tuple),
    runtime=st.dictionaries(TEXT, TEXT, max_size=2),
    version=TEXT,
    attempt=st.none() | TEXT,
    env=st.dictionaries(st.sampled_from("ABC"), TEXT),
    secrets=st.dictionaries(st.sampled_from("XY"), TEXT),
    container=st.dictionaries(st.sampled_from(["args", "port"]), NUMBER | st.lists(TEXT, max_size=2)),
    mounts=st.dictionaries(TEXT, st.dictionaries(TEXT, TEXT, max_size=1), max_size=2),
    sidecars=st.dictionaries(TEXT, st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
    template=st.dictionaries(TEXT, TEXT, max_size=2),
    cpu_millis=NUMBER,
    memory_mib=NUMBER,
    gpu=TEXT,
    gpu_zonal_redundancy=st.booleans(),
    concurrency=NUMBER,
    timeout_s=NUMBER,
    min_instances=NUMBER,
    max_instances=NUMBER,
    service_account=TEXT,
    ingress=TEXT,
    invoker_check=st.booleans(),
    labels=st.dictionaries(st.sampled_from("ab"), TEXT),
    traffic=st.lists(st.builds(TrafficShare, TEXT, NUMBER, TEXT), max_size=3).map(tuple),
    service=st.dictionaries(TEXT, TEXT, max_size=2),
)


@dataclass(frozen=True)
class Pair:
    size: int
    tags: tuple[str, ...] = ()


@settings(deadline=None)
@given(RECORDS, RECORDS)
def test_equal_records_have_no_difference_and_others_have_one(one, other):
    """There is a difference exactly when the records are not equal."""
    assert diff_fields(one, one) == ()
    assert bool(diff_fields(one, other)) == (one != other)


@settings(deadline=None)
@given(RECORDS)
def test_plain_data_becomes_the_record_again(record):
    """What a plan stores is enough to write the object."""
    assert revive(RunService, plain(record)) == record


def test_paths_name_the_leaf():
    """A change says which value differs, and what it was."""
    assert diff_fields(Pair(2, ("a", "c")), Pair(1, ("a", "b"))) == (
        FieldChange("size", 1, 2),
        FieldChange("tags[1]", "b", "c"),
    )


@dataclass(frozen=True)
class Parts:
    """A record of anything."""

    of: Any = None


REF, OTHER = (Ref(Address("toy", GLOBAL, name), "url") for name in ("one", "other"))


@pytest.mark.parametrize(
    ("wanted", "there", "changes"),
    [
        pytest.param({"a": {"k": 1}}, {"a": {"j": 2}}, [("of.a.j", 2, None), ("of.a.k", None, 1)], id="other-keys"),
        pytest.param([{"args": ["a"]}], [{"args": ["c"]}], [("of[0].args", ["c"], ["a"])], id="args"),
        pytest.param([{"list": ["a", "b"]}], [{"list": ["a", "c"]}], [("of[0].list[1]", "c", "b")], id="a-list"),
        pytest.param([{"url": REF}], [{"url": "x"}], [("of[0].url", "x", REF.to_plain())], id="a-reference"),
        pytest.param([REF], [OTHER], [("of[0]", OTHER.to_plain(), REF.to_plain())], id="another-reference"),
        pytest.param(REF, "x", [("of", "x", REF.to_plain())], id="nothing-but-a-reference"),
        pytest.param({"new": {"args": ["a"], "n": [{"url": REF}]}}, {},
                     [("of.new", None, {"args": ["a"], "n": [{"url": REF.to_plain()}]})], id="what-is-new"),
    ],
)  # fmt: skip
def test_differences_are_told_by_their_places(wanted, there, changes):
    """Arguments, and references that are not known yet, are one value each, and told as what they are."""
    found = diff_fields(Parts(wanted), Parts(there))

    assert [(change.path, change.before, change.after) for change in found] == changes
    assert json.loads(json.dumps([change.after for change in found])) == [after for _, _, after in changes]


def test_what_has_no_order_is_plain_in_order():
    """So that two looks at the same are the same, and what has an order keeps it."""
    assert plain(Parts(frozenset("cab"))) == {"of": ["a", "b", "c"]}
    assert plain(Parts(("c", "a"))) == {"of": ["c", "a"]}
