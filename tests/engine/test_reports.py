"""What a run tells about itself: for programs as JSON, and several mistakes at once."""

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.plan import Action, Change
from reconciler.engine.apply import Outcome, Report, Result

TOPIC = Address("pubsub_topic", GLOBAL, "scores")


def test_a_report_says_how_each_change_went():
    """Outcome, seconds and error per change, and what does not work although it is as wanted."""
    change = Change(TOPIC, Action.CREATE, ("churn",))
    failed = Result(change, Outcome.FAILED, 1.23456, errors.ReconcilerError("no quota"))

    assert Report((failed,), {TOPIC: "not ready"}).to_json() == {
        "results": [
            {"address": str(TOPIC), "action": "create", "outcome": "failed", "seconds": 1.235, "error": "no quota"}
        ],
        "notWorking": {str(TOPIC): "not ready"},
    }


def test_no_error_of_several_is_lost(operator):
    """Two calls that fail are two errors; the same one twice is told once."""

    def fail(text):
        raise errors.ReconcilerError(text)

    with pytest.raises(errors.SeveralErrors) as several:
        operator.pool.gather([lambda: fail("one"), lambda: fail("two"), lambda: fail("one"), lambda: None])
    with pytest.raises(errors.ReconcilerError, match=r"^alone$"):
        operator.pool.gather([lambda: fail("alone"), lambda: None])

    assert [error.message for error in several.value.errors] == ["one", "two"]


def test_a_key_that_is_to_go_is_one_of_its_own_field():
    """Of another field it is not, and what only changes stays."""
    changes = [
        FieldChange("env.GONE", "1", None),
        FieldChange("env.KEPT", "1", "2"),
        FieldChange("labels.GONE", "1", None),
    ]

    assert gone_keys(changes, "env") == {"GONE"}
