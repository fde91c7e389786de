"""The budget of a service: told by its topic, mended, and left alone by who may not look at it."""

import json

import pytest
from google.cloud import billing_v1

from reconciler.core import errors
from reconciler.core.plan import Action
from tests.emulator_iam.callers import Account, grant
from tests.engine.test_least_roles import AsAccount
from tests.operating import spec

ACCOUNT = "billingAccounts/000000-000000-000000"
ASKED = spec(budget={"amount": 12.5, "alerts": [0.5, 1]}, notifications=[{"email": "ml@acme.example"}])
ROLES = (
    *("run.admin", "pubsub.admin", "monitoring.editor", "storage.admin", "iam.serviceAccountAdmin"),
    *("iam.serviceAccountUser", "artifactregistry.reader", "browser"),
)
MARK = "churn [mlservice:churn]"
MEMBER = "serviceAccount:reader@local.iam.gserviceaccount.com"


def budgets(operator):
    """Google's client of budgets, and those that are there."""
    api = operator.api("google.cloud.billing.budgets_v1", "budget_service", "BudgetService")
    return api, list(api.list_budgets(parent=ACCOUNT))


def change(operator, path, **fields):
    """Change the one budget by hand."""
    api, [budget] = budgets(operator)
    for name, value in fields.items():
        setattr(budget, name, value)
    api.update_budget(request={"budget": budget, "update_mask": {"paths": [path]}})


def test_a_budget_is_made_mended_and_deleted(operator):
    """Its amount to the cent, its thresholds, who is mailed, its topic; a hand's work is named and put back."""
    assert not operator.apply(ASKED).failed
    assert operator.differences(ASKED) == []
    _, [made] = budgets(operator)
    money = made.amount.specified_amount
    channels = operator.api(
        "google.cloud.monitoring_v3", "notification_channel_service", "NotificationChannelService"
    ).list_notification_channels(request={"name": "projects/local"})

    assert (made.display_name, money.currency_code, money.units, money.nanos) == (MARK, "USD", 12, 500_000_000)
    assert [rule.threshold_percent for rule in made.threshold_rules] == [0.5, 1.0]
    assert len(made.budget_filter.projects) == 1
    assert made.notifications_rule.pubsub_topic == "projects/local/topics/churn-budget"
    assert list(made.notifications_rule.monitoring_notification_channels) == [each.name for each in channels]
    assert made.notifications_rule.disable_default_iam_recipients

    change(operator, "threshold_rules", threshold_rules=[*made.threshold_rules, {"threshold_percent": 3}])
    change(operator, "amount", amount={"specified_amount": {"units": 5000}})
    change(operator, "notifications_rule", notifications_rule={})
    [line] = operator.differences(ASKED)
    assert line.startswith("update billing_budget/global/churn")
    for named in ("thresholds", "5000 USD", "12.5 USD", "topic", "tells_admins"):
        assert named in line
    assert not operator.apply(ASKED).failed
    assert budgets(operator)[1][0] == made.__class__(made, etag=budgets(operator)[1][0].etag)

    assert not operator.destroy("churn").failed
    assert budgets(operator)[1] == []


def test_what_is_spent_waits_to_be_read(operator):
    """Of the service's label alone, where the spec says so; the subscription goes with the actions."""
    actions = [{"at": 1, "do": "CapInstances", "maxInstances": 1}]
    budget = {"amount": 100, "currency": "USD", "label": "mlservice-service"}
    assert not operator.apply(spec(budget=budget | {"actions": actions})).failed
    pulls = operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    name = "projects/local/subscriptions/churn-budget-europe-west1"
    assert pulls.get_subscription(request={"subscription": name}).message_retention_duration.days == 7
    for service, amount in (("churn", "7"), ("basket", "90")):
        labels = {"mlservice-service": service}
        operator.emulator.control("POST", "spend", {"amount": amount, "labels": labels})

    operator.emulator.advance(20 * 3600)

    found = pulls.pull(request={"subscription": name, "max_messages": 1}).received_messages
    said = json.loads(found[0].message.data)
    assert (said["budgetDisplayName"], said["budgetAmount"], said["currencyCode"]) == (MARK, 100.0, "USD")
    assert said["costAmount"] in (0.0, 7.0), "0 where a month began meanwhile"
    assert not operator.apply(spec(budget=budget)).failed
    assert list(pulls.list_subscriptions(request={"project": "projects/local"})) == []


