"""Each number we claim, as a command that prints it: `python -m benchmarks`, or one by name."""
