"""The export of a bill to BigQuery: late, once, in the month of the invoice, and read through a view."""

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from emulator.apis.billingbudgets.periods import ZONE
from reconciler.core import bill as core

DAY_S, HOUR_S = 86_400, 3_600
TABLE = "local.billing.gcp_billing_export_v1_000000_000000_000000"


class Exported:
    """A bill, and the dataset that it is exported to."""

    def __init__(self, bill):
        self.bill = bill
        options = ClientOptions(api_endpoint=bill.emulator.http)
        self.client = bigquery.Client(project="local", credentials=AnonymousCredentials(), client_options=options)

    def begin(self, **about):
        """Make the dataset, and switch the export on."""
        made = bigquery.Dataset("local.billing")
        made.location = "EU"
        self.client.create_dataset(made)
        return self.bill.emulator.control("PUT", "billing", {"export": "local.billing", **about})

    def rows(self, text=f"SELECT * FROM `{TABLE}`"):
        return [dict(row.items()) for row in self.client.query_and_wait(text)]

    def view(self):
        """Make the view over it, as specs have it made; all that it tells."""
        self.client.create_dataset(core.DATASET)
        made = bigquery.Table(f"local.{core.DATASET}.{core.VIEW}")
        made.view_query = core.query(("local", "billing", TABLE.rpartition(".")[2]), "local", by_arrival=True)
        self.client.create_table(made)
        return self.rows(f"SELECT * FROM `{core.DATASET}.{core.VIEW}`")

    def write(self, **columns):
        """A line that Google's export may have."""
        line = {
            "project": {"id": "local"},
            "labels": [{"key": "mlservice-service", "value": "churn"}],
            "invoice": {"month": "202605"},
            "location": {"location": "europe-west1"},
            "currency": "EUR",
            "cost": 0,
            "cost_type": "regular",
            **columns,
        }
        assert self.client.insert_rows_json(TABLE, [line]) == []


@pytest.fixture
def exported(bill):
    """What is on the bill, and where it goes."""
    return Exported(bill)


def test_lines_come_late_and_once(exported):
    """Nothing at first; each line once, however long it goes on; in the account's currency; below zero a credit."""
    told = exported.begin(currency="EUR", perUsd="0.9")
    assert told["export"] == TABLE
    exported.bill.spend("12.50", labels={"mlservice-service": "churn", "environment": "prod"})
    exported.bill.spend("-2", labels={"mlservice-service": "churn"})
    exported.bill.emulator.advance(5 * HOUR_S)
    assert exported.rows() == []

    exported.bill.emulator.advance(3 * DAY_S)

    rows = sorted(exported.rows(), key=lambda row: row["cost"])
    assert [(row["cost"], row["currency"], row["cost_type"]) for row in rows] == [
        (0.0, "EUR", "regular"),
        (12.5, "EUR", "regular"),
    ]
    assert [credit["amount"] for credit in rows[0]["credits"]] == [-2.0]
    assert rows[1]["export_time"] > rows[1]["usage_end_time"]
    spent = [row["usage_start_time"].astimezone(ZONE) for row in rows]
    assert [row["invoice"]["month"] for row in rows] == [f"{when:%Y%m}" for when in spent]
    assert {row["environment"] for row in exported.view()} == {"prod", None}


def test_without_a_dataset_nothing_is_lost(exported):
    """The export begins where its dataset is: what was billed before comes then."""
    exported.bill.emulator.control("PUT", "billing", {"export": "local.billing"})
    exported.bill.spend("7", labels={"mlservice-service": "churn"})
    exported.bill.emulator.advance(DAY_S)
    exported.begin()
    exported.bill.emulator.advance(DAY_S)

    assert [row["cost"] for row in exported.rows()] == [7.0]


def test_what_is_left_out_of_an_account_stays(exported):
    """Its currency is not the export's business."""
    control = exported.bill.emulator.control
    control("PUT", "billing", {"currency": "EUR", "perUsd": "0.9"})

    said = exported.begin()
    assert (said["currency"], said["perUsd"]) == ("EUR", "0.9")
    assert control("PUT", "billing", {"perUsd": "0.8"})["currency"] == "EUR"


def test_no_dataset_is_refused(exported):
    """An export to what is no dataset is said to be wrong."""
    with pytest.raises(AssertionError, match="a project and a dataset"):
        exported.bill.emulator.control("PUT", "billing", {"export": "billing"})


def test_the_view_adds_what_is_of_a_service(exported):
    """By month, currency and environment; credits and corrections apart; nothing of other projects."""
    exported.begin()
    exported.bill.emulator.advance(5 * HOUR_S)
    exported.write(cost=10.0, credits=[{"name": "a", "amount": -1.5}, {"name": "b", "amount": -0.5}])
    exported.write(cost=-3.0, cost_type="adjustment", invoice={"month": "202606"})
    exported.write(cost=4.0, labels=[*PROD, {"key": "mlservice-service", "value": "churn"}])
    exported.write(cost=8.0, currency="USD")
    exported.write(cost=99.0, project={"id": "another"})
    exported.write(cost=5.0, labels=[])

    found = {(row["month"], row["currency"], row["environment"], row["service"]): row for row in exported.view()}

    assert {key: (row["cost"], row["credits"], row["corrections"]) for key, row in found.items()} == {
        ("202605", "EUR", None, "churn"): (10.0, -2.0, 0.0),
        ("202606", "EUR", None, "churn"): (-3.0, 0.0, -3.0),
        ("202605", "EUR", "prod", "churn"): (4.0, 0.0, 0.0),
        ("202605", "USD", None, "churn"): (8.0, 0.0, 0.0),
        ("202605", "EUR", None, None): (5.0, 0.0, 0.0),
    }


PROD = [{"key": "environment", "value": "prod"}]
