"""What a plan says of a function's settings that change: words, in place of JSON that is cut somewhere."""

import json

import pytest

from reconciler.core.diff import FieldChange
from reconciler.kinds.functions_function import VARIABLE
from reconciler.kinds.functions_function.differences import consequence

BEFORE = {
    "limits": {"accuracy": 0.7, "recall": 0.6}, "least": 100, "after": 86_400,
    "question": {"labels": "acme.ml.a", "positive": "yes"},
}  # fmt: skip
STAYS = (
    "predictions are judged no longer; what its account may do on the project for that stays until the service is "
    "destroyed: roles/bigquery.jobUser, roles/monitoring.metricWriter, and roles/bigquery.dataViewer of the two tables"
)
CASES = {
    "limits": (
        {"limits": {"accuracy": 0.8}},
        "accuracy must be at least 0.8 (0.7 before); recall has no limit any more",
    ),
    "errors": (
        {"limits": {**BEFORE["limits"], "mae": 3}},
        "mae must be at most 3 (none before)",
    ),
    "table": (
        {"question": {"labels": "acme.ml.b"}},
        'labels are of table "acme.ml.b" ("acme.ml.a" before); the class is none ("yes" before)',
    ),
    "times": ({"after": 5400, "least": 50}, "labels come 90m later (1d before); 50 labels tell something (100 before)"),
    "same": ({}, ""),
    "text-for-a-span": ({"after": "1h"}, 'labels come "1h" later (1d before)'),
    "no-end": ({"after": float("inf")}, 'labels come "inf" later (1d before)'),
    "list-for-a-span": ({"after": [1]}, 'labels come "[1]" later (1d before)'),
    "far-too-long": ({"after": 10**300}, f'labels come "1{"0" * 56}…" later (1d before)'),
    "lines": (
        {"limits": {**BEFORE["limits"], "x\ny" * 30: "a\nb"}},
        f'"{"x yx yx y" + "x yx y" * 8}…" must be at least "a b" (none before)',
    ),
}


def told(performance):
    return json.dumps({"service": "churn", **({"performance": performance} if performance else {})})


@pytest.mark.parametrize(("changed", "words"), CASES.values(), ids=CASES)
def test_how_predictions_are_judged_from_now_on_is_said(changed, words):
    """Each with what it was."""
    change = FieldChange(f"environment.{VARIABLE}", told(BEFORE), told({**BEFORE, **changed}))

    assert consequence([change]) == words


@pytest.mark.parametrize(("before", "after", "words"), [
    (None, BEFORE, "predictions are judged"), (BEFORE, None, STAYS), (None, None, ""),
])  # fmt: skip
def test_that_they_are_judged_at_all_is_said(before, after, words):
    """And nothing of settings that nobody can read, or of other fields."""
    assert consequence([FieldChange(f"environment.{VARIABLE}", told(before), told(after))]) == words
    assert consequence([FieldChange(f"environment.{VARIABLE}", "no JSON", None), FieldChange("memory_mib", 1, 2)]) == ""
