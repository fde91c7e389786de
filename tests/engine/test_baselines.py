"""Training data that a spec names: looked at when planning, and told with their line where they are of no use."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from reconciler.gcp.connection import Connection
from schemas import SpecError
from tests.emulator_iam.callers import Account, grant
from tests.operating import BUCKET, REGION, spec
from tests.operating_tables import parquet, table, upload

FEATURES = {"spend": {"type": "number"}, "plan": {"type": "category", "values": ["basic", "plus"]}}
COLUMNS = {"spend": "FLOAT64", "plan": "STRING"}
ROW = {"spend": 1, "plan": "basic"}
CSV, LINES = b"spend,plan\n1,basic\n", json.dumps(ROW).encode()


def watched(name="churn", **baseline):
    """A service whose requests are compared with training data."""
    model = {"uri": "gs://models/churn/", "framework": "onnx", "features": FEATURES, "prediction": {"name": "p"}}
    logging = {"table": f"ml_logs.{name}"}
    return spec(name, model=model, monitoring={"logging": logging, "baseline": baseline, "skew": {"default": 0.3}})


def refused(operator, *specs):
    """The problems of a plan: place in the file, and what is wrong."""
    with pytest.raises(SpecError) as refusal:
        operator.plan(*specs)
    assert all(problem.where.line for problem in refusal.value.problems)
    return [(problem.where.path, problem.summary) for problem in refusal.value.problems]


def planned(operator, *specs):
    return bool(operator.plan(*specs).plan.pending)


def test_every_problem_of_every_service_at_once(operator):
    """A table that is not there, an empty one, one without a column, a file of text: each with its line, in one run."""
    table(operator, "ml.empty", COLUMNS)
    table(operator, "ml.narrow", {"plan": "STRING"}, [{"plan": "basic"}])
    upload(operator, "text.csv", b"spend,plan\nmuch,basic\n")

    found = refused(
        operator,
        watched("a", table="ml.gone"),
        watched("b", table="local.ml.empty"),
        watched("c", table="ml.narrow"),
        watched("d", uri="gs://acme-data/text.csv"),
        watched("e", uri="gs://acme-data/gone.csv"),
        watched("f", uri="gs://no-such-bucket-here/train.csv"),
    )

    table_, uri = "monitoring.baseline.table", "monitoring.baseline.uri"
    assert sorted(found) == [
        (table_, "BigQuery table local.ml.empty has no rows"),
        (table_, 'BigQuery table local.ml.narrow has no column "spend"'),
        (table_, "there is no BigQuery table local.ml.gone"),
        (uri, 'gs://acme-data/text.csv has text in column "spend", which is a number for the model'),
        (uri, "there is no file gs://acme-data/gone.csv"),
        (uri, "there is no file gs://no-such-bucket-here/train.csv"),
    ]


def test_what_is_fit_is_planned(operator):
    """Tables, views, files of each format, names with wildcards; and the log of a service, which this run makes."""
    table(operator, "ml.training", COLUMNS, [ROW])
    operator.connection.rest("bigquery.googleapis.com", "bigquery/v2").post(
        "projects/local/datasets/ml/tables",
        {"tableReference": {"tableId": "seen"}, "view": {"query": "SELECT * FROM ml.training", "useLegacySql": False}},
    )
    upload(operator, "train/1.csv", CSV)
    upload(operator, "train/2.csv", b"")
    upload(operator, "train.jsonl", LINES)
    upload(operator, "train.tfrecord", b"whatever")

    assert planned(
        operator,
        watched("a", table="ml.training"),
        watched("b", table="local.ml.seen"),
        watched("c", uri="gs://acme-data/train/*.csv"),
        watched("d", uri="gs://acme-data/train.jsonl"),
        watched("e", uri="gs://acme-data/train.tfrecord"),
        watched("f", table="ml_logs.a"),
    )


def test_files_that_hold_nothing(operator):
    """All of them without a byte, a header alone, a pattern that means none."""
    for name in ("none/1.csv", "none/2.csv"):
        upload(operator, name, b"")
    upload(operator, "header.csv", b"spend,plan\n")
    named = ("none/?.csv", "header.csv", "none/[a-c].csv", "none/[z-a].csv")

    found = refused(operator, *(watched(f"s{at}", uri=f"gs://acme-data/{name}") for at, name in enumerate(named)))

    assert [summary for _, summary in found] == [
        "gs://acme-data/none/?.csv has no rows",
        "gs://acme-data/header.csv has no rows",
        "there is no file gs://acme-data/none/[a-c].csv",
        "no file is called like 'none/[z-a].csv': its brackets mean nothing",
    ]


def test_what_may_not_be_read_names_the_role(operator, tmp_path):
    """A table and a file that the caller may not look at: problems with a place, that say what to grant."""
    table(operator, "ml.training", COLUMNS, [ROW])
    upload(operator, "train.csv", CSV)
    account = Account(operator.emulator, "planner")
    (tmp_path / "key.json").write_text(account.key)
    grant(operator.emulator, ("roles/run.viewer", account.member))
    local = replace(operator.connection.local, key_file=str(tmp_path / "key.json"))
    operator.connection = Connection("local", BUCKET, local)

    with pytest.raises(SpecError) as refusal:
        operator.plan(watched("a", table="ml.training"), watched("b", uri="gs://acme-data/train.csv"))

    hints = [problem.hint for problem in refusal.value.problems]
    assert [hint.partition(";")[0] for hint in hints] == [
        "permission bigquery.tables.get is missing: grant roles/bigquery.metadataViewer",
        "permission storage.objects.get is missing: grant roles/storage.objectViewer",
    ]


def test_the_state_of_mlservice_is_nobodys_baseline(operator):
    """Inventories are not for Model Monitoring to read; what trainings of the model wrote is."""
    operator.connection.state.make()
    bucket = operator.connection.storage.bucket(BUCKET)
    for name in ("inventory/x.csv", "models/churn/abc/train.csv"):
        bucket.blob(name).upload_from_string(CSV)

    found = refused(operator, watched(uri=f"gs://{BUCKET}/inventory/x.csv"))

    assert found == [
        (
            "monitoring.baseline.uri",
            f"'gs://{BUCKET}/inventory/x.csv' is in the bucket that holds mlservice's own state",
        )
    ]
    assert planned(operator, watched(uri=f"gs://{BUCKET}/models/churn/abc/train.csv"))


PARQUET = {"spend": [1.5, 2.5, 3.5], "plan": ["basic", "plus", "basic"]}
LOGS = "projects/local/datasets/ml_logs"


def bigquery(operator):
    return operator.connection.rest("bigquery.googleapis.com", "bigquery/v2")


def loaded(operator):
    """The rows of the table that the service's baseline is in."""
    found = bigquery(operator).get(f"{LOGS}/tables/churn_baseline/data").get("rows", ())
    return [tuple(cell["v"] for cell in row["f"]) for row in found]


