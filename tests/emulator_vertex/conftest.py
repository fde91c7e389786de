"""What the tests of Vertex AI stand on."""

import pytest

from tests.emulator_vertex.cloud import Vertex


@pytest.fixture
def vertex(emulator):
    """Clients of an empty emulator."""
    return Vertex(emulator)
