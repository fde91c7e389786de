"""What the page has of others: fetched from npm, checked by the integrity that is written down, put where it is served.

`make vendor` runs it. A new version is one line in a `vendor.toml`, and its integrity:
`npm view NAME@VERSION dist.integrity`.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (_ROOT / "page" / "static" / "vendor", _ROOT / "tests" / "page" / "vendor")


def main() -> int:
    """Fetch every package, and write its files."""
    return max(map(fetched, FOLDERS))


def fetched(into: Path) -> int:
    """Fetch the packages of one folder; 1 where one is not what is written down."""
    for package in tomllib.loads((into / "vendor.toml").read_text(encoding="utf-8"))["package"]:
        with tempfile.TemporaryDirectory() as folder:
            archive = packed(package["name"], package["version"], Path(folder))
            if integrity(archive.read_bytes()) != package["integrity"]:
                print(f"{package['name']} {package['version']} is not what vendor.toml says: nothing was written")
                return 1
            with tarfile.open(archive) as tar:
                for each in package["file"]:
                    content = tar.extractfile(f"package/{each['from']}")
                    (into / each["name"]).write_bytes(content.read() if content else b"")
        print(f"{package['name']} {package['version']}: {', '.join(each['name'] for each in package['file'])}")
    return 0


def packed(name: str, version: str, folder: Path) -> Path:
    """Let npm fetch a package's archive, whose scripts are not run."""
    command = ["npm", "pack", f"{name}@{version}", "--ignore-scripts", "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.tgz"))


def integrity(content: bytes) -> str:
    """Give the integrity of bytes as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


if __name__ == "__main__":
    sys.exit(main())
