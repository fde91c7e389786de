"""What is read, when, and what is said where it cannot be."""

import os
import threading

import pytest

from page.shelf import WAITED_FOR_S, Shelf
from page.sources import Folder, Memory, SourceError
from tests.page import samples
from tests.page.conftest import client_of, desk_of, put

LATEST, REGION = "operators/mlservice/latest/0.json", samples.REGION


class Counting:
    """A folder that counts what is read of it, and may fail or wait."""

    def __init__(self, root):
        self.folder, self.place, self.read_names = Folder(root), str(root), []
        self.broken, self.may = "", threading.Event()
        self.may.set()

    def folders(self, below):
        """Name folders, unless it is broken."""
        self.may.wait(60)
        if self.broken:
            raise SourceError(self.broken)
        return self.folder.folders(below)

    def listed(self, below):
        """List."""
        return self.folder.listed(below)

    def read(self, name):
        """Read, and note that."""
        self.read_names.append(name)
        return self.folder.read(name)


@pytest.fixture
def source(tmp_path):
    """A small fleet that may be changed."""
    samples.write(samples.fleet(3), tmp_path)
    return Counting(tmp_path)


def test_what_did_not_change_is_not_read_again(source, tmp_path):
    """One list for each look; a document only where its version is another; an entry of the history once."""
    shelf = Shelf(source, fresh_s=-1.0, past_fresh_s=-1.0, patient=True)
    first = shelf.look()
    shelf.timeline()
    read = len(source.read_names)

    again = shelf.look()
    shelf.timeline()
    samples.write(samples.fleet(4, history=0), tmp_path)
    after = shelf.look()

    assert again is first
    assert len(first.services) == 3
    assert len(after.services) == 4
    assert sorted(source.read_names[read:]) == [LATEST, "operators/mlservice/standings/0.json"]


def test_what_was_known_stays_where_nothing_can_be_listed(source):
    """With the reason above it; and it goes when it can be listed again."""
    desk = desk_of(source.folder.root)
    desk.shelf.source = source
    browser = client_of(desk)
    browser.get("/")
    source.broken = "cannot list gs://acme/operators/: 503"

    ill = browser.get("/").text
    source.broken = ""
    well = browser.get("/").text

    assert "cannot list gs://acme/operators/: 503" in ill
    assert "fraud-scorer" in ill
    assert "503" not in well


def test_a_moment_is_shown_while_the_next_is_read(source, tmp_path):
    """Who asks soon after somebody else does not wait; who asks long after does, and sees what is there."""
    now = [0.0]
    shelf = Shelf(source, fresh_s=5.0, ticks=lambda: now[0])
    first = shelf.look()
    samples.write(samples.fleet(4), tmp_path)
    source.may.clear()

    now[0] = 6.0
    soon = shelf.look()
    source.may.set()
    now[0] = 6.0 + WAITED_FOR_S + 6.0
    late = shelf.look()

    assert soon is first
    assert len(late.services) == 4


def test_a_document_that_is_too_large_is_said(tmp_path, monkeypatch):
    """It is not read, and hides no other."""
    samples.write(samples.fleet(3), tmp_path)
    put(tmp_path / LATEST, {"padding": "x" * 2_000_000})
    monkeypatch.setattr("page.sources.folder.LARGEST", 1_000_000)

    shelf = Shelf(Folder(tmp_path), patient=True)

    assert [each for each in shelf.look().unreadable if "more than" in each] != []
    assert len(shelf.look().services) == 3


def test_what_is_no_plain_file_is_passed_over(tmp_path):
    """Links, pipes, devices, folders that are called like a document: none is followed, waited for or in the way."""
    samples.write(samples.fleet(3), tmp_path)
    folder = tmp_path / "operators/mlservice/latest"
    (folder / "1.json").symlink_to("/dev/zero")
    (folder / "2.json").symlink_to("nowhere")
    os.mkfifo(folder / "3.json")
    (folder / "4.json").mkdir()
    (tmp_path / "operators/loop").symlink_to(tmp_path / "operators")

    found = Shelf(Folder(tmp_path), patient=True).look()

    assert (len(found.services), found.unreadable, found.trouble) == (3, (), "")
    with pytest.raises(SourceError):
        Folder(tmp_path).read("operators/mlservice/latest/1.json")


def test_no_name_leads_out_of_a_folder(tmp_path):
    """Documents may name a service as they like: what lies beside the two prefixes is neither listed nor read."""
    copy, name = tmp_path / "copy", "20261126T140000.000Z-run.json"
    entry = samples.fleet(1, history=1).history[0].to_json()
    for folder in (copy / REGION, tmp_path / REGION):
        put(folder / name, entry)
    put(copy / "history/of-one" / REGION / name, entry)
    shelf, folder = Shelf(Folder(copy), patient=True), Folder(copy)

    assert [len(shelf.history(each, REGION).entries) for each in ("of-one", "..")] == [1, 0]
    assert folder.listed(f"history/../../{REGION}/") == {}
    assert folder.folders("../") == ()
    assert folder.read(f"../{REGION}/{name}") is None


def test_the_newer_report_counts_and_two_operators_are_told(tmp_path):
    """Newer by time, whatever zone it is written in."""
    report = samples.fleet(2).report.to_json()
    older = report | {"operator": "other", "ended": "2026-11-27T00:05:00+12:00"}
    older["services"] = {name: each | {"state": "failed"} for name, each in report["services"].items()}
    put(tmp_path / LATEST, report)
    put(tmp_path / "operators/other/latest/0.json", older)

    shown = client_of(desk_of(tmp_path)).get("/fleet.json").json()["services"]

    assert {need["reason"] for each in shown for need in each["needs"]} == {
        "other and mlservice report it: which one is to see to it?"
    }


def test_long_reports_are_cut(tmp_path):
    """What a report has too much of is not sent to everybody."""
    report = samples.fleet(2).report.to_json()
    for each in report["services"].values():
        each |= {"state": "failed", "problems": ["x" * 5000] * 3000}
    put(tmp_path / LATEST, report | {"warnings": ["y" * 5000] * 3000})
    browser = client_of(desk_of(tmp_path))

    assert len(browser.get("/fleet.json").content) < 100_000
    assert len(browser.get("/operator").content) < 1_000_000


def test_memory_is_shown_beside_a_place(tmp_path):
    """What is made now, with what lies at the other place; of one name, what is made."""
    samples.write(samples.fleet(2, history=1), tmp_path)
    told = samples.bare(3)
    shelf = Shelf(Memory(lambda: {"operators/~here/standings/0.json": told}, Folder(tmp_path)), patient=True)

    assert len(shelf.look().services) == 5
    assert len(shelf.timeline().entries) == 2


def test_what_the_job_needs_is_on_the_first_page(tmp_path):
    """A pass that failed as a whole, a version that is held, a service that no spec wants."""
    report = samples.fleet(2).report.to_json() | {"problems": ["the bundle cannot be read"]}
    report |= {"canary": {"build": {"version": "2"}, "held": {"run_service/r/x": "it would be replaced"}}}
    put(tmp_path / LATEST, report)

    needs = client_of(desk_of(tmp_path)).get("/fleet.json").json()["needsYou"]

    assert [(each["kind"], each["command"]) for each in needs if each["view"] == "operator"] == [
        ("pass failed", "mlservice operator logs --project=acme-ml"),
        ("held", "mlservice operator proceed --project=acme-ml"),
        ("orphaned", "mlservice why old-model --project=acme-ml"),
    ]
