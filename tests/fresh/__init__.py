"""Both commands on machines that have nothing: `python -m tests.fresh`."""
