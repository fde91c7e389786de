"""The wire is derived from Google's packages."""

from emulator.wire import generate


def test_the_table_is_current():
    """`routes.json` is what `python -m emulator.wire.generate` writes today."""
    assert generate.ROUTES.read_text() == generate.render(), "run: python -m emulator.wire.generate"
