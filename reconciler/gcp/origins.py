"""Where images come from: occurrences that say who built one, and where its contents are listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.core.signing.origins import Built, Listed, Origin
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

AT_ONCE = 6
"""Images that one list is asked for: more make a request too large."""
_MOST = 500
_HOST = "containeranalysis.googleapis.com"
_KINDS = '(kind = "BUILD" OR kind = "SBOM_REFERENCE")'
_COMMITS = ("gitCommit", "sha1")
"""Under which name of a digest a commit stands: of SLSA 1.0, and of older ones."""


class Origins:
    """Thin, and only reads."""

    def __init__(self, connection: Connection) -> None:
        self._api: Any = connection.client("grafeas.grafeas_v1", "grafeas", "Grafeas", _HOST)

    def of(self, project: str, uris: Sequence[str]) -> dict[str, Origin]:
        """Read where some images of a project come from: at most `AT_ONCE`.

        Args:
            project: Where they lie.
            uris: `https://…@sha256:…`.

        Returns:
            By image; of one of which nothing is written too.

        Raises:
            ApiError: It cannot be read.
        """
        named = " OR ".join(f'resourceUrl = "{uri}"' for uri in uris)
        request = {"parent": f"projects/{project}", "filter": f"{_KINDS} AND ({named})", "page_size": _MOST}
        with calling("read", f"who built images of project {project}"):
            answer = self._api.list_occurrences(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            found = list(islice(answer, _MOST))
        newest_first = sorted(found, key=lambda each: each.create_time, reverse=True)
        return {uri: _origin([each for each in newest_first if each.resource_uri == uri]) for uri in uris}


def _origin(found: Iterable[Any]) -> Origin:
    every = list(found)
    builds = tuple(_built(each) for each in every if "build" in each)
    return Origin(builds, tuple(_listed(each) for each in every if "sbom_reference" in each))


def _by(occurrence: Any) -> str:
    return str(occurrence.note_name.removeprefix("projects/").partition("/")[0])


def _listed(occurrence: Any) -> Listed:
    """Read a reference to a bill of materials.

    Source:
        `grafeas.v1.SbomReferenceIntotoPredicate`.
    """
    predicate = occurrence.sbom_reference.payload.predicate
    return Listed(predicate.location, predicate.mime_type, _by(occurrence))


def _built(occurrence: Any) -> Built:
    """Read provenance, the newest form of it that there is.

    Source:
        `grafeas.v1.BuildOccurrence`: SLSA 1.0, 0.2 and 0.1 in in-toto statements, and Google's own of before.
    """
    build, by = occurrence.build, _by(occurrence)
    if "in_toto_slsa_provenance_v1" in build:
        predicate = build.in_toto_slsa_provenance_v1.predicate
        run = predicate.run_details
        source, commit = _source(predicate.build_definition.resolved_dependencies)
        return Built(run.builder.id, source, commit, run.metadata.invocation_id, by)
    statement = build.intoto_statement
    for form in ("slsa_provenance_zero_two", "slsa_provenance"):
        if form in statement:
            told = getattr(statement, form)
            source, commit = _source(told.materials)
            return Built(told.builder.id, source, commit, told.metadata.build_invocation_id, by)
    old = statement.provenance if "provenance" in statement else build.intoto_provenance
    if old.builder_config.id:
        return Built(old.builder_config.id, next(iter(old.materials), ""), "", old.metadata.build_invocation_id, by)
    return _of_cloud_build(build.provenance, by)


def _source(materials: Iterable[Any]) -> tuple[str, str]:
    """Give where the source was, and its commit: of what went into a build that which has one, else the first."""
    commits = [(each.uri, commit) for each in materials for commit in _commits(each.digest)]
    return commits[0] if commits else (next((each.uri for each in materials), ""), "")


def _commits(digests: Any) -> Iterator[str]:
    yield from (digests[name] for name in _COMMITS if digests.get(name))


def _of_cloud_build(told: Any, by: str) -> Built:
    context = told.source_provenance.context
    source, commit = "", ""
    if "git" in context:
        source, commit = context.git.url, context.git.revision_id
    elif "gerrit" in context:
        source, commit = f"{context.gerrit.host_uri}/{context.gerrit.gerrit_project}", context.gerrit.revision_id
    elif "cloud_repo" in context:
        named = context.cloud_repo.repo_id.project_repo_id
        source, commit = f"{named.project_id}/{named.repo_name}".strip("/"), context.cloud_repo.revision_id
    return Built(told.builder_version, source, commit, told.id, by)
