"""`install ci` and `uninstall ci` from a shell: what is shown, what is asked for, and what the workflows say."""

import json
import re

import pytest
import yaml

from tests.operating import REGION, spec

OPERATOR = f"""\
# The job.
apiVersion: mlservice/v1
kind: Operator
metadata: {{name: mlservice}}
spec:
  region: {REGION}   # near the services
  schedule: "0 0 1 1 *"
environments:
  prod: {{}}
"""
ASKED = ("--github", "acme/ml", "--repository-id", "456", "--owner-id", "123", "--github-environment", "prod")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(shell):
    """A repository with a service and the operator in it."""
    services = shell.folder / "services"
    services.mkdir()
    (services / "churn.yaml").write_text(yaml.safe_dump(spec()))
    (services / "operator.yaml").write_text(OPERATOR)
    return services


def workflows(done):
    """The printed workflows, read."""
    return {path: yaml.safe_load(text) for path, text in json.loads(done.out)["workflows"].items()}


def uses(workflow, job):
    """What the action is told."""
    return next(step["with"] for step in workflow["jobs"][job]["steps"] if "mlservice@" in step["uses"])


def test_a_ci_is_let_in_and_shut_out(shell, folder, operator):
    """Shown and not made before the document says it; made once; its workflows have this project's values."""
    shown = shell("install", "ci", "services", "--local", "-e", "prod", "--yes", *ASKED)

    assert shown.code == 1, shown.err
    assert (folder / "operator.yaml").read_text() == OPERATOR
    assert "  ci:\n    github:\n      repository: acme/ml\n      repositoryId: 456\n" in shown.out
    assert "services/operator.yaml does not say it yet" in shown.err
    assert operator.inventories() == {}

    made = shell("install", "ci", "services", "--local", "-e", "prod", "--yes", "--write", "-o", "json", *ASKED)

    assert made.code == 0, made.err
    assert (folder / "operator.yaml").read_text() == OPERATOR.replace(
        "services\n  schedule",
        "services\n  ci:\n    github:\n      repository: acme/ml\n      repositoryId: 456\n      ownerId: 123\n"
        "      environment: prod\n  schedule",
    )
    plan, publish = (workflows(made)[f".github/workflows/{name}.yaml"] for name in ("plan", "publish"))
    told = uses(plan, "plan")
    pool, _, planner = told["workload-identity-provider"].rpartition("/")
    assert re.fullmatch(r"projects/\d+/locations/global/workloadIdentityPools/mlservice-ci/providers", pool)
    assert (planner, told["files"], told["environments"]) == ("planner", "services\n", "prod")
    assert told["service-account"] == "mlservice-planner@local.iam.gserviceaccount.com"
    told = uses(publish, "publish")
    assert (told["command"], told["workload-identity-provider"]) == ("publish", f"{pool}/applier")
    assert publish["jobs"]["publish"]["environment"] == "prod"
    assert publish[True]["push"] == {"branches": ["main"], "paths": ["services/**"]}
    assert "vars." not in json.loads(made.out)["workflows"][".github/workflows/publish.yaml"]

    again = shell("install", "ci", "services", "--local", "-e", "prod", "--dry-run")
    assert (again.code, "Nothing to do" in again.out) == (0, True), again.err
    other = shell("install", "ci", "services", "--local", "-e", "prod", "--github", "else/where")
    assert (other.code, "repository is acme/ml, not else/where" in other.err) == (64, True)

    gone = shell("uninstall", "ci", "--local", "--yes")
    assert gone.code == 0, gone.err
    assert operator.inventories() == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "nobody says whose workflows are to be let in"),
        (("--branch", "main"), "these options say something of a repository"),
        (("--github", "acme"), "services/operator.yaml:9"),
        (("--github", "acme/ml", "--branch", "refs heads"), "is not a branch that can be let in"),
    ],
)
def test_what_cannot_be_let_in_is_refused(shell, folder, options, says):
    """At its line in the document, as if it stood there; nothing is written."""
    done = shell("install", "ci", "services", "--local", "--write", *options)

    assert (done.code in (1, 64), says in done.err) == (True, True), done.err
    assert (folder / "operator.yaml").read_text() == OPERATOR


def test_without_ids_it_is_said_that_names_move(shell, folder):
    """By its name a repository can become somebody else's; by default nobody has to consent at GitHub."""
    done = shell("install", "ci", "services", "--local", "--dry-run", "--github", "acme/ml", "--on-merge", "Apply")

    assert done.code == 0, done.err
    assert "gh api repos/acme/ml --jq '.id, .owner.id'" in done.err
    assert ".github/workflows/apply.yaml" in done.out
    assert "environment:" not in done.out.split("apply.yaml")[-1].split("# ----")[0]


def test_options_that_the_document_does_not_say_are_no_silence(shell, folder):
    """A door that is to be narrower than it is stays as it is until the document says so: that is told."""
    by_name = ASKED[:2]
    assert shell("install", "ci", "services", "--local", "--yes", "--write", *by_name).code == 0

    done = shell("install", "ci", "services", "--local", "--yes", "--write", *ASKED)

    assert done.code == 64, done.err
    for told in ("repositoryId is not given, not 456", "environment is not given, not prod"):
        assert told in done.err
    assert shell("install", "ci", "services", "--local", "--yes", *by_name).code == 0
