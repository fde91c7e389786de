"""Reports and standings of one operator, whichever of the two is newer, cut, gone or of other services."""

import itertools
import json
import random

import pytest

from page.address import OF_ALL, OF_ONE, Served, View, slug
from page.rendering import html
from schemas.kept import Standings
from schemas.kept.report import STATES
from tests.page import samples
from tests.page.conftest import SOON, desk_of

LATEST, STANDINGS = "operators/mlservice/latest/0.json", "operators/mlservice/standings/0.json"
WORDS = (*STATES, "", "of a later version")
"""States that a document may have; not all are of ours."""
NO_MOMENTS = ("garbage", "2026-11-26", "2026-11-26T14:05:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00")


class AnyAddress(dict):
    """Addresses of files that nobody asks for."""

    def __missing__(self, name):
        return f"/static/{name}"


def views(desk):
    """Every view there is."""
    yield from map(View, OF_ALL)
    for region, name in desk.shelf.look().services:
        yield from (View(each, slug(region), slug(name)) for each in OF_ONE)


def told(desk):
    """Make every view as page and as JSON; each page's text by its view."""
    pages = {}
    for view in views(desk):
        made = desk.make(view)
        json.dumps(made.to_json(), allow_nan=False)
        pages[view.name, view.region, view.service] = html(made, Served(AnyAddress()), now=SOON)
    return pages


def whole(fleet):
    """A report and standings with one service for each state, and nothing else known of it."""
    services = [
        {"name": f"model-{number}", "region": samples.REGION, "state": state} for number, state in enumerate(WORDS)
    ]
    standings = fleet.standings.to_json() | {"services": services}
    report = fleet.report.to_json()
    report["services"] = {each["name"]: {"region": each["region"], "state": each["state"]} for each in services}
    return report, standings


def cut(document):
    """The first half of it."""
    text = json.dumps(document)
    return text[: len(text) // 2]


FORMS = {
    "whole": json.dumps,
    "gone": lambda _: None,
    "cut": cut,
    "newer": lambda each: json.dumps(each | {"format": f"{each['format'][:-1]}9"}),
    "of others": lambda each: json.dumps(each | {"services": type(each["services"])()}),
    "of none": lambda _: "",
}


def put(folder, name, text):
    """Write a text, or nothing."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("report", "standings"), [*itertools.product(FORMS, FORMS)])
def test_any_pair_of_documents_is_shown(fleet, tmp_path, report, standings):
    """What the one says is there without the other; what cannot be read is a sentence on every page."""
    of_pass, known = whole(fleet)
    put(tmp_path, LATEST, FORMS[report](of_pass))
    put(tmp_path, STANDINGS, FORMS[standings](known))

    pages = told(desk_of(tmp_path, fresh_s=float("inf")))

    there = "whole" in {report, standings}
    assert len(pages) == len(OF_ALL) + there * len(OF_ONE) * len(WORDS)
    assert ("model-0" in pages["fleet", "", ""]) is there
    for name, form in ((LATEST, report), (STANDINGS, standings)):
        assert (f"cannot read {name}" in pages["fleet", "", ""]) is (form in {"cut", "newer", "of none"})


def test_parts_of_documents_may_be_missing(fleet, tmp_path, request):
    """Whatever is null or left out of what is known of a service, its pages are there."""
    of, cases = random.Random(7), request.config.getoption("--cases")  # noqa: S311 - nothing is kept secret by it
    for _ in range(cases):
        known, of_pass = fleet.standings.to_json(), fleet.report.to_json()
        for each in known["services"]:
            for name in [name for name in each if name not in {"name", "region"} and of.random() < 0.3]:
                del each[name]
            each["state"] = of.choice(WORDS)
        for name in [name for name in of_pass["services"] if of.random() < 0.4]:
            of_pass["services"].pop(name)
        chosen = of.sample(known["services"], 4)
        names = {each["name"] for each in chosen}
        known["services"] = chosen
        of_pass["services"] = {name: each for name, each in of_pass["services"].items() if name in names}
        Standings.read(known)
        put(tmp_path, LATEST, json.dumps(of_pass))
        put(tmp_path, STANDINGS, json.dumps(known))

        assert len(told(desk_of(tmp_path))) == len(OF_ALL) + 4 * len(OF_ONE)


@pytest.mark.parametrize("state", ["reported", "held"])
def test_what_differs_is_said_without_a_report(fleet, tmp_path, state):
    """Standings list what was not made; where they do not, the page says that nobody does."""
    change = {"address": "run_service/us-central1/a", "action": "update", "outcome": "left", "reason": "by hand"}
    both = [{"name": "a", "pending": [change]}, {"name": "b"}]
    services = [each | {"region": samples.REGION, "state": state} for each in both]
    put(tmp_path, STANDINGS, json.dumps(fleet.standings.to_json() | {"services": services}))

    needs = {each["name"]: each for each in desk_of(tmp_path).make(View("fleet")).data["needsYou"]}

    assert needs["a"]["reason"] == "update run_service/us-central1/a: by hand"
    assert "in no report that can be read" in needs["b"]["reason"]


@pytest.mark.parametrize("since", NO_MOMENTS)
def test_what_is_no_moment_is_none(fleet, tmp_path, since):
    """Of an orphan nobody says since when, then."""
    of_pass = fleet.report.to_json()
    of_pass["orphaned"] = [{"region": samples.REGION, "name": "left-over", "since": since}]
    put(tmp_path, LATEST, json.dumps(of_pass))
    desk = desk_of(tmp_path)

    assert "left-over" in told(desk)["operator", "", ""]
    assert [each["since"] for each in desk.make(View("operator")).data["orphaned"]] == [""]
