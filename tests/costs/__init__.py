"""What each test module costs, and which of them `make check` can have.

Measured in seconds of processors, of the test process and of all that it started: on a busy machine a test takes
longer, and costs the same. `python -m tests.costs` measures again and writes `measured.json`; `pytest --quick` runs
what fits.
"""
