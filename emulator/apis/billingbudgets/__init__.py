"""Cloud Billing budgets v1: what was spent against what was to be, told several times a day."""
