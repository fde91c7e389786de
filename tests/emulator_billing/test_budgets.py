"""Budgets through Google's own client, which speaks gRPC and REST: what is kept, what is refused, who may."""

import pytest
from google.api_core import exceptions
from google.cloud import billing_v1
from google.cloud.billing import budgets_v1
from google.pubsub_v1 import PublisherClient

from tests.emulator.clients import WIRES, both_wires, client
from tests.emulator_billing.conftest import ACCOUNT, TOPIC, budget
from tests.emulator_iam.callers import Account, grant

MODEL = budgets_v1.types.budget_model
MAIL = "projects/local/notificationChannels/1"


@pytest.fixture(params=WIRES)
def api(emulator, request):
    """The client, by each wire."""
    return client(emulator, budgets_v1.BudgetServiceClient, request.param)


def names(found):
    return [each.name for each in found]


def test_one_is_made_filled_in_changed_and_deleted(api):
    """The server names it, whatever was sent; what is left out has Google's defaults; a project is told by number."""
    made = api.create_budget(parent=ACCOUNT, budget=budget(name=f"{ACCOUNT}/budgets/mine"))
    again = api.create_budget(parent=ACCOUNT, budget=budget())
    [project] = made.budget_filter.projects

    assert made.name.startswith(f"{ACCOUNT}/budgets/")
    assert len({made.name, again.name, f"{ACCOUNT}/budgets/mine"}) == 3
    assert project.removeprefix("projects/").isdigit()
    assert made.budget_filter.calendar_period == MODEL.CalendarPeriod.MONTH
    assert made.budget_filter.credit_types_treatment == MODEL.Filter.CreditTypesTreatment.INCLUDE_ALL_CREDITS
    assert {rule.spend_basis.name for rule in made.threshold_rules} == {"CURRENT_SPEND"}
    assert (made.amount.specified_amount.currency_code, bool(made.etag)) == ("USD", True)
    assert made == api.get_budget(name=made.name)
    assert sorted(names(api.list_budgets(parent=ACCOUNT))) == sorted([made.name, again.name])

    changed = api.update_budget(budget={"name": made.name, "display_name": "other", "etag": made.etag})
    assert (changed.display_name, len(changed.threshold_rules), changed.etag != made.etag) == ("other", 2, True)
    with pytest.raises((exceptions.Aborted, exceptions.Conflict)):
        api.update_budget(budget={"name": made.name, "display_name": "late", "etag": made.etag})
    cleared = api.update_budget(budget={"name": made.name}, update_mask={"paths": ["threshold_rules"]})
    assert (cleared.display_name, len(cleared.threshold_rules)) == ("other", 0), "masked and left out is cleared"

    api.delete_budget(name=made.name)
    with pytest.raises(exceptions.NotFound, match="not found"):
        api.get_budget(name=made.name)
    with pytest.raises(exceptions.NotFound):
        api.delete_budget(name=made.name)


def test_a_scope_lists_the_budgets_of_one_project(api):
    """Those that count that project and nothing else; by its id or its number."""
    one = api.create_budget(parent=ACCOUNT, budget=budget())
    for projects in ([], ["projects/local", "projects/other"], ["projects/other"]):
        api.create_budget(parent=ACCOUNT, budget=budget(budget_filter={"projects": projects}))

    for scope in ("projects/local", *one.budget_filter.projects):
        assert names(api.list_budgets(request={"parent": ACCOUNT, "scope": scope})) == [one.name]
    pages = api.list_budgets(request={"parent": ACCOUNT, "page_size": 3})
    assert [len(page.budgets) for page in pages.pages] == [3, 1]


