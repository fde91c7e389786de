"""What a budget must be, and what Google fills in.

Source: constraints.md section 7, kinds.md section 10, recording billing_budget/gcloud-crud, comments of the messages of
google-cloud-billing-budgets 1.22.0. None of the words were recorded.
"""

from typing import Any

from google.cloud.billing.budgets_v1.types import budget_model

from emulator.apis.billingbudgets import periods
from emulator.apis.cloudbilling import accounts
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, fits
from emulator.core.world import World

DISPLAY_NAME_MOST, CHANNELS_MOST, NANOS = 60, 5, 1_000_000_000
FIRST_YEAR = 2017
Basis = budget_model.ThresholdRule.Basis
Treatment = budget_model.Filter.CreditTypesTreatment
NOT_HERE = ("services", "subaccounts", "resource_ancestors")


def bad(field: str, why: str) -> ApiFailure:
    """The refusal of a value."""
    return ApiFailure("INVALID_ARGUMENT", f"Invalid value at 'budget.{field}': {why}.")


def settle(world: World, budget: Any) -> None:
    """Check a budget that is about to be kept, and fill in what Google does.

    Raises:
        ApiFailure: INVALID_ARGUMENT, or UNIMPLEMENTED for what the emulator does not do.
    """
    if len(budget.display_name) > DISPLAY_NAME_MOST:
        raise bad("display_name", f"at most {DISPLAY_NAME_MOST} characters")
    settle_amount(world, budget)
    settle_filter(world, budget.budget_filter)
    settle_rules(budget)
    check_notices(world, budget)


def settle_amount(world: World, budget: Any) -> None:
    """An amount, in the currency of the account; left out, that is filled in."""
    chosen = budget.amount.WhichOneof("budget_amount")
    if chosen is None:
        raise bad("amount", "it is required")
    if chosen == "last_period_amount":
        raise ApiFailure("UNIMPLEMENTED", "Budgets of what the last period cost are not emulated.")
    money, own = budget.amount.specified_amount, accounts.currency(world, budget.name.partition("/budgets/")[0])
    if money.units < 0 or not 0 <= money.nanos < NANOS:
        raise bad("amount.specified_amount", "it must not be below zero, nor nanos a whole unit")
    if money.currency_code not in ("", own):
        raise bad("amount.specified_amount.currency_code", f"the billing account's currency is {own}")
    money.currency_code = own


def settle_filter(world: World, found: Any) -> None:
    """What counts, over which time."""
    for field in NOT_HERE:
        if getattr(found, field):
            raise ApiFailure("UNIMPLEMENTED", f"The filter {field} of budgets is not emulated.")
    found.projects[:] = sorted({numbered(world, name) for name in found.projects})
    if len(found.labels) > 1 or any(len(values) != 1 for values in found.labels.values()):
        raise bad("budget_filter.labels", "one key with one value")
    found.credit_types_treatment = found.credit_types_treatment or Treatment.INCLUDE_ALL_CREDITS
    if found.credit_types and found.credit_types_treatment != Treatment.INCLUDE_SPECIFIED_CREDITS:
        raise bad("budget_filter.credit_types", "only with INCLUDE_SPECIFIED_CREDITS")
    if found.WhichOneof("usage_period") == "custom_period":
        check_custom(found.custom_period)
    elif found.calendar_period not in periods.MONTHS:
        found.calendar_period = budget_model.CalendarPeriod.MONTH


def numbered(world: World, name: str) -> str:
    """A project's name with its number, as answers have it.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is no name of a project, or nobody has mentioned that number.
    """
    if not fits("projects/*", name) or world.project_id(name.partition("/")[2]) is None:
        raise bad("budget_filter.projects", f"{name!r} is no project")
    return f"projects/{world.project_number(name.partition('/')[2])}"


def check_custom(custom: Any) -> None:
    """A time of its own begins in 2017 or later, and ends after that."""
    try:
        start = periods.date_of(custom.start_date)
        end = periods.date_of(custom.end_date) if custom.HasField("end_date") else None
    except ValueError as error:
        raise bad("budget_filter.custom_period", str(error)) from error
    if start.year < FIRST_YEAR or (end is not None and end < start):
        raise bad("budget_filter.custom_period", f"from {FIRST_YEAR} on, and it ends after it begins")


def settle_rules(budget: Any) -> None:
    """Thresholds are shares: 1.0 is all of it."""
    for rule in budget.threshold_rules:
        if not rule.threshold_percent >= 0:
            raise bad("threshold_rules.threshold_percent", "it must not be below zero")
        if rule.spend_basis == Basis.FORECASTED_SPEND:
            raise ApiFailure("UNIMPLEMENTED", "Thresholds on a forecast are not emulated.")
        rule.spend_basis = Basis.CURRENT_SPEND


def check_notices(world: World, budget: Any) -> None:
    """Who is told: a topic with its version, and a few channels of e-mail."""
    rule = budget.notifications_rule
    if bool(rule.pubsub_topic) != bool(rule.schema_version) or rule.schema_version not in ("", "1.0"):
        raise bad("notifications_rule.schema_version", "'1.0' with a topic, and nothing without one")
    channels = rule.monitoring_notification_channels
    if len(channels) > CHANNELS_MOST:
        raise bad("notifications_rule.monitoring_notification_channels", f"at most {CHANNELS_MOST}")
    if channels and not budget.threshold_rules:
        raise bad("threshold_rules", "e-mails need at least one")
    for name in channels:
        if sort_of(world, name) != "email":
            raise bad("notifications_rule.monitoring_notification_channels", f"{name!r} is no channel of e-mail")


def sort_of(world: World, channel: str) -> str:
    """The type of a channel; nothing where it is not there."""
    from emulator.apis.monitoring.channels import CHANNELS  # noqa: PLC0415 - few budgets have any

    found = CHANNELS.find(world, by_id(world, channel))
    return "" if found is None else str(found.type_)
