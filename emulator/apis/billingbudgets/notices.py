"""What a budget tells its topic: every few hours, crossed or not, at times late and at times twice.

Source: https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications; pricing.md section 5. Google
does not say when; here it is every four hours from when the budget was made. Of eight notices, by the budget's id and
their number, about one comes hours late, after newer ones, and one twice. What they say is of when they were due.
"""

import hashlib
import json
import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from emulator.apis.billingbudgets import metering, topics
from emulator.apis.billingbudgets.spending import spent
from emulator.apis.billingbudgets.stored import BUDGETS
from emulator.core.failures import ApiFailure
from emulator.core.world import World

log = logging.getLogger("emulator")
KIND = "billing.turn"
"""In the store: the number and the timer of a budget's next notice, by its name."""
EVERY, LATE = timedelta(hours=4), timedelta(hours=9)
NANOS = Decimal(1_000_000_000)
CENTS = Decimal("0.01")


def begin(world: World, name: str, number: int, when: datetime) -> None:
    """Have a budget tell what was spent at a time; in a transaction of the caller's."""
    timer = world.clock.call_at(when, turn, {"budget": name, "number": number, "due": when.isoformat()})
    world.store.put(KIND, name, json.dumps({"number": number, "timer": timer}).encode())


def end(world: World, name: str) -> None:
    """Have it tell nothing any more."""
    body = world.store.get(KIND, name)
    if body is not None:
        world.clock.cancel(json.loads(body)["timer"])
        world.store.delete(KIND, name)


def turn(world: World, payload: dict[str, Any]) -> None:
    """Tell what was spent, and set the next turn. One that fires again after a kill finds that it is over."""
    name, number, due = payload["budget"], payload["number"], datetime.fromisoformat(payload["due"])
    metering.look(world)
    with world.store.transaction():
        budget, body = BUDGETS.find(world, name), world.store.get(KIND, name)
        if budget is None or body is None or json.loads(body)["number"] != number:
            return
        if budget.notifications_rule.pubsub_topic:
            said = {"budget": name, "data": json.dumps(notice(world, budget, due))}
            for delay in delays(name, number):
                world.clock.call_at(due + delay, tell, said)
        begin(world, name, number + 1, due + EVERY)


def delays(name: str, number: int) -> list[timedelta]:
    """How much later than due a notice comes, each time that it comes."""
    chance = hashlib.sha256(f"{name}/{number}".encode()).digest()[0] % 8
    return {0: [LATE], 1: [timedelta(0), EVERY / 2]}.get(chance, [timedelta(0)])


def tell(world: World, payload: dict[str, Any]) -> None:
    """Publish a notice to the topic that the budget has now; where that is refused it is lost, as at Google."""
    budget = BUDGETS.find(world, payload["budget"])
    if budget is None or not budget.notifications_rule.pubsub_topic:
        return
    _, account, _, number = budget.name.split("/")
    attributes = {"billingAccountId": account, "budgetId": number, "schemaVersion": "1.0"}
    try:
        topics.publish(world, budget.notifications_rule.pubsub_topic, payload["data"].encode(), attributes)
    except ApiFailure as failure:
        log.warning("a budget could not tell its topic", extra={"budget": budget.name, "why": str(failure)})


def notice(world: World, budget: Any, now: datetime) -> dict[str, Any]:
    """What a notice says."""
    cost, since = spent(world, budget, now)
    money = budget.amount.specified_amount
    amount = money.units + money.nanos / NANOS
    said = {
        "budgetDisplayName": budget.display_name,
        "alertThresholdExceeded": crossed(budget, cost, amount),
        "costAmount": float(cost.quantize(CENTS)),
        "costIntervalStart": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "budgetAmount": float(amount),
        "budgetAmountType": "SPECIFIED_AMOUNT",
        "currencyCode": money.currency_code,
    }
    return {key: value for key, value in said.items() if value is not None}


def crossed(budget: Any, cost: Decimal, amount: Decimal) -> float | None:
    """The highest threshold that was reached; None below the first, and where nobody gets e-mails."""
    rule = budget.notifications_rule
    mailed = not rule.disable_default_iam_recipients or rule.monitoring_notification_channels
    shares = [each.threshold_percent for each in budget.threshold_rules]
    reached = [share for share in shares if cost >= amount * Decimal(str(share))]
    return max(reached, default=None) if mailed or rule.enable_project_level_recipients else None