AMOUNT = {"units": 100}
REFUSED = {
    "no-amount": {"amount": {}},
    "below-zero": {"amount": {"specified_amount": {"units": -1}}},
    "another-currency": {"amount": {"specified_amount": AMOUNT | {"currency_code": "EUR"}}},
    "a-long-name": {"display_name": "x" * 61},
    "two-labels": {"budget_filter": {"labels": {"a": ["b"], "c": ["d"]}}},
    "two-values": {"budget_filter": {"labels": {"a": ["b", "c"]}}},
    "credits-of-all": {"budget_filter": {"credit_types": ["PROMOTION"]}},
    "no-project": {"budget_filter": {"projects": ["folders/1"]}},
    "below-nothing": {"threshold_rules": [{"threshold_percent": -0.1}]},
    "ends-before": {
        "budget_filter": {
            "custom_period": {
                "start_date": {"year": 2026, "month": 5, "day": 2},
                "end_date": {"year": 2026, "month": 5, "day": 1},
            }
        }
    },
    "before-2017": {"budget_filter": {"custom_period": {"start_date": {"year": 2016, "month": 5, "day": 1}}}},
    "no-topic": {"notifications_rule": {"pubsub_topic": TOPIC, "schema_version": "1.0"}},
    "no-version": {"notifications_rule": {"pubsub_topic": TOPIC}},
    "no-channel": {"notifications_rule": {"monitoring_notification_channels": [MAIL]}},
    "six-channels": {"notifications_rule": {"monitoring_notification_channels": [MAIL] * 6}},
    "mail-without-thresholds": {
        "notifications_rule": {"monitoring_notification_channels": [MAIL]},
        "threshold_rules": [],
    },
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_google_refuses_is_refused(bill, fields):
    """And nothing is kept of it; nor does a change to it change anything."""
    good = bill.make()

    with pytest.raises(exceptions.InvalidArgument):
        bill.make(**fields)
    with pytest.raises(exceptions.InvalidArgument):
        bill.budgets.update_budget(budget=budget(name=good.name, **fields), update_mask={"paths": [*fields]})

    assert list(bill.budgets.list_budgets(parent=ACCOUNT)) == [good]


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": {"last_period_amount": {}}},
        {"threshold_rules": [{"threshold_percent": 1, "spend_basis": "FORECASTED_SPEND"}]},
        {"budget_filter": {"services": ["services/152E-C115-5142"]}},
        {"budget_filter": {"resource_ancestors": ["folders/1"]}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_not_emulated_says_so(bill, fields):
    """It never pretends."""
    with pytest.raises(exceptions.MethodNotImplemented):
        bill.make(**fields)


def test_the_amount_is_in_the_currency_of_the_account(bill):
    """Another one is refused; the account's own is filled in, to the last billionth."""
    bill.emulator.control("PUT", "billing", {"account": ACCOUNT, "currency": "JPY", "perUsd": 150})
    made = bill.make(amount={"specified_amount": {"units": 12, "nanos": 1}})

    found = made.amount.specified_amount
    assert (found.currency_code, found.units, found.nanos) == ("JPY", 12, 1)
    assert client(bill.emulator, billing_v1.CloudBillingClient).get_billing_account(name=ACCOUNT).currency_code == "JPY"
    with pytest.raises(exceptions.InvalidArgument, match="JPY"):
        bill.make(amount={"specified_amount": {"units": 12, "currency_code": "USD"}})


def test_attaching_a_topic_lets_billing_publish_there(bill):
    """On creation and on a change; a topic that is there already stays as it is."""
    rule = bill.topic()
    topics = client(bill.emulator, PublisherClient)
    made = bill.make()
    before = topics.get_iam_policy(request={"resource": TOPIC})

    for _ in range(2):
        bill.budgets.update_budget(
            budget={"name": made.name, "notifications_rule": rule}, update_mask={"paths": ["notifications_rule"]}
        )

    policy = topics.get_iam_policy(request={"resource": TOPIC})
    assert [*before.bindings] == []
    assert [(each.role, [*each.members]) for each in policy.bindings] == [
        ("roles/pubsub.publisher", ["serviceAccount:billing-budget-alert@system.gserviceaccount.com"])
    ]


def on_account(emulator, *bindings):
    grant(emulator, *bindings, api=billing_v1.CloudBillingClient, on=ACCOUNT)


@both_wires
def test_roles_on_the_account_let_see_and_change(bill, wire):
    """Without one nothing; as viewer of the account seeing; as costs manager changing, too."""
    account = Account(bill.emulator)
    api = account.client(budgets_v1.BudgetServiceClient, wire)
    made = bill.make(budget_filter={})
    change = {"name": made.name, "display_name": "theirs"}

    for call in (lambda: api.get_budget(name=made.name), lambda: list(api.list_budgets(parent=ACCOUNT))):
        with pytest.raises(exceptions.Forbidden, match="The caller does not have permission") as refused:
            call()
        assert refused.value.reason == "IAM_PERMISSION_DENIED"
    on_account(bill.emulator, ("roles/billing.viewer", account.member))
    assert api.get_budget(name=made.name) == made
    with pytest.raises(exceptions.Forbidden) as refused:
        api.update_budget(budget=change)
    assert refused.value.metadata["permission"] == "billing.budgets.update"
    on_account(bill.emulator, ("roles/billing.costsManager", account.member))
    assert api.update_budget(budget=change).display_name == "theirs"
    api.delete_budget(name=made.name)


def test_a_role_on_the_project_is_about_its_own_budgets(bill):
    """An editor of the project sees and changes those of it alone, and cannot make one of them count something else."""
    account = Account(bill.emulator)
    api = account.client(budgets_v1.BudgetServiceClient)
    grant(bill.emulator, ("roles/editor", account.member))
    of_all = bill.make(budget_filter={})

    made = api.create_budget(parent=ACCOUNT, budget=budget())
    assert names(api.list_budgets(request={"parent": ACCOUNT, "scope": "projects/local"})) == [made.name]
    assert api.update_budget(budget={"name": made.name, "display_name": "mine"}).display_name == "mine"
    for refused in (
        lambda: list(api.list_budgets(parent=ACCOUNT)),
        lambda: api.get_budget(name=of_all.name),
        lambda: api.create_budget(parent=ACCOUNT, budget=budget(budget_filter={})),
        lambda: api.update_budget(budget={"name": made.name}, update_mask={"paths": ["budget_filter"]}),
        lambda: api.delete_budget(name=of_all.name),
    ):
        with pytest.raises(exceptions.Forbidden):
            refused()
    api.delete_budget(name=made.name)


def test_a_topic_needs_the_right_to_set_its_policy(bill):
    """Who may manage budgets and not the topic's policy makes none that tells it."""
    account = Account(bill.emulator)
    rule = bill.topic()
    on_account(bill.emulator, ("roles/billing.costsManager", account.member))

    with pytest.raises(exceptions.Forbidden) as refused:
        account.client(budgets_v1.BudgetServiceClient).create_budget(
            parent=ACCOUNT, budget=budget(notifications_rule=rule)
        )

    assert refused.value.metadata["permission"] == "pubsub.topics.setIamPolicy"
    assert names(bill.budgets.list_budgets(parent=ACCOUNT)) == []
