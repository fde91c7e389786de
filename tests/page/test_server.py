"""The server: GET alone, strict headers, nothing again that is known, and what changed told to who is there."""

import asyncio
import gzip
import json
import threading
from datetime import timedelta

import pytest

from page.address import View
from page.desk import Desk
from page.headers import POLICY
from page.live import Events
from page.shelf import Shelf
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import SOON, client_of, desk_of, put
from tests.page.structure import read

LATEST, STANDINGS = "operators/mlservice/latest/0.json", "operators/mlservice/standings/0.json"


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/operator", "/s/us-central1/fraud-scorer/rollout", "/fleet.json"])
def test_nothing_can_be_changed(browser, verb, path):
    """There is no other verb than GET."""
    assert browser.request(verb, path).status_code == 405


@pytest.mark.parametrize("path", ["/", "/fleet.json", "/nowhere", "/s/us-central1/nobody", "/static/0/app.css"])
def test_headers_are_strict(browser, path):
    """Whatever is answered, a browser loads nothing from elsewhere, runs nothing inline and keeps no data."""
    told = browser.get(path).headers

    assert told["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert told["x-content-type-options"] == "nosniff"
    assert told["referrer-policy"] == "no-referrer"
    assert told["cache-control"] == "no-store"


def test_a_page_by_another_name_is_refused(browser):
    """Some other site's name that leads to this machine reads nothing."""
    answer = browser.get("/fleet.json", headers={"host": "evil.example"})

    assert answer.status_code == 403
    assert "fraud-scorer" not in answer.text


def test_what_is_known_is_not_sent_again(tmp_path):
    """The same documents: 304 without a body. Another report: the page of it."""
    samples.write(samples.fleet(8), tmp_path)
    browser = client_of(desk_of(tmp_path))
    first = browser.get("/")

    again = browser.get("/", headers={"if-none-match": first.headers["etag"]})
    other = browser.get("/?sort=name", headers={"if-none-match": first.headers["etag"]})
    samples.write(samples.fleet(9), tmp_path)
    after = browser.get("/", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    assert (after.status_code, "9 services" in after.text) == (200, True)


def test_files_are_kept_for_good_under_their_digest(browser):
    """What a page names may be kept; the same name with another digest is no file."""
    tree, _ = read(browser.get("/").text)
    address = tree.all("link", rel="stylesheet")[0].attributes["href"]

    kept = browser.get(address)

    assert "immutable" in kept.headers["cache-control"]
    assert browser.get(address.replace(address.split("/")[2], "0" * 16)).status_code == 404


def test_what_a_page_loads_is_small(browser):
    """At most six requests, ten kilobytes of CSS, 45 kilobytes of JavaScript as they are sent."""
    for path in ("/", "/s/us-central1/fraud-scorer/rollout"):
        tree, _ = read(browser.get(path).text)
        styles = [each.attributes["href"] for each in tree.all("link", rel="stylesheet")]
        scripts = [each.attributes["src"] for each in tree.all("script", src=True)]
        sent = {each: len(gzip.compress(browser.get(each).content, 9)) for each in scripts}

        assert 1 + len(styles) + len(scripts) <= 6
        assert len(browser.get(styles[0]).content) <= 10_000
        assert sum(sent.values()) <= 45_000


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param("q=fraud", {"fraud"}, id="part-of-a-name"),
        pytest.param("state=needs-you", {"needs"}, id="what-needs-somebody"),
        pytest.param("env=prod&sort=cost", {"cost"}, id="environment-by-cost"),
        pytest.param("label=team:growth", {"label"}, id="label"),
        pytest.param("page=99999&sort=nothing&order=x&state=?&q=%00%ff", set(), id="nonsense"),
    ],
)
def test_the_address_is_the_state(browser, asked, said):
    """Filter and order stand in the URL: whoever gets a link sees what was seen."""
    told = browser.get(f"/fleet.json?{asked}").json()
    shown = told["services"]

    if "fraud" in said:
        assert [each["name"] for each in shown if "fraud" not in each["name"]] == []
        assert shown
    if "needs" in said:
        assert shown
        assert all(each["needs"] for each in shown)
    if "cost" in said:
        spent = [float(each["money"]["spent"]) for each in shown if each["money"] and each["money"]["spent"]]
        assert spent == sorted(spent, reverse=True)
    if "label" in said:
        assert {each["labels"]["team"] for each in shown} == {"growth"}
    assert browser.get(f"/?{asked}").status_code == 200


