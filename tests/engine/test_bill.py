"""The bill beside the estimate: a view over the export, made once that is there, and read by one query."""

from datetime import timedelta

import pytest
from google.api_core.exceptions import NotFound

from reconciler.core import bill
from reconciler.engine.billing import read_bill
from reconciler.gcp.bigquery import HOST, VERSION
from tests.emulator_iam.callers import Account, grant
from tests.engine.test_least_roles import AsAccount
from tests.operating import spec

TABLE = "gcp_billing_export_v1_000000_000000_000000"
DATASETS = "projects/local/datasets"
VIEW = f"{DATASETS}/{bill.DATASET}/tables/{bill.VIEW}"
ASKED = spec(budget={"amount": 900, "export": f"billing.{TABLE}"})
NEEDED = (
    *("run.admin", "pubsub.admin", "monitoring.editor", "storage.admin", "iam.serviceAccountAdmin", "bigquery.jobUser"),
    *("iam.serviceAccountUser", "artifactregistry.reader", "browser", "bigquery.metadataViewer"),
)


class World:
    """A project whose bill is exported to a dataset in the EU."""

    def __init__(self, operator):
        self.operator = operator
        self.api = operator.connection.rest(HOST, VERSION)

    def export(self, **about):
        reference = {"datasetId": "billing"}
        self.api.post(DATASETS, {"datasetReference": reference, "location": "EU"})
        self.operator.emulator.control("PUT", "billing", {"export": "local.billing", **about})
        self.wait()

    def wait(self):
        self.operator.emulator.advance(timedelta(hours=13).total_seconds())

    def spend(self, amount, service="churn"):
        labels = {"mlservice-service": service}
        self.operator.emulator.control("POST", "spend", {"amount": amount, "labels": labels})

    def notes(self, wanted=ASKED):
        return [each.text for each in self.operator.plan(wanted).plan.notes if "is billed" in each.text]

    def there(self):
        """Names of the views of ours."""
        try:
            return [self.api.get(VIEW)["type"]]
        except NotFound:
            return []

    def bill(self, operator=None):
        return read_bill((operator or self.operator).session(), {"churn"})


@pytest.fixture
def world(operator):
    """A project that is billed."""
    return World(operator)


def test_a_view_is_made_once_the_export_is_there_and_goes_with_the_last_service(world):
    """Before, it is said why there is none; a hand's work at it is put back; its last service takes it along."""
    operator = world.operator
    assert not operator.apply(ASKED).failed
    assert (operator.differences(ASKED), world.there()) == ([], [])
    [note] = world.notes()
    assert f"local.billing.{TABLE}, it is not there" in note

    world.export()
    both = (ASKED, spec("basket", budget={"amount": 10, "export": f"local.billing.{TABLE}"}))
    assert not operator.apply(*both).failed
    assert (operator.differences(*both), world.notes(), world.there()) == ([], [], ["VIEW"])
    assert world.api.get(f"{DATASETS}/{bill.DATASET}")["location"] == "EU"

    world.api.patch(VIEW, {"view": {"query": "SELECT 1 AS one", "useLegacySql": False}})
    [line] = operator.differences(*both)
    assert line.startswith("update bigquery_view/global/mlservice_bill.by_service")
    assert not operator.apply(*both).failed
    assert operator.differences(*both) == []

    assert not operator.destroy("basket").failed
    assert world.there() == ["VIEW"]
    assert not operator.destroy("churn").failed
    assert world.there() == []
    assert world.api.get(f"{DATASETS}/billing/tables/{TABLE}")["type"] == "TABLE"


def test_an_export_that_goes_takes_nothing_away(world):
    """Nothing is changed, and it is said: by the plan, and by who reads the bill."""
    world.export()
    assert not world.operator.apply(ASKED).failed
    world.api.delete(f"{DATASETS}/billing/tables/{TABLE}")

    assert (world.operator.differences(ASKED), world.there()) == ([], ["VIEW"])
    [note] = world.notes()
    assert "it is not there" in note
    assert "there is no view of the bill" in world.bill().unknown


