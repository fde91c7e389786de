"""`mlservice cost`: from files alone to a table, or a document."""

import json
import socket
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.cli.app import run
from reconciler.cost.prices import snapshot
from reconciler.cost.told import told
from reconciler.render.cost import render_cost
from tests.start_up.fresh import python

ONE = """\
apiVersion: mlservice/v1
kind: MLService
metadata: {name: churn}
spec:
  region: us-central1
  image: us-central1-docker.pkg.dev/acme/ml/churn:1
  scaling: {minInstances: 1, maxInstances: 2}
  usage: {requestsPerSecond: 2}
environments:
  dev: {project: acme-dev, spec: {scaling: {minInstances: 0}}}
"""
TWO = ONE.replace("{name: churn}", "{name: fraud}").replace(
    "  region: us-central1", "  region: asia-southeast1\n  resources: {gpu: nvidia-l4}"
)


@pytest.fixture
def specs(tmp_path, monkeypatch):
    """A folder with two services in one file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlservice.yaml").write_text(f"{ONE}---\n{TWO}")
    return tmp_path


@pytest.fixture
def offline(monkeypatch):
    """Any attempt to reach anything fails."""

    def refused(*_, **__):
        raise AssertionError("a call was made")

    monkeypatch.setattr(socket.socket, "connect", refused)


def document(capsys, *words):
    """What `--output json` prints."""
    assert run(["cost", *words, "--output", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_two_services_and_what_is_free_once(specs, offline, capsys):
    """One document: each service, all together, what is free once, and the price that is not known."""
    found = document(capsys)

    churn, fraud = found["services"]
    assert (churn["name"], churn["region"], churn["complete"]) == ("churn", "us-central1", True)
    assert churn["total"]["floor"] == "13.14"
    assert not fraud["complete"]
    assert not found["complete"]
    (gpu,) = [line for line in fraud["lines"] if line["key"] == "gpu"]
    assert (gpu["known"], gpu["cost"]) == (False, None)
    for case in ("floor", "expected", "worst"):
        gross = Decimal(churn["total"][case]) + Decimal(fraud["total"][case])
        assert abs(gross - Decimal(found["total"][case])) <= Decimal("0.01")
        free = sum(Decimal(each["amount"][case]) for each in found["free"])
        assert abs(Decimal(found["total"][case]) - free - Decimal(found["afterFree"][case])) <= Decimal("0.05")
    assert {each["pool"]: each["amount"]["worst"] for each in found["free"]}["run.cpu"] == "4.32"


@pytest.mark.slow
def test_nothing_of_google_is_imported(specs):
    """A program that starts for it alone has no client library of Google's, nor one for HTTP."""
    priced = "from reconciler.cli.app import run; assert run(['cost', sys.argv[1]]) == 0"
    # Before: installed packages register the empty namespace `google.cloud` at each start.
    unwanted = "[name for name in {*sys.modules} - before if name.partition('.')[0] in ('google', 'grpc', 'httpx')]"

    python(
        "-c", f"import sys; before = {{*sys.modules}}; {priced}; assert not {unwanted}", str(specs / "mlservice.yaml")
    )


def test_a_service_by_its_name_and_what_if(specs, offline, capsys):
    """Its name is enough beside `mlservice.yaml`; options say what use it is priced with."""
    as_declared = document(capsys, "churn")
    busier = document(capsys, "churn", "--requests-per-second", "3", "--request-duration", "250ms")

    assert [each["name"] for each in busier["services"]] == ["churn"]
    assert "usage.requestDuration" in as_declared["services"][0]["assumed"]
    assert "usage.requestDuration" not in busier["services"][0]["assumed"]
    assert Decimal(busier["total"]["expected"]) > Decimal(as_declared["total"]["expected"])
    assert busier["total"]["floor"] == as_declared["total"]["floor"]


def test_files_and_names_are_priced_together(specs, offline, capsys):
    """Each once; a word is the service of that name before it is a folder, unless it ends with a slash."""
    (specs / "churn").mkdir()
    (specs / "churn" / "mlservice.yaml").write_text(ONE.replace("{name: churn}", "{name: other}"))

    def names(*words):
        return [each["name"] for each in document(capsys, *words)["services"]]

    assert names("churn") == ["churn"]
    assert names("churn/") == ["other"]
    assert names("churn", "churn/") == ["other", "churn"]
    assert names("churn", "./mlservice.yaml") == ["churn", "fraud"]
    assert names("churn", "churn") == ["churn"]
    Path("mlservice.yaml").write_text("spec: [")
    assert names("churn") == ["other"], (
        "what is wrong with a file that nobody named says nothing of one that somebody did"
    )


def test_an_environment_is_priced_as_it_is_patched(specs, offline, capsys):
    """Its project is named, and nothing is kept warm there."""
    (churn, _) = document(capsys, "--environment", "dev")["services"]

    assert (churn["project"], churn["total"]["floor"]) == ("acme-dev", "0.00")


def test_the_table_says_what_each_number_is_made_of(specs, offline, capsys):
    """Lines, assumptions, what would be cheaper, commitments, and how old the prices are; with --all their sources."""
    assert run(["cost", "mlservice.yaml"]) == 0
    text = capsys.readouterr().out

    assert "CPU, warm instances" in text
    assert "2 requests/s, 100 ms each (assumed)" in text
    assert "no price is known of run.gpu.l4.nozr in asia-southeast1" in text
    assert "instead: scaling.minInstances: 0  floor -13.14" in text
    assert "flexible commitment, 1 year" in text
    assert "free, once" in text
    assert "all 2 services" in text
    assert "list prices of " in text
    assert "cloud.google.com/run/pricing" not in text
    assert run(["cost", "mlservice.yaml", "--all"]) == 0
    assert "cloud.google.com/run/pricing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "neither a file nor a service 'nobody'"),
        (["--requests-per-second", "-1"], "is no rate"),
        (["--requests-per-second", "nan"], "is no rate"),
        (["--requests-per-second", "1e-999999"], "is no rate"),
        (["--request-duration", "2h"], "is no duration of a request"),
    ],
)
def test_what_cannot_be_priced_is_wrong_usage(specs, capsys, words, said):
    """With what would be right."""
    assert run(["cost", *words]) == 64
    assert said in capsys.readouterr().err


def test_old_prices_are_said_to_be_old():
    """From the ninety-first day on."""
    day = date.fromisoformat(snapshot().as_of)
    assert not told([], today=day + timedelta(days=90))["prices"]["old"]
    old = told([], today=day + timedelta(days=91))
    assert "91 days old" in render_cost(old).plain
