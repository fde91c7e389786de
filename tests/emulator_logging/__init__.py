"""The emulated Cloud Logging."""
