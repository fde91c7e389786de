"""What is billed beside what is expected, as `cost --billed` and `status` say it."""

from reconciler.gcp.bigquery import HOST, VERSION
from tests.operating import spec

TABLE = "billing.gcp_billing_export_v1_000000_000000_000000"
ASKED = spec(budget={"amount": 900, "export": TABLE})
DAY_S = 86_400


def exported(operator):
    """A bill that goes to a dataset, and a service that wants to see it."""
    api = operator.connection.rest(HOST, VERSION)
    api.post("projects/local/datasets", {"datasetReference": {"datasetId": "billing"}, "location": "EU"})
    operator.emulator.control("PUT", "billing", {"export": "local.billing"})
    operator.emulator.advance(DAY_S)
    assert not operator.apply(ASKED).failed


def test_cost_and_status_show_the_bill_beside_the_estimate(shell, operator):
    """Nothing yet is no error; then the amount, its currency and until when; one without an export says so."""
    exported(operator)
    shell.write(ASKED, spec("plain"))
    early = shell("cost", "--billed", "--local")
    operator.emulator.control("POST", "spend", {"amount": "12.34", "labels": {"mlservice-service": "churn"}})
    operator.emulator.advance(DAY_S)

    text, data = shell("cost", "--billed", "--local"), shell("cost", "--billed", "--local", "-o", "json")
    status = shell("status", "churn", "--local")

    assert (early.code, text.code, data.code, status.code) == (0, 0, 0, 0)
    assert "billed: nothing yet" in early.out
    churn, plain = data.json["services"]
    [month] = churn["billed"]["months"]
    assert (month["amount"], month["currency"]) == ("12.34", "USD")
    assert plain["billed"] == {"months": [], "unknown": "no budget.export says where the bill is"}
    assert f"billed: 12.34 USD in {month['month']}, use until " in text.out
    assert f"{churn['total']['expected']} USD expected a month" in text.out
    assert f"billed        12.34 USD in {month['month']}" in status.out
    shell.write(ASKED)
    assert shell("cost", "--local").code == 64
