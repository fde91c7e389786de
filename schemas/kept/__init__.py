"""Documents that the reconciler keeps in the state bucket for others to read: of passes, services, budgets."""

from schemas.kept.budget import BudgetBook
from schemas.kept.document import Kept, KeptError, compact
from schemas.kept.history import HistoryEntry
from schemas.kept.report import PassReport
from schemas.kept.standings import Standings

__all__ = ["BudgetBook", "HistoryEntry", "Kept", "KeptError", "PassReport", "Standings", "compact"]
