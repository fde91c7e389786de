"""The example that shows every section."""

from pathlib import Path

import pytest

from schemas import load

EXAMPLE = Path(__file__).parents[2].parent / "shared" / "example-mlservice.yaml"

pytestmark = pytest.mark.skipif(not EXAMPLE.exists(), reason="the shared example is not beside this checkout")


@pytest.mark.parametrize("environment", [None, "dev", "prod"])
def test_every_section_loads(environment):
    """The example of the design is a valid file, in each of its environments."""
    (loaded,) = load(EXAMPLE, environment=environment).services

    spec = loaded.service.spec
    assert loaded.service.name == "churn-scorer"
    since = {
        "events",
        "usage",
        "network",
        "protection",
    }  # sections that the language has won after that example was written
    assert all(getattr(spec, section) is not None for section in type(spec).model_fields.keys() - since)


def test_an_environment_changes_what_it_names_and_points_at_its_own_lines():
    """The patched values hold, and `where` names the line of the patch."""
    (dev,) = load(EXAMPLE, environment="dev").services

    assert dev.service.spec.resources.gpu is None
    assert dev.service.spec.budget.amount == 50
    assert dev.where("budget.amount").path == "environments.dev.spec.budget.amount"
    assert dev.where("resources.cpu").path == "resources.cpu"
