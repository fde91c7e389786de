"""What is here of others is what was taken, byte by byte, and comes with its licence."""

import hashlib
import tomllib

import pytest

from ci.vendor import FOLDERS

PACKAGES = [
    pytest.param(folder, package, id=package["name"])
    for folder in FOLDERS
    for package in tomllib.loads((folder / "vendor.toml").read_text())["package"]
]


@pytest.mark.parametrize(("folder", "package"), PACKAGES)
def test_each_file_is_as_it_was_taken(folder, package):
    """Nobody mended it here: the next version would lose that."""
    for each in package["file"]:
        assert hashlib.sha256((folder / each["name"]).read_bytes()).hexdigest() == each["sha256"]
    assert any("LICENSE" in each["name"] for each in package["file"])
    assert package["licence"] in {"0BSD", "MIT", "MPL-2.0"}
    assert package["integrity"].startswith("sha512-")
    assert package["version"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
def test_nothing_else_is_there(folder):
    """A file that nobody wrote down is one that nobody compares."""
    told = tomllib.loads((folder / "vendor.toml").read_text())["package"]

    assert {path.name for path in folder.iterdir()} == {
        "vendor.toml",
        *(each["name"] for package in told for each in package["file"]),
    }