def applied(operator, wanted):
    report = operator.apply(wanted)
    assert not report.failed, [str(each.error) for each in report.failed]
    assert operator.differences(wanted) == []


def test_parquet_is_loaded_and_loaded_again_when_it_changed(operator):
    """The monitor reads a table of the very rows; a new file is loaded again, by the plan; with the service it goes."""
    wanted = watched(uri="gs://acme-data/train-*.parquet")
    upload(operator, "train-1.parquet", parquet(PARQUET))
    applied(operator, wanted)

    [monitor] = operator.connection.rest(f"{REGION}-aiplatform.googleapis.com", "v1beta1").listed(
        f"projects/local/locations/{REGION}/modelMonitors", "modelMonitors"
    )
    source = monitor["trainingDataset"]["columnizedDataset"]["bigquerySource"]
    assert source == {"tableUri": "bq://local.ml_logs.churn_baseline"}
    assert loaded(operator) == [("1.5", "basic"), ("2.5", "plus"), ("3.5", "basic")]

    upload(operator, "train-b/2.parquet", parquet({"spend": [9.5], "plan": ["plus"]}))
    [change] = operator.plan(wanted).plan.pending
    assert change.consequence.startswith("loads gs://acme-data/train-*.parquet (generation 2-files-")
    applied(operator, wanted)
    assert len(loaded(operator)) == 4

    assert not operator.destroy("churn").failed
    assert list(bigquery(operator).listed("projects/local/datasets", "datasets")) == []