def test_a_currency_that_the_account_has_not_is_said_before_google_refuses_it(operator):
    """With its line; and nothing of it where it is the account's."""
    wanted = {"amount": 100, "currency": "EUR"}
    texts = {each.text: each.where for each in operator.plan(spec(budget=wanted)).plan.notes}
    place = texts["the billing account is in USD, and Google refuses a budget in EUR: say USD"]
    assert place.endswith(": budget.currency")

    operator.emulator.control("PUT", "billing", {"currency": "EUR", "perUsd": "0.9"})
    assert not any("Google refuses" in each.text for each in operator.plan(spec(budget=wanted)).plan.notes)


@pytest.fixture
def reader(operator, tmp_path):
    """The same operator as an account that may do everything but look at budgets, on the account or the project."""
    account = Account(operator.emulator, "reader")
    (tmp_path / "key.json").write_text(account.key)
    grant(operator.emulator, *((f"roles/{role}", account.member) for role in ROLES))
    return AsAccount(operator, str(tmp_path / "key.json"))


def test_who_may_not_look_leaves_a_budget_as_it_is(operator, reader):
    """Nothing is changed, forgotten or refused for want of it; the plan says who has to grant what, and on what."""
    assert not operator.apply(ASKED).failed
    change(operator, "amount", amount={"specified_amount": {"units": 5000}})
    changed = budgets(operator)[1]

    planned = reader.plan(ASKED)
    report = reader.apply(ASKED)
    more = reader.apply(ASKED | {"spec": ASKED["spec"] | {"scaling": {"maxInstances": 7}}})
    without = reader.apply(spec())

    assert (planned.plan.empty, report.exit_code, more.exit_code, without.exit_code) == (True, 0, 0, 0)
    [note] = [each.text for each in planned.plan.notes if "may not be looked at" in each.text]
    assert "budget churn" in note
    assert "billing.budgets.list is missing" in note
    assert "000000-000000-000000 must grant roles/billing.viewer" in note
    assert "roles/billing.costsManager" in note
    assert budgets(operator)[1] == changed
    [inventory] = operator.inventories().values()
    [entry] = [each for address, each in inventory.entries.items() if address.kind == "billing_budget"]
    assert (entry.server_name, bool(entry.digest)) == (changed[0].name, True)

    assert reader.destroy("churn").exit_code == 0
    assert budgets(operator)[1] == changed
    assert not operator.destroy("churn").failed
    assert (budgets(operator)[1], dict(operator.inventories())) == ([], {})


def test_who_may_not_look_makes_none_and_everything_else(operator, reader):
    """A second one would be made at each run, if the first could not be seen."""
    report = reader.apply(ASKED)

    assert (report.exit_code, budgets(operator)[1]) == (0, [])
    assert [each.change.action for each in report.results if each.change.address.kind == "run_service"] == [
        Action.CREATE
    ]
    assert not operator.apply(ASKED).failed
    assert len(budgets(operator)[1]) == 1


def test_who_may_look_and_not_change_is_told(operator, reader):
    """As viewer of the billing account: the rest is done, and the refusal names the role and what it is on."""
    grant(operator.emulator, ("roles/billing.viewer", MEMBER), api=billing_v1.CloudBillingClient, on=ACCOUNT)

    report = reader.apply(ASKED)

    [failed] = report.failed
    assert isinstance(failed.error, errors.NotPermitted)
    assert "billing.budgets.create is missing" in failed.error.hint
    assert "roles/billing.costsManager on the billing account" in failed.error.hint


