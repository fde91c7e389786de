"""The commands: validate, plan, apply, status, destroy, reconcile and their company."""


def main() -> None:
    """Run the `mlservice` command."""
    raise SystemExit("mlservice: not built yet")
