"""Container Analysis v1: notes, occurrences, and the scan of images that are pushed.

Source: message comments of grafeas 1.25.0 (`grafeas.v1`) and google-cloud-containeranalysis 2.23.0; kinds.md 13;
recordings containeranalysis_note/* and containeranalysis_occurrence/*. Not there, and answered UNIMPLEMENTED: notes and
occurrences below a location, several at once (`batchCreate`). What builds an image, and what lists its contents, writes
occurrences (`BUILD`, `SBOM_REFERENCE`) as anybody does; nothing of it is made here.
"""

from emulator.apis.containeranalysis import notes, occurrences
from emulator.apis.containeranalysis.model import API

__all__ = ["API", "notes", "occurrences"]
