"""Container Analysis. `api` answers its methods; `host` is imported at the start, and imports none of its messages."""
