"""The page of `mlservice monitor --html`: everything is on it, and nothing of it is obeyed."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from reconciler.render.monitoring_page import render_page
from tests.spec.test_redaction import monitored_with, planted

NOW = datetime(2026, 11, 27, 7, tzinfo=UTC)
HOSTILE = """</td><script>alert(1)</script><img src=http://x.example/ onerror='a()' style="x">&amp;\x1b[31m\u202e"""


def page(found):
    """As a browser reads it, and as XML, which it is, too."""
    text = render_page(found, now=NOW)
    return text, ET.fromstring(text.partition("\n")[2])  # noqa: S314 - our own page


def measured():
    """Skew that breached twice, of two columns."""
    found = {**monitored_with("plain"), "performance": None}
    [skew] = found["comparisons"]
    spend, plan = skew["columns"]
    moved = {"bins": ["0", "5"], "end": 10.0, "baseline": [1.0, 0.0], "serving": [0, 1.0]}
    spend |= {"name": "spend", "histogram": moved}
    plan |= {"name": "plan", "since": "", "histogram": {**moved, "serving": [1.0, 0.0]}}
    window = {"job": "1", "finding": "Breach", "reason": ""}
    days = [{**window, "at": f"2026-11-2{n}T06:00:00Z", "distances": {"spend": n / 10}} for n in (7, 6, 5)]
    skew |= {"history": days, "at": "2026-11-27T06:00:00Z"}
    return found


def test_columns_are_drawn_with_both_sides_and_their_way_through_the_windows():
    """What breaches is in sight, calm columns one click away; each drawing says in words what it shows."""
    text, root = page(measured())

    assert "churn: breach of skew" in root.findtext("head/title")
    rows = root.findall(".//tbody/tr")
    assert [row.findtext("th") for row in rows] == ["spend", "plan"]
    assert root.find(".//details//tbody/tr/th").text == "plan"
    titles = [each.text for each in rows[0].iter("title")]
    assert titles[:2] == ["0 to 5: 100.0% of the baseline, 0.0% now", "5 to 10: 0.0% of the baseline, 100.0% now"]
    assert titles[2] == "3 windows from 2026-11-25 06:00 to 2026-11-27 06:00 UTC, the last 0.700"
    assert [len(list(row.iter("polyline"))) for row in rows] == [1, 0], "one window is no line"
    assert "prefers-color-scheme: dark" in text


def test_nothing_that_a_stranger_wrote_is_obeyed():
    """Names, labels and reasons are text; the page loads and runs nothing, and says so to its reader."""
    text, root = page(monitored_with(HOSTILE))

    assert {each.tag for each in root.iter()}.isdisjoint({"script", "img", "link", "iframe", "object", "a", "base"})
    names = {name for each in root.iter() for name in each.attrib}
    assert not [name for name in names if name.startswith("on") or name in {"src", "href"}]
    assert "default-src 'none'" in root.find("head/meta[@http-equiv]").attrib["content"]
    assert "</td><script>alert(1)</script>" in root.find(".//tbody/tr/th").text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("shape", ["pem", "github", "url-password-alone", "jwt"])
def test_no_secret_is_on_the_page(shape):
    """Wherever one stands."""
    for secret, text in planted(shape):
        assert secret.split("\n")[1 if "\n" in secret else 0][:12] not in page(monitored_with(text))[0]