def test_who_may_not_read_the_export_is_told_and_works_on_everything_else(world, tmp_path):
    """No view is made, none goes, and the reader hears which role is missing on what."""
    account = Account(world.operator.emulator, "reader")
    (tmp_path / "key.json").write_text(account.key)
    grant(world.operator.emulator, *((f"roles/{role}", account.member) for role in NEEDED[:-1]))
    own = AsAccount(world.operator, str(tmp_path / "key.json"))
    world.export()

    report = own.apply(ASKED)

    assert (report.exit_code, world.there()) == (0, [])
    [note] = [each.text for each in own.plan(ASKED).plan.notes if "is billed" in each.text]
    assert "roles/bigquery.dataViewer on dataset billing of local has it" in note
    assert not world.operator.apply(ASKED).failed
    assert world.there() == ["VIEW"]
    unknown = world.bill(own).unknown
    assert "bigquery.tables.getData" in unknown
    assert "roles/bigquery.dataViewer" in unknown


@pytest.mark.parametrize("made", ["table", "view", "elsewhere"])
def test_what_a_person_made_under_its_name_stops_nothing_else(world, made):
    """It is named with what to do; the service goes up, and no number of a stranger's is told as the bill."""
    world.export()
    reference = {"datasetReference": {"datasetId": bill.DATASET}, "location": "US" if made == "elsewhere" else "EU"}
    labels = {"managed-by": "mlservice"} if made == "elsewhere" else {}
    world.api.post(DATASETS, {**reference, "labels": labels})
    body = {"tableReference": {"tableId": bill.VIEW}, "schema": {"fields": [{"name": "month", "type": "STRING"}]}}
    if made == "view":
        body = {**body, "view": {"query": "SELECT 1 AS one", "useLegacySql": False}}
        del body["schema"]
    world.api.post(f"{DATASETS}/{bill.DATASET}/tables", body)

    both = (ASKED, spec("basket"))
    assert not world.operator.apply(*both).failed
    assert world.operator.service("basket").uri
    planned = world.operator.plan(*both).plan
    assert planned.empty
    [note] = [each for each in planned.notes if each.text.startswith("left out: ")]
    assert note.where.endswith(": budget.export")
    assert "delete" in note.text or "adopt" in note.text
    assert "mlservice-service=" not in note.text
    unknown = world.bill().of("churn")
    assert unknown["months"] == []
    assert f"{bill.DATASET}.{bill.VIEW} is not ours" in unknown["unknown"]


ROW = {"service": "churn", "month": "202611", "currency": "EUR", "cost": "2.5", "credits": "0", "corrections": "0"}


@pytest.mark.parametrize(
    "wrong",
    [{"cost": "1e30"}, {"credits": "nan"}, {"corrections": "much"}, {"cost": ["1"]}, {"month": "202713"},
     {"month": "ABCDEF"}, {"month": None}, {"currency": "eur"}, {"currency": None}],
    ids=str,
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_said_and_never_told(wrong):
    """The others are told, and those of another service are whole."""
    months, odd = bill.billed([ROW, {**ROW, **wrong}, {**ROW, "service": "basket"}])

    assert [str(each.amount) for each in months["churn"]] == ["2.50"]
    assert list(odd) == ["churn"]
    assert len(months["basket"]) == 1
    assert str(next(iter(wrong.values()))) not in odd["churn"].split("by_service")[1]


def test_thousands_of_currencies_are_no_lines():
    """What it cannot be is said in one."""
    codes = [f"{a}{b}{c}" for a in "ABCDEFG" for b in "ABCDEFG" for c in "ABCDEFG"]
    months, odd = bill.billed({**ROW, "currency": code} for code in codes)

    assert months["churn"] == ()
    assert "more than 5 currencies" in odd["churn"]


def test_what_is_billed_is_told_by_month_and_currency(world):
    """Nothing yet, then what was spent, less credits; what Google corrects afterwards is named."""
    world.export(currency="EUR", perUsd="0.9")
    assert not world.operator.apply(ASKED).failed
    assert world.bill().of("churn") == {"months": [], "unknown": ""}

    world.spend("12.345")
    world.spend("-2")
    world.spend("99", service="other")
    world.wait()
    [month] = world.bill().months["churn"]
    assert (str(month.amount), str(month.credits), month.currency, bool(month.until)) == ("10.35", "-2.00", "EUR", True)

    later = {
        "project": {"id": "local"},
        "labels": [{"key": "mlservice-service", "value": "churn"}],
        "invoice": {"month": "209912"},
        "currency": "USD",
        "cost": -1.25,
        "cost_type": "adjustment",
    }
    answer = world.api.post(f"{DATASETS}/billing/tables/{TABLE}/insertAll", {"rows": [{"json": later}]})
    assert "insertErrors" not in answer
    newest, before = world.bill().months["churn"]
    assert (newest.month, str(newest.amount), str(newest.corrections), newest.currency) == (
        "209912",
        "-1.25",
        "-1.25",
        "USD",
    )
    assert before == month
