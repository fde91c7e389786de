"""Whatever is in a file, `load` gives services or problems with places inside the file."""

import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import SpecError, load, to_yaml
from schemas.yaml import reader
from tests.strategies.specs import service_specs

pytestmark = pytest.mark.slow  # hundreds of drawn specs, left out of `make check`

SETTINGS = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
FRAGMENTS = st.sampled_from(
    [
        "apiVersion: mlservice/v1\n",
        "metadata:\n",
        "spec:\n",
        "  ",
        "- ",
        ": ",
        "\n",
        "\t",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "name: a",
        "region: x",
        "image: a",
        "env:",
        "|\n",
        ">\n",
        "'",
        '"',
        "#",
        "!!int ",
        "<<: *a",
        "---\n",
        "?",
        "%",
        "é",
        "\u2028",
        "environments:\n",
        "dev:",
        "null",
        "traffic: [{percent: 1}]",
        "scaling: {maxInstances: 1e400}",
        "\r",
        "0x",
        "\x85",
    ]
)
BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=6,
)


def outcome(tmp_path, content):
    """Load a file; every problem must lie inside it."""
    file = tmp_path / "mlservice.yaml"
    file.write_bytes(content)
    try:
        problems = load(file).warnings
    except SpecError as error:
        problems = error.problems
        assert problems
    lines = BREAKS.split(content.decode("utf-8-sig", "replace"))
    for problem in problems:
        where = problem.where
        assert 0 <= where.line <= len(lines)
        assert where.line == 0 or 1 <= where.column <= len(lines[where.line - 1]) + 1
        assert len(str(problem).splitlines()) == 1


@SETTINGS
@given(content=st.binary(max_size=300))
def test_bytes(tmp_path, content):
    """Arbitrary bytes."""
    outcome(tmp_path, content)


@pytest.mark.parametrize("parser", [yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "python"])
@SETTINGS
@given(parts=st.lists(FRAGMENTS, max_size=25))
def test_texts_that_are_nearly_yaml(tmp_path, monkeypatch, parser, parts):
    """Pieces of YAML in any order, through both parsers."""
    monkeypatch.setattr(reader, "_LOADER", parser)
    outcome(tmp_path, "".join(parts).encode())


@st.composite
def damaged_specs(draw):
    """A valid spec with a value somewhere replaced, or a key added."""
    data = draw(service_specs())
    here = data
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return data
        key = draw(st.sampled_from(keys))
        if not isinstance(here[key], (dict, list)) or not here[key] or draw(st.booleans()):
            break
        here = here[key]
    if isinstance(here, dict) and draw(st.booleans()):
        key = draw(st.text(max_size=8))
    here[key] = draw(JUNK)
    return data


@SETTINGS
@given(data=damaged_specs())
def test_damaged_specs(tmp_path, data):
    """A mistake anywhere in a valid spec."""
    outcome(tmp_path, to_yaml(data).encode())


@SETTINGS
@given(data=damaged_specs())
def test_damaged_patches(tmp_path, data):
    """The same in an environment; JSON is YAML too."""
    spec = {"region": "europe-west1", "image": "gcr.io/acme/app"}
    whole = {"apiVersion": "mlservice/v1", "metadata": {"name": "a"}, "spec": spec, "environments": {"dev": data}}
    outcome(tmp_path, json.dumps(whole, ensure_ascii=False).encode())
