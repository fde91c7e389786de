"""Static files: read once, served under a name with their digest, so that a browser keeps them for good."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent / "static"
_REMARK = re.compile(rb"/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(rb"\s*([{};,>])\s*|(:)[ ]+|\s*\n\s*")
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Args:
        name: Below `static/`.
        content: As it is.
        packed: The same, compressed.
        digest: Beginning of its SHA-256.
    """

    name: str
    content: bytes
    packed: bytes
    digest: str

    @property
    def address(self) -> str:
        """Give its path on the server."""
        return f"/static/{self.digest}/{self.name}"

    @property
    def type(self) -> str:
        """Give its media type."""
        return TYPES[Path(self.name).suffix]


@cache
def assets() -> Mapping[str, Asset]:
    """Read every file that is served, by name."""
    found = {}
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in TYPES:
            name, content = path.relative_to(ROOT).as_posix(), _bare(path)
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[name] = Asset(name, content, gzip.compress(content, 9, mtime=0), digest)
    return found


def _bare(path: Path) -> bytes:
    """Read a file; styles without what is for people."""
    content = path.read_bytes()
    if path.name == "charts.css":  # one file to ask for
        content += (ROOT / "vendor" / "uplot.min.css").read_bytes()
    return _SPACE.sub(rb"\1\2", _REMARK.sub(b"", content)) if path.suffix == ".css" and path.parent == ROOT else content


def addresses() -> dict[str, str]:
    """Give the path of each file on the server, by name."""
    return {name: asset.address for name, asset in assets().items()}
