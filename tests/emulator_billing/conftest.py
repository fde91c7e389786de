"""An account, a project that it pays for, and a topic that is told."""

import base64
import json
from datetime import datetime
from decimal import Decimal

import pytest
from google.cloud.billing import budgets_v1
from google.cloud.billing.budgets_v1.types import budget_model
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator.apis.billingbudgets.periods import period
from tests.conftest import HTTP
from tests.emulator.clients import client

MONTH = budget_model.Filter.pb()(calendar_period=budget_model.CalendarPeriod.MONTH)
ACCOUNT = "billingAccounts/000000-000000-000000"
TOPIC = "projects/local/topics/spent"
PULL = "projects/local/subscriptions/spent"


class Bill:
    """What tests do with budgets."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.budgets = client(emulator, budgets_v1.BudgetServiceClient)

    def make(self, **fields):
        """A budget of 100 dollars for the project, which tells the topic unless `fields` say otherwise."""
        return self.budgets.create_budget(parent=ACCOUNT, budget=budget(**fields))

    def topic(self):
        """The topic and a subscription that holds what is told."""
        client(self.emulator, PublisherClient).create_topic(name=TOPIC)
        client(self.emulator, SubscriberClient).create_subscription(name=PULL, topic=TOPIC)
        return {"pubsub_topic": TOPIC, "schema_version": "1.0"}

    def spend(self, amount, **more):
        self.emulator.control("POST", "spend", {"amount": amount, **more})

    def told(self):
        """Every message so far, as attributes and content, in the order in which they were published."""
        found = []
        while some := self._ask("pull", {"maxMessages": 1000, "returnImmediately": True}).get("receivedMessages"):
            self._ask("acknowledge", {"ackIds": [each["ackId"] for each in some]})
            found += [each["message"] for each in some]
        found.sort(key=lambda each: each["publishTime"])
        return [(each["attributes"], json.loads(base64.b64decode(each["data"]))) for each in found]

    def _ask(self, verb, body):
        """By REST: Google's client warns of what does not wait for messages."""
        answer = HTTP.post(f"{self.emulator.http}/v1/{PULL}:{verb}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def lines(self):
        """Every line of the bill."""
        return self.emulator.control("GET", "spend")

    def costs(self, **labels):
        """What the bill has, of lines with some labels."""
        return sum(Decimal(line["amount"]) for line in self.lines() if labels.items() <= line["labels"].items())


def budget(units=100, **fields):
    """A budget as it is sent."""
    return {
        "display_name": "churn",
        "budget_filter": {"projects": ["projects/local"]},
        "amount": {"specified_amount": {"units": units}},
        "threshold_rules": [{"threshold_percent": 0.5}, {"threshold_percent": 1.0}],
    } | fields


@pytest.fixture
def bill(emulator):
    """What tests do with budgets, early in a month, so that none ends in the middle of a test."""
    found = Bill(emulator)
    now = datetime.fromisoformat(emulator.control("GET", "clock")["now"])
    emulator.advance((period(MONTH, now)[1] - now).total_seconds() + 3600)
    return found
