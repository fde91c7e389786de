"""The JSON Schema and the reference: current, complete, and in agreement with the loader."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from schemas.json_schema import FILE as SCHEMA_FILE
from schemas.json_schema import json_schema, json_schema_text
from schemas.reference import FILE as REFERENCE_FILE
from schemas.reference import reference_markdown
from schemas.written import unwrapped
from schemas.yaml.reader import read_documents
from schemas.yaml.tree import to_data
from tests.spec.test_example import EXAMPLE
from tests.strategies.specs import service_specs
from tests.strategies.whole_specs import whole_specs

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def plain(value):
    """Data as another YAML reader would give it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else unwrapped(value)


def properties(schema, path=""):
    """Every property of a schema, with where it stands."""
    if isinstance(schema, dict):
        for key, entry in schema.get("properties", {}).items():
            yield f"{path}/{key}", entry
        for key, below in schema.items():
            yield from properties(below, f"{path}/{key}")


def test_the_committed_schema_is_current():
    """`python -m schemas.json_schema` writes it; editors read it."""
    assert (ROOT / SCHEMA_FILE).read_text("utf-8") == json_schema_text()


def test_the_committed_reference_is_current():
    """`python -m schemas.reference` writes it."""
    assert (ROOT / REFERENCE_FILE).read_text("utf-8") == reference_markdown(json_schema())


def test_every_key_is_described():
    """The descriptions are the documentation, and what an editor shows."""
    jsonschema.Draft202012Validator.check_schema(json_schema())

    assert [path for path, entry in properties(json_schema()) if not entry.get("description")] == []


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the shared example is not beside this checkout")
def test_the_example_fits_the_schema():
    """Shorthands, environments and all."""
    (document,), _ = read_documents(EXAMPLE.read_bytes())

    assert [error.message for error in VALIDATOR.iter_errors(plain(to_data(document)))] == []


@settings(deadline=None, max_examples=50)
@given(data=service_specs(secrets=("token",)) | whole_specs())
def test_what_loads_fits_the_schema(data):
    """An editor must not complain about a valid spec."""
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@pytest.mark.parametrize(
    "spec",
    [
        {"region": "europe-west1"},
        {"region": "europe-west1", "image": "a", "zebra": 1},
        {"region": "europe-west1", "image": "a", "runtime": {"timeout": "soon"}},
        {"region": "europe-west1", "image": "a", "resources": {"gpu": "nvidia-t4"}},
        {"region": "europe-west1", "image": "a", "scaling": {"concurrency": 0}},
        {"region": "europe-west1", "image": "a", "rollout": {"strategy": "canary"}},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_wrong_shapes(spec):
    """An editor marks misspelt keys, unknown choices and values out of range."""
    assert not VALIDATOR.is_valid({"apiVersion": "mlservice/v1", "metadata": {"name": "a"}, "spec": spec})
