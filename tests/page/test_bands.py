"""What is shaded in a rollout's charts: when too little was seen, and when a freeze held traffic."""

from datetime import datetime, timedelta

import pytest

from page.drawing import Box, bands
from page.views.bands import frozen, sparse
from tests.page.samples import NOW
from tests.page.structure import read

BOX = Box(width=100, height=50, left=0, right=0)


def at(minute):
    """A moment."""
    return (NOW + timedelta(minutes=minute)).isoformat()


def decided(since, until, *, wait="", **verdicts):
    """A decision that was made from one minute until another, with what gates said."""
    gates = [{"gate": gate, "verdict": verdict} for gate, verdict in verdicts.items()]
    return {"since": at(since), "until": at(until), "wait": wait, "gates": gates}


TRAIL = [
    decided(0, 5, wait="NotEnoughData", errors="NotEnoughData", latency="Pass"),
    decided(10, 20, wait="NotEnoughData", errors="MetricsMissing", latency="NotEnoughData"),
    decided(30, 40, wait="Frozen", errors="Pass", latency="Pass"),
    decided(50, 50, errors="Pass", latency="Pass"),
    decided(60, 70, wait="Frozen", errors="NotEnoughData", latency="Pass"),
]


@pytest.mark.parametrize(
    ("found", "spans"),
    [
        pytest.param(frozen(TRAIL), [(30, 50), (60, 70)], id="frozen"),
        pytest.param(sparse("errors", TRAIL), [(0, 30), (60, 70)], id="one-gate"),
        pytest.param(sparse("latency", TRAIL), [(10, 30)], id="another-gate"),
        pytest.param(sparse("predictions", TRAIL), [], id="a-gate-that-was-not-asked"),
        pytest.param(frozen([]), [], id="no-decision"),
    ],
)
def test_what_was_decided_holds_until_the_next_decision(found, spans):
    """Those that follow each other are one span; the last one lasts as long as it was made."""
    assert [(each["since"], each["until"]) for each in found] == [(at(since), at(until)) for since, until in spans]


def test_spans_are_drawn_as_far_as_a_chart_goes():
    """One that began before is cut; one beyond is not drawn."""
    first, last = (datetime.fromisoformat(at(minute)) for minute in (10, 60))
    shaded = [
        {"kind": "frozen", "since": at(since), "until": at(until)} for since, until in ((0, 20), (35, 60), (70, 80))
    ]

    drawn = bands(shaded, first, last, BOX)

    assert [(each["x"], each["width"]) for each in drawn] == [(0, 20), (50, 50)]


@pytest.mark.parametrize(
    ("service", "kinds", "words"),
    [
        pytest.param("fraud-scorer", {"sparse"}, "Too little was seen", id="waits-for-data"),
        pytest.param("fraud-model", {"sparse", "frozen"}, "Frozen, nothing moved", id="frozen"),
        pytest.param("churn-scorer", set(), None, id="steady"),
    ],
)
def test_they_are_seen_and_read(browser, fleet, service, kinds, words):
    """Each is a shape in the drawing, and a sentence with its times below it: for paper, and for who does not see."""
    [place] = [f"/s/{region}/{name}" for region, name in fleet.states if name == service]
    tree, mistakes = read(browser.get(f"{place}/rollout").text)

    drawn = {kind for each in tree.all("rect") for kind in each.attributes.get("class", "").split() if kind != "band"}

    assert mistakes == []
    assert drawn & {"sparse", "frozen"} == kinds
    assert words is None or words in tree.text
