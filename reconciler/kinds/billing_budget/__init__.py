"""Cloud Billing's budget: what the project, or what carries a label, may cost in a month, and who is told of it.

Whoever works here without a role on the billing account sees `hidden` in place of each budget: nothing is changed, and
nothing is forgotten (docs/decisions/075-what-a-budget-measures.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from reconciler.core import paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Gift, Kind, Roles, by_project
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired, Wanted
from reconciler.core.reference import Ref
from reconciler.kinds import duties, iam_member, pubsub_topic
from reconciler.kinds import monitoring_notification_channel as channels
from reconciler.kinds.billing_budget.client import READER, WRITER, BillingBudgetClient
from reconciler.kinds.billing_budget.record import NAME, BillingBudget, amount_text, refined, shares, title
from reconciler.lookups import billing_account
from schemas.sections.events import Topic
from schemas.sections.notifications import Event, Notification

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService, Operator

__all__ = ["KIND", "NAME", "BillingBudget", "BillingBudgetClient", "address_of", "topic_of"]

SENDER = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
"""Who tells topics. Source: https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications."""
_MAILED_MOST = 5
"""Channels of a budget. Source: constraints.md section 7."""


def address_of(service: MLService) -> Address:
    """Give the address of a service's budget. Its name is ours: the server picks another.

    Budgets are global and services regional: the same service in several regions has one.
    """
    return Address(NAME, GLOBAL, service.name)


def topic_of(service: MLService) -> Topic:
    """Give the topic that a service's budget tells."""
    return Topic(topic=f"{service.name}-budget", create=True)


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the budget, the topic that it tells, and that Google's billing may publish there.

    Where nobody pays for the project there is no account to have a new one, which its client says; one that is there
    stays with the account that paid.
    """
    budget, account = service.spec.budget, facts.find(billing_account.LOOKUP, facts.project)
    if budget is None:
        return
    topic = pubsub_topic.address_of(topic_of(service).topic, facts.project)
    told = iam_member.granted(topic, pubsub_topic.PUBLISHER, SENDER, service.name)
    yield pubsub_topic.wanted(topic_of(service), service.name, facts, "budget")
    yield told
    if account is None:
        return
    mailed = [channels.address_of(service, entry) for entry in _mailed(service)]
    fields = BillingBudget(
        account=account.name,
        display_name=title(service.name),
        amount=amount_text(budget.amount, budget.currency or ""),
        projects=(f"projects/{facts.project}",),
        label=_label(service),
        thresholds=shares(budget.alerts),
        topic=pubsub_topic.full_name(topic, facts.project),
        channels=tuple(Ref(channel, "name") for channel in sorted(mailed)),
        tells_admins=not mailed,
    )
    yield Desired(address_of(service), fields, service.name, needs=frozenset({topic, told.address}))


def _label(service: MLService) -> str:
    """Give the label that costs must have, of the service's own or of ours."""
    budget = service.spec.budget
    if budget is None or budget.label is None:
        return ""
    return f"{budget.label}={({**service.labels, **mark_labels(service.name)})[budget.label]}"


def _mailed(service: MLService) -> list[Notification]:
    """Give who gets e-mails: a budget tells so many, and no other sort of receiver."""
    return [entry for entry in _told(service) if entry.email][:_MAILED_MOST]


def _told(service: MLService) -> list[Notification]:
    return [entry for entry in service.spec.notifications if Event.BUDGET_EXCEEDED in entry.events]


def notes(service: MLService, facts: Facts) -> Iterable[tuple[str, str]]:
    """Say what the budget measures, and who does not hear of it."""
    budget, account = service.spec.budget, facts.find(billing_account.LOOKUP, facts.project)
    if budget is None:
        return
    if account is not None and not account.name and not account.hidden:
        yield f"nobody pays for project {facts.project}: there is no billing account to have a budget", "budget"
        return
    if account is not None and account.currency and budget.currency not in (None, account.currency):
        text = f"the billing account is in {account.currency}, and Google refuses a budget in {budget.currency}"
        yield f"{text}: say {account.currency}", "budget.currency"
    if budget.label is None:
        text = f"the budget counts what project {facts.project} costs in all, whichever service it is for"
        yield f"{text}; budget.label makes it count what carries a label", "budget"
    else:
        text = (
            f"the budget counts what carries {_label(service)}: on the bill from when it was set, and not on all of it"
        )
        yield f"{text} (logs, network)", "budget.label"
    if len(_told(service)) > len(_mailed(service)):
        text = f"a budget tells e-mail addresses, up to {_MAILED_MOST}: others hear of BudgetExceeded"
        yield f"{text} by nothing but the topic {topic_of(service).topic}", "notifications"


def beyond(operator: Operator, facts: Facts) -> Iterable[str]:
    """Say what a person has to grant: no role of a project is one on its billing account."""
    account = duties.runs(operator, facts)
    yield (
        "budgets are looked at and changed once somebody who administers the billing account has run: gcloud billing "
        f"accounts add-iam-policy-binding ACCOUNT --member={account.member} --role={WRITER}"
    )


def flows(want: Desired[BillingBudget], service: MLService, project: str) -> Iterator[Flow]:
    """Say what is measured, and who is told."""
    del service
    yield Flow(Outside("billing account"), want.address, want.fields.label or "all cost of the project")
    yield Flow(want.address, pubsub_topic.address_of(want.fields.topic, project), "what was spent")
    for channel in want.fields.channels:
        if isinstance(channel, Ref):
            yield Flow(want.address, channel.address, "shares that were reached")


KIND = Kind(
    name=NAME,
    title="budget",
    fields=BillingBudget,
    desired=desired,
    paid=paid.NOTHING,
    group=Group.BUDGET,
    flows=flows,
    connect=BillingBudgetClient,
    acts_on=frozenset({"budget.amount", "budget.alerts", "budget.label"}),
    apis=("billingbudgets.googleapis.com",),
    roles=Roles(read=(READER,), write=(WRITER,), on="the billing account"),
    gives=(Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Google's billing itself", "telling what was spent"),),
    lookups=(billing_account.LOOKUP,),
    notes=notes,
    beyond=beyond,
    read_together=by_project,
    server_named=True,
    refine=refined,
    immutable=frozenset({"account"}),
    spec_paths={"budget.amount": "amount", "budget.alerts": "thresholds", "budget.label": "label"},
    # What a budget tells is there as long as it.
    before=frozenset({"iam_member", "monitoring_notification_channel", "pubsub_topic"}),
)
