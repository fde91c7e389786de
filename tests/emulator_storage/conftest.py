"""Google's own client against the running emulator."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client(emulator):
    """A client as a user has it, told where Cloud Storage is."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - Google's packages load slowly
    from google.cloud import storage  # noqa: PLC0415 - Google's packages load slowly

    made = storage.Client(
        project="local", credentials=AnonymousCredentials(), client_options={"api_endpoint": emulator.http}
    )
    yield made
    made.close()


@pytest.fixture
def bucket(client) -> Iterator:
    """A new empty bucket in one region."""
    return client.create_bucket(f"test-{uuid.uuid4().hex[:12]}", location="europe-west4")