def test_one_budget_that_is_gone_hides_no_other(operator, reader):
    """Whoever has a role on the project alone may not read what is not the project's, and so not that it is gone."""
    other = ASKED | {"metadata": {"name": "basket"}}
    assert not operator.apply(ASKED, other).failed
    api, made = budgets(operator)
    [gone, changed] = sorted(made, key=lambda each: each.display_name)
    api.delete_budget(request={"name": gone.name})
    change(operator, "amount", amount={"specified_amount": {"units": 5000}})
    grant(operator.emulator, *((f"roles/{role}", MEMBER) for role in (*ROLES, "editor")))

    planned = reader.plan(ASKED, other)

    [note] = [each.text for each in planned.plan.notes if "may not be looked at" in each.text]
    assert "budget basket may not be looked at" in note
    assert "billing.budgets.get is missing" in note
    assert [str(each.address) for each in planned.plan.pending] == ["billing_budget/global/churn"]
    assert not reader.apply(ASKED, other).failed
    [mended] = budgets(operator)[1]
    assert (mended.name, mended.amount.specified_amount.units) == (changed.name, 12)


def test_who_may_not_read_the_project_is_told_so(operator):
    """A role on the billing account does not help then."""
    assert not operator.apply(ASKED).failed
    operator.emulator.faults({"method": "*Projects/GetProject", "status": "PERMISSION_DENIED", "times": None})

    planned = operator.plan(ASKED)

    [note] = [each.text for each in planned.plan.notes if "may not be looked at" in each.text]
    assert "resourcemanager.projects.get is missing on project local: roles/browser has it" in note
    assert planned.plan.empty


def test_a_budget_stays_when_nobody_pays_any_more(operator):
    """It is the account's that paid, and what was spent is its to know; it goes when the service does."""
    assert not operator.apply(ASKED).failed
    made = budgets(operator)[1]
    billing = operator.api("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    billing.update_project_billing_info(
        request={"name": "projects/local", "project_billing_info": {"billing_account_name": ""}}
    )

    assert operator.plan(ASKED).plan.empty
    assert not operator.apply(ASKED).failed
    assert budgets(operator)[1] == made
    assert not operator.destroy("churn").failed
    assert budgets(operator)[1] == []


def test_without_anybody_who_pays_there_is_no_budget(operator):
    """The rest is there; and a budget comes with the account."""
    billing = operator.api("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
    link = {"name": "projects/local", "project_billing_info": {"billing_account_name": ""}}
    billing.update_project_billing_info(request=link)

    planned = operator.plan(ASKED)
    assert any("nobody pays for project local" in each.text for each in planned.plan.notes)
    assert not operator.apply(ASKED).failed
    assert budgets(operator)[1] == []
    link["project_billing_info"] = {"billing_account_name": ACCOUNT}
    billing.update_project_billing_info(request=link)
    assert not operator.apply(ASKED).failed
    assert len(budgets(operator)[1]) == 1


def test_somebody_elses_budget_is_left_alone(operator):
    """One that is called as the service, and has no mark of ours, is not taken for ours."""
    api, _ = budgets(operator)
    theirs = {
        "display_name": "churn of theirs",
        "amount": {"specified_amount": {"units": 1}},
        "budget_filter": {"projects": ["projects/local"]},
    }
    made = api.create_budget(request={"parent": ACCOUNT, "budget": theirs})

    with pytest.raises(errors.PlansRefused, match="was not made by mlservice"):
        operator.plan(ASKED)

    assert budgets(operator)[1] == [made]


def test_a_lost_answer_makes_no_second_budget(operator):
    """Its name is the server's, so nothing but its mark says that it is there."""
    operator.emulator.faults({"method": "*/CreateBudget", "status": "UNAVAILABLE", "when": "after"})

    assert not operator.apply(ASKED).failed

    assert len(budgets(operator)[1]) == 1
    assert operator.differences(ASKED) == []


def test_who_has_two_of_one_mark_keeps_the_one_that_is_listed(operator):
    """Somebody copied it: the plan says that the other one goes."""
    assert not operator.apply(ASKED).failed
    api, [made] = budgets(operator)
    copy = api.create_budget(request={"parent": ACCOUNT, "budget": made})

    [line] = operator.differences(ASKED)
    assert line.startswith("update billing_budget/global/churn")
    assert not operator.apply(ASKED).failed

    assert [each.name for each in budgets(operator)[1]] == [made.name]
    assert copy.name != made.name
