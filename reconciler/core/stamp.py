"""What something that runs came from, as it carries it itself: commit, run and specs. Never compared. Pure.

A stamp is written with a change that is made anyway, and by itself is none: a commit that changes nothing else makes no
new revision, and the plan after an apply is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.naming import label_value

COMMIT, UNCOMMITTED, RUN, SPECS = "mlservice-commit", "mlservice-uncommitted", "mlservice-run", "mlservice-specs"
"""Keys of annotations, and of labels where something has no annotations.

Source:
    `RevisionTemplate.annotations` of google-cloud-run 0.16.2: any key but those of Google's own namespaces, which are
    refused. A revision has those of its template.
"""
KEYS = (COMMIT, UNCOMMITTED, RUN, SPECS)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Stamp:
    """What something came from, as far as that is known.

    Args:
        commit: Of the specs; empty where there is none.
        uncommitted: They had changes that no commit has.
        run: Names the run in history, locks and logs.
        specs: Digest of the specs that were planned together, as a plan has it in `specDigest`.
    """

    commit: str = ""
    uncommitted: bool = False
    run: str = ""
    specs: str = ""

    @property
    def annotations(self) -> Mapping[str, str]:
        """Give what is known of it as annotations."""
        commit = self.commit if _COMMIT.fullmatch(self.commit) else ""
        changed = "true" if commit and self.uncommitted else ""
        found = {COMMIT: commit, UNCOMMITTED: changed, RUN: self.run, SPECS: self.specs}
        return {key: value for key, value in found.items() if value}

    def write(self, annotations: Any) -> None:
        """Put it in the place of an earlier one. Where nothing is known of it, the earlier one goes all the same.

        Args:
            annotations: A map of a message of Google's; others' keys stay.
        """
        for key in KEYS:
            annotations.pop(key, None)
        annotations.update(self.annotations)

    def label(self, labels: Any) -> None:
        """Do the same where there are labels alone. A commit of 64 digits loses its last one: it is found by the rest.

        Args:
            labels: A map of a message of Google's; others' keys stay.
        """
        for key in KEYS:
            labels.pop(key, None)
        labels.update({key: label_value(value) for key, value in self.annotations.items()})

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> Stamp:
        """Read it back, of annotations or labels; what others wrote there is cut."""
        commit, run, specs = (str(annotations.get(key, ""))[:_LONGEST] for key in (COMMIT, RUN, SPECS))
        return cls(commit, annotations.get(UNCOMMITTED) == "true", run, specs)


UNSTAMPED = Stamp()
"""Of what nothing is known."""
