"""Predictions of a deployed service, through the emulated Pub/Sub, into the emulated BigQuery."""

import json
import shutil
import time
from pathlib import Path

import httpx

from reconciler.cli.context import runtime_image
from reconciler.core.facts import Facts
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds.vertex_schedule.wanted import log_query
from schemas import load
from tests.operating import BUCKET, spec, told
from tests.specs.test_examples import token_for

IRIS = Path(__file__).resolve().parents[2] / "specs" / "iris"
TABLE = "projects/local/datasets/ml_logs/tables/iris"
NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
WITHIN_S = 30


def logged(operator, count):
    """The table's rows by column, once there are so many."""
    api = operator.connection.rest(HOST, VERSION)
    names = [each["name"] for each in api.get(TABLE)["schema"]["fields"]]
    found, deadline = [], time.monotonic() + WITHIN_S
    while len(found) < count and time.monotonic() < deadline:
        found = api.get(f"{TABLE}/data").get("rows", [])
    return [dict(zip(names, (cell["v"] for cell in row["f"]), strict=True)) for row in found]


def test_an_answered_prediction_is_a_row_of_the_table(operator):
    """Each row asked for is one there, with its prediction and without what must not be logged; the plan is empty."""
    features = {name: {"type": "number", "log": name != "petal_width"} for name in NAMES}
    model = {
        "uri": "./model",
        "version": "1",
        "features": features,
        "prediction": {"name": "species", "type": "string"},
    }
    shutil.copytree(IRIS / "model", operator.folder / "model")
    (operator.folder / "model" / "model.yaml").write_text(
        "name: flowers\n"
    )  # the server's name of it, not the service's
    wanted = spec("iris", model=model, monitoring={"logging": {"table": "ml_logs.iris"}})
    del wanted["spec"]["image"]
    session, file = operator.session(), operator.write(wanted)
    report = apply(session, make_plan(session, load(file).services, runtime_image=runtime_image()))
    assert not report.failed, [str(r.error) for r in report.failed]
    assert told(make_plan(operator.session(), load(file).services, runtime_image=runtime_image()).plan) == []
    rows = json.loads((IRIS / "rows.json").read_text())["instances"][:3]
    url = operator.service("iris").uri
    headers = {"authorization": f"Bearer {token_for(operator, url)}", "x-request-id": "r1"}

    answer = httpx.post(f"{url}/predict", json={"instances": rows}, headers=headers, timeout=60)

    assert answer.status_code == 200, answer.text
    found = sorted(logged(operator, len(rows)), key=lambda row: int(row["row_index"]))
    assert [row["species"] for row in found] == [str(each) for each in answer.json()["predictions"]]
    assert [[float(row[name]) for name in NAMES[:3]] for row in found] == [row[:3] for row in rows]
    assert {(row["request_id"], row["model"], row["model_version"]) for row in found} == {("r1", "flowers", "1")}
    assert all("petal_width" not in row and row["revision"] for row in found)
    query = log_query(load(file).services[0].service, Facts("local", BUCKET), reach_h=48)
    asked = operator.connection.rest(HOST, VERSION).post(
        "projects/local/queries", {"query": query, "useLegacySql": False}
    )
    assert int(asked["totalRows"]) == len(rows), "what monitors ask for are these rows"
