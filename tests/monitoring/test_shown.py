"""How comparisons read on a terminal."""

from datetime import UTC, datetime

import pytest

from reconciler.render.monitoring import bars, headline, others, quiet, render_monitored
from reconciler.render.status import stands
from reconciler.render.text import table
from tests.spec.test_redaction import monitored_with

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

    assert headline({"comparisons": found, "performance": None}) == told


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


def test_a_table_has_straight_columns_whatever_is_in_them():
    """Letters that take two places count as two, numbers end below each other, and a row has its style."""
    laid = table(
        [("  名前", "7", "red"), ("  age", "1000", "")], ("  column", "n", "what"), right={1}, styles=["red", ""]
    )

    assert laid.plain == "  column     n  what\n  名前       7  red\n  age     1000\n"
    assert [str(each.style) for each in laid.spans] == ["bold", "red"]


def test_windows_that_are_told_already_are_no_others():
    """The newest that was measured and one that failed since are above; of the rest a line each, that one can read."""
    found = monitored_with("x " * 200)
    [skew] = found["comparisons"]
    told = {"finding": "Calm", "reason": "x " * 200, "at": "2026-11-20T06:00:00Z"}
    skew["history"] = [{**told, "job": job} for job in ("failed", "shown", "before")]
    skew |= {"job": "shown", "unmeasured": {"job": "failed", "at": "", "reason": "", "going": False}}

    assert [each["job"] for each in others(skew)] == ["before"]
    shown = render_monitored(found, now=NOW, every=False).plain
    [line] = [line for line in shown.splitlines() if line.startswith("    2026-11-20 06:00  calm ")]
    assert len(line) < 210
