"""Artifact Registry v1: repositories, and the images, packages, versions and tags in them."""

from emulator.apis.artifactregistry import artifacts
from emulator.apis.artifactregistry.repositories import API

__all__ = ["API", "artifacts"]
