"""Where budgets are kept."""

from google.cloud.billing.budgets_v1.types import budget_model

from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection

Budget = budget_model.Budget.pb()
BUDGETS = Collection(
    "billing.budget",
    Budget,
    "billingAccounts/*/budgets/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f'budget "{name}" not found'),
)
