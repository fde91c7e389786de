"""An account without any role."""

import pytest

from tests.emulator_iam.callers import Account


@pytest.fixture
def account(emulator) -> Account:
    """A service account that nobody has given anything."""
    return Account(emulator)
