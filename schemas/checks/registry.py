"""The repository of the images.

Source:
    https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.refusal import shown
from schemas.sections.registry import Registry

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
