"""Image references: `europe-west1-docker.pkg.dev/project/repository/image:tag` and `gcr.io/project/image@sha256:…`.

Source: https://cloud.google.com/artifact-registry/docs/docker/names and the gcr.io repositories of
https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo
"""

import re
from dataclasses import dataclass

PKG_DEV = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/(?P<image>.+)"
)
GCR = re.compile(r"(?P<repository>(?:(?P<region>us|eu|asia)\.)?gcr\.io)/(?P<project>[^/]+)/(?P<image>.+)")
LAST = re.compile(
    r"(?P<image>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
REGIONS = {None: "us", "us": "us", "eu": "europe", "asia": "asia"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One image in one repository.

    Attributes:
        repository: `projects/p/locations/l/repositories/r`.
        image: Path below the repository; it may contain slashes.
        tag: As written, `latest` where neither tag nor digest was.
        digest: `sha256:…`; wins over the tag.
    """

    project: str
    repository: str
    image: str
    tag: str | None
    digest: str | None

    @property
    def package(self) -> str:
        """The package's resource name; slashes of the image are escaped, as Artifact Registry does."""
        return f"{self.repository}/packages/{self.image.replace('/', '%2F')}"


def parse(text: str) -> Reference | None:
    """The reference, or None for a registry that the emulator does not play (docker.io, …)."""
    host = PKG_DEV.fullmatch(text) or GCR.fullmatch(text)
    last = LAST.fullmatch(host["image"]) if host else None
    if host is None or last is None:
        return None
    location = host["location"] if host.re is PKG_DEV else REGIONS[host["region"]]
    repository = f"projects/{host['project']}/locations/{location}/repositories/{host['repository']}"
    tag = last["tag"] or (None if last["digest"] else "latest")
    return Reference(host["project"], repository, last["image"], tag, last["digest"])


def registry_path(repository: str) -> str:
    """How references to a repository begin: the inverse of `parse`."""
    _, project, _, location, _, name = repository.split("/")
    return f"{name}/{project}" if name.endswith("gcr.io") else f"{location}-docker.pkg.dev/{project}/{name}"