def test_a_large_fleet_comes_in_pages(tmp_path):
    """Of 410 services a page has 140, each once over all pages, and a filter looks into all of them."""
    put(tmp_path / STANDINGS, samples.bare(410))
    browser = client_of(desk_of(tmp_path))

    pages = [browser.get(f"/fleet.json?page={number}").json() for number in (1, 2, 3)]
    names = [(each["region"], each["name"]) for page in pages for each in page["services"]]
    last = names[-1][1]

    assert [len(page["services"]) for page in pages] == [140, 140, 130]
    assert len(set(names)) == 410
    assert browser.get(f"/fleet.json?q={last}").json()["services"][0]["name"].startswith(last)


def test_a_stale_report_says_so(tmp_path, fleet):
    """After two missed passes there is a banner with the age; before, none."""
    samples.write(fleet, tmp_path)

    fresh = client_of(desk_of(tmp_path, now=samples.NOW + timedelta(minutes=9))).get("/").text
    stale = client_of(desk_of(tmp_path, now=samples.NOW + timedelta(minutes=31))).get("/").text

    assert "Stale." not in fresh
    assert "Stale." in stale
    assert "5 passes were missed" in stale


@pytest.mark.parametrize("gone", [LATEST, STANDINGS])
@pytest.mark.parametrize("content", [None, {"format": "mlservice/report/v9"}])
def test_either_document_alone_grows_stale(tmp_path, fleet, gone, content):
    """The other may be lost, or newer than this program: what is left is as old as it is."""
    samples.write(fleet, tmp_path)
    (tmp_path / gone).unlink()
    if content:
        put(tmp_path / gone, content)

    fresh = client_of(desk_of(tmp_path, now=samples.NOW + timedelta(minutes=9))).get("/fleet.json").json()
    stale = client_of(desk_of(tmp_path, now=samples.NOW + timedelta(days=9))).get("/").text

    assert fresh["stale"] is False
    assert "Stale." in stale


def test_no_report_yet(tmp_path):
    """An empty bucket is no error: the page says what writes there."""
    browser = client_of(desk_of(tmp_path))

    answers = [browser.get(path) for path in ("/", "/cost", "/changes", "/operator")]

    assert [each.status_code for each in answers] == [200] * 4
    assert all("No pass has reported yet" in each.text for each in answers)
    assert [read(each.text)[1] for each in answers] == [[]] * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param({"format": "mlservice/standings/v7"}, "a newer mlservice wrote it", id="newer"),
        pytest.param({"format": "mlservice/standings/v1", "shard": 1}, "it is damaged", id="damaged"),
        pytest.param([], "it is no JSON object", id="a-list"),
        pytest.param("<html>", "it is no JSON object", id="a-text"),
    ],
)
def test_a_document_that_cannot_be_read_is_one_sentence(tmp_path, fleet, content, said):
    """It hides no other: the report beside it is shown."""
    samples.write(fleet, tmp_path)
    put(tmp_path / STANDINGS, content)

    page = client_of(desk_of(tmp_path)).get("/").text

    assert said in page
    assert "fraud-scorer" in page


def test_an_older_report_is_shown(tmp_path, fleet):
    """Version 1 named fields without their values."""
    told = fleet.report.to_json() | {"format": "mlservice/report/v1"}
    for service in told["services"].values():
        for change in service["changes"]:
            change["fields"] = [each["path"] for each in change["fields"]]
    put(tmp_path / LATEST, told)

    page = client_of(desk_of(tmp_path)).get("/")

    assert (page.status_code, "fraud-scorer" in page.text, "Not shown" in page.text) == (200, True, False)


