"""The document of the job that reconciles: what it says, what it leaves out, what is refused."""

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import SpecError, load, load_valid, to_yaml
from schemas.json_schema import json_schema

VALIDATOR = jsonschema.Draft202012Validator(json_schema())

HEAD = """\
apiVersion: mlservice/v1
kind: Operator
metadata: {name: mlservice}
spec:
  region: europe-west1
"""
SERVICE = """\
---
apiVersion: mlservice/v1
metadata: {name: churn}
spec: {region: europe-west1, image: "gcr.io/acme/app:1"}
"""


CI = 'ci: {{github: {{repositoryId: 1, repository: "{}"{}}}{}}}'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mlservice.yaml"


def test_a_file_may_hold_services_and_the_operator(file):
    """Each is what its `kind` says; a document without one is a service."""
    file.write_text(HEAD + SERVICE)

    specs = load(file)

    assert [each.name for each in specs.documents] == ["churn", "operator_mlservice"]
    assert specs.operators[0].operator.spec.schedule == "*/5 * * * *"


def test_an_environment_changes_the_operator(file):
    """By the same merge patch as a service."""
    file.write_text(HEAD + "environments:\n  prod: {project: acme-prod, spec: {shards: 4}}\n")

    [loaded] = load(file, environment="prod").operators

    assert (loaded.operator.spec.shards, loaded.project) == (4, "acme-prod")


def test_it_reads_back_as_it_was_written(file):
    """Defaults are left out, units are kept."""
    file.write_text(HEAD + "  limits: {duration: 10m}\n  freeze: [{day: Fri, at: '16:00', lasts: 64h}]\n")
    [loaded] = load(file).operators

    file.write_text(to_yaml(loaded.operator))

    assert load(file).operators[0].operator == loaded.operator


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("schedule: often", '6:13: schedule: "often" is not a schedule'),
        ("timeZone: Mars/North", '6:13: timeZone: "Mars/North" is not a time zone'),
        ("shards: 0", "6:11: shards: 0 is below 1"),
        ("drift: Mend", '6:10: drift: "Mend" is not one of the choices'),
        ("specs: {bundle: acme}", '6:19: specs.bundle: "acme" is no place for a bundle'),
        (
            "specs: {bundle: gs://acme/specs, git: {repository: 'https://a.example/b'}}",
            "the source of the specs is given 2 times",
        ),
        ("specs: {image: {folder: /specs}}", "specs lie in the image, and the image is ours"),
        ("specs: {git: {repository: git@github.com:a/b}}", "is not an https:// address"),
        ("specs: {git: {repository: 'https://ann:hunter2@a.example/b'}}", "the address has a user or a token in it"),
        ("specs: {git: {repository: 'https://a.example/b?c=d'}}", "is not an https:// address"),
        ("specs: {git: {repository: 'http://a.example/b'}}", "is not an https:// address"),
        ("specs: {git: {repository: 'https://a.example/b', branch: --upload-pack=x}}", "is no branch"),
        ("specs: {git: {repository: 'https://a.example/b', folder: a/../../b}}", "is no folder of a repository"),
        ("specs: {git: {repository: 'https://a.example/b', token: {secret: 'a b'}}}", "is not a secret's name"),
        ("orphans: {after: 10m}", 'orphans.after: "10m" is below 1h'),
        ("identity: me@example.com", '6:13: identity: "me@example.com" is not a service account'),
        ("image: a\n  version: 1.0.0", "version and image are both given"),
        ("freeze: [{day: Someday, at: '16:00', lasts: 1h}]", '"Someday" is no day'),
        ("freeze: [{day: Fri, at: '26:00', lasts: 1h}]", '"26:00" is no time of day'),
        ("shard: 2", "did you mean `shards`?"),
        ("ci: {}", "github"),
        (CI.format("acme", "", ""), '6:46: ci.github.repository: "acme" is no repository at GitHub'),
        (CI.format("acme/ml' || true", "", ""), "is no repository at GitHub"),
        (CI.format("acme/ml", ", branch: 'a b'", ""), '"a b" is not a branch that can be let in'),
        (CI.format("acme/ml", ", environment: 'a/b'", ""), '"a/b" is not an environment that can be let in'),
        (CI.format("acme/ml", "", ", onMerge: Deploy"), '"Deploy" is not one of the choices'),
        ("page: {enabled: true, access: [allUsers]}", '6:34: page.access[0]: "allUsers" means anyone'),
        ("page: {enabled: true, access: [ann@acme.example]}", "say what it is: user:ann@acme.example"),
        ("page: {enabled: true, access: ['user:a@b.example', 'user:a@b.example']}", "is listed twice"),
        ("page: {image: 'https://gcr.io/acme/page'}", 'page.image: "https://gcr.io/acme/page"'),
        ("page: {maxInstances: 11}", "page.maxInstances: 11 is above 10"),
        ("page: {resources: {cpu: 0.5}}", "page.resources.cpu"),
        (
            CI.format("acme/ml", "", "") + "\n  image: a\n  specs: {image: {folder: /specs}}",
            "a workflow would publish, and the operator reads no bundle",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(file, lines, said):
    """One problem each, at the value."""
    file.write_text(HEAD + f"  {lines}\n")

    with pytest.raises(SpecError) as refused:
        load(file)

    assert len(refused.value.problems) == 1
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("enabled", "region", "refused"),
    [("true", "europe-west1", True), ("false", "europe-west1", False), ("true", "europe-west4", False)],
)
def test_a_service_is_not_called_as_the_page_is(file, enabled, region, refused):
    """Both would be one service of Cloud Run: the service is refused, and the operator goes on."""
    page = f"  page: {{enabled: {enabled}, access: ['user:ann@acme.example']}}\n"
    service = SERVICE.replace("name: churn", "name: mlservice-page").replace("europe-west1", region)
    file.write_text(HEAD + page + service)

    specs, problems = load_valid(file)

    said = 'mlservice.yaml:9:18: metadata.name: "mlservice-page" is the name of the operator\'s page'
    assert [said in str(each) for each in problems] == [True] * refused
    assert ([each.name for each in specs.operators], len(specs.services)) == (["operator_mlservice"], 1 - refused)


