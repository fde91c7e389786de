"""What a pass is told, which services are its shard's, and what a bundle may hold: pure, no emulator."""

import contextlib
import io
import json
import tarfile
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.bundle import BundleError, Pointer, digest_of, pack, unpack
from reconciler.core.errors import UsageError
from reconciler.core.orders import Freeze, Orders
from reconciler.core.shards import shard_of
from reconciler.engine.clock import by_the_wall

NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,12}/[a-z]{1,6}\.yaml\Z")
SERVICES = [("europe-west1", f"service-{number}") for number in range(1000)]
SAID = {
    "name": "mlservice",
    "region": "europe-west1",
    "environment": "prod",
    "drift": "Correct",
    "deletes": 10,
    "timeZone": "Europe/Paris",
    "freeze": [{"day": "Fri", "at": "16:00", "lasts": 64 * 3600}],
    "runtimeImage": "",
}


def test_every_service_has_one_shard_and_shards_are_alike():
    """1,000 services over 10 shards: none has less than half or more than one and a half of its share."""
    shares = Counter(shard_of(*service, 10) for service in SERVICES)

    assert sum(shares.values()) == 1000
    assert all(50 < share < 150 for share in shares.values())


def test_one_shard_more_moves_few():
    """From 10 to 11 shards only those move that the new one takes."""
    before = {service: shard_of(*service, 10) for service in SERVICES}
    after = {service: shard_of(*service, 11) for service in SERVICES}

    moved = {service for service in SERVICES if before[service] != after[service]}
    assert {after[service] for service in moved} == {10}
    assert len(moved) < 150


def test_the_shard_of_a_service_stays_the_same_in_every_version():
    """Shards of two versions side by side agree: written down, so that a change of the hash is seen."""
    assert [shard_of("europe-west1", name, 7) for name in ("churn", "fraud", "prices")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("when", "frozen"),
    [
        pytest.param("2026-11-27T15:59", False, id="friday-before-four"),
        pytest.param("2026-11-27T16:00", True, id="friday-at-four"),
        pytest.param("2026-11-29T12:00", True, id="sunday"),
        pytest.param("2026-11-30T07:59", True, id="monday-morning"),
        pytest.param("2026-11-30T08:00", False, id="monday-at-eight"),
        pytest.param("2026-11-25T12:00", False, id="wednesday"),
    ],
)
def test_nothing_is_changed_in_a_freeze(when, frozen):
    """From Friday afternoon to Monday morning, by the clock of Paris."""
    local = datetime.fromisoformat(f"{when}+01:00")

    assert Orders.read(json.dumps(SAID)).frozen(by_the_wall(local.astimezone(UTC), "Europe/Paris")) == frozen


@given(st.integers(0, 6), st.integers(0, 1439), st.integers(60, 6 * 86_400), st.integers(0, 7 * 1440 - 1))
@settings(deadline=None, max_examples=200)
def test_a_freeze_holds_as_long_as_it_says(day, minute, lasts_s, at):
    """Of the minutes of a week as many are frozen as it lasts, also over the end of the week."""
    window = Freeze(day, minute, lasts_s)
    monday = datetime(2026, 11, 23, tzinfo=UTC)

    since = (timedelta(minutes=at) - timedelta(days=day, minutes=minute)) % timedelta(days=7)

    assert window.holds(monday + timedelta(minutes=at)) == (since < timedelta(seconds=lasts_s))


UNREADABLE = [{"day": "Someday"}], ["Fri 16:00"], [None], [SAID["freeze"]], {"day": "Fri"}


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "null", *(json.dumps(SAID | {"freeze": each}) for each in UNREADABLE)]
)
def test_orders_that_cannot_be_read_do_nothing(text):
    """They may have said to change nothing."""
    with pytest.raises(UsageError, match="orders cannot be read"):
        Orders.read(text)


@pytest.mark.parametrize(
    ("said", "weaker"),
    [
        pytest.param({}, False, id="the-same"),
        pytest.param({"deletes": 0, "environment": "dev", "runtimeImage": "x"}, False, id="fewer-deletes"),
        pytest.param({"deletes": 11}, True, id="more-deletes"),
        pytest.param({"freeze": []}, True, id="no-freeze"),
        pytest.param({"freeze": [{"day": "Fri", "at": "16:00", "lasts": 64 * 3600 - 1}]}, True, id="shorter-freeze"),
        pytest.param({"freeze": [{"day": "Fri", "at": "16:00", "lasts": 65 * 3600}]}, False, id="longer-freeze"),
        pytest.param({"freeze": [{"day": "Sat", "at": "16:00", "lasts": 64 * 3600}]}, True, id="later-freeze"),
        pytest.param({"freeze": [*SAID["freeze"], {"day": "Mon", "at": "0:00", "lasts": 60}]}, False, id="two-freezes"),
        pytest.param({"timeZone": "Pacific/Auckland"}, True, id="time-zone"),
        pytest.param({"drift": "Report"}, True, id="reports"),
    ],
)
def test_orders_that_forbid_less_are_weaker(said, weaker):
    """What the specs may not make of the job's orders: whatever lets a pass do more, or leave more."""
    before, after = (Orders.read(json.dumps(each)) for each in (SAID, SAID | said))

    assert after.weaker_than(before) == weaker


@given(st.dictionaries(NAMES, st.binary(max_size=64), max_size=5))
@settings(deadline=None, max_examples=50)
def test_a_bundle_reads_back_and_is_named_by_its_content(files):
    """Equal files give equal bytes, in whatever order they come."""
    archive = pack(files)

    assert unpack(archive, digest_of(archive)) == files
    assert pack(dict(reversed(files.items()))) == archive


@given(st.binary(max_size=2000))
@settings(deadline=None, max_examples=100)
def test_bytes_of_a_stranger_are_refused_in_words(content):
    """Whatever lies there, it is a bundle or it is refused."""
    for read in (lambda: unpack(content, digest_of(content)), lambda: Pointer.read(content)):
        with contextlib.suppress(BundleError):
            read()


def entry(name, **fields):
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(entry("/etc/passwd"), id="absolute"),
        pytest.param(entry("../up.yaml"), id="up"),
        pytest.param(entry("a/../../up.yaml"), id="up-from-below"),
        pytest.param(entry("link.yaml", type=tarfile.SYMTYPE, linkname="/etc/passwd"), id="link"),
        pytest.param(entry("hard.yaml", type=tarfile.LNKTYPE, linkname="a.yaml"), id="hard-link"),
        pytest.param(entry("device", type=tarfile.CHRTYPE), id="device"),
        pytest.param(entry("folder", type=tarfile.DIRTYPE), id="folder"),
        pytest.param(entry("a\nb.yaml"), id="line-break"),
    ],
)
def test_nothing_but_plain_files_comes_out_of_a_bundle(member):
    """Somebody who may write to the bucket may deploy; he may not write to the job's machine."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(member)

    with pytest.raises(BundleError, match="no plain file"):
        unpack(made.getvalue(), digest_of(made.getvalue()))


def test_an_archive_that_is_not_the_one_named_is_refused():
    """One that was written over is not applied."""
    with pytest.raises(BundleError, match="not the one"):
        unpack(pack({"a.yaml": b"1"}), digest_of(pack({"a.yaml": b"2"})))
