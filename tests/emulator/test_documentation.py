"""The emulator's page says what there is."""

from dataclasses import fields
from pathlib import Path

from emulator.control import routes
from emulator.core.faults import Rule
from emulator.core.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()


def test_every_field_of_a_fault_is_documented():
    """People write these by hand."""
    missing = [field.name for field in fields(Rule) if f"`{field.name}`" not in PAGE]

    assert missing == []


def test_every_control_route_is_documented():
    """There is no other list of them."""
    names = {route.path.removeprefix("/_emulator") for route in routes(None)}

    assert [name for name in sorted(names) if name not in PAGE] == []


def test_every_setting_is_documented():
    """And there with its unit."""
    assert [field.name for field in fields(Settings) if field.name not in PAGE] == []
