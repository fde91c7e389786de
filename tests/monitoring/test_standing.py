"""Since when a breach stands, from what the function remembers of windows."""

import json
from datetime import UTC, datetime

import pytest

from reconciler.core.inventory import Inventory
from reconciler.engine.monitoring.standing import standings
from reconciler.engine.status import ServiceStatus
from reconciler.render.status import stands


def window(hour, finding, *columns, which="skew"):
    return {
        "sort": which,
        "at": f"2026-11-26T{hour:02}:00:00+00:00",
        "finding": finding,
        "reason": "",
        "columns": [{"name": each, "finding": "Breach"} for each in columns],
    }


def test_a_breach_stands_since_the_first_window_of_an_unbroken_row():
    """Of each column since its own; a window that says nothing neither breaks the row nor makes one."""
    calm = window(1, "Calm")
    moved = [window(2, "Breach", "a"), window(3, "NotEnoughData"), window(4, "Breach", "a", "b")]

    [found] = standings([calm, *moved, window(5, "NotMeasured")])

    assert (found.finding, found.since, found.windows) == ("NotMeasured", moved[0]["at"], 2)
    assert found.columns == {"a": moved[0]["at"], "b": moved[2]["at"]}
    assert standings([*moved, window(9, "Calm")])[0].since == ""


ODD = [None, True, 7, 1e400, "?", [], [[]], {}, {"name": {}}, [{"name": [], "finding": {}}, 7, None]]


@pytest.mark.parametrize("field", ["sort", "at", "finding", "reason", "columns"])
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_window_with_any_value_anywhere_harms_none_and_can_be_shown(field, value):
    """Beside others, and alone: of every type that JSON has, nested ones, too."""
    odd = {**window(3, "Breach", "a"), field: value}

    found = standings([odd, window(2, "Breach", "b"), window(2, "Breach", "a", which="drift")])
    alone = standings([odd])

    assert found[-1] == standings([window(2, "Breach", "a", which="drift")])[0]
    for each in (*found, *alone):
        json.dumps(each.to_json())
        assert all(isinstance(text, str) for text in (each.finding, each.reason, each.at, each.since))
        assert stands(each.to_json(), datetime(2026, 11, 27, tzinfo=UTC))


def test_comparisons_are_apart_and_odd_windows_harm_none():
    """Whoever may write the bucket wrote them."""
    odd = [{}, {"sort": "skew", "columns": 7, "finding": "Breach"}, {"sort": "slo"}]

    found = standings([*odd, window(2, "Breach", "a", which="drift")])

    assert [(each.which, each.windows) for each in found] == [("skew", 1), ("drift", 1)]


def test_windows_that_cannot_be_read_need_somebody():
    """Silence would look like a service whose monitors nobody looks at."""
    why = "gs://b/windows.json is no JSON object of ours"

    status = ServiceStatus(Inventory("churn", "r"), None, (), "2026-11-27T06:00:00Z", unread=why)

    assert why in status.needs_you
    assert status.to_json()["needs"] == [why]
