"""A service with a budget on the emulator, and what is spent on it."""

from datetime import timedelta

from reconciler.cli.remembering import by_operator
from reconciler.core.ladder.period import end_of
from reconciler.core.orders import Orders
from reconciler.engine.job import Job
from reconciler.engine.ladder.books import Books
from reconciler.engine.planning import make_plan
from reconciler.engine.reports import Reports
from reconciler.engine.shard import Shard
from reconciler.gcp.pulling import pull
from schemas import load_valid
from tests.operating import HELLO, REGION, spec

SUBSCRIPTION = f"projects/local/subscriptions/churn-budget-{REGION}"
LADDER = [
    {"at": 0.5, "do": "Notify"},
    {"at": 1.0, "do": "ScaleToZero"},
    {"at": 1.2, "do": "CapInstances", "maxInstances": 1},
]
KEY = (REGION, "churn")


def budgeted(amount=900, actions=LADDER, rate=0.9, limit=None, most=3, **sections):
    rated = {"perUsd": rate} if rate else {}
    rated |= {"planLimit": limit} if limit else {}
    return spec(
        scaling={"minInstances": 1, "maxInstances": most},
        budget={"amount": amount, "currency": "EUR", "actions": actions, **rated},
        **sections,
    )


class World:
    """A service with a budget, a bill in euros, and a month that has just begun."""

    def __init__(self, operator):
        self.operator = operator
        self.emulator = operator.emulator
        self.emulator.control("PUT", "billing", {"currency": "EUR", "perUsd": "0.9"})
        self.advance(end_of(self.now) - self.now + timedelta(days=3))  # no test begins at the end of a month
        self.spent = 0

    @property
    def now(self):
        return self.operator.session().clock.now()

    def advance(self, time):
        self.emulator.advance(time.total_seconds())

    def spend(self, total):
        """Let so much be spent since the month began, and the budget say so more than once: it speaks every 4 hours."""
        self.emulator.control("POST", "spend", {"amount": str(total - self.spent)})
        self.spent = total
        self.advance(timedelta(hours=30))

    def reconcile(self, *specs, correct=True, dry_run=False):
        """Make a pass, as the job does; give the warnings of its report."""
        session, orders = self.operator.session(), Orders(name="ml", region=REGION, correct=correct)

        def plan(documents, *, beside=()):
            return make_plan(session, documents, runtime_image=HELLO, beside=beside)

        def about(began, pointer):
            return by_operator(session, began, orders, pointer)

        Job(session, plan, orders, Shard(0, 1), None, "1", dry_run=dry_run, about=about, started=0.0).of(
            load_valid(self.operator.write(*specs))[0], []
        )
        (report,) = Reports(session, "ml").read().reports
        return [text for text in report.warnings if text.startswith("churn")]

    def waiting(self):
        """Notices that nobody acknowledged."""
        self.advance(timedelta(minutes=11))
        return len(list(pull(self.operator.connection, SUBSCRIPTION)))

    @property
    def scaling(self):
        scaling = self.operator.service().scaling
        return scaling.min_instance_count, scaling.max_instance_count

    def book(self):
        return Books(self.operator.session()).find([KEY]).books[KEY].book
