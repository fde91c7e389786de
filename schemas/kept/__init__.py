"""Documents that the reconciler keeps in the state bucket for others to read: reports of passes, history, budgets."""

from schemas.kept.budget import BudgetBook
from schemas.kept.document import Kept, KeptError
from schemas.kept.history import HistoryEntry
from schemas.kept.report import PassReport

__all__ = ["BudgetBook", "HistoryEntry", "Kept", "KeptError", "PassReport"]
