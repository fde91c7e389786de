"""`mlservice doctor` as people and programs read it."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from google.cloud import billing_v1, service_usage_v1
from markdown_it import MarkdownIt

import reconciler.engine.doctor as examinations
from reconciler.cli.commands import doctor as command
from reconciler.cli.context import runtime_image
from reconciler.core.checkup import Checkup
from reconciler.gcp.connection import Connection
from tests.emulator.clients import client
from tests.operating import spec

PROJECT = "projects/local"
ENABLE = "gcloud services enable artifactregistry.googleapis.com run.googleapis.com --project=local"


@pytest.fixture
def spoiled(operator):
    """A project with two APIs off and nobody who pays."""
    usage = client(operator.emulator, service_usage_v1.ServiceUsageClient)
    for host in ("run", "artifactregistry"):
        usage.disable_service(request={"name": f"{PROJECT}/services/{host}.googleapis.com"}).result(timeout=20)
    billing = client(operator.emulator, billing_v1.CloudBillingClient)
    billing.update_project_billing_info(name=PROJECT, project_billing_info={"billing_account_name": ""})


def test_what_is_in_the_way_is_grouped_by_who_must_act(spoiled, shell):
    """Each group ends with the commands to copy, and the exit code says that something is in the way."""
    shell.write(spec())

    done = shell("doctor", "--local")

    you, admin = done.out.split("For an administrator of the project:")
    assert done.code == 3
    assert "✗ fail    2 APIs off: artifactregistry, run" in you
    assert f"    {ENABLE}\n" in you
    assert "✗ fail    no billing account is linked: nothing will start" in admin
    assert "gcloud billing projects link local --billing-account=ACCOUNT" in admin
    assert "something is in the way of churn in local: 2 fail, " in done.out


def test_programs_read_it_as_json_and_reviewers_as_markdown(spoiled, shell):
    """Both say the same."""
    shell.write(spec())

    data = shell("doctor", "--local", "-o", "json")
    page = shell("doctor", "--local", "-o", "markdown")

    failed = {check["name"]: check for check in data.json["checks"] if check["answer"] == "fail"}
    assert (data.code, page.code) == (3, 3)
    assert failed["apis"]["commands"] == [ENABLE]
    assert failed["billing"]["who"] == "project"
    assert ENABLE in [t.content.strip() for t in MarkdownIt().parse(page.out) if t.type == "fence"]


def test_fix_enables_apis_and_nothing_else(spoiled, shell, operator):
    """With --yes and only then; billing stays somebody's decision."""
    shell.write(spec())
    refused = shell("doctor", "--local", "--fix")

    done = shell("doctor", "--local", "--fix", "--yes")
    after = shell("doctor", "--local", "-o", "json")

    assert "there is nobody to ask" in refused.err
    assert done.code == 3
    assert "enabled artifactregistry.googleapis.com, run.googleapis.com" in done.err
    assert [c["name"] for c in json.loads(after.out)["checks"] if c["answer"] == "fail"] == ["billing"]


def test_a_healthy_project_exits_with_0(shell):
    """And --all shows what was looked at."""
    shell.write(spec())

    done = shell("doctor", "--local", "--all")

    assert done.code == 0
    assert "✓ ok      a billing account is linked" in done.out
    assert "nothing is in the way of churn in local" in done.out


def test_the_model_server_is_the_one_that_plan_uses(operator, monkeypatch):
    """Outside the emulator it is in the project's own registry: another one is not there, or is somebody else's."""
    session = replace(operator.session(), connection=Connection("acme", "acme-mlservice"))
    looked_at = []

    def examine(*_, runtime_image, **__):
        looked_at.append(runtime_image)
        return Checkup("acme", "", (), ())

    monkeypatch.setattr(examinations, "examine", examine)
    monkeypatch.setattr(command, "working", lambda *_: nullcontext(session))

    command.doctor([operator.write(spec())])

    assert looked_at == [runtime_image("acme")] != [runtime_image()]
