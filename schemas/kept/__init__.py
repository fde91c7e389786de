"""Documents that the reconciler keeps in the state bucket for others to read: reports of passes, and history."""

from schemas.kept.document import Kept, KeptError
from schemas.kept.history import HistoryEntry
from schemas.kept.report import PassReport

__all__ = ["HistoryEntry", "Kept", "KeptError", "PassReport"]
