"""What we manage of a budget, and how it is written to Google's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.core.by_hand import Beyond
from reconciler.core.naming import mark_text
from reconciler.core.reference import Ref
from reconciler.gcp.messages import as_json
from reconciler.gcp.money import amount_of, units_and_nanos, written

if TYPE_CHECKING:
    from reconciler.core.objects import Desired, Observed

NAME = "billing_budget"
OF_LAST_PERIOD = "what the last period cost"
FORECAST = " of the forecast"
_LONGEST = 60
"""Source: comment of `Budget.display_name`."""
_BEYOND = Beyond(
    theirs=frozenset(
        {
            "name",
            "etag",
            # Of these the record tells all.
            "amount",
            "threshold_rules",
            "budget_filter.projects",
            "budget_filter.labels",
            "notifications_rule.pubsub_topic",
            "notifications_rule.schema_version",
            "notifications_rule.monitoring_notification_channels",
            "notifications_rule.disable_default_iam_recipients",
        }
    ),
    defaults={
        "budget_filter.calendar_period": ("MONTH",),
        "budget_filter.credit_types_treatment": ("INCLUDE_ALL_CREDITS",),
    },
)
"""What Google fills in of a budget: kinds.md section 10."""


@dataclass(frozen=True, slots=True)
class BillingBudget:
    """The fields we manage.

    Args:
        account: The billing account that it is of.
        display_name: For people; it carries our mark, since budgets have no labels.
        amount: For a calendar month, exactly, with the currency of the account: `900 EUR`; alone, in whichever that is.
        projects: Whose costs count, `projects/ID`, or with its number of another project's; none for all.
        label: `KEY=VALUE` that costs must have to count; empty for all.
        thresholds: Shares of the amount at which e-mails go out, ascending.
        topic: Full name of the topic that is told several times a day.
        channels: Names of the channels of e-mail.
        tells_admins: Whether administrators and users of the billing account get e-mails, too.
        by_hand: What it holds beside these: see `core.by_hand`.
    """

    account: str
    display_name: str
    amount: str
    projects: tuple[str, ...]
    label: str
    thresholds: tuple[str, ...]
    topic: str
    channels: tuple[str | Ref, ...]
    tells_admins: bool
    by_hand: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = BillingBudget("", "", "", (), "", (), "", (), tells_admins=False)
"""Stands in an observation for a budget that may not be looked at."""


def title(service: str) -> str:
    """Name a budget: by its service, cut where it is long, and by our mark, which says it whole."""
    mark = mark_text(service)
    return f"{service[: max(0, _LONGEST - len(mark) - 1)]} {mark}".strip()


def shares(alerts: Iterable[float]) -> tuple[str, ...]:
    """Write shares of an amount as they are compared, ascending."""
    return tuple(f"{share:.10g}" for share in sorted(alerts))


def from_api(live: Any, projects: Mapping[str, str]) -> BillingBudget:
    """Turn a live budget into our record; the server's defaults end here.

    Args:
        live: The message.
        projects: How a project is called in records, by other names of it: Google may answer by id or by number.
    """
    rule = live.notifications_rule
    fields = BillingBudget(
        account=live.name.partition("/budgets/")[0],
        display_name=live.display_name,
        amount=_amount(live.amount),
        projects=tuple(sorted(projects.get(name, name) for name in live.budget_filter.projects)),
        label=_label(live),
        thresholds=_thresholds(live),
        topic=rule.pubsub_topic,
        channels=tuple(rule.monitoring_notification_channels),
        tells_admins=not rule.disable_default_iam_recipients,
    )
    return replace(fields, by_hand=_BEYOND.of(as_json(live), as_json(put(_bare(live), fields))))


def _amount(found: Any) -> str:
    money = found.specified_amount
    if "last_period_amount" in found:
        return OF_LAST_PERIOD
    return amount_text(amount_of(money.units, money.nanos), money.currency_code)


def amount_text(amount: Decimal, currency: str) -> str:
    """Write an amount as it is compared."""
    return f"{written(amount)} {currency}".strip()


def _label(live: Any) -> str:
    return ", ".join(
        f"{key}={' or '.join(map(str, values))}" for key, values in sorted(live.budget_filter.labels.items())
    )


def _thresholds(live: Any) -> tuple[str, ...]:
    rules = sorted(live.threshold_rules, key=lambda rule: (rule.threshold_percent, rule.spend_basis.name))
    forecast = {"FORECASTED_SPEND": FORECAST}
    return tuple(f"{rule.threshold_percent:.10g}{forecast.get(rule.spend_basis.name, '')}" for rule in rules)


def _bare(live: Any) -> Any:
    return type(live)(name=live.name, etag=live.etag)


def put(budget: Any, fields: BillingBudget) -> Any:
    """Write our fields into a budget that holds nothing of what they are about."""
    budget.display_name = fields.display_name
    if fields.amount != OF_LAST_PERIOD:
        amount, _, currency = fields.amount.partition(" ")
        units, nanos = units_and_nanos(Decimal(amount))
        money = {"units": units, "nanos": nanos, "currency_code": currency}
        budget.amount = {"specified_amount": money}
    key, _, value = fields.label.partition("=")
    budget.budget_filter = {
        "projects": list(fields.projects),
        "labels": {key: [value]} if key else {},
        "calendar_period": "MONTH",
        "credit_types_treatment": "INCLUDE_ALL_CREDITS",
    }
    plain = [share for share in fields.thresholds if not share.endswith(FORECAST)]
    budget.threshold_rules = [{"threshold_percent": float(each), "spend_basis": "CURRENT_SPEND"} for each in plain]
    budget.notifications_rule = {
        "pubsub_topic": fields.topic,
        "schema_version": "1.0" if fields.topic else "",
        "monitoring_notification_channels": list(fields.channels),
        "disable_default_iam_recipients": not fields.tells_admins,
    }
    return budget


def refined(want: Desired[BillingBudget], seen: Observed[BillingBudget] | None) -> BillingBudget:
    """Fill in what only the account tells: its currency; and name channels in the order that is there.

    Where nobody could say which account it is, what is there stays.
    """
    fields = want.fields
    if seen is None:
        return fields
    currency = "" if fields.amount.count(" ") else seen.fields.amount.partition(" ")[2]
    known = all(isinstance(each, str) for each in fields.channels)
    same = known and set(fields.channels) == set(seen.fields.channels)
    return replace(
        fields,
        account=fields.account or seen.fields.account,
        amount=f"{fields.amount} {currency}".strip() if seen.fields.amount != OF_LAST_PERIOD else fields.amount,
        channels=seen.fields.channels if same else fields.channels,
    )
