"""Where our own images lie: in the user's project, beside the service, where `mlservice image push` puts them."""

from __future__ import annotations

import re

REPOSITORY = "mlservice"
TARGETS = ("runtime", "reconciler", "page")
REGION = "{region}"
"""Stands for a service's region in a reference that is for services of several."""

_OURS = re.compile(
    rf"[a-z0-9-]+-docker\.pkg\.dev/(?:[^/]*\.[^/]*/)?[^/]+/{REPOSITORY}/(?P<target>{'|'.join(TARGETS)})[:@].*"
)


def reference(target: str, project: str, version: str, region: str = REGION) -> str:
    """Give the image of one of our programs, such as `europe-west1-docker.pkg.dev/acme/mlservice/runtime:0.1.0`."""
    # A tag has no `+`, by which a version that was never released names its commit; nor has a path the colon of a
    # project's domain.
    return f"{region}-docker.pkg.dev/{project.replace(':', '/')}/{REPOSITORY}/{target}:{version.replace('+', '-')}"


def in_region(image: str, region: str) -> str:
    """Give the image that services of a region run."""
    return image.replace(REGION, region)


def target_of(image: str) -> str | None:
    """Tell which of our programs an image is of, by where it lies; None: of none."""
    found = _OURS.fullmatch(image)
    return found["target"] if found else None