def test_parquet_is_looked_at_before_it_is_loaded(operator):
    """Columns, types and rows, and whether it is Parquet at all: problems of the plan, and nothing is made."""
    upload(operator, "narrow.parquet", parquet({"plan": ["basic"]}))
    upload(operator, "text.parquet", parquet({"spend": ["much"], "plan": ["basic"]}))
    upload(operator, "empty.parquet", parquet({"spend": pa.nulls(0, pa.float64()), "plan": pa.nulls(0, pa.string())}))
    upload(operator, "csv.parquet", CSV)
    upload(operator, "wide.parquet", parquet({f"c{at}": [at] for at in range(3000)} | {"spend": [1], "plan": ["plus"]}))
    named = ("narrow", "text", "empty", "csv", "wide")

    found = refused(operator, *(watched(f"s{name}", uri=f"gs://acme-data/{name}.parquet") for name in named))

    assert sorted(summary for _, summary in found) == [
        "gs://acme-data/csv.parquet is called a Parquet file, and is none",
        "gs://acme-data/empty.parquet has no rows",
        'gs://acme-data/narrow.parquet has no column "spend"',
        'gs://acme-data/text.parquet has STRING in column "spend", which is a number for the model',
    ]


def test_a_load_that_died_is_made_again(operator):
    """A table that was made and not filled, or filled and not written down, is no loaded one."""
    wanted = watched(uri="gs://acme-data/train.parquet")
    upload(operator, "train.parquet", parquet(PARQUET))
    applied(operator, wanted)
    forgotten = {"labels": {"mlservice-generation": None}}
    bigquery(operator).patch(f"{LOGS}/tables/churn_baseline", forgotten)

    [change] = operator.plan(wanted).plan.pending

    assert change.consequence.startswith("loads gs://acme-data/train.parquet")
    applied(operator, wanted)
    assert len(loaded(operator)) == 3


def test_what_is_no_parquet_fails_for_itself(operator):
    """The job's own words; the service is made all the same, and the next apply loads what is there then."""
    wanted = watched(uri="gs://acme-data/train.parquet")
    upload(operator, "train.parquet", b"PAR1 and nothing of it PAR1")

    report = operator.apply(wanted)

    [failed] = [each for each in report.failed if each.change.address.kind == "bigquery_baseline"]
    told = str(failed.error)
    assert told.startswith("cannot load gs://acme-data/train.parquet into bigquery_baseline/global/ml_logs.churn_base")
    assert str(operator.emulator.state) not in told, "the emulator's own files are nobody's business"
    assert operator.services()
    upload(operator, "train.parquet", parquet(PARQUET))
    applied(operator, wanted)
    assert len(loaded(operator)) == 3


def test_a_baseline_that_is_no_parquet_any_more_leaves_nothing(operator):
    """The copy goes when the spec names a table."""
    upload(operator, "train.parquet", parquet(PARQUET))
    applied(operator, watched(uri="gs://acme-data/train.parquet"))
    table(operator, "ml.training", COLUMNS, [ROW])

    applied(operator, watched(table="ml.training"))

    names = [each["tableReference"]["tableId"] for each in bigquery(operator).listed(f"{LOGS}/tables", "tables")]
    assert names == ["churn"]


def judged(table):
    """A service whose predictions are compared with labels."""
    predicted = {"name": "p", "type": "number"}
    model = {"uri": "gs://models/churn/", "framework": "onnx", "features": FEATURES, "prediction": predicted}
    labels = {"table": table, "requestId": "id", "value": "churned"}
    performance = {"labels": labels, "after": "1d", "threshold": 0.5, "least": {"accuracy": 0.7}}
    monitoring = {"logging": {"table": "ml_logs.churn"}, "performance": performance}
    return spec("judged", model=model, monitoring=monitoring, retraining={"run": {"cloudRunJob": {"name": "train"}}})


def test_a_table_of_labels_is_looked_at_with_the_plan(operator):
    """What would fail every question has its line; a table that is still to come is told, and keeps nothing."""
    table(operator, "ml.outcomes", {"id": "STRING", "churn": "BOOL"})
    at = "monitoring.performance.labels"

    found = refused(operator, judged("ml.outcomes"))
    notes = [(note.text, note.where) for note in operator.plan(judged("ml.later")).plan.notes if at in note.where]

    assert found == [(f"{at}.value", 'BigQuery table local.ml.outcomes has no column "churned"')]
    [(text, where)] = notes
    assert text == "there is no BigQuery table local.ml.later yet: until there is, no window is measured"
    assert where.endswith(f"{at}.table")