def test_a_project_has_one_operator(file):
    """Two would undo each other's work; the services beside them can be used all the same."""
    file.write_text(HEAD + "---\n" + HEAD.replace("name: mlservice", "name: another") + SERVICE)

    with pytest.raises(SpecError, match="there are two operators"):
        load(file)
    specs, problems = load_valid(file)

    assert [each.name for each in specs.documents] == ["churn", "operator_mlservice"]
    assert len(problems) == 1


def test_one_wrong_document_stops_no_other(file):
    """A pass reconciles the services that are right."""
    file.write_text(SERVICE.removeprefix("---\n") + SERVICE.replace("churn", "other").replace("image", "immage"))

    specs, problems = load_valid(file)

    assert [each.name for each in specs.services] == ["churn"]
    assert {problem.where.line for problem in problems} == {7}


def test_a_repository_known_by_its_name_alone_is_warned_of(file):
    """With its number it is not: that is never given twice."""
    file.write_text(HEAD + "  ci: {github: {repository: acme/ml}}\n")
    [warned] = load(file).warnings
    file.write_text(HEAD + "  ci: {github: {repository: acme/ml, repositoryId: 456}}\n")

    assert ("gh api repos/acme/ml" in warned.hint, load(file).warnings) == (True, ())


CHOICES = {"cpu": st.sampled_from([1, "500m", 8]), "memory": st.sampled_from(["256Mi", "2Gi"])}
SIZES = st.fixed_dictionaries({}, optional=CHOICES)
FREEZES = st.builds(
    lambda day, at, lasts: {"day": day, "at": at, "lasts": lasts},
    st.sampled_from(["Mon", "Fri", "Sun"]),
    st.sampled_from(["00:00", "23:59"]),
    st.sampled_from(["1m", "64h"]),
)
OPERATORS = st.fixed_dictionaries(
    {"region": st.sampled_from(["europe-west1", "us-central1"])},
    optional={
        "schedule": st.sampled_from(["*/5 * * * *", "0 3 * * 1"]),
        "timeZone": st.sampled_from(["Europe/Paris", "Etc/UTC"]),
        "paused": st.booleans(),
        "version": st.sampled_from(["1.1.0", 1.1]),
        "specs": st.sampled_from([{}, {"bundle": "gs://acme-mlservice/specs/prod"}]),
        "shards": st.integers(1, 100),
        "identity": st.sampled_from(["Auto", "ops@acme-prod.iam.gserviceaccount.com"]),
        "drift": st.sampled_from(["Correct", "Report"]),
        "freeze": st.lists(FREEZES, max_size=2, unique_by=lambda each: (each["day"], each["at"])),
        "orphans": st.fixed_dictionaries(
            {}, optional={"prune": st.booleans(), "after": st.just("14d"), "most": st.integers(1, 100)}
        ),
        "limits": st.fixed_dictionaries({}, optional={"deletes": st.integers(0, 50), "duration": st.just("10m")}),
        "resources": SIZES,
        "ci": st.sampled_from(
            [
                {"github": {"repository": "acme/ml", "environment": "prod"}},
                {"github": {"repository": "acme/m.l_1", "repositoryId": 456, "ownerId": 1}, "onMerge": "Apply"},
            ]
        ),
        "notifications": st.just([{"email": "ml@acme.example"}]),
    },
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=OPERATORS)
def test_what_loads_fits_the_schema_and_reads_back(file, body):
    """An editor does not complain about a valid operator, and writing it out loses nothing."""
    data = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "mlservice"}, "spec": body}
    file.write_text(to_yaml(data))

    [loaded] = load(file).operators

    assert [error.message for error in VALIDATOR.iter_errors(data)] == []
    file.write_text(to_yaml(loaded.operator))
    assert load(file).operators[0].operator == loaded.operator
