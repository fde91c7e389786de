"""What the job keeps of its passes in the state bucket, and what of it can be read."""

import json
from dataclasses import replace

import pytest

from reconciler.core import errors
from reconciler.core.bundle import Pointer
from reconciler.core.inventory import Inventory
from reconciler.engine.history import History
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.reports import Latest, Reports
from tests.engine.test_history import entry
from tests.operating import BUCKET, REGION
from tests.page.samples import fleet

REPORT = fleet(2).report.to_json()
NEW = Inventory("churn", REGION)
SECRET = "ya29." + "A1b2" * 10


def report(shard=0, **said):
    """The report of one shard."""
    return {
        **REPORT,
        "shard": {"index": shard, "count": 3},
        "run": "r7",
        "started": "2026-11-28T01:02:03+00:00",
        **said,
    }


@pytest.fixture
def kept(operator):
    """The reports of an operator in a bucket that is there."""
    operator.connection.state.make()
    return Reports(operator.session(), "m")


def names(kept):
    """Objects below the operator's folder."""
    found = kept.session.connection.storage.bucket(BUCKET).list_blobs(prefix="operators/m/")
    return sorted(blob.name.removeprefix("operators/m/") for blob in found)


def put(kept, name, text):
    """Somebody writes there."""
    kept.session.connection.storage.bucket(BUCKET).blob(f"operators/m/{name}").upload_from_string(text)


def test_where_there_is_no_bucket_there_is_nothing(operator):
    """Nothing was ever applied in the project."""
    kept = Reports(operator.session(), "m")

    assert (kept.read(), kept.latest(), kept.documents("books/"), kept.document("book.json")) == (
        Latest(),
        [],
        [],
        None,
    )
    assert kept.generation("book.json") == 0


def test_a_report_is_the_latest_and_stays_where_something_was_done_or_is_wrong(kept):
    """Without what looks like a secret; a pass that did nothing and found nothing wrong is overwritten by the next."""
    kept.write(report(changed=0, exitCode=0, problems=[f"token {SECRET}"]))
    assert names(kept) == ["latest/0.json"]
    assert SECRET not in json.dumps(kept.latest())

    kept.write(report(changed=1, exitCode=0))
    kept.write(report(2, changed=0, exitCode=4))

    dated = [f"2026-11-28/010203-r7-{shard}.json" for shard in (0, 2)]
    assert names(kept) == [*dated, "latest/0.json", "latest/2.json"]
    assert kept.of_shard(2).exit_code == 4
    assert kept.of_shard(1) is None


def test_one_that_cannot_be_read_hides_no_other(kept):
    """They come by shard, and each that is none is named with why."""
    for shard in (2, 0):
        kept.write(report(shard, changed=0, exitCode=0))
    put(kept, "latest/1.json", "no JSON")
    put(kept, "latest/3.json", json.dumps({"format": "of another day"}))

    found = kept.read()

    assert [each.shard.index for each in found.reports] == [each["shard"]["index"] for each in kept.latest()] == [0, 2]
    place = f"cannot read gs://{BUCKET}/operators/m/latest"
    assert found.unreadable[0] == f"{place}/1.json: it is no JSON"
    assert found.unreadable[1].startswith(f"{place}/3.json: ")
    assert len(found.unreadable) == 2
    assert kept.of_shard(1) is None


def test_which_bundle_was_applied_is_remembered(kept):
    """None where none was, or what stands there is none."""
    assert kept.applied() is None
    pointer = Pointer(
        "a" * 64, "2026-11-28T01:00:00+00:00", "2026-11-28T01:02:00+00:00", "c0ffee", documents=("churn",)
    )
    kept.note_applied(pointer)
    assert kept.applied() == pointer
    put(kept, "applied.json", "{}")
    assert kept.applied() is None


def test_documents_are_read_as_they_were_kept(kept):
    """One by name, or all below a folder; what cannot be read is an empty one, and none replaces another unseen."""
    kept.keep("books/a.json", {"a": 1}, generation=0)
    kept.keep("books/b.json", {"b": [2]}, large=True)
    put(kept, "books/c.json", "[1]")
    put(kept, "books/d.json", "no JSON")

    assert kept.documents("books/") == [{"a": 1}, {"b": [2]}, {}, {}]
    assert [kept.document(f"books/{name}.json") for name in "axd"] == [{"a": 1}, None, {}]
    assert (kept.generation("books/a.json") > 0, kept.generation("books/x.json")) == (True, 0)
    with pytest.raises(errors.Conflict):
        kept.keep("books/a.json", {"a": 2}, generation=0)
    kept.keep("books/a.json", {"a": 2}, generation=kept.generation("books/a.json"))
    assert kept.document("books/a.json") == {"a": 2}
    assert replace(kept, operator="other").documents("books/") == []


@pytest.mark.parametrize(
    ("method", "call", "words"),
    [
        ("insert", lambda kept: kept.keep("a.json", {}), "write gs://{}/operators/m/a.json"),
        ("get", lambda kept: kept.document("a.json"), "read gs://{}/operators/m/a.json"),
        ("get", lambda kept: kept.generation("a.json"), "read gs://{}/operators/m/a.json"),
        ("list", lambda kept: kept.documents("books/"), "list gs://{}/operators/m/books/"),
        ("list", lambda kept: InventoryStore(kept.session).read_all(), "list gs://{}/inventory/"),
        ("insert", lambda kept: InventoryStore(kept.session).take(NEW), "take the lock of service churn"),
        ("insert", lambda kept: History(kept.session).write([entry()]), "write gs://{}/history/churn/"),
    ],
)
def test_what_may_not_be_read_or_written_is_named(operator, kept, method, call, words):
    """What was being done, and to which object."""
    operator.emulator.faults({"method": f"storage.objects.{method}", "status": "PERMISSION_DENIED"})
    with pytest.raises(errors.NotPermitted) as refused:
        call(kept)
    operator.emulator.faults()

    assert str(refused.value).startswith(f"cannot {words.format(BUCKET)}")
