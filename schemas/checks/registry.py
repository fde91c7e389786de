"""The repository of the images.

Source:
    https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview
"""

import re
from collections.abc import Iterator
from datetime import date

from schemas.checks.finding import Finding, repeated, warning
from schemas.refusal import shown
from schemas.sections.image import Image, Resolve
from schemas.sections.registry import Registry
from schemas.sections.retraining import Retraining

_CVE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{2,127}")
_LISTED = re.compile(r"CVE-\d{4}-\d{4,}|(?!CVE)[A-Z]{2,12}(-[A-Z0-9.:]+)+", re.IGNORECASE)
"""Such as CVE-2024-6345, GHSA-4mr9-8vxg-wq2j, DSA-5343-1: as whoever dates vulnerabilities numbers them."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_GOOGLES = re.compile(r"([a-z0-9-]+-docker\.pkg\.dev|((us|eu|asia)\.)?gcr\.io)/")
_DIGEST = "@sha256:"
_ATTESTOR = re.compile(r"projects/([a-z0-9.-]+:)?[a-z][a-z0-9-]*/attestors/[A-Za-z0-9_-]+")
_REPOSITORY = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


def repository(registry: Registry | None) -> Iterator[Finding]:
    """The repository's name."""
    if registry is not None and not _REPOSITORY.fullmatch(registry.repository):
        hint = "use up to 63 lower-case letters, digits and hyphens; first a letter, last no hyphen"
        summary = f"{shown(registry.repository)} is not a repository's name"
        yield Finding("registry.repository", "repository-name", summary, hint)


def cleanup(registry: Registry | None) -> Iterator[Finding]:
    """Keeping without deleting does nothing; deleting without keeping takes what was pushed and not deployed yet."""
    if registry is None or registry.cleanup is None:
        return
    keep, delete = registry.cleanup.keep_last, registry.cleanup.delete_untagged_after_s
    if keep is not None and delete is None:
        hint = "nothing is deleted anyway: add `deleteUntaggedAfter`"
        yield warning("registry.cleanup.keepLast", "cleanup", f"{keep} keeps nothing from nobody", hint)
    if delete is not None and keep is None:
        hint = "images that are needed are kept, those of the last builds are not: add `keepLast`"
        yield warning("registry.cleanup.deleteUntaggedAfter", "cleanup", "old versions are deleted, none is kept", hint)


def allowed(registry: Registry | None) -> Iterator[Finding]:
    """What is lived with has a number, once, a date, and a reason."""
    entries = registry.scan.allow if registry and registry.scan else ()
    for index, entry in enumerate(entries):
        path = f"registry.scan.allow[{index}]"
        if not _CVE.fullmatch(entry.cve):
            yield Finding(f"{path}.cve", "vulnerability", f"{shown(entry.cve)} is no number", "such as CVE-2024-6345")
        elif not _LISTED.fullmatch(entry.cve):
            summary = f"{shown(entry.cve)} looks like no vulnerability's number, and may allow nothing"
            yield warning(f"{path}.cve", "vulnerability", summary, "write it as plans name it, such as CVE-2024-6345")
        if not _is_day(entry.until):
            yield Finding(f"{path}.until", "date", f"{shown(entry.until)} is not a date", "such as 2027-01-31")
        if not entry.reason.strip():
            yield Finding(f"{path}.reason", "reason", "there is no reason", "say why it is lived with")
    # In whatever case it is written: a number means one vulnerability.
    for index, _ in repeated(entry.cve.upper() for entry in entries):
        twice = f"{shown(entries[index].cve)} is listed twice"
        yield Finding(f"registry.scan.allow[{index}].cve", "repeated", twice)


def signed(image: Image | None, registry: Registry | None) -> Iterator[Finding]:
    """Attestors are named in full, once; and what they attest is a digest."""
    attestors = registry.signed.attestors if registry and registry.signed else ()
    for index, name in enumerate(attestors):
        if not _ATTESTOR.fullmatch(name):
            hint = "such as projects/acme-signing/attestors/built-by-ci"
            yield Finding(f"registry.signed.attestors[{index}]", "attestor", f"{shown(name)} names no attestor", hint)
    for index, _ in repeated(attestors):
        twice = f"{shown(attestors[index])} is listed twice"
        yield Finding(f"registry.signed.attestors[{index}]", "repeated", twice)
    by_tag = image is not None and image.resolve is Resolve.TAG and _DIGEST not in image.uri
    if registry and registry.signed and registry.signed.required and by_tag:
        yield warning("image.resolve", "not-signed", "a tag may move", "registry.signed blocks it: use Digest")


def judged(image: Image | None, registry: Registry | None, retraining: Retraining | None) -> Iterator[Finding]:
    """Images whose scans nobody can read are never deployed where scans decide."""
    if registry is None or registry.scan is None:
        return
    if image is not None and not _GOOGLES.match(image.uri):
        summary = f"{shown(image.uri)} is in no registry of Google's"
        yield warning("image.uri", "not-scanned", summary, "registry.scan blocks it: push it to Artifact Registry")
    elif image is not None and image.resolve is Resolve.TAG and _DIGEST not in image.uri:
        yield warning("image.resolve", "not-scanned", "a tag may move", "registry.scan blocks it: use Digest")
    job = retraining.run.custom_job if retraining else None
    if job is not None and (_DIGEST not in job.image or not _GOOGLES.match(job.image)):
        summary = f"{shown(job.image)} is not an image by its digest in a registry of Google's"
        hint = "registry.scan blocks it: write REGION-docker.pkg.dev/PROJECT/REPOSITORY/NAME@sha256:..."
        yield warning("retraining.run.customJob.image", "not-scanned", summary, hint)


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
