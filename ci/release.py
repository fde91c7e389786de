"""Says whether VERSION can be the version of a release, before `make changelog` takes the notes away."""

import os
import sys
import tomllib
from pathlib import Path

from packaging.version import InvalidVersion, Version


def wrong(text: str, packaged: str) -> str:
    """Say what is wrong with a version; nothing where it can be released.

    Args:
        text: What was named.
        packaged: What pyproject.toml says.

    Source:
        https://peps.python.org/pep-0440
    """
    try:
        version = Version(text)
    except InvalidVersion:
        return f"{text!r} is no version (PEP 440): VERSION=0.2.0"
    if str(version) != text:
        return f"write {text!r} as {version}"
    if version.base_version != Version(packaged).base_version:
        return f"pyproject.toml says version {packaged}: say {text} there first"
    return ""


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.exit(wrong(os.environ.get("VERSION", ""), project["version"]) or 0)
