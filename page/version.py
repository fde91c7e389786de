"""Which version of the page this is: a new one makes every page anew."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("mlservice")
except PackageNotFoundError:  # in its image, packages are laid beside each other without their metadata
    VERSION = "0"
