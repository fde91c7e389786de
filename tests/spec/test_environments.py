"""Environments are merge patches whose values keep their own places."""

import pytest

from schemas import SpecError, load, load_valid
from tests.spec.conftest import SPEC

WITH = (
    SPEC
    + """\
  resources: {cpu: 4, memory: 16Gi, gpu: nvidia-l4}
  scaling: {maxInstances: 2}
environments:
  dev:
    project: acme-dev
    metadata: {labels: {stage: dev}}
    spec:
      resources: {gpu: null, memory: 8Gi}
      traffic: []
  prod: {project: acme-prod, spec: {scaling: {maxInstances: 9}}}
"""
)


def test_the_base_is_loaded_without_an_environment(loaded):
    """Environments change nothing until one is chosen."""
    service = loaded(WITH)

    assert (service.environment, service.project) == (None, None)
    assert service.service.spec.resources.gpu is not None
    assert service.service.spec.scaling.max_instances == 2


def test_a_patch_merges_replaces_and_removes(loaded):
    """RFC 7396: mappings merge, everything else replaces, null removes."""
    service = loaded(WITH, environment="dev")

    assert (service.environment, service.project) == ("dev", "acme-dev")
    assert service.service.labels == {"stage": "dev"}
    resources = service.service.spec.resources
    assert (resources.gpu, resources.cpu_millis, resources.memory_mib) == (None, 4000, 8192)
    assert service.service.spec.scaling.max_instances == 2


def test_places_are_those_of_the_lines_that_won(loaded):
    """A patched value points at the patch, an inherited one at the base."""
    service = loaded(WITH, environment="dev")

    patched, inherited = service.where("resources.memory"), service.where("resources.cpu")
    assert (patched.line, patched.column) == (13, 38)
    assert patched.path == "environments.dev.spec.resources.memory"
    assert (inherited.line, inherited.column, inherited.path) == (6, 20, "resources.cpu")


@pytest.mark.parametrize("environment", [None, "dev"])
@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param(
            "spec: {scaling: {maxInstance: 3}}",
            '8:22: environments.dev.spec.scaling.maxInstance: unknown key "maxInstance"',
            id="unknown-key",
        ),
        pytest.param(
            "spec: {scaling: {maxInstance: null}}",
            '8:22: environments.dev.spec.scaling.maxInstance: unknown key "maxInstance"',
            id="removed-unknown-key",
        ),
        pytest.param("specs: {}", '8:5: environments.dev.specs: unknown key "specs"', id="unknown-part"),
        pytest.param("spec: 3", "8:11: environments.dev.spec: 3 is not a mapping", id="spec-is-no-mapping"),
        pytest.param("project: [a]", "8:5: environments.dev.project: a list is not text", id="project-is-a-list"),
        pytest.param("project: Acme", '8:14: environments.dev.project: "Acme" is not a project id', id="project-id"),
        pytest.param(
            "spec: {scaling: {maxInstances: two}}",
            '8:36: environments.dev.spec.scaling.maxInstances: "two" is not a whole number',
            id="wrong-value",
        ),
        pytest.param(
            "spec: {scaling: {minInstances: 4}}",
            "8:36: environments.dev.spec.scaling.minInstances: 4 is above maxInstances (3)",
            id="combination",
        ),
    ],
)
def test_a_wrong_patch_is_refused_whichever_environment_is_chosen(said, environment, patch, expected):
    """`validate` without `-e` looks at every environment, and says a thing once."""
    assert said(SPEC + f"environments:\n  dev:\n    {patch}\n", environment=environment) == [expected]


def test_what_only_an_environment_brings_about_names_it(said):
    """The place may be in the base, so the words name the environment."""
    text = SPEC + "  resources: {cpu: 1, memory: 1Gi}\nenvironments: {dev: {spec: {resources: {cpu: 4}}}}\n"

    assert said(text) == ["6:31: resources.memory: 1Gi is below 2Gi (in environment dev)"]
    assert said(text, environment="dev") == ["6:31: resources.memory: 1Gi is below 2Gi"]


def test_an_unknown_environment_is_refused_with_a_suggestion(tmp_path):
    """A misspelt environment must never fall back to the base."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(WITH)

    with pytest.raises(SpecError) as refused:
        load(file, environment="prd")

    (problem,) = refused.value.problems
    assert str(problem) == f'{file}:8:1: environments: no environment "prd"'
    assert problem.hint == "did you mean `prod`?"


def test_services_without_environments_stay_as_they_are(tmp_path):
    """In a folder, some services are the same everywhere; if none knows the name, it is an error."""
    (tmp_path / "a.yaml").write_text(WITH)
    (tmp_path / "b.yaml").write_text(SPEC.replace("churn", "plain"))

    specs = load(tmp_path, environment="prod")

    assert [(each.service.name, each.environment) for each in specs.services] == [("churn", "prod"), ("plain", None)]
    with pytest.raises(SpecError, match='no environment "dev"'):
        load(tmp_path / "b.yaml", environment="dev")


@pytest.mark.parametrize(
    ("wrong", "summary"),
    [
        pytest.param(WITH.replace("prod:", "prdo:"), 'no environment "prod"', id="unknown"),
        pytest.param(WITH.replace("acme-prod", "Acme Prod"), "is not a project id", id="project"),
        pytest.param(WITH + "environments: {}\n", "stands here twice", id="yaml"),
    ],
)
def test_a_document_that_is_refused_is_never_loaded_from_its_base(tmp_path, wrong, summary):
    """What `apply` refuses the job leaves alone: neither the base nor half of an environment reaches production."""
    (tmp_path / "a.yaml").write_text(wrong)
    (tmp_path / "b.yaml").write_text(WITH.replace("churn", "other"))

    specs, problems = load_valid(tmp_path, environment="prod")

    assert [each.name for each in specs.services] == ["other"]
    assert any(summary in problem.summary for problem in problems), problems
