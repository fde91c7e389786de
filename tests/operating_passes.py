"""The operator's image in tests: its command is forked by the test process, and need not import everything anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from reconciler.cli.context import BUNDLED_RECONCILER
from tests.conftest import Emulator
from tests.warm import door


@contextmanager
def forked_passes(emulator: Emulator, folder: Path) -> Iterator[None]:
    """Put an image in the place of the emulator's own. That one is tried by `tests/cli/test_operator.py`."""
    image = f"{BUNDLED_RECONCILER}:{metadata.version('mlservice')}"
    files = folder / "operator"
    files.mkdir()
    (files / "README").write_text("its command is elsewhere")
    with door() as words:
        emulator.control("POST", "images", {"image": image, "folder": str(files), "command": words})
        yield
