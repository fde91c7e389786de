"""A budget of which somebody else wants to know more."""

from google.cloud.billing.budgets_v1.types import budget_model

from reconciler.core.address import Address
from reconciler.kinds.billing_budget.record import BillingBudget
from tests.conformance.example import Example

ACCOUNT = "billingAccounts/000000-000000-000000"
"""That of every project of the emulator."""


def api(operator):
    return operator.api("google.cloud.billing.budgets_v1", "budget_service", "BudgetService")


def read(operator):
    mark = f"[mlservice:{operator.at.name('churn')}]"
    [budget] = [each for each in api(operator).list_budgets(parent=ACCOUNT) if each.display_name.endswith(mark)]
    return budget


def update(operator, path, budget):
    budget.name = read(operator).name
    api(operator).update_budget(request={"budget": budget, "update_mask": {"paths": [path]}})


def counts(**fields):
    def tamper(operator):
        found = read(operator).budget_filter
        for name, value in fields.items():
            setattr(found, name, value)
        update(operator, "budget_filter", budget_model.Budget(budget_filter=found))

    return tamper


def tells_owners(operator):
    rule = read(operator).notifications_rule
    rule.enable_project_level_recipients = True
    update(operator, "notifications_rule", budget_model.Budget(notifications_rule=rule))


def not_ours(operator):
    """Budgets are of a billing account, which a project to try things in does not have for itself."""
    billing = operator.api("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    own = billing.get_project_billing_info(name=operator.at.top).billing_account_name
    return "" if own == ACCOUNT else "budgets of a real billing account are not tried"


def examples(at):
    """Give the examples of a place."""
    churn = at.name("churn")
    mark = f"[mlservice:{churn}]"
    example = Example(
        address=Address("billing_budget", "global", churn),
        fields=BillingBudget(
            account=ACCOUNT,
            display_name=f"{churn} {mark}",
            amount="900 USD",
            projects=(at.top,),
            label="",
            thresholds=("0.5", "0.8", "1"),
            topic="",
            channels=(),
            tells_admins=True,
        ),
        edits=(
            {"display_name": f"{churn}: {mark}"},
            {"amount": "1000.000000001 USD"},
            {"projects": ()},
            {"label": "team=growth"},
            {"thresholds": ("0.25",)},
            {"thresholds": ()},
            {"topic": f"{at.top}/topics/{at.name('spent')}"},
            {"channels": ()},
            {"tells_admins": False},
        ),
        read=read,
        message=budget_model.Budget,
        places={
            "account": ["name"],
            "display_name": ["display_name"],
            "amount": ["amount"],
            "projects": ["budget_filter.projects"],
            "label": ["budget_filter.labels"],
            "thresholds": ["threshold_rules"],
            "topic": ["notifications_rule.pubsub_topic", "notifications_rule.schema_version"],
            "channels": ["notifications_rule.monitoring_notification_channels"],
            "tells_admins": ["notifications_rule.disable_default_iam_recipients"],
        },
        by_method=frozenset({"account"}),
        written_by_google=frozenset({"etag"}),
        prepare=prepare,
        owner=churn,
        unmarked={"display_name": f"{churn} of theirs"},
        lacks=not_ours,
        by_hand={
            "budget_filter.calendar_period": counts(calendar_period="YEAR"),
            "budget_filter.credit_types_treatment": counts(credit_types_treatment="EXCLUDE_ALL_CREDITS"),
            "notifications_rule.enable_project_level_recipients": tells_owners,
        },
    )
    return (example,)


def prepare(operator):
    topic = f"{operator.at.top}/topics/{operator.at.name('spent')}"
    operator.api("google.pubsub_v1", "publisher", "Publisher").create_topic(
        request={"name": topic, "labels": dict(operator.at.labels)}
    )
