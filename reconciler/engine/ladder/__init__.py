"""Budgets at the edge: what was spent is read, what was decided is written down, and what is done once is done."""
