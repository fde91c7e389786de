"""The page as files: every view of every service, links that work from a disk, nothing that runs is needed."""

from pathlib import Path

import pytest

from page.address import OF_ALL, OF_ONE
from page.query import PER_PAGE
from page.report import write
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import put
from tests.page.structure import read


@pytest.fixture(scope="module")
def written(documents, tmp_path_factory):
    """The page of a fleet as files."""
    folder = tmp_path_factory.mktemp("report")
    return write(Folder(documents), folder, clock=lambda: samples.NOW)


def test_every_view_of_every_service_is_a_file(written, fleet):
    """And it says how many there are."""
    folder = written.start.parent
    pages = [*folder.rglob("*.html")]

    assert len(pages) == len(OF_ALL) + len(OF_ONE) * len(fleet.states)
    assert written.files == len([path for path in folder.rglob("*") if path.is_file()])
    assert written.size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert written.services == len(fleet.states)


def test_links_lead_to_files(written):
    """Relative ones, from whichever file: the folder may lie anywhere."""
    broken = []
    for path in written.start.parent.rglob("*.html"):
        tree, mistakes = read(path.read_text(encoding="utf-8"))
        broken += [(path.name, each) for each in mistakes]
        named = [each.attributes[name] for name in ("href", "src") for each in tree.all(**{name: True})]
        for address in named:
            if address.startswith(("#", "data:", "https://")):
                continue
            if address.startswith("/") or "?" in address or not (path.parent / address).is_file():
                broken.append((path.name, address))

    assert broken == []


def test_nothing_asks_a_server(written):
    """No form, no script that asks again: only what enhances reading."""
    tree, _ = read(written.start.read_text(encoding="utf-8"))

    assert tree.all("form") == []
    assert [Path(each.attributes["src"]).name for each in tree.all("script")] == ["app.js"]
    assert "data-live" not in tree.all("body")[0].attributes


def test_a_damaged_entry_is_told(tmp_path):
    """Of the history as of any other document: the rest is written."""
    samples.write(samples.fleet(2, history=1), tmp_path / "documents")
    entry = next((tmp_path / "documents/history").rglob("*.json"))
    entry.write_text("{}", encoding="utf-8")

    written = write(Folder(tmp_path / "documents"), tmp_path / "report", clock=lambda: samples.NOW)

    assert [each for each in written.unreadable if entry.name in each] != []
    assert written.services == 2


def test_a_large_fleet_is_one_table(tmp_path):
    """A file cannot be asked for its second page."""
    documents, folder = tmp_path / "documents", tmp_path / "report"
    put(documents / "operators/mlservice/standings/0.json", samples.bare(PER_PAGE + 1))
    fleet = write(Folder(documents), folder, clock=lambda: samples.NOW).start

    rows = read(fleet.read_text(encoding="utf-8"))[0].all("table")[0].all("tbody")[0].all("tr")

    assert len(rows) == PER_PAGE + 1
