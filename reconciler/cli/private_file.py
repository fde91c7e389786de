"""Files that are replaced whole or not at all, some of which their owner alone may read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

_OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. A file that is there is replaced, and with it its permissions.

    Raises:
        OSError: The folder cannot be written to.
    """
    _replace(path, text.encode(), _OWNER_ONLY)


def write_in_place(path: Path, content: bytes) -> None:
    """Change a file that is there. A reader sees the old one or the new one; its permissions stay, and a link leads on.

    Raises:
        OSError: The folder cannot be written to.
    """
    file = path.resolve()
    _replace(file, content, stat.S_IMODE(file.stat().st_mode))


def _replace(path: Path, content: bytes, mode: int) -> None:
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
            file.write(content)
        made.chmod(mode)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
