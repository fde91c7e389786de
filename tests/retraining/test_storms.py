"""Many events at once, and trainings that fail one after another: the function against emulated Google Cloud."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.engine.retraining import reset_circuit
from runtime.retraining.function import act
from runtime.retraining.google import Google
from runtime.retraining.settings import VARIABLE, Settings
from tests.operating import REGION
from tests.retraining.conftest import pushed, until

pytestmark = pytest.mark.slow

AT_ONCE = 12
"""Three instances of the function, four requests each."""
LIMITS = {"cooldown": 86_400, "max_per_day": 1, "max_concurrent": 1}
CIRCUIT = {"cooldown": 0, "max_per_day": 99, "failures": 3, "pause": 7 * 86_400}


def delivered(retraining, *bodies, **told):
    """Deliver messages at once, again and again until each is taken, as Pub/Sub does; the answers."""
    settings = Settings.read({VARIABLE: json.dumps(retraining.told | told)})
    google = Google(REGION)

    def deliver(body):
        while (answer := act("new-data", body, settings, google))[1] != 200:
            assert answer[1] == 503, answer
        return answer[0]

    with ThreadPoolExecutor(AT_ONCE) as instances:
        return list(instances.map(deliver, bodies))


def test_a_storm_of_alerts_starts_one_training(retraining, request):
    """At once, from a dozen hands: one job runs, and each alert has its decision with its reason. 500 with `--long`."""
    retraining.job()
    count = 500 if request.config.getoption("--long") else 100

    answers = delivered(retraining, *(pushed(str(number)) for number in range(count)), guards=LIMITS)

    decisions = retraining.decisions()
    assert sorted(each["action"] for each in answers) == ["Skip"] * (count - 1) + ["Start"]
    assert len(decisions) == len({each["key"] for each in decisions}) == count
    assert {each["guard"] for each in decisions} <= {None, "cooldown", "maxConcurrent"}
    assert all(each["reason"] for each in decisions)
    assert len(retraining.executions()) == 1


def test_two_instances_that_race_for_a_message_start_one_training(retraining):
    """Pub/Sub delivers the same message a dozen times at once: one starts it, the others find it started."""
    retraining.job()

    answers = delivered(retraining, *[pushed("1")] * AT_ONCE, guards=LIMITS)

    assert {each["action"] for each in answers} <= {"Start", "Repeat"}
    [run] = retraining.kept("history.json")["runs"]
    [execution] = retraining.executions()
    assert run["name"] == execution.name


def fail(retraining, number, at):
    """Have a training fail, and its end seen; what was decided about its event."""
    answer, _ = retraining.deliver(pushed(str(number), at=at), "new-data", guards=CIRCUIT)
    until(lambda: all(each.completion_time for each in retraining.executions()))
    retraining.deliver(pushed(f"sweep-{number}", at=at, trigger="sweep"), guards=CIRCUIT)
    return answer


def test_three_failures_open_the_circuit_until_its_clock_or_a_person_closes_it(retraining):
    """The fourth is held back and told until when; a week later one try is let through, and it opens again."""
    retraining.job(FAIL_RATE="1")
    now = datetime.now(UTC)
    for number in range(3):
        assert fail(retraining, number, now)["action"] == "Start"

    held = fail(retraining, 3, now)
    again = fail(retraining, 4, now + timedelta(days=7, hours=1))
    open_again = fail(retraining, 5, now + timedelta(days=8))
    assert reset_circuit(retraining.operator.session(), REGION, "churn")
    closed = fail(retraining, 6, now + timedelta(days=8, minutes=1))

    assert (held["guard"], held["numbers"]) == ("openCircuitAfter", {"failures": 3, "limit": 3})
    assert timedelta(0) <= datetime.fromisoformat(held["until"]) - now - timedelta(days=7) < timedelta(minutes=5)
    assert held["reason"].startswith("3 trainings in a row failed; nothing starts until ")
    assert again["action"] == "Start"
    assert (open_again["guard"], open_again["numbers"]["failures"]) == ("openCircuitAfter", 4)
    assert closed["action"] == "Start"
    assert len(retraining.executions()) == 5
