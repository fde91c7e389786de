"""The table that predictions are logged to: made, widened, never narrowed, and not lost by the way."""

from dataclasses import replace

import pytest

from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange
from reconciler.core.errors import PlansRefused
from reconciler.core.objects import Desired
from reconciler.engine.planning import plan_destroy
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.bigquery_table import KIND, NAME
from runtime.telemetry import prediction_rows
from schemas.prediction_log import ABOUT
from tests.operating import REGION, spec

NUMBER, TEXT = {"type": "number"}, {"type": "string"}
DATASETS = "projects/local/datasets"
LOGS = f"{DATASETS}/ml_logs"


def wanted(features=None, *, name="churn", table="ml_logs.churn", prediction="score", **sections):
    model = {
        "uri": "gs://acme-models/churn/1/",
        "features": {"age": {"type": "integer"}} if features is None else features,
        "prediction": {"name": prediction},
    }
    return spec(name, model=model, monitoring={"logging": {"table": table, "retention": "30d"}}, **sections)


def bigquery(operator):
    return operator.connection.rest(HOST, VERSION)


def table(operator, name="churn"):
    return bigquery(operator).get(f"{LOGS}/tables/{name}")


def columns(operator, name="churn"):
    return {each["name"]: (each["type"], each["mode"]) for each in table(operator, name)["schema"]["fields"]}


def applied(operator, *specs):
    report = operator.apply(*specs)
    assert not report.failed, [str(each.error) for each in report.failed]


def tables(operator):
    return {each["tableReference"]["tableId"] for each in bigquery(operator).listed(f"{LOGS}/tables", "tables")}


def datasets(operator):
    return {each["datasetReference"]["datasetId"] for each in bigquery(operator).listed(DATASETS, "datasets")}


def test_the_table_has_the_columns_that_the_server_writes():
    """What the server says of every row, in its order, is what every table has."""
    assert tuple(ABOUT) == prediction_rows.ABOUT


def test_table_and_dataset_are_made_in_the_services_region(operator):
    """Partitioned by day, expiring, clustered, a column per logged feature; the plan after it is empty."""
    features = {
        "age": {"type": "integer"},
        "spend": NUMBER,
        "vip": {"type": "boolean"},
        "plan": {"type": "category", "values": ["a", "b"]},
        "email": {"type": "string", "log": False},
    }
    applied(operator, wanted(features))

    made = table(operator)
    assert bigquery(operator).get(LOGS)["location"] == "europe-west1"
    assert made["timePartitioning"] == {"type": "DAY", "field": "logging_time", "expirationMs": "2592000000"}
    assert made["clustering"] == {"fields": ["model_version", "revision"]}
    assert list(columns(operator)) == [*ABOUT, "age", "spend", "vip", "plan", "score"]
    kinds = [kind for kind, _ in columns(operator).values()][len(ABOUT) :]
    assert kinds == ["INTEGER", "FLOAT", "BOOLEAN", "STRING", "FLOAT"]
    assert operator.differences(wanted(features)) == []


def test_columns_come_and_never_go(operator):
    """A new feature is a column more; one that is gone stays a column, with the rows that have it."""
    applied(operator, wanted({"age": {"type": "integer"}}))
    row = {"json": {"request_id": "r1", "logging_time": "2026-11-26T10:00:00Z", "age": 40}}
    bigquery(operator).post(f"{LOGS}/tables/churn/insertAll", {"rows": [row]})

    applied(operator, wanted({"spend": NUMBER}))

    assert {"age", "spend"} <= columns(operator).keys()
    [kept] = bigquery(operator).get(f"{LOGS}/tables/churn/data", selectedFields="age")["rows"]
    assert kept == {"f": [{"v": "40"}]}
    assert operator.differences(wanted({"spend": NUMBER})) == []


def test_rows_that_arrive_stop_no_change(operator):
    """They move the table's etag, and are no write that a change could undo."""
    applied(operator, wanted())
    client, before = operator.session().client(KIND), table(operator)["etag"]
    [seen] = client.observe([Address(NAME, GLOBAL, "ml_logs.churn")])
    insert = "INSERT INTO ml_logs.churn (request_id, logging_time, age) VALUES ('r1', CURRENT_TIMESTAMP(), 40)"
    bigquery(operator).post("projects/local/queries", {"query": insert, "useLegacySql": False})
    assert table(operator)["etag"] != before

    longer = replace(seen.fields, expiration_s=90 * 86_400)
    change = FieldChange("expiration_s", seen.fields.expiration_s, longer.expiration_s)
    client.update(Desired(seen.address, longer, "churn"), seen, (change,))

    assert table(operator)["timePartitioning"]["expirationMs"] == "7776000000"
    assert table(operator)["numRows"] == "1"


def test_a_type_that_changes_is_refused_before_anything_is_done(operator):
    """The refusal names column and types and says to name a new table, which is then made beside the old one."""
    applied(operator, wanted({"age": NUMBER}))

    with pytest.raises(PlansRefused) as refused:
        operator.plan(wanted({"age": TEXT}))

    [problem] = refused.value.problems
    assert "its column age is FLOAT64, and STRING is what would be written" in problem.message
    assert "name a new table" in problem.hint
    applied(operator, wanted({"age": TEXT}, table="ml_logs.churn_2"))
    assert columns(operator, "churn_2")["age"][0] == "STRING"
    assert tables(operator) == {"churn", "churn_2"}, "its rows stay until the service goes"
    assert operator.differences(wanted({"age": TEXT}, table="ml_logs.churn_2")) == []


def test_a_dataset_elsewhere_is_refused(operator):
    """BigQuery moves no dataset, and another in its place would lose what is in it."""
    made = {"datasetReference": {"datasetId": "ml_logs"}, "location": "US"}
    bigquery(operator).post(DATASETS, made)

    with pytest.raises(PlansRefused, match="it is in us, and the service in europe-west1"):
        operator.plan(wanted())


def test_two_services_share_a_dataset_and_the_last_takes_it_along(operator):
    """Tables go with their services; the dataset with the last of them."""
    applied(operator, wanted(), wanted(name="fraud", table="ml_logs.fraud"))
    assert tables(operator) == {"churn", "fraud"}

    assert not operator.destroy("churn").failed
    assert tables(operator) == {"fraud"}
    assert not operator.destroy("fraud").failed
    assert datasets(operator) == set()


def test_a_dataset_with_tables_of_others_stays(operator):
    """Theirs is not lost: everything else goes, and the error says how to go on."""
    applied(operator, wanted())
    theirs = {"tableReference": {"tableId": "theirs"}}
    bigquery(operator).post(f"{LOGS}/tables", theirs)

    [failed] = operator.destroy("churn").failed

    assert failed.error.address.kind == "bigquery_dataset"
    assert "take its label managed-by away" in failed.error.hint
    assert tables(operator) == {"theirs"}
    bigquery(operator).patch(LOGS, {"labels": {"managed-by": None}})
    assert not operator.destroy("churn").failed
    assert tables(operator) == {"theirs"}


def test_rows_are_guarded(operator):
    """`management.deletion: Protect` keeps the table, whose rows nobody can make again, and not an empty dataset."""
    applied(operator, wanted())

    plan = plan_destroy(operator.session(), [(REGION, "churn")]).plan

    changes = {change.address.kind: change for change in plan.changes}
    assert changes["bigquery_table"].guarded
    assert "its logged predictions are lost" in changes["bigquery_table"].consequence
    assert not changes["bigquery_dataset"].guarded
