"""How comparisons read on a terminal."""

from datetime import UTC, datetime

import pytest

from reconciler.render.monitoring import bars, headline, quiet
from reconciler.render.status import stands

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
AT = "2026-11-27T05:00:00+00:00"
BREACH = {"which": "skew", "finding": "Breach", "at": AT, "since": "2026-11-26T06:00:00Z", "columns": ["a", "b"]}

LINES = {
    "a-breach": (BREACH, "skew: breach of 2 features since 2026-11-26 06:00 UTC (1 h ago)"),
    "calm": ({**BREACH, "which": "drift", "finding": "Calm", "since": ""}, "drift: calm (1 h ago)"),
    "silent": (
        {**BREACH, "finding": "NotEnoughData", "columns": ["a"]},
        "skew: not enough data, and breach of 1 feature since 2026-11-26 06:00 UTC before (1 h ago)",
    ),
}


@pytest.mark.parametrize(("found", "line"), LINES.values(), ids=LINES)
def test_a_comparison_has_a_line_in_the_status_of_its_service(found, line):
    """A window that says nothing ends no breach."""
    assert stands(found, NOW)[0] == line


HEADLINES = {
    "all-calm": (("Calm", "Calm"), ("calm", "green")),
    "some-calm": (("Calm", "NoWindow"), ("calm but for drift (no window yet)", "yellow")),
    "none": (("NotEnoughData", "NoWindow"), ("skew (not enough data), drift (no window yet)", "yellow")),
    "all-silent": (("NoWindow", "NoWindow"), ("no window yet", "yellow")),
    "a-breach": (("Breach", "NoWindow"), ("breach of skew", "bold red")),
    "nothing": ((), ("not measured", "yellow")),
}


@pytest.mark.parametrize(("findings", "told"), HEADLINES.values(), ids=HEADLINES)
def test_a_service_is_calm_where_all_of_it_is(findings, told):
    """What was compared by nobody is no calm."""
    found = [{"which": which, "finding": each} for which, each in zip(("skew", "drift"), findings, strict=False)]

    assert headline({"comparisons": found}) == told


def test_both_sides_have_one_scale_and_what_is_empty_is_empty():
    """A share that is there at all is seen."""
    assert bars({"baseline": [0.8, 0.2, 0.0], "serving": [0.001, 0.4, 0.599]}) == "│█▃ │▁▅▆│"
    assert bars({"baseline": [0, 0], "serving": [0, 0]}) == "│  │  │"
    assert bars(None) == ""


def test_calm_columns_are_counted_and_the_farthest_is_named():
    """By the part of its limit, not by its distance."""
    calm = [{"name": name, "finding": "Calm", "distance": far, "limit": limit} for name, far, limit in
            (("a", 0.1, 0.3), ("b", 0.04, 0.05))]  # fmt: skip
    free = {"name": "c", "finding": "NoLimit", "distance": 0.9}

    assert quiet([*calm, free]) == "2 calm, 1 without a limit, the farthest b: 0.04 of 0.05"
    assert quiet([free]) == "1 without a limit"
