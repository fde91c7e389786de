"""What the page has of others is what vendor.toml says, with its licence beside it."""

import hashlib
import tomllib
from pathlib import Path

FOLDER = Path("page/static/vendor")
PACKAGES = tomllib.loads((FOLDER / "vendor.toml").read_text(encoding="utf-8"))["package"]


def test_files_are_those_that_were_checked():
    """Every file is named with its digest, and there is none beside them."""
    named = {each["name"]: each["sha256"] for package in PACKAGES for each in package["file"]}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}
    there.pop("vendor.toml")

    assert there == named


def test_every_package_says_where_it_is_from_and_under_which_licence():
    """Version, integrity of its archive, licence by name and as a file."""
    for package in PACKAGES:
        assert package["version"]
        assert package["integrity"].startswith("sha512-")
        assert package["licence"] in {"0BSD", "MIT", "BSD-3-Clause"}
        assert any(each["name"].endswith("LICENSE") for each in package["file"])
