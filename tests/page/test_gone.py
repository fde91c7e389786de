"""What was destroyed is not shown as if it were well: the history knows it before the next pass, or without one."""

import json
from datetime import timedelta

import pytest

from page.address import View, slug
from page.desk import NoSuchView
from page.report import write
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import desk_of, put
from tests.page.structure import read

HERE = (samples.REGION, "fraud-scorer")


@pytest.fixture
def folder(tmp_path, fleet):
    """A fleet, whose latest report names an orphan."""
    samples.write(fleet, tmp_path)
    return tmp_path


def entry(fleet, folder, seconds, outcome, name=HERE[1]):
    """Write an entry of so many seconds after the pass."""
    at = samples.NOW + timedelta(seconds=seconds)
    told = fleet.history[0].to_json() | {"service": name, "region": HERE[0], "outcome": outcome}
    put(
        folder / f"history/{name}/{HERE[0]}/{at:%Y%m%dT%H%M%S}.000Z-run.json",
        told | {"started": at.isoformat(), "ended": at.isoformat()},
    )


@pytest.mark.parametrize(
    ("entries", "there"),
    [
        pytest.param([(20, "destroyed")], False, id="destroyed"),
        pytest.param([(-20, "destroyed")], True, id="before-the-pass"),
        pytest.param([(10, "destroyed"), (20, "changed")], True, id="made-again"),
        pytest.param([(10, "changed"), (20, "destroyed")], False, id="changed-before"),
        pytest.param([(20, "partly")], True, id="not-all-of-it"),
    ],
)
def test_the_newest_entry_says_what_is_gone(fleet, folder, entries, there):
    """It is in no row, needs nobody and has no page of its own; its entries stay, as words where nothing is behind."""
    for each in entries:
        entry(fleet, folder, *each)
    desk = desk_of(folder)

    rows = [(each["region"], each["name"]) for each in desk.make(View("fleet")).data["services"]]
    needs = [each["name"] for each in desk.make(View("fleet")).data["needsYou"]]
    told = [each["shown"] for each in desk.make(View("changes")).data["entries"] if each["name"] == HERE[1]]

    assert (HERE in rows) is there
    assert there or HERE[1] not in needs
    assert set(told) == {there}
    if not there:
        with pytest.raises(NoSuchView):
            desk.make(View("service", *map(slug, HERE)))


def test_an_orphan_that_was_destroyed_needs_nobody(fleet, folder):
    """Its report is older."""
    path = folder / "operators/mlservice/latest/0.json"
    told = json.loads(path.read_text("utf-8"))
    told["orphaned"] = [{"region": HERE[0], "name": "left-over"}]
    put(path, told)
    before = [each["name"] for each in desk_of(folder).make(View("fleet")).data["needsYou"]]

    entry(fleet, folder, 20, "destroyed", "left-over")

    assert "left-over" in before
    assert "left-over" not in [each["name"] for each in desk_of(folder).make(View("fleet")).data["needsYou"]]
    assert desk_of(folder).make(View("operator")).data["orphaned"] == []


def test_open_pages_hear_that_it_is_gone(fleet, folder):
    """No document of a pass changed."""
    desk = desk_of(folder)
    before = desk.moment(), desk.etag(View("cost"))

    entry(fleet, folder, 20, "destroyed")

    assert desk.moment() != before[0]
    assert desk.etag(View("cost")) != before[1]


def test_files_have_no_page_of_what_is_gone(fleet, folder, tmp_path_factory):
    """And no link to one."""
    entry(fleet, folder, 20, "destroyed")

    written = write(Folder(folder), tmp_path_factory.mktemp("out"), clock=lambda: samples.NOW)

    changes, _ = read((written.start.parent / "changes.html").read_text("utf-8"))
    links = [each.attributes["href"] for each in changes.all("a")]
    assert written.services == len(fleet.states) - 1
    assert [each for each in links if "fraud-scorer.html" in each] == []
    assert "fraud-scorer" in changes.text
