"""Recorded exchanges with Google Cloud, replayed against the emulator: how far to trust it. See docs/fidelity.md."""
