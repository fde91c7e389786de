"""Every example, in every environment of it, is applied and serves what its artefact predicts."""

import json
import re
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import httpx
import numpy as np
import onnxruntime
import pytest
import yaml
from google.oauth2 import service_account

from reconciler.cli.context import runtime_image
from reconciler.engine.apply import apply
from reconciler.engine.planning import make_plan
from reconciler.kinds import KINDS
from reconciler.render.text import render_text
from schemas import MLService, load
from tests.operating import Operator, told

SPECS = Path(__file__).resolve().parents[2] / "specs"
TITLES = {kind.name: kind.title for kind in KINDS}
EXAMPLES = sorted(path.parent.name for path in SPECS.glob("*/mlservice.yaml"))


def environments(example: str) -> list[str | None]:
    """The environments a file has; the base where it has none."""
    return list(yaml.safe_load((SPECS / example / "mlservice.yaml").read_text()).get("environments") or [None])


CASES = [pytest.param(example, env, id=f"{example}-{env}") for example in EXAMPLES for env in environments(example)]
MODELS = [case for case in CASES if (SPECS / case.values[0] / "rows.json").exists()]
CONTAINERS = [case for case in CASES if case not in MODELS]


@pytest.fixture
def surroundings(operator, example, environment):
    """What an example takes for granted: buckets, tables to compare with, and who plays an engine that needs a GPU."""
    operator.emulator.control("PUT", "stand-ins", {"vllm/*": "us-docker.pkg.dev/mlservice/images/openai-echo"})
    for loaded in load([SPECS / example / "mlservice.yaml"], environment=environment).services:
        if loaded.service.spec.monitoring:
            make_baseline(operator, loaded.service)
        for mount in loaded.service.spec.mounts.values():
            if mount.bucket:
                operator.connection.storage.create_bucket(mount.bucket.split("/")[2])
        for trigger in loaded.service.spec.triggers:
            if trigger.when.storage:
                operator.connection.storage.create_bucket(trigger.when.storage.split("/")[2])


def make_baseline(operator: Operator, service: MLService) -> None:
    """Make the table of a service's baseline, of a row."""
    dataset, _, table = service.spec.monitoring.baseline.table.partition(".")
    base = f"{operator.emulator.http}/bigquery/v2/projects/local/datasets"
    columns = service.spec.model.features
    fields = [{"name": name, "type": "FLOAT"} for name in columns]
    for where, made in (
        (base, {"datasetReference": {"datasetId": dataset}}),
        (f"{base}/{dataset}/tables", {"tableReference": {"tableId": table}, "schema": {"fields": fields}}),
        (f"{base}/{dataset}/tables/{table}/insertAll", {"rows": [{"json": dict.fromkeys(columns, 1.0)}]}),
    ):
        httpx.post(where, json=made).raise_for_status()


def token_for(operator: Operator, audience: str) -> str:
    """The identity token of the emulator's own caller, by Google's library."""
    key = operator.connection.local.credentials_file
    credentials = service_account.IDTokenCredentials.from_service_account_file(key, target_audience=audience)
    credentials.refresh(google.auth.transport.requests.Request())
    return credentials.token


def expected(model: Path, rows: list[Any]) -> list[Any]:
    """What the artefact itself says to the rows."""
    session = onnxruntime.InferenceSession(str(model / "model.onnx"))
    matrix = np.array([list(row.values()) if isinstance(row, dict) else row for row in rows], np.float32)
    return session.run(None, {session.get_inputs()[0].name: matrix})[0].tolist()


@pytest.mark.parametrize(("example", "environment"), CASES)
def test_the_first_plan_of_an_example_reads_as_recorded(operator, surroundings, golden, example, environment):
    """Beside each example stands what its first plan says; digests of our own programs move with their code."""
    specs = load([SPECS / example / "mlservice.yaml"], environment=environment)
    plan = make_plan(operator.session(), specs.services, runtime_image=runtime_image()).plan

    text = re.sub(
        r"((?:images/runtime|container/hello)@sha256:)[0-9a-f]+", r"\1", render_text(plan, titles=TITLES).plain
    )
    text = re.sub(r"(  digest +)[0-9a-f]+", r"\1…", text)

    text = text.replace(f"{SPECS}/", "specs/")
    golden.check(SPECS / example / (f"plan-{environment}.txt" if environment else "plan.txt"), text)


def applied(operator, example, environment):
    """The service of an example and its address, applied: its plan is empty."""
    specs = load([SPECS / example / "mlservice.yaml"], environment=environment)
    session = operator.session()
    report = apply(session, make_plan(session, specs.services, runtime_image=runtime_image()))
    assert not report.failed, [str(r.error) for r in report.failed]
    again = make_plan(operator.session(), specs.services, runtime_image=runtime_image())
    assert told(again.plan) == []
    [loaded] = specs.services
    return loaded, operator.service(loaded.service.name, loaded.service.spec.region).uri


ASKED = {
    "writer-llm": (
        "/v1/chat/completions",
        {"model": "writer", "messages": [{"role": "user", "content": "well, hello"}]},
        "well, hello",
    ),
    "scorer-with-collector": ("/", None, ""),
}
"""Address, what is posted, and what the answer holds; None asks by GET."""


@pytest.mark.parametrize(("example", "environment"), CONTAINERS)
def test_a_container_of_ones_own_answers(operator, surroundings, example, environment):
    """Applied, its plan is empty, and it answers who may call as its own clients ask."""
    _, url = applied(operator, example, environment)
    path, body, held = ASKED[example]
    headers = {"authorization": f"Bearer {token_for(operator, url)}"}

    answer = httpx.request("POST" if body else "GET", f"{url}{path}", json=body, headers=headers, timeout=60)

    assert answer.status_code == 200, answer.text
    assert held in answer.text
    assert httpx.get(f"{url}{path}").status_code == 403


@pytest.mark.parametrize(("example", "environment"), MODELS)
def test_an_example_serves_what_its_model_predicts(operator, surroundings, example, environment):
    """Applied, its plan is empty, and real rows get the predictions of the very model in the folder."""
    loaded, url = applied(operator, example, environment)
    rows = json.loads((SPECS / example / "rows.json").read_text())["instances"]
    headers = {"authorization": f"Bearer {token_for(operator, url)}"}
    answer = httpx.post(f"{url}/predict", json={"instances": rows}, headers=headers, timeout=60)

    assert answer.status_code == 200, answer.text
    wanted = expected(SPECS / example / loaded.service.spec.model.uri, rows)
    got = answer.json()["predictions"]
    if isinstance(wanted[0], list):  # a straight line's answer is a column
        wanted = [value for [value] in wanted]
    if isinstance(wanted[0], float):
        np.testing.assert_allclose(got, wanted, rtol=1e-4)
    else:
        assert got == wanted
