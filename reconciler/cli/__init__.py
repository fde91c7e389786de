"""The commands: validate, plan, apply, status, destroy, reconcile and their company."""

from reconciler.cli.app import main

__all__ = ["main"]
