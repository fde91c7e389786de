"""Who has attested images: attestors of Binary Authorization, and their attestations in Container Analysis.

Signatures are not verified here: Binary Authorization does that, with the keys that the attestor has now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.signing.artifacts import uris_of
from reconciler.core.signing.rule import Attested
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

AT_ONCE = 6
"""Images that one list is asked for, each by two names: more make a request too large."""
MOST = 500
"""Attestations that one list is read to."""
MOST_VERIFIED = 20
"""Attestations of one image that are verified, the newest first: one that holds is enough."""
_PACKAGE = "google.cloud.binaryauthorization_v1"
_ANALYSIS = "containeranalysis.googleapis.com"
_PAGE = 500


class Attestations:
    """Thin, and only reads."""

    def __init__(self, connection: Connection) -> None:
        self._attestors: Any = connection.client(
            _PACKAGE, "binauthz_management_service_v1", "BinauthzManagementServiceV1"
        )
        self._helper: Any = connection.client(_PACKAGE, "validation_helper_v1", "ValidationHelperV1")
        self._occurrences: Any = connection.client("grafeas.grafeas_v1", "grafeas", "Grafeas", _ANALYSIS)

    def note_of(self, attestor: str) -> str:
        """Give the note of which an attestor's attestations are.

        Args:
            attestor: `projects/…/attestors/…`.

        Raises:
            ApiError: It is not there, or may not be read.
        """
        with calling("read", f"attestor {attestor}"):
            found = self._attestors.get_attestor(name=attestor, retry=READING, timeout=CALL_TIMEOUT_S)
        return str(found.user_owned_grafeas_note.note_reference)

    def of(self, note: str, artifacts: Sequence[str]) -> dict[str, list[Any]]:
        """List the attestations of some images, at most `AT_ONCE`, the newest first: in whatever project they are kept.

        Args:
            note: The attestor's.
            artifacts: `HOST/PATH@sha256:…`.

        Returns:
            By image; of one that nobody attested too.

        Raises:
            ApiError: They may not be read, or there are too many to be sure of having them all.

        Source:
            Google Cloud SDK 528.0.0, `gcloud container binauthz attestations list`: by the note, and of what is listed
            only what is an attestation.
        """
        either = " OR ".join(f'resourceUrl = "{uri}"' for each in artifacts for uri in uris_of(each))
        request = {"name": note, "filter": either, "page_size": _PAGE}
        with calling("list", f"attestations of {note}"):
            answer = self._occurrences.list_note_occurrences(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            found = list(islice(answer, MOST + 1))
        if len(found) > MOST:
            raise errors.InvalidRequest("list", f"attestations of {note}", f"more than {MOST}", hint="delete old ones")
        newest_first = sorted(
            (each for each in found if "attestation" in each), key=lambda each: each.create_time, reverse=True
        )
        return {each: [one for one in newest_first if one.resource_uri in uris_of(each)] for each in artifacts}

    def verified(self, attestor: str, attestations: Sequence[Any]) -> Attested:
        """Have attestations of one image verified, until one holds.

        Args:
            attestor: Whose they should be.
            attestations: As listed.

        Raises:
            ApiError: They may not be verified.
        """
        denials = []
        for why in self._denials(attestor, attestations[:MOST_VERIFIED]):
            if not why:
                return Attested(holds=True)
            denials.append(why)
        return Attested(denials=tuple(denials), more=len(attestations) > MOST_VERIFIED)

    def _denials(self, attestor: str, attestations: Sequence[Any]) -> Iterator[str]:
        """Say of each why it does not hold; nothing where it does. Google's own word for that it does, and no other."""
        for each in attestations:
            request = {
                "attestor": attestor,
                "attestation": each.attestation,
                "occurrence_note": each.note_name,
                "occurrence_resource_uri": each.resource_uri,
            }
            with calling("verify", f"an attestation by {attestor}"):
                answer = self._helper.validate_attestation_occurrence(
                    request=request, retry=READING, timeout=CALL_TIMEOUT_S
                )
            holds = getattr(answer.result, "name", "") == "VERIFIED"
            yield "" if holds else answer.denial_reason or "Google does not say why"
