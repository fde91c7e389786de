"""A repository whose images are scanned."""

from collections.abc import Iterator

import pytest

from tests.emulator_analysis.pushed import Pusher, make_repository, registry, switch


@pytest.fixture
def pusher(emulator) -> Iterator[Pusher]:
    """Pushes images into it."""
    switch(emulator)
    make_repository(emulator)
    with registry(emulator) as made:
        yield Pusher(emulator, made)
