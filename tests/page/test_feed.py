"""The feed: what changed and what needs a person, for programs that ask again and again."""

import json
import re
from datetime import datetime, timedelta
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

import pytest

from page.report import write
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import SOON, client_of, desk_of, put

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ATOM = "{http://www.w3.org/2005/Atom}"


def feed_of(browser, path="/changes.atom"):
    """Ask for it; its entries, each with what it says."""
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/atom+xml")
    return told(answer.content)


def told(content):
    """Read a feed as programs do."""
    feed = ET.fromstring(content)  # noqa: S314 - our own
    assert [len(feed.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated", "author")] == [1] * 4
    assert [each.text for each in feed.iter(f"{ATOM}updated") if not STAMP.fullmatch(each.text)] == []
    return [
        {name: entry.find(f"{ATOM}{name}").text for name in ("id", "title", "updated", "content")}
        | {"href": entry.find(f"{ATOM}link").attrib["href"], "sort": entry.find(f"{ATOM}category").attrib["term"]}
        for entry in feed.findall(f"{ATOM}entry")
    ]


def test_it_tells_what_the_pages_tell(browser):
    """All that needs somebody, and the newest changes, each once, the newest first, with addresses that answer."""
    entries = feed_of(browser)
    needs, changes = browser.get("/fleet.json").json()["needsYou"], browser.get("/changes.json").json()["entries"]

    moments = [datetime.fromisoformat(each["updated"]) for each in entries]
    assert moments == sorted(moments, reverse=True)
    assert len({each["id"] for each in entries}) == len(entries)
    assert sorted(each["title"] for each in entries if each["sort"] == "needs") == sorted(
        f"{each['name']} needs you: {each['kind']}" for each in needs
    )
    assert sorted(each["title"] for each in entries if each["sort"] != "needs") == sorted(
        f"{each['name']}: {each['outcome']}" for each in changes[:50]
    )
    assert {each["command"] for each in needs} <= {each["content"].splitlines()[-1] for each in entries}
    assert {browser.get(each["href"]).status_code for each in entries} == {200}


def test_values_are_not_in_it(browser):
    """Programs of others keep it: fields that were changed, and what they were, stay on the page."""
    page, feed = browser.get("/changes").text, browser.get("/changes.atom").text

    assert "LOG_LEVEL" in page
    assert "LOG_LEVEL" not in feed


def test_a_later_pass_makes_nothing_new_of_what_is_the_same(fleet, tmp_path):
    """Ids stay, so that no reader shows again what it showed; who asks with what it has gets nothing."""
    samples.write(fleet, tmp_path)
    before = client_of(desk_of(tmp_path))
    first = before.get("/changes.atom")
    later = fleet.standings.to_json() | {"at": (samples.NOW + timedelta(minutes=5)).isoformat()}
    again = before.get("/changes.atom", headers={"if-none-match": first.headers["etag"]})
    (tmp_path / "operators/mlservice/standings/0.json").write_text(json.dumps(later), encoding="utf-8")

    after = client_of(desk_of(tmp_path)).get("/changes.atom")

    assert again.status_code == 304
    assert after.headers["etag"] != first.headers["etag"]
    assert {each["id"] for each in told(after.content)} == {each["id"] for each in told(first.content)}


@pytest.mark.parametrize(("query", "word"), [("q=churn", "churn"), ("kind=ci", "CI github")])
def test_it_can_be_of_some(browser, query, word):
    """As the page that it is linked from is filtered, so is what it links to."""
    every, some = feed_of(browser), feed_of(browser, f"/changes.atom?{query}")

    assert 0 < len(some) < len(every)
    assert [each for each in some if word not in str(each)] == []
    assert f"/changes.atom?{query}" in browser.get(f"/changes?{query}&page=1").text
    whole, part = (head_of(browser, path) for path in ("/changes.atom", f"/changes.atom?{query}"))
    assert whole["id"] != part["id"]  # whoever reads both takes them for two
    assert part["title"] == f"{whole['title']}, {query.partition('=')[2]}"
    assert part["alternate"].endswith(f"/changes?{query}")


def head_of(browser, path):
    """What a feed says of itself."""
    feed = ET.fromstring(browser.get(path).content)  # noqa: S314 - our own
    links = {each.attrib["rel"]: each.attrib["href"] for each in feed.findall(f"{ATOM}link")}
    return links | {name: feed.find(f"{ATOM}{name}").text for name in ("id", "title", "updated")}


def test_nothing_is_newer_than_now(fleet, tmp_path):
    """A document may be dated anyhow: a feed of the year 2999 would have no news for good."""
    samples.write(fleet, tmp_path)
    told = fleet.history[0].to_json() | {"started": "2999-12-31T00:00:00+00:00", "ended": "2999-12-31T23:59:59+00:00"}
    put(tmp_path / "history" / told["service"] / told["region"] / "29991231T235959.000Z-run.json", told)

    found = head_of(client_of(desk_of(tmp_path)), "/changes.atom")

    assert datetime.fromisoformat(found["updated"]) == SOON


def test_words_of_strangers_are_text_in_it(tmp_path):
    """Whatever characters they chose: it stays XML, and no element more than the same feed of anybody has."""
    samples.write(samples.fleet(27, hostile=True, seed=5), tmp_path)

    content = client_of(desk_of(tmp_path)).get("/changes.atom").content

    names = {each.tag.removeprefix(ATOM) for each in ET.fromstring(content).iter()}  # noqa: S314 - our own
    assert names == {"feed", "id", "title", "updated", "author", "name", "link", "entry", "category", "content"}
    assert "<script>" in str(told(content))


def test_a_report_has_it_as_a_file(documents, tmp_path):
    """Its links lead to files from where it lies; the pages that name it find it."""
    written = write(Folder(documents), tmp_path, clock=lambda: samples.NOW)

    entries = told((tmp_path / "changes.atom").read_bytes())

    assert entries
    assert [each["href"] for each in entries if not (tmp_path / each["href"]).is_file()] == []
    assert 'href="changes.atom"' in written.start.read_text(encoding="utf-8")
    assert urljoin("https://x.example/reports/changes.atom", entries[0]["href"]).startswith(
        "https://x.example/reports/"
    )


def test_an_empty_place_has_an_empty_feed(tmp_path):
    """Nothing was there yet: that is no error to a program that asks."""
    assert feed_of(client_of(desk_of(tmp_path))) == []


def test_no_entry_is_longer_than_people_read(fleet, tmp_path):
    """A run may have had thousands of problems: the page has them, a feed is asked for every few minutes."""
    samples.write(fleet, tmp_path)
    told = fleet.history[0].to_json() | {"problems": ["it failed, and this is said at length " * 50] * 200}
    ended = samples.NOW + timedelta(seconds=20)
    at = f"{ended:%Y%m%dT%H%M%S}.000Z"
    place = tmp_path / f"history/{told['service']}/{told['region']}/{at}-run.json"
    place.write_text(json.dumps(told | {"started": ended.isoformat(), "ended": ended.isoformat()}), encoding="utf-8")

    newest = feed_of(client_of(desk_of(tmp_path)))[0]

    assert "it failed" in newest["content"]
    assert len(newest["content"]) <= 2000