def heard(events, seen, count):
    """What an open page hears, until it has heard so many."""

    async def listening():
        async def gone():
            return False

        found = []
        async for each in events.after(seen, gone):
            found.append(each.decode())
            if len(found) == count:
                return found
        return found

    return asyncio.run(listening())


def test_a_page_hears_of_what_it_missed(tmp_path, fleet):
    """One that reconnects with the last id that it heard is told of what changed since; who is up to date is not."""
    samples.write(fleet, tmp_path)
    desk = desk_of(tmp_path)
    events = Events(desk, look_s=0.0, heartbeat_s=0.0)
    known = desk.moment()

    quiet = heard(events, known, 2)
    samples.write(samples.fleet(12), tmp_path)
    told = heard(events, known, 2)

    assert quiet[1] == ": still here\n\n"
    assert told[1] == f"id: {desk.moment()}\nevent: changed\ndata: {desk.moment()}\n\n"
    assert desk.moment() != known


def test_pages_name_the_moment_they_were_made_of(documents):
    """So nothing is lost between the page and its first event."""
    desk = desk_of(documents)
    browser = client_of(desk, live="events")
    main = read(browser.get("/").text)[0].all("main")[0]

    assert main.attributes["data-moment"] == desk.moment()
    assert main.attributes["data-tag"] == browser.get("/").headers["etag"]


def test_what_changes_while_a_page_is_made_is_heard(tmp_path):
    """Its moment is that of what it shows, and not of what was there when it was finished."""
    samples.write(samples.fleet(2, history=0), tmp_path)
    next_pass = [samples.fleet(3, history=0)]

    def clock():
        if next_pass:
            samples.write(next_pass.pop(), tmp_path)
        return SOON

    desk = Desk(Shelf(Folder(tmp_path), fresh_s=-1.0, past_fresh_s=-1.0, patient=True), clock)

    made = desk.make(View("fleet"))
    told = heard(Events(desk, look_s=0.0, heartbeat_s=0.0), made.head["moment"], 2)

    assert made.data["total"] == 2
    assert told[1].startswith(f"id: {desk.moment()}\nevent: changed\n")


def test_nobody_waits_for_the_past(documents):
    """The first page of a fleet comes before the history was read; when it was, open pages hear of it."""
    source = Waiting(Folder(documents))
    desk = Desk(Shelf(source, fresh_s=float("inf"), past_fresh_s=float("inf")), lambda: SOON)
    browser = client_of(desk)

    first, known = browser.get("/"), desk.moment()
    source.may.set()
    desk.shelf.timeline()
    later = browser.get("/", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, "The history is being read." in first.text) == (200, True)
    assert (later.status_code, "The history is being read." in later.text) == (200, False)
    assert desk.moment() != known


class Waiting:
    """A folder whose history is not listed before it may be."""

    def __init__(self, folder):
        self.folder, self.may, self.place = folder, threading.Event(), folder.place
        self.folders, self.read = folder.folders, folder.read

    def listed(self, below):
        """List, sooner or later."""
        if below.startswith("history/"):
            self.may.wait(60)
        return self.folder.listed(below)


def test_views_of_nothing_are_pages(browser):
    """A service that is gone has a page that says so, and JSON of it is no other answer."""
    assert browser.get("/s/us-central1/nobody").status_code == 404
    assert browser.get("/s/us-central1/nobody/rollout.json").status_code == 404
    assert read(browser.get("/s/..%2f/x").text)[1] == []


def test_data_is_json_of_the_view(browser):
    """`.json` beside each view is an object that names its view and its moment."""
    told = json.loads(browser.get("/s/us-central1/fraud-scorer/rollout.json").text)

    assert (told["view"], told["name"], told["at"]) == ("rollout", "fraud-scorer", samples.NOW.isoformat())
    assert SOON > samples.NOW
