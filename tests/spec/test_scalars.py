"""YAML 1.2's core schema, and text fields that keep what was written."""

import pytest

from schemas.written import Written
from schemas.yaml.scalars import resolve
from tests.spec.conftest import SPEC


@pytest.mark.parametrize(
    "text", ["no", "on", "yes", "Off", "y", "1_000", "1:30", "2026-11-20", "0b1", "=", "1.2.3", "0o8"]
)
def test_what_yaml_1_1_would_change_is_text(text):
    """None of the surprises of YAML 1.1."""
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-3", -3),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
    ],
)
def test_numbers_and_booleans(text, value):
    """The core schema's own forms, with their text kept."""
    assert resolve(text) == Written(value, text)


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null(text):
    """The core schema's nulls."""
    assert resolve(text) is None


@pytest.mark.parametrize("text", ["1.10", "010", "0x10", "True", "1e3", "2026-11-20", "9" * 100])
def test_a_text_field_gets_the_characters_that_were_written(loaded, text):
    """A version `1.10` is not 1.1, unquoted or not."""
    service = loaded(SPEC + f"  env: {{A: {text}, B: '{text}'}}\n").service

    assert service.spec.env == {"A": text, "B": text}
