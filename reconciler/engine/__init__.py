"""Observe, apply, reconcile, keep the inventory. The only place with threads."""
