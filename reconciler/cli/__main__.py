"""`python -m reconciler.cli` is the `mlservice` command."""

from reconciler.cli import main

main()
