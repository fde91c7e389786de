"""The page as files: every view of every service, links that work from a disk, nothing that runs is needed."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from page.address import OF_ALL, OF_ONE
from page.place import MARK, NotOurs
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
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MARK]
    assert written.files == len(files)
    assert written.size == sum(path.stat().st_size for path in files)
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


def report(documents, folder, **more):
    """Write a report."""
    return write(Folder(documents), folder, clock=lambda: samples.NOW, **more)


def small(folder):
    """Documents of a service."""
    put(folder / "operators/mlservice/standings/0.json", samples.bare(1))
    return folder


def texts(folder):
    """Every file in a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_somebodys_is_left_alone(tmp_path):
    """One that holds anything but a report stays as it is, unless that is asked for; a report is written again."""
    documents, folder = small(tmp_path / "documents"), tmp_path / "site"
    folder.mkdir()
    report(documents, folder)
    report(documents, folder)
    own = tmp_path / "own"
    put(own / "index.html", "mine")
    put(own / "keep.txt", "mine")
    before = texts(own)

    with pytest.raises(NotOurs):
        report(documents, own)
    left = texts(own)
    report(documents, own, force=True)

    assert left == before
    assert texts(own)["keep.txt"] == before["keep.txt"]
    assert {name: each for name, each in texts(own).items() if name != "keep.txt"} == texts(folder)


def fewer(documents):
    """Of two services one is gone; where they are their pages are below folders of their regions."""
    put(documents / "operators/mlservice/standings/0.json", samples.bare(1))


def test_pages_of_services_that_are_gone_are_removed(tmp_path):
    """With their folders, where nothing else is in those; what is shown still is as if it were new."""
    documents, folder = tmp_path / "documents", tmp_path / "site"
    put(documents / "operators/mlservice/standings/0.json", samples.bare(2))
    before = report(documents, folder)
    gone = {name for name in texts(folder) if "model-1" in name}
    fewer(documents)

    written = report(documents, folder)
    report(documents, tmp_path / "new")

    assert (before.removed, written.removed) == (0, len(gone))
    assert len(gone) == 2 * len(OF_ONE)
    assert texts(folder) == texts(tmp_path / "new")
    assert not (folder / "s/europe-west1").exists()


def test_what_a_report_that_was_stopped_wrote_is_known_to_the_next(tmp_path):
    """Half of its pages are of one report, half of the other: none of a service that is gone stays for ever."""
    documents, folder = tmp_path / "documents", tmp_path / "site"
    put(documents / "operators/mlservice/standings/0.json", samples.bare(2))
    report(documents, folder)
    in_the_way = folder / "cost.html"
    in_the_way.unlink()
    in_the_way.mkdir()
    with pytest.raises(OSError, match=r"cost\.html"):
        write(Folder(documents), folder, clock=lambda: samples.NOW + timedelta(hours=1))
    in_the_way.rmdir()
    fewer(documents)

    report(documents, folder)
    report(documents, tmp_path / "new")

    assert texts(folder) == texts(tmp_path / "new")


def test_what_a_report_did_not_write_is_not_removed(tmp_path):
    """A stranger's file beside, one that somebody changed since, and whatever a forged mark names."""
    documents, folder, victim = tmp_path / "documents", tmp_path / "site", tmp_path / "victim.txt"
    put(documents / "operators/mlservice/standings/0.json", samples.bare(2))
    report(documents, folder)
    fewer(documents)
    own = {"s/europe-west1/model-1/notes.txt": b"mine", "s/europe-west1/model-1.html": b"mine now", "mine.txt": b"mine"}
    for name, content in own.items():
        (folder / name).write_bytes(content)
    victim.write_bytes(b"keep")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "victim.txt").write_bytes(b"keep")
    (folder / "led").symlink_to(elsewhere)
    (folder / "link.txt").symlink_to(victim)
    digest, names = (
        hashlib.sha256(b"keep").hexdigest(),
        ("../victim.txt", str(victim), "led/victim.txt", "link.txt", "x" * 3000),
    )
    with (folder / MARK).open("a") as mark:
        mark.writelines(f"{digest}  {name}\n" for name in names)
        mark.write(f"{'0' * 64}  mine.txt\n")

    report(documents, folder)

    assert {name: (folder / name).read_bytes() for name in own} == own
    assert (victim.read_bytes(), (elsewhere / "victim.txt").read_bytes()) == (b"keep", b"keep")
    assert (folder / "link.txt").is_symlink()
    assert not (folder / "s/europe-west1/model-1/drift.html").exists()


@pytest.mark.parametrize("name", ["index.html", "cost.json", MARK, "static/app.css", "s/us-central1/model-0.html"])
@pytest.mark.parametrize("there", [True, False])
def test_no_file_is_written_through_a_link(tmp_path, name, there):
    """It is replaced, and what it leads to stays as it was, or is not made."""
    documents, folder, victim = small(tmp_path / "documents"), tmp_path / "site", tmp_path / "victim"
    report(documents, folder)
    if there:
        victim.write_text("keep")
    (folder / name).unlink()
    (folder / name).symlink_to(victim)

    report(documents, folder, force=name == MARK)

    assert (victim.read_text() if victim.exists() else None) == ("keep" if there else None)
    assert not (folder / name).is_symlink()


@pytest.mark.parametrize("name", ["static", "s", "s/us-central1"])
@pytest.mark.parametrize("force", [True, False])
def test_no_folder_is_entered_through_a_link(tmp_path, name, force):
    """Nothing is written where it leads to."""
    documents, folder, victim = small(tmp_path / "documents"), tmp_path / "site", tmp_path / "victim"
    victim.mkdir()
    report(documents, folder)
    (folder / name).rename(tmp_path / "before")
    (folder / name).symlink_to(victim)

    with pytest.raises(NotOurs):
        report(documents, folder, force=force)

    assert [*victim.iterdir()] == []


def test_a_mark_that_is_a_link_is_none(tmp_path):
    """It may lead to the mark of another folder."""
    documents, folder = small(tmp_path / "documents"), tmp_path / "own"
    report(documents, tmp_path / "site")
    folder.mkdir()
    (folder / MARK).symlink_to(tmp_path / "site" / MARK)

    with pytest.raises(NotOurs):
        report(documents, folder)


def test_what_could_not_be_read_is_said(tmp_path, fleet):
    """Of a pass and of the history, each once; everything else is written."""
    samples.write(fleet, tmp_path / "documents")
    entry = min((tmp_path / "documents/history").rglob("*.json"))
    names = [entry.relative_to(tmp_path / "documents").as_posix(), "operators/mlservice/latest/0.json"]
    for name in names:
        put(tmp_path / "documents" / name, {"format": "mlservice/other/v1"})

    written = report(tmp_path / "documents", tmp_path / "out")

    assert sorted(each.split(":")[0] for each in written.unreadable) == [f"cannot read {name}" for name in names]
    assert written.services == len(fleet.states)


def test_no_document_at_all_is_said(tmp_path):
    """A folder was named that is none of a bucket."""
    (tmp_path / "documents").mkdir()

    written = report(tmp_path / "documents", tmp_path / "out")

    assert ["there is no document" in each for each in written.unreadable] == [True]
